"""The host's HTTP routes: the blob webhook, status, functions, drain and running a function by hand."""

import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import cast

from azure.core.exceptions import AzureError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.host.blob_webhook import BadEventError, EventType, blob_messages, validation_response
from local.host.faults import FunctionFault, HostFault
from local.host.host import Host
from local.host.storage_errors import one_line
from local.stack.serve import HEALTH_ROUTE

_ACCEPTED = 202
_BAD_REQUEST = 400
_UNAUTHORIZED = 401
_NOT_FOUND = 404
_SERVER_ERROR = 500

_STARTED = time.monotonic()


def create_app(host: Host) -> Starlette:
    """The Starlette app of a loaded host; it listens for the functions while it serves."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(host.start)
        yield
        await run_in_threadpool(host.stop)

    app = Starlette(
        lifespan=lifespan,
        routes=[
            HEALTH_ROUTE,
            Route("/admin/host/status", _status),
            Route("/admin/host/drain", _drain, methods=["POST"]),
            Route("/admin/host/drain/status", _drain_status),
            Route("/admin/functions", _functions),
            Route("/admin/functions/{name}", _run_function, methods=["POST"]),
            Route("/runtime/webhooks/blobs", _blob_webhook, methods=["POST"]),
        ],
    )
    app.state.host = host
    return app


def _host(request: Request) -> Host:
    return cast("Host", request.app.state.host)


async def _status(request: Request) -> JSONResponse:
    host = _host(request)
    return JSONResponse(
        {
            "id": host.id,
            "state": "Running",
            "version": version("azure-functions-runtime"),
            "processUptime": int((time.monotonic() - _STARTED) * 1000),
            "errors": host.errors,
        }
    )


async def _functions(request: Request) -> JSONResponse:
    host = _host(request)
    return JSONResponse(
        [
            {"name": name, "isDisabled": host.settings.is_disabled(name), "error": host.errors.get(name)}
            for name in host.functions
        ]
    )


async def _drain(request: Request) -> Response:
    await run_in_threadpool(_host(request).drain)
    return Response(status_code=_ACCEPTED)


async def _drain_status(request: Request) -> JSONResponse:
    host = _host(request)
    return JSONResponse(
        {
            "state": host.drain_state,
            "outstandingInvocations": host.worker.in_flight,
            "outstandingRetries": 0,
        }
    )


async def _run_function(request: Request) -> Response:
    host = _host(request)
    function = host.functions.get(request.path_params["name"])
    if function is None:
        return Response(status_code=_NOT_FOUND)
    try:
        document = json.loads(await request.body() or b"{}")
        data = document.get("input") or ""
    except (ValueError, AttributeError):
        return _refusal(_BAD_REQUEST, 'The body must be a JSON object such as {"input": "..."}.')
    data = data if isinstance(data, str) else json.dumps(data)
    try:
        await run_in_threadpool(host.run_by_hand, function, data)
    except FunctionFault as fault:
        return _refusal(_BAD_REQUEST, str(fault))
    except AzureError as error:
        return _refusal(_SERVER_ERROR, one_line(error))
    return Response(status_code=_ACCEPTED)


async def _blob_webhook(request: Request) -> Response:
    host = _host(request)
    key = request.query_params.get("code") or request.headers.get("x-functions-key") or ""
    if not secrets.compare_digest(key.encode(), host.options.blobs_extension_key.encode()):
        return Response(status_code=_UNAUTHORIZED)
    event_type = request.headers.get("aeg-event-type", "").lower()
    if event_type == EventType.UNSUBSCRIBE:
        return Response(status_code=_ACCEPTED)
    if event_type not in {EventType.SUBSCRIPTION_VALIDATION, EventType.NOTIFICATION}:
        return _refusal(_BAD_REQUEST, "The header aeg-event-type must name a kind of event.")
    try:
        document = json.loads(await request.body())
        if event_type == EventType.SUBSCRIPTION_VALIDATION:
            return JSONResponse(validation_response(document))
        messages = blob_messages(document, request.query_params.get("functionName", ""))
        await run_in_threadpool(host.enqueue_blob_events, messages)
    except (BadEventError, HostFault) as fault:
        # Event Grid delivers again what was answered like this.
        return _refusal(_SERVER_ERROR, str(fault))
    except AzureError as error:
        return _refusal(_SERVER_ERROR, one_line(error))
    except ValueError as error:
        return _refusal(_SERVER_ERROR, f"The body is no JSON ({error}).")
    return Response(status_code=_ACCEPTED)


def _refusal(status: int, message: str) -> JSONResponse:
    return JSONResponse({"message": message}, status_code=status)
