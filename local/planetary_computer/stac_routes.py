"""The STAC API: landing page, collections, items and search."""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.planetary_computer.items import COLLECTION_ID
from local.planetary_computer.search import QueryError, find_items, next_token, parse_query
from local.planetary_computer.source import Source

ROOT = "/api/stac/v1"
GEOJSON = "application/geo+json"
CONFORMANCE = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/item-search#filter",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
]


def stac_routes(source: Source) -> list[Route]:
    """Return the routes of the STAC API over a source."""
    api = _StacApi(source)
    return [
        Route(ROOT, api.landing_page),
        Route(f"{ROOT}/", api.landing_page),
        Route(f"{ROOT}/conformance", api.conformance),
        Route(f"{ROOT}/collections", api.collections),
        Route(f"{ROOT}/collections/{{collection}}", api.collection),
        Route(f"{ROOT}/collections/{{collection}}/items", api.items),
        Route(f"{ROOT}/collections/{{collection}}/items/{{item}}", api.item),
        Route(f"{ROOT}/search", api.search, methods=["GET", "POST"]),
    ]


class _StacApi:
    def __init__(self, source: Source) -> None:
        self._source = source

    async def landing_page(self, request: Request) -> JSONResponse:
        return JSONResponse(_catalog(f"{base_url(request)}{ROOT}"))

    async def conformance(self, _request: Request) -> JSONResponse:
        return JSONResponse({"conformsTo": CONFORMANCE})

    async def collections(self, request: Request) -> JSONResponse:
        own = base_url(request)
        links = [
            {"rel": "root", "type": "application/json", "href": f"{own}{ROOT}/"},
            {"rel": "self", "type": "application/json", "href": f"{own}{ROOT}/collections"},
        ]
        return JSONResponse({"collections": [self._source.collection(own)], "links": links})

    async def collection(self, request: Request) -> JSONResponse:
        _require_collection(request)
        return JSONResponse(self._source.collection(base_url(request)))

    async def items(self, request: Request) -> JSONResponse:
        _require_collection(request)
        return self._search(request, dict(request.query_params) | {"collections": COLLECTION_ID})

    async def item(self, request: Request) -> JSONResponse:
        _require_collection(request)
        wanted = request.path_params["item"]
        for candidate in self._source.items(base_url(request)):
            if candidate["id"] == wanted:
                return JSONResponse(candidate, media_type=GEOJSON)
        raise HTTPException(HTTPStatus.NOT_FOUND, f"No item with id '{wanted}' found in '{COLLECTION_ID}'.")

    async def search(self, request: Request) -> JSONResponse:
        if request.method == "GET":
            return self._search(request, dict(request.query_params))
        try:
            body = json.loads(await request.body())
        except ValueError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"The body is no JSON: {error}") from error
        if not isinstance(body, dict):
            raise HTTPException(HTTPStatus.BAD_REQUEST, "The body is no JSON object.")
        return self._search(request, body)

    def _search(self, request: Request, parameters: dict[str, Any]) -> JSONResponse:
        own = base_url(request)
        try:
            query = parse_query(parameters)
            found = find_items(self._source.items(own), query)
        except QueryError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error
        page = found[query.offset : query.offset + query.limit]
        links: list[dict[str, Any]] = [
            {"rel": "root", "type": "application/json", "href": f"{own}{ROOT}/"},
            {"rel": "self", "type": GEOJSON, "href": f"{own}{request.url.path}"},
        ]
        if token := next_token(query, len(found)):
            links.append(_next_link(f"{own}{request.url.path}", request.method, parameters | {"token": token}))
        return JSONResponse(
            {
                "type": "FeatureCollection",
                "features": page,
                "links": links,
                "numberMatched": len(found),
                "numberReturned": len(page),
            },
            media_type=GEOJSON,
        )


def base_url(request: Request) -> str:
    """Return the emulator's own URL as the client knows it, without a trailing slash."""
    return str(request.base_url).rstrip("/")


def _require_collection(request: Request) -> None:
    wanted = request.path_params["collection"]
    if wanted != COLLECTION_ID:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"No collection with id '{wanted}' found!")


def _next_link(url: str, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    link = {"rel": "next", "type": GEOJSON, "method": method}
    if method == "GET":
        return link | {"href": f"{url}?{urlencode(parameters)}"}
    return link | {"href": url, "body": parameters}


def _catalog(root: str) -> dict[str, Any]:
    return {
        "type": "Catalog",
        "stac_version": "1.0.0",
        "id": "planetary-computer-emulator",
        "title": "Planetary Computer emulator",
        "description": "Made-up scenes to develop and test with, served as the open Planetary Computer serves its own.",
        "conformsTo": CONFORMANCE,
        "links": [
            {"rel": "self", "type": "application/json", "href": f"{root}/"},
            {"rel": "root", "type": "application/json", "href": f"{root}/"},
            {"rel": "data", "type": "application/json", "href": f"{root}/collections"},
            {"rel": "conformance", "type": "application/json", "href": f"{root}/conformance"},
            {"rel": "search", "type": GEOJSON, "method": "GET", "href": f"{root}/search"},
            {"rel": "search", "type": GEOJSON, "method": "POST", "href": f"{root}/search"},
            {"rel": "child", "type": "application/json", "href": f"{root}/collections/{COLLECTION_ID}"},
        ],
    }
