"""Routes of a collection's configuration."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.geocatalog.catalog import catalog_of
from local.geocatalog.collections.collections import Collection
from local.geocatalog.collections.configurations import (
    MOSAICS,
    RENDER_OPTIONS,
    Kind,
    add_object,
    get_object,
    parse_partition_scheme,
    parse_queryable,
    parse_tile_settings,
    replace_object,
)
from local.geocatalog.collections.queryables import queryables_schema
from local.geocatalog.collections.rewriting import rewritten_entry, rewritten_queryables, rewritten_tile_settings
from local.geocatalog.errors import RequestError, RequestErrorCode, bad_request, not_found
from local.geocatalog.http.bodies import read_json
from local.geocatalog.http.responses import json_response
from local.geocatalog.http.versions import PREVIEW, api_version

_BASE = "/stac/collections/{cid}"


def _collection(request: Request) -> Collection:
    return catalog_of(request).collections.get(request.path_params["cid"])


def _shown(
    request: Request, value: dict[str, Any], rewritten: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    return rewritten(value) if catalog_of(request).behavior.settings.decisions.rewritten_configuration else value


def _creates(request: Request) -> bool:
    """Tell whether a PUT of what is not there creates it: the preview's verb is "create or replace"."""
    return api_version(request) == PREVIEW


async def get_configuration(request: Request) -> Response:
    """Serve `GET .../configurations`."""
    return json_response(_collection(request).configuration.to_dict())


def _object_routes(kind: Kind, name: str) -> list[Route]:
    async def list_all(request: Request) -> Response:
        entries = kind.store(_collection(request).configuration).values()
        return json_response([_shown(request, entry, rewritten_entry) for entry in entries])

    async def add(request: Request) -> Response:
        collection = _collection(request)
        body = await read_json(request)
        return json_response(add_object(kind, collection.configuration, body, collection.id), 201)

    async def get(request: Request) -> Response:
        collection = _collection(request)
        found = get_object(kind, collection.configuration, request.path_params["id"], collection.id)
        return json_response(found)

    async def replace(request: Request) -> Response:
        collection = _collection(request)
        object_id = request.path_params["id"]
        is_new = object_id not in kind.store(collection.configuration)
        if is_new and not _creates(request):
            get_object(kind, collection.configuration, object_id, collection.id)
        made = replace_object(kind, collection.configuration, object_id, await read_json(request))
        return json_response(made, 201 if is_new else 200)

    async def delete(request: Request) -> Response:
        collection = _collection(request)
        object_id = request.path_params["id"]
        get_object(kind, collection.configuration, object_id, collection.id)
        del kind.store(collection.configuration)[object_id]
        return Response(status_code=200)

    path, one = f"{_BASE}/configurations/{name}", name.removesuffix("s")
    return [
        Route(path, list_all, methods=["GET"], name=f"list {name}"),
        Route(path, add, methods=["POST"], name=f"add {one}"),
        Route(f"{path}/{{id}}", get, methods=["GET"], name=f"get {one}"),
        Route(f"{path}/{{id}}", replace, methods=["PUT"], name=f"replace {one}"),
        Route(f"{path}/{{id}}", delete, methods=["DELETE"], name=f"delete {one}"),
    ]


async def get_tile_settings(request: Request) -> Response:
    """Serve `GET .../configurations/tile-settings`."""
    settings = _collection(request).configuration.tile_settings
    return json_response(_shown(request, settings, rewritten_tile_settings))


async def replace_tile_settings(request: Request) -> Response:
    """Serve `PUT .../configurations/tile-settings`."""
    configuration = _collection(request).configuration
    configuration.tile_settings = parse_tile_settings(await read_json(request))
    return json_response(configuration.tile_settings)


async def get_partition_type(request: Request) -> Response:
    """Serve `GET .../configurations/partition-type`."""
    return json_response({"scheme": _collection(request).configuration.partition_scheme})


async def replace_partition_type(request: Request) -> Response:
    """Serve `PUT .../configurations/partition-type`, which an empty collection only takes."""
    collection = _collection(request)
    scheme = parse_partition_scheme(await read_json(request))
    if catalog_of(request).items.has_any(collection.id):
        raise RequestError(
            409,
            RequestErrorCode.CONFLICT,
            f"The partition type of collection '{collection.id}' cannot change: it holds items.",
        )
    collection.configuration.partition_scheme = scheme
    return Response(status_code=200)


async def get_queryables(request: Request) -> Response:
    """Serve `GET .../queryables`."""
    schema = queryables_schema(request, _collection(request).configuration.queryables)
    return json_response(_shown(request, schema, rewritten_queryables), media_type="application/schema+json")


async def add_queryables(request: Request) -> Response:
    """Serve `POST .../queryables`."""
    collection = _collection(request)
    body = await read_json(request)
    if not isinstance(body, list) or not body:
        raise bad_request("The body must be a list of queryables.")
    made = [parse_queryable(one) for one in body]
    present = collection.configuration.queryables
    taken = [one["name"] for one in made if one["name"] in present]
    if taken:
        raise RequestError(
            409,
            RequestErrorCode.RESOURCE_EXISTS,
            f"Queryable '{taken[0]}' already exists for collection '{collection.id}'",
        )
    present.update({one["name"]: one for one in made})
    return json_response(made, 201)


async def replace_queryable(request: Request) -> Response:
    """Serve `PUT .../queryables/{name}`."""
    collection, name = _collection(request), request.path_params["name"]
    is_new = name not in collection.configuration.queryables
    if is_new and not _creates(request):
        raise _no_queryable(collection, name)
    body = await read_json(request)
    if isinstance(body, dict) and body.get("name", name) != name:
        raise bad_request(f"The field 'name' must be '{name}', as in the path.")
    made = parse_queryable({**body, "name": name} if isinstance(body, dict) else body)
    collection.configuration.queryables[name] = made
    return json_response(made, 201 if is_new else 200)


async def delete_queryable(request: Request) -> Response:
    """Serve `DELETE .../queryables/{name}`."""
    collection, name = _collection(request), request.path_params["name"]
    if collection.configuration.queryables.pop(name, None) is None:
        raise _no_queryable(collection, name)
    return Response(status_code=200)


def _no_queryable(collection: Collection, name: str) -> RequestError:
    return not_found(f"Queryable '{name}' not found for collection '{collection.id}'")


ROUTES = [
    Route(f"{_BASE}/configurations", get_configuration, methods=["GET"]),
    *_object_routes(RENDER_OPTIONS, "render-options"),
    *_object_routes(MOSAICS, "mosaics"),
    Route(f"{_BASE}/configurations/tile-settings", get_tile_settings, methods=["GET"]),
    Route(f"{_BASE}/configurations/tile-settings", replace_tile_settings, methods=["PUT"]),
    Route(f"{_BASE}/configurations/partition-type", get_partition_type, methods=["GET"]),
    Route(f"{_BASE}/configurations/partition-type", replace_partition_type, methods=["PUT"]),
    Route(f"{_BASE}/queryables", get_queryables, methods=["GET"]),
    Route(f"{_BASE}/queryables", add_queryables, methods=["POST"]),
    Route(f"{_BASE}/queryables/{{name:path}}", replace_queryable, methods=["PUT"]),
    Route(f"{_BASE}/queryables/{{name:path}}", delete_queryable, methods=["DELETE"]),
]
