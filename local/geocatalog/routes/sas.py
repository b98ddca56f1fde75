"""Routes of SAS tokens for managed storage."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.geocatalog.catalog import catalog_of
from local.geocatalog.errors import bad_request
from local.geocatalog.http.responses import json_response
from local.geocatalog.storage.signing import parse_minutes


async def get_token(request: Request) -> Response:
    """Serve `GET /sas/token/{cid}`."""
    minutes = parse_minutes(request.query_params.get("duration"))
    token, expiry = await catalog_of(request).signer.token(request.path_params["cid"], minutes)
    return json_response({"msft:expiry": expiry, "token": token})


async def sign_href(request: Request) -> Response:
    """Serve `GET /sas/sign`."""
    href = request.query_params.get("href")
    if not href:
        raise bad_request("The query parameter 'href' is required.")
    signed = await catalog_of(request).signer.sign(href, parse_minutes(request.query_params.get("duration")))
    return json_response({"msft:expiry": signed.expiry, "href": signed.href})


async def revoke_tokens(request: Request) -> Response:
    """Serve `POST /sas/token/revoke`, which closes every token of managed storage."""
    catalog = catalog_of(request)
    await catalog.threads.run(catalog.storage.revoke)
    return json_response(None)


ROUTES = [
    Route("/sas/token/revoke", revoke_tokens, methods=["POST"]),
    Route("/sas/token/{cid}", get_token, methods=["GET"]),
    Route("/sas/sign", sign_href, methods=["GET"]),
]
