"""The emulator as an ASGI application."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local.geocatalog.catalog import Catalog, Options
from local.geocatalog.errors import RequestError, RequestErrorCode, error_response
from local.geocatalog.http.auth import TokenCheck
from local.geocatalog.http.front import CONTROL_PREFIX, Front
from local.geocatalog.routes import (
    control,
    inma_ingestions,
    inma_operations,
    inma_sources,
    sas,
    stac_assets,
    stac_collections,
    stac_configurations,
    stac_items,
    stac_root,
    stac_search,
)
from local.geocatalog.storage.storage import STORAGE_FAULTS
from local.stac_search.errors import SearchError

logger = logging.getLogger(__name__)

# The busiest first: routes are tried in this order.
_ROUTES = [
    *inma_operations.ROUTES,
    *stac_items.ROUTES,
    *stac_search.ROUTES,
    *stac_collections.ROUTES,
    *stac_configurations.ROUTES,
    *stac_assets.ROUTES,
    *stac_root.ROUTES,
    *inma_sources.ROUTES,
    *inma_ingestions.ROUTES,
    *sas.ROUTES,
]

_CODES = {
    404: RequestErrorCode.RESOURCE_NOT_FOUND,
    405: RequestErrorCode.METHOD_NOT_ALLOWED,
}


class GeoCatalogEmulator(Starlette):
    """The application.

    Args:
        options: How the emulator was started.

    Raises:
        ValueError: The options do not fit together.
    """

    def __init__(self, options: Options) -> None:
        catalog = Catalog(options)
        super().__init__(
            routes=[*_ROUTES, *control.ROUTES],
            exception_handlers={
                RequestError: _refuse,
                SearchError: _refuse_search,
                HTTPException: _refuse_http,
                **dict.fromkeys(STORAGE_FAULTS, _refuse_for_storage),
                Exception: _fail,
            },
            lifespan=_lifespan,
        )
        self.router.redirect_slashes = False
        self.state.catalog = catalog
        self.state.service_routes = _ROUTES
        tokens = TokenCheck() if options.check_tokens else None
        self._front = Front(super().__call__, catalog.behavior, catalog.requests, tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request: through the front, except for the control routes."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
            await super().__call__(scope, receive, send)
        else:
            await self._front.handle(scope, receive, send)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    yield
    await app.state.catalog.stop()


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)  # noqa: S101 - Starlette registers handlers by type
    return error_response(error.status, error.code, error.message)


async def _refuse_search(_request: Request, error: Exception) -> Response:
    return error_response(400, RequestErrorCode.BAD_REQUEST, str(error))


async def _refuse_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette registers handlers by type
    code = _CODES.get(error.status_code, RequestErrorCode.BAD_REQUEST)
    message = f"{request.method} {request.url.path}: {error.detail}."
    return error_response(error.status_code, code, message, error.headers)


async def _refuse_for_storage(request: Request, error: Exception) -> Response:
    logger.warning("%s %s: managed storage failed: %s", request.method, request.url.path, error)
    return error_response(503, RequestErrorCode.SERVICE_UNAVAILABLE, "Managed storage cannot be reached.")


async def _fail(_request: Request, _error: Exception) -> Response:
    message = "The emulator failed; its log says where."
    return error_response(500, RequestErrorCode.INTERNAL_SERVER_ERROR, message)
