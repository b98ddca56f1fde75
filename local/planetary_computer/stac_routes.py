"""The STAC API: landing page, collections, items and search."""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from local.basics.service_description import OPENAPI_TYPE, documentation_page, openapi_document
from local.planetary_computer.catalogue import Catalogue
from local.planetary_computer.collection import COLLECTIONS, CollectionSpec
from local.planetary_computer.dates import whole_days
from local.planetary_computer.items import with_addresses
from local.stac_search.errors import SearchError
from local.stac_search.fields import show_fields
from local.stac_search.parameters import SEARCH_LIMIT, SearchParameters, from_body, from_query
from local.stac_search.search import count, search

ROOT = "/api/stac/v1"
GEOJSON = "application/geo+json"
JSON = "application/json"
TITLE = "Planetary Computer emulator"
DESCRIPTION = "Made-up scenes to develop and test with, served as the open Planetary Computer serves its own."
CONFORMANCE = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/item-search#fields",
    "https://api.stacspec.org/v1.0.0/item-search#filter",
    "https://api.stacspec.org/v1.0.0/item-search#query",
    "https://api.stacspec.org/v1.0.0/item-search#sort",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
]


def stac_routes(catalogue: Catalogue) -> list[Route]:
    """Return the routes of the STAC API over a catalogue."""
    api = _StacApi(catalogue)
    return [
        Route(ROOT, api.landing_page),
        Route(f"{ROOT}/", api.landing_page),
        Route(f"{ROOT}/api", api.service_desc),
        Route(f"{ROOT}/api.html", api.service_doc),
        Route(f"{ROOT}/conformance", api.conformance),
        Route(f"{ROOT}/collections", api.collections),
        Route(f"{ROOT}/collections/{{collection}}", api.collection),
        Route(f"{ROOT}/collections/{{collection}}/items", api.items),
        Route(f"{ROOT}/collections/{{collection}}/items/{{item}}", api.item),
        Route(f"{ROOT}/search", api.search, methods=["GET", "POST"]),
    ]


class _StacApi:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def landing_page(self, request: Request) -> Response:
        return JSONResponse(_landing_page(f"{base_url(request)}{ROOT}"))

    async def service_desc(self, request: Request) -> Response:
        document = openapi_document(
            stac_routes(self._catalogue), title=TITLE, description=DESCRIPTION, server=base_url(request)
        )
        return Response(json.dumps(document), media_type=OPENAPI_TYPE)

    async def service_doc(self, _request: Request) -> Response:
        return HTMLResponse(documentation_page(stac_routes(self._catalogue), title=TITLE, description=DESCRIPTION))

    async def conformance(self, _request: Request) -> Response:
        return JSONResponse({"conformsTo": CONFORMANCE})

    async def collections(self, request: Request) -> Response:
        own = base_url(request)
        links = [
            {"rel": "root", "type": JSON, "href": f"{own}{ROOT}/"},
            {"rel": "self", "type": JSON, "href": f"{own}{ROOT}/collections"},
        ]
        collections = [self._catalogue.collection(spec, own) for spec in COLLECTIONS.values()]
        return JSONResponse({"collections": collections, "links": links})

    async def collection(self, request: Request) -> Response:
        return JSONResponse(self._catalogue.collection(_require_collection(request), base_url(request)))

    async def items(self, request: Request) -> Response:
        collection = _require_collection(request).id
        return await self._search(request, dict(request.query_params), collection)

    async def item(self, request: Request) -> Response:
        collection, wanted = _require_collection(request).id, request.path_params["item"]
        item = self._catalogue.item(collection, wanted, base_url(request))
        if item is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"No item with id '{wanted}' found in '{collection}'.")
        return JSONResponse(item, media_type=GEOJSON)

    async def search(self, request: Request) -> Response:
        if request.method == "GET":
            return await self._search(request, dict(request.query_params), None)
        try:
            body = json.loads(await request.body())
        except ValueError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"The body is no JSON: {error}") from error
        if not isinstance(body, dict):
            raise HTTPException(HTTPStatus.BAD_REQUEST, "The body is no JSON object.")
        return await self._search(request, body, None)

    async def _search(self, request: Request, asked: dict[str, Any], collection: str | None) -> Response:
        own = base_url(request)
        items = self._catalogue.items
        try:
            parameters = _parameters(request.method, asked)
            if collection is not None:
                parameters.collections = [collection]
            page = await search(items, parameters)
            matched = await count(items, parameters)
        except SearchError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error
        here = f"{own}{request.url.path}"
        links: list[dict[str, Any]] = [
            {"rel": "root", "type": JSON, "href": f"{own}{ROOT}/"},
            {"rel": "self", "type": GEOJSON, "href": here},
        ]
        if page.token is not None:
            links.append(_next_link(here, request.method, asked | {"token": page.token}))
        features = [show_fields(with_addresses(item, own), parameters.fields) for item in page.items]
        return JSONResponse(
            {
                "type": "FeatureCollection",
                "features": features,
                "links": links,
                "numberMatched": matched,
                "numberReturned": len(features),
            },
            media_type=GEOJSON,
        )


def _parameters(method: str, asked: dict[str, Any]) -> SearchParameters:
    wanted = asked | {"datetime": whole_days(asked["datetime"])} if asked.get("datetime") else asked
    return from_query(wanted, SEARCH_LIMIT) if method == "GET" else from_body(wanted, SEARCH_LIMIT)


def base_url(request: Request) -> str:
    """Return the emulator's own URL as the client knows it, without a trailing slash."""
    return str(request.base_url).rstrip("/")


def _require_collection(request: Request) -> CollectionSpec:
    wanted = request.path_params["collection"]
    if wanted not in COLLECTIONS:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"No collection with id '{wanted}' found!")
    return COLLECTIONS[wanted]


def _next_link(url: str, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    link = {"rel": "next", "type": GEOJSON, "method": method}
    if method == "GET":
        return link | {"href": f"{url}?{urlencode(parameters)}"}
    return link | {"href": url, "body": parameters}


def _landing_page(root: str) -> dict[str, Any]:
    return {
        "type": "Catalog",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": "planetary-computer-emulator",
        "title": TITLE,
        "description": DESCRIPTION,
        "conformsTo": CONFORMANCE,
        "links": [
            {"rel": "self", "type": JSON, "href": f"{root}/"},
            {"rel": "root", "type": JSON, "href": f"{root}/"},
            {"rel": "data", "type": JSON, "href": f"{root}/collections"},
            {"rel": "conformance", "type": JSON, "href": f"{root}/conformance"},
            {"rel": "service-desc", "type": OPENAPI_TYPE, "href": f"{root}/api"},
            {"rel": "service-doc", "type": "text/html", "href": f"{root}/api.html"},
            {"rel": "search", "type": GEOJSON, "method": "GET", "href": f"{root}/search"},
            {"rel": "search", "type": GEOJSON, "method": "POST", "href": f"{root}/search"},
            *({"rel": "child", "type": JSON, "href": f"{root}/collections/{collection}"} for collection in COLLECTIONS),
        ],
    }
