"""The SAS API: tokens for the container, and signed hrefs."""

import datetime as dt
import math
from http import HTTPStatus

from azure.storage.blob import ContainerClient
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from local.planetary_computer.catalogue import Catalogue
from local.planetary_computer.collection import COLLECTIONS, CONTAINER, STORAGE_ACCOUNT
from local.planetary_computer.control import Behavior, Control, TokenFault
from local.planetary_computer.storage import make_sas

ROOT = "/api/sas/v1"
STARTED_AGO = dt.timedelta(minutes=5)  # so that a clock that is a little behind takes a token too


def sas_routes(catalogue: Catalogue, control: Control) -> list[Route]:
    """Return the routes of the SAS API.

    Args:
        catalogue: The container to sign for.
        control: How long tokens live.

    Returns:
        The routes.
    """

    async def token_of_collection(request: Request) -> Response:
        collection = request.path_params["collection"]
        if collection not in COLLECTIONS:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"No collection with id '{collection}' found!")
        return _token_response(catalogue, control.behavior)

    async def token_of_container(request: Request) -> Response:
        account, container = request.path_params["account"], request.path_params["container"]
        if (account, container) != (STORAGE_ACCOUNT, CONTAINER):
            raise HTTPException(HTTPStatus.NOT_FOUND, f"No container '{container}' in account '{account}' found!")
        return _token_response(catalogue, control.behavior)

    async def sign(request: Request) -> JSONResponse:
        href = request.query_params.get("href")
        if not href:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "The query parameter href is missing.")
        if not href.startswith(f"{catalogue.container_url}/"):
            raise HTTPException(HTTPStatus.NOT_FOUND, "The href leads to no container that is signed for here.")
        sas, expiry = _token(catalogue, control.behavior)
        return JSONResponse({"msft:expiry": expiry, "href": f"{href.partition('?')[0]}?{sas}"})

    return [
        Route(f"{ROOT}/token/{{collection}}", token_of_collection),
        Route(f"{ROOT}/token/{{account}}/{{container}}", token_of_container),
        Route(f"{ROOT}/sign", sign),
    ]


def _token_response(catalogue: Catalogue, behavior: Behavior) -> Response:
    if behavior.token_fault is TokenFault.HTML:
        return HTMLResponse("<html><body>Sign in</body></html>")
    if behavior.token_fault is TokenFault.NO_TOKEN:
        return JSONResponse({"message": "There is no token here."})
    sas, expiry = _token(catalogue, behavior)
    return JSONResponse({"msft:expiry": expiry, "token": sas})


def _token(catalogue: Catalogue, behavior: Behavior) -> tuple[str, str]:
    """Make a token as it is to be, or with the fault that was asked for; give it and when it is said to end."""
    fault = behavior.token_fault
    now = dt.datetime.now(dt.UTC)
    life = dt.timedelta(seconds=math.ceil(behavior.clock_ahead_seconds + behavior.sas_life))
    start, expiry = now - STARTED_AGO, now + life + dt.timedelta(seconds=1)
    if fault is TokenFault.EXPIRED:
        expiry = now - dt.timedelta(seconds=1)
    if fault is TokenFault.NOT_YET_VALID:
        start = now + life - dt.timedelta(seconds=behavior.sas_life / 2)
    name = f"not-{CONTAINER}" if fault is TokenFault.OTHER_CONTAINER else None
    sas = make_sas(_require_storage(catalogue), start=start, expiry=expiry.replace(microsecond=0), name=name)
    if fault is TokenFault.NO_EXPIRY:
        sas = "&".join(field for field in sas.split("&") if not field.startswith("se="))
    return sas, _timestamp(expiry)


def _require_storage(catalogue: Catalogue) -> ContainerClient:
    if catalogue.container is None:
        sentence = "There is no storage to sign for: start the emulator with --storage CONNECTION_STRING."
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, sentence)
    return catalogue.container


def _timestamp(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
