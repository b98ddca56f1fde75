"""What tests and demonstrations do to the emulator while it runs: faults, short tokens, and a list of requests."""

import asyncio
import fnmatch
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTROL_PREFIX = "/_emulator/"


class Fault(BaseModel):
    """An error that requests get instead of their answer.

    Attributes:
        path: Glob of the paths it befalls.
        status: HTTP status of the answer.
        count: How many requests it befalls; None is all of them.
        delay_seconds: How long the answer takes.
    """

    model_config = ConfigDict(extra="forbid")

    path: str
    status: int = Field(ge=400, le=599)
    count: int | None = Field(default=None, ge=0)
    delay_seconds: float = Field(default=0, ge=0)


class TokenFault(StrEnum):
    """What can be wrong with a token that is handed out."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    OTHER_CONTAINER = "other container"
    NO_EXPIRY = "no expiry"
    NO_TOKEN = "no token"  # noqa: S105 - a fault, not a secret
    HTML = "html"


class Behavior(BaseModel):
    """How the emulator behaves.

    Attributes:
        sas_life: Life of the tokens it hands out, in seconds.
        clock_ahead_seconds: How far ahead of the real clock tokens are taken to be handed out: they end so much later.
            Storage goes by the real clock, so they begin before that.
        token_fault: What is wrong with the tokens it hands out.
        faults: Errors that requests get.
    """

    model_config = ConfigDict(extra="forbid")

    sas_life: float = Field(gt=0)
    clock_ahead_seconds: float = Field(default=0, ge=0)
    token_fault: TokenFault | None = None
    faults: list[Fault] = []


@dataclass
class Control:
    """The emulator's behaviour, and the requests it has seen since the last reset.

    Attributes:
        initial_sas_life: What `sas_life` is after a reset, in seconds.
        reset_scenes: Brings back the scenes that it started with.
        behavior: How it behaves now.
        requests: Method, path, status and time of each request, in the order of their answers.
    """

    initial_sas_life: float
    reset_scenes: Callable[[], None]
    behavior: Behavior = field(init=False)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.behavior = Behavior(sas_life=self.initial_sas_life)

    def reset(self) -> None:
        """Go back to how it started: behaviour and scenes, with no requests seen."""
        self.reset_scenes()
        self.behavior = Behavior(sas_life=self.initial_sas_life)
        self.requests.clear()

    def fault_for(self, path: str) -> Fault | None:
        """Return the first fault that befalls a path, and count it."""
        for fault in self.behavior.faults:
            if fault.count != 0 and fnmatch.fnmatchcase(path, fault.path):
                if fault.count is not None:
                    fault.count -= 1
                return fault
        return None

    def routes(self) -> list[Route]:
        """Return the routes that control it."""
        return [
            Route("/_emulator/behavior", self._get_behavior, methods=["GET"]),
            Route("/_emulator/behavior", self._put_behavior, methods=["PUT"]),
            Route("/_emulator/reset", self._post_reset, methods=["POST"]),
            Route("/_emulator/requests", self._get_requests, methods=["GET"]),
        ]

    async def _get_behavior(self, _request: Request) -> Response:
        return JSONResponse(self.behavior.model_dump())

    async def _put_behavior(self, request: Request) -> Response:
        try:
            wanted = json.loads(await request.body())
            self.behavior = Behavior.model_validate({"sas_life": self.initial_sas_life} | wanted)
        except (ValidationError, ValueError, TypeError) as error:
            return JSONResponse({"detail": f"This is no behavior: {error}"}, HTTPStatus.BAD_REQUEST)
        return await self._get_behavior(request)

    async def _post_reset(self, _request: Request) -> Response:
        self.reset()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _get_requests(self, _request: Request) -> Response:
        return JSONResponse(self.requests)


class ControlMiddleware:
    """Notes each request that is no control route, and answers it with a fault where one is due."""

    def __init__(self, app: ASGIApp, control: Control) -> None:
        self._app = app
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
            await self._app(scope, receive, send)
            return

        async def note_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                noted = {"method": scope["method"], "path": scope["path"], "status": message["status"]}
                self._control.requests.append(noted | {"time": time.time()})
            await send(message)

        if fault := self._control.fault_for(scope["path"]):
            await asyncio.sleep(fault.delay_seconds)
            answer = JSONResponse({"detail": "This fault was asked for."}, fault.status)
            await answer(scope, receive, note_and_send)
        else:
            await self._app(scope, receive, note_and_send)
