"""The STAC API's landing page, conformance and catalogue-wide queryables."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from local.basics.service_description import OPENAPI_TYPE, documentation_page, openapi_document
from local.geocatalog.catalog import catalog_of
from local.geocatalog.collections.queryables import queryables_schema
from local.geocatalog.http.responses import json_response, origin_of
from local.geocatalog.http.versions import SUPPORTED, api_version

# The classes the service declares.
CONFORMANCE = [
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "https://api.stacspec.org/v1.0.0-rc.2/item-search#filter",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/item-search#fields",
    "https://api.stacspec.org/v1.0.0/item-search#query",
    "https://api.stacspec.org/v1.0.0/item-search#sort",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
]


SERVICE_DESC_PATH = "/stac/api"
SERVICE_DOC_PATH = "/stac/api.html"
_TITLE = "GeoCatalog emulator"
_DESCRIPTION = "A GeoCatalog emulated on one machine"


async def landing_page(request: Request) -> Response:
    """Serve `GET /stac`."""
    root = f"{origin_of(request)}/stac"
    json_type, geojson = "application/json", "application/geo+json"
    # Crawlers follow these links as they are, and each request names its api-version.
    version = f"?api-version={api_version(request)}"
    links = [
        {"rel": "self", "type": json_type, "href": f"{root}/{version}"},
        {"rel": "root", "type": json_type, "href": f"{root}/{version}"},
        {"rel": "data", "type": json_type, "href": f"{root}/collections"},
        {
            "rel": "conformance",
            "type": json_type,
            "title": "STAC/OGC conformance classes implemented by this server",
            "href": f"{root}/conformance",
        },
        {
            "rel": "service-desc",
            "type": OPENAPI_TYPE,
            "title": "OpenAPI description",
            "href": f"{origin_of(request)}{SERVICE_DESC_PATH}{version}",
        },
        {
            "rel": "service-doc",
            "type": "text/html",
            "title": "Documentation",
            "href": f"{origin_of(request)}{SERVICE_DOC_PATH}{version}",
        },
        {"rel": "search", "type": geojson, "title": "STAC search", "href": f"{root}/search", "method": "GET"},
        {"rel": "search", "type": geojson, "title": "STAC search", "href": f"{root}/search", "method": "POST"},
        {
            "rel": "http://www.opengis.net/def/rel/ogc/1.0/queryables",
            "type": "application/schema+json",
            "title": "Queryables",
            "href": f"{root}/queryables",
            "method": "GET",
        },
        *(
            {
                "rel": "child",
                "type": json_type,
                "title": str(one.document.get("title") or one.id),
                "href": f"{root}/collections/{one.id}{version}",
            }
            for one in catalog_of(request).collections.list()
        ),
    ]
    body = {
        "type": "Catalog",
        "id": "geocatalog",
        "title": "GeoCatalog",
        "description": _DESCRIPTION,
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "conformsTo": CONFORMANCE,
        "links": links,
    }
    return json_response(body)


async def conformance(_request: Request) -> Response:
    """Serve `GET /stac/conformance`."""
    return json_response({"conformsTo": CONFORMANCE})


async def queryables(request: Request) -> Response:
    """Serve `GET /stac/queryables`: the built-in ones and those that every collection has."""
    collections = catalog_of(request).collections.list()
    shared = dict(collections[0].configuration.queryables) if collections else {}
    for collection in collections[1:]:
        shared = {name: one for name, one in shared.items() if name in collection.configuration.queryables}
    return json_response(queryables_schema(request, shared), media_type="application/schema+json")


async def service_desc(request: Request) -> Response:
    """Serve `GET /stac/api`: the OpenAPI document of all routes but those that control the emulator."""
    version = {
        "name": "api-version",
        "in": "query",
        "required": True,
        "schema": {"type": "string", "enum": list(SUPPORTED)},
    }
    document = openapi_document(
        request.app.state.service_routes,
        title=_TITLE,
        description=_DESCRIPTION,
        server=origin_of(request),
        query=[version],
    )
    return json_response(document, media_type=OPENAPI_TYPE)


async def service_doc(request: Request) -> Response:
    """Serve `GET /stac/api.html`: a page that lists the same routes."""
    return HTMLResponse(documentation_page(request.app.state.service_routes, title=_TITLE, description=_DESCRIPTION))


ROUTES = [
    Route(SERVICE_DESC_PATH, service_desc, methods=["GET"]),
    Route(SERVICE_DOC_PATH, service_doc, methods=["GET"]),
    Route("/stac", landing_page, methods=["GET"]),
    Route("/stac/", landing_page, methods=["GET"]),
    Route("/stac/conformance", conformance, methods=["GET"]),
    Route("/stac/queryables", queryables, methods=["GET"]),
]
