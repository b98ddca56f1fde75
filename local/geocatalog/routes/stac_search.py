"""Routes that find items: search, and the items of a collection."""

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.geocatalog.catalog import catalog_of
from local.geocatalog.http.bodies import read_json
from local.geocatalog.http.responses import json_response, origin_of
from local.geocatalog.items.links import with_links
from local.geocatalog.storage.signing import parse_minutes, parse_sign
from local.stac_search.fields import show_fields
from local.stac_search.parameters import (
    ITEMS_LIMIT,
    SEARCH_LIMIT,
    SearchParameters,
    from_body,
    from_query,
)
from local.stac_search.search import search

_GEOJSON = "application/geo+json"


async def list_items(request: Request) -> Response:
    """Serve `GET /stac/collections/{cid}/items`."""
    catalog_of(request).collections.get(request.path_params["cid"])
    parameters = from_query(request.query_params, ITEMS_LIMIT)
    parameters.collections = [request.path_params["cid"]]
    return await _answer(request, parameters, None)


async def get_search(request: Request) -> Response:
    """Serve `GET /stac/search`."""
    return await _answer(request, from_query(request.query_params, SEARCH_LIMIT), None)


async def post_search(request: Request) -> Response:
    """Serve `POST /stac/search`."""
    body = await read_json(request)
    token = request.query_params.get("token")
    if token is not None and isinstance(body, dict):
        body.setdefault("token", token)
    return await _answer(request, from_body(body, SEARCH_LIMIT), body)


async def _answer(request: Request, parameters: SearchParameters, body: dict[str, Any] | None) -> Response:
    catalog = catalog_of(request)
    origin = origin_of(request)
    minutes = parse_minutes(request.query_params.get("duration"))
    sign = parse_sign(request.query_params.get("sign"))
    page = await search(catalog.items, parameters)
    features = [with_links(item, origin) for item in page.items]
    if sign:
        await catalog.signer.sign_assets(features, [item["collection"] for item in features], minutes)
    here = f"{origin}{request.url.path}"
    links: list[dict[str, Any]] = [
        {"rel": "root", "type": "application/json", "href": f"{origin}/stac/"},
        {"rel": "self", "type": "application/json", "href": f"{here}?{request.url.query}"},
    ]
    if page.token is not None:
        links.insert(0, _next(request, here, page.token, body))
    fields = parameters.fields if catalog.behavior.settings.decisions.search_fields == "honored" else None
    shown = [show_fields(item, fields) for item in features]
    return json_response(
        {"type": "FeatureCollection", "features": shown, "links": links, "numberReturned": len(shown)},
        media_type=_GEOJSON,
    )


def _next(request: Request, here: str, token: str, body: dict[str, Any] | None) -> dict[str, Any]:
    others = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
    href = f"{here}?{urlencode([*others, ('token', token)], safe=':')}"
    link: dict[str, Any] = {"rel": "next", "type": _GEOJSON, "href": href, "method": request.method}
    if body is not None:
        link["body"] = {**body, "token": token}
    return link


ROUTES = [
    Route("/stac/collections/{cid}/items", list_items, methods=["GET"]),
    Route("/stac/search", get_search, methods=["GET"]),
    Route("/stac/search", post_search, methods=["POST"]),
]
