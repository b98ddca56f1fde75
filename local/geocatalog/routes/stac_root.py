"""The STAC API's landing page, conformance and catalogue-wide queryables."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.geocatalog.catalog import catalog_of
from local.geocatalog.collections.queryables import queryables_schema
from local.geocatalog.http.responses import json_response, origin_of

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


async def landing_page(request: Request) -> Response:
    """Serve `GET /stac`."""
    root = f"{origin_of(request)}/stac"
    json_type, geojson = "application/json", "application/geo+json"
    links = [
        {"rel": "self", "type": json_type, "href": f"{root}/"},
        {"rel": "root", "type": json_type, "href": f"{root}/"},
        {"rel": "data", "type": json_type, "href": f"{root}/collections"},
        {
            "rel": "conformance",
            "type": json_type,
            "title": "STAC/OGC conformance classes implemented by this server",
            "href": f"{root}/conformance",
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
                "href": f"{root}/collections/{one.id}",
            }
            for one in catalog_of(request).collections.list()
        ),
    ]
    body = {
        "type": "Catalog",
        "id": "geocatalog",
        "title": "GeoCatalog",
        "description": "A GeoCatalog emulated on one machine",
        "stac_version": "1.0.0",
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


ROUTES = [
    Route("/stac", landing_page, methods=["GET"]),
    Route("/stac/", landing_page, methods=["GET"]),
    Route("/stac/conformance", conformance, methods=["GET"]),
    Route("/stac/queryables", queryables, methods=["GET"]),
]
