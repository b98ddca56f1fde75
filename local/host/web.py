"""The host's HTTP routes: status, functions, drain and running a function by hand."""

import contextlib
import json
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

from local.host.faults import FunctionFault
from local.host.host import Host
from local.host.storage.errors import one_line
from local.stack.serve import HEALTH_ROUTE

_ACCEPTED = 202
_BAD_REQUEST = 400
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


def _refusal(status: int, message: str) -> JSONResponse:
    return JSONResponse({"message": message}, status_code=status)
