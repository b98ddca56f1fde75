"""Routes of ingestion sources."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.geocatalog.catalog import catalog_of
from local.geocatalog.http.bodies import read_json
from local.geocatalog.http.paging import next_link, parse_page
from local.geocatalog.http.responses import json_response, origin_of
from local.geocatalog.http.versions import PREVIEW, api_version
from local.geocatalog.ingestions.sources import Source, parse_source

_SOURCES = "/inma/ingestion-sources"

# Where the identities of a real GeoCatalog live; only the shape matters here.
_IDENTITY_RESOURCE = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/"
    "Microsoft.ManagedIdentity/userAssignedIdentities/{}"
)


async def list_sources(request: Request) -> Response:
    """Serve `GET /inma/ingestion-sources`."""
    top, skip = parse_page(request.query_params)
    sources = catalog_of(request).sources.list()
    body: dict[str, object] = {"value": [source.summary() for source in sources[skip : skip + top]]}
    if len(sources) > skip + top:
        body["nextLink"] = next_link(request, top, skip)
    return json_response(body)


async def create_source(request: Request) -> Response:
    """Serve `POST /inma/ingestion-sources`."""
    source = parse_source(await read_json(request))
    catalog_of(request).sources.put(source)
    return _created(request, source)


async def get_source(request: Request) -> Response:
    """Serve `GET /inma/ingestion-sources/{id}`."""
    return json_response(catalog_of(request).sources.get(request.path_params["id"]).to_dict())


async def replace_source(request: Request) -> Response:
    """Serve `PUT /inma/ingestion-sources/{id}`."""
    sources, source_id = catalog_of(request).sources, request.path_params["id"].lower()
    is_new = not sources.has(source_id)
    # The preview's "create or replace" became "replace".
    if is_new and api_version(request) != PREVIEW:
        sources.get(source_id)
    parsed = parse_source(await read_json(request))
    created = parsed.created if is_new else sources.get(source_id).created
    source = replace(parsed, id=source_id, created=created)
    sources.put(source)
    if is_new:
        return _created(request, source)
    shown = source.to_dict()
    del shown["created"]
    return json_response(shown)


async def delete_source(request: Request) -> Response:
    """Serve `DELETE /inma/ingestion-sources/{id}`."""
    catalog_of(request).sources.delete(request.path_params["id"])
    return Response(status_code=204)


async def list_managed_identities(request: Request) -> Response:
    """Serve `GET /inma/ingestion-sources/managed-identities`."""
    identities = catalog_of(request).options.managed_identities
    return json_response(
        {
            "value": [
                {"objectId": one, "resourceId": _IDENTITY_RESOURCE.format(f"geocatalog-{number}")}
                for number, one in enumerate(identities, 1)
            ]
        }
    )


def _created(request: Request, source: Source) -> Response:
    version = api_version(request)
    where = f"{origin_of(request)}{_SOURCES}/{source.id}?api-version={version}"
    return json_response(source.to_dict(), 201, {"Location": where})


ROUTES = [
    Route(f"{_SOURCES}/managed-identities", list_managed_identities, methods=["GET"]),
    Route(_SOURCES, list_sources, methods=["GET"]),
    Route(_SOURCES, create_source, methods=["POST"]),
    Route(f"{_SOURCES}/{{id}}", get_source, methods=["GET"]),
    Route(f"{_SOURCES}/{{id}}", replace_source, methods=["PUT"]),
    Route(f"{_SOURCES}/{{id}}", delete_source, methods=["DELETE"]),
]
