"""What every request passes first: faults, latency, the request log, tokens, the API version."""

import asyncio
import logging
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.basics.cors import LoopbackCors
from local.geocatalog.behavior import Behavior, Fault, FaultKind, fault_code
from local.geocatalog.errors import RequestError, error_response
from local.geocatalog.http import connection
from local.geocatalog.http.auth import TokenCheck
from local.geocatalog.http.request_log import RequestLog
from local.geocatalog.http.versions import SUPPORTED_VERSIONS, check_version
from local.geocatalog.routes.stac_root import SERVICE_DESC_PATH, SERVICE_DOC_PATH

logger = logging.getLogger(__name__)

CONTROL_PREFIX = "/_emulator/"

# The descriptions of the service, which clients read without a token and an api-version.
OPEN_PATHS = frozenset({SERVICE_DESC_PATH, SERVICE_DOC_PATH})


class Front:
    """Stands before the routes.

    Args:
        routes: What answers the requests that it lets through.
        behavior: Faults and latency.
        requests: Where each request is noted.
        tokens: Checks bearer tokens; None lets every request in.
    """

    def __init__(self, routes: ASGIApp, behavior: Behavior, requests: RequestLog, tokens: TokenCheck | None) -> None:
        self._routes = routes
        self._app = LoopbackCors(self._check_and_serve)
        self._behavior = behavior
        self._requests = requests
        self._tokens = tokens

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        method, path = scope["method"], scope["path"]
        logged = self._requests.add(method, path)
        fault = self._behavior.draw_fault(method, path)
        answer = _Answer(send, self._behavior.settings.latency_ms / 1000)
        if fault is None:
            await self._work(scope, receive, answer)
        elif fault.kind is FaultKind.STATUS:
            await _answer_with_status(fault, scope, receive, answer)
        else:
            await self._break(fault, scope, receive, send)
        logged.status = answer.status

    async def _work(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer)
        except Exception:
            # The routes have answered with 500 already; what is left to do is to tell.
            logger.exception("%s %s failed", scope["method"], scope["path"])

    async def _check_and_serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["path"] not in OPEN_PATHS:
                if self._tokens is not None:
                    self._tokens.check(_header(scope, b"authorization"))
                is_required = self._behavior.settings.decisions.api_version == "required"
                check_version(scope["query_string"], is_required=is_required)
            await self._routes(scope, receive, send)
        except RequestError as error:
            headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None  # noqa: PLR2004
            await error_response(error.status, error.code, error.message, headers)(scope, receive, send)

    async def _break(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind is FaultKind.HANG:
            await connection.wait_for_disconnect(receive)
            return
        if fault.kind is FaultKind.LOSE_RESPONSE:
            await self._work(scope, receive, _Answer(_discard, 0))
        await connection.reset(receive, send)


async def _answer_with_status(fault: Fault, scope: Scope, receive: Receive, answer: "_Answer") -> None:
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    message = "This fault was asked for through /_emulator/behavior."
    await error_response(fault.status, fault_code(fault.status), message, headers)(scope, receive, answer)


async def _discard(_message: Message) -> None:
    pass


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None


class _Answer:
    """A send function that adds the service's common headers, waits for the latency and notes the status."""

    def __init__(self, send: Send, latency: float) -> None:
        self._send = send
        self._latency = latency
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [
                *message.get("headers", ()),
                (b"api-supported-versions", SUPPORTED_VERSIONS.encode()),
                (b"x-request-id", uuid.uuid4().hex.encode()),
            ]
            message = {**message, "headers": headers}
            if self._latency:
                await asyncio.sleep(self._latency)
        await self._send(message)
