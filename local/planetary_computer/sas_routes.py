"""The SAS API: tokens for the container, and signed hrefs."""

import datetime as dt
from http import HTTPStatus

from azure.storage.blob import ContainerClient
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.planetary_computer.collection import CONTAINER, STORAGE_ACCOUNT
from local.planetary_computer.control import Control
from local.planetary_computer.items import COLLECTION_ID
from local.planetary_computer.source import Source
from local.planetary_computer.storage import make_sas

ROOT = "/api/sas/v1"


def sas_routes(source: Source, control: Control) -> list[Route]:
    """Return the routes of the SAS API.

    Args:
        source: The container to sign for.
        control: How long tokens live.

    Returns:
        The routes.
    """

    def token() -> tuple[str, str]:
        behavior = control.behavior
        sas, expiry = make_sas(
            _require_storage(source), life_seconds=behavior.sas_life, expired=behavior.expired_tokens
        )
        return sas, _timestamp(expiry)

    async def token_of_collection(request: Request) -> JSONResponse:
        collection = request.path_params["collection"]
        if collection != COLLECTION_ID:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"No collection with id '{collection}' found!")
        return token_response()

    async def token_of_container(request: Request) -> JSONResponse:
        account, container = request.path_params["account"], request.path_params["container"]
        if (account, container) != (STORAGE_ACCOUNT, CONTAINER):
            raise HTTPException(HTTPStatus.NOT_FOUND, f"No container '{container}' in account '{account}' found!")
        return token_response()

    def token_response() -> JSONResponse:
        sas, expiry = token()
        return JSONResponse({"msft:expiry": expiry, "token": sas})

    async def sign(request: Request) -> JSONResponse:
        href = request.query_params.get("href")
        if not href:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "The query parameter href is missing.")
        if not href.startswith(f"{source.container_url}/"):
            raise HTTPException(HTTPStatus.NOT_FOUND, "The href leads to no container that is signed for here.")
        sas, expiry = token()
        return JSONResponse({"msft:expiry": expiry, "href": f"{href.partition('?')[0]}?{sas}"})

    return [
        Route(f"{ROOT}/token/{{collection}}", token_of_collection),
        Route(f"{ROOT}/token/{{account}}/{{container}}", token_of_container),
        Route(f"{ROOT}/sign", sign),
    ]


def _require_storage(source: Source) -> ContainerClient:
    if source.container is None:
        sentence = "There is no storage to sign for: start the emulator with --storage CONNECTION_STRING."
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, sentence)
    return source.container


def _timestamp(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
