"""The host's HTTP routes: health, status and functions."""

import contextlib
import time
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import cast

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.host.host import Host
from local.stack.serve import HEALTH_ROUTE

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
            Route("/admin/functions", _functions),
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
