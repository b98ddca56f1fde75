"""Routes of items."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.basics.json_text import parse_json
from local.geocatalog.catalog import Catalog, catalog_of
from local.geocatalog.errors import bad_request, not_found
from local.geocatalog.http.bodies import decode_json, read_body, read_json
from local.geocatalog.http.responses import json_response, origin_of
from local.geocatalog.ingestions.accepted import accept
from local.geocatalog.ingestions.operations import Operation, OperationType
from local.geocatalog.items.links import with_links
from local.geocatalog.items.rules import check_is_item
from local.geocatalog.storage.signing import parse_minutes, parse_sign

_ITEMS = "/stac/collections/{cid}/items"
_ITEM = "/stac/collections/{cid}/items/{iid}"

_GEOJSON = "application/geo+json"


async def create_items(request: Request) -> Response:
    """Serve `POST .../items`: an Item or a FeatureCollection."""
    catalog, collection_id = catalog_of(request), request.path_params["cid"]
    body = await read_body(request)
    posted = decode_json(body)
    _check_collection(catalog, collection_id)
    if isinstance(posted, dict) and posted.get("type") == "FeatureCollection":
        members = posted.get("features")
        if not isinstance(members, list) or not members:
            raise bad_request("The field 'features' of a FeatureCollection must be a list of STAC Items.")
        batch = Operation(OperationType.ADD_ITEM, collection_id, total_items=len(members))
        return accept(request, batch, lambda operation: catalog.ingestion.add_batch(operation, members))
    item = check_is_item(posted)
    single = Operation(OperationType.ADD_ITEM, collection_id, total_items=1)
    return accept(request, single, lambda operation: catalog.ingestion.add(operation, item, len(body)))


def _check_collection(catalog: Catalog, collection_id: str) -> None:
    if catalog.behavior.settings.decisions.unknown_collection == 404:  # noqa: PLR2004 - HTTP's Not Found
        catalog.collections.get(collection_id)


async def get_item(request: Request) -> Response:
    """Serve `GET .../items/{iid}`."""
    catalog = catalog_of(request)
    collection_id, item_id = request.path_params["cid"], request.path_params["iid"]
    catalog.collections.get(collection_id)
    document = catalog.items.find(collection_id, item_id)
    if document is None:
        raise not_found(f"Item '{item_id}' not found in collection '{collection_id}'.")
    item = with_links(parse_json(document.encode()), origin_of(request))
    minutes = parse_minutes(request.query_params.get("duration"))
    if parse_sign(request.query_params.get("sign")):
        await catalog.signer.sign_assets([item], [collection_id], minutes)
    return json_response(item, media_type=_GEOJSON)


async def replace_item(request: Request) -> Response:
    """Serve `PUT .../items/{iid}`."""
    catalog, item_id = catalog_of(request), request.path_params["iid"]
    body = await read_body(request)
    item = check_is_item(decode_json(body))
    _check_id(item, item_id)
    return _update(request, lambda operation: catalog.ingestion.replace(operation, item_id, item, len(body)))


async def patch_item(request: Request) -> Response:
    """Serve `PATCH .../items/{iid}`, a JSON merge patch."""
    catalog, item_id = catalog_of(request), request.path_params["iid"]
    patch = await read_json(request)
    if not isinstance(patch, dict):
        raise bad_request("The body must be a JSON merge patch: an object.")
    return _update(request, lambda operation: catalog.ingestion.patch(operation, item_id, patch))


def _check_id(item: dict[str, Any], item_id: str) -> None:
    if item["id"] != item_id:
        raise bad_request(f"The field 'id' of the item must be '{item_id}', as in the path.")


def _update(request: Request, work: Callable[[Operation], Awaitable[None]]) -> Response:
    collection_id = request.path_params["cid"]
    _check_collection(catalog_of(request), collection_id)
    return accept(request, Operation(OperationType.UPDATE_ITEM, collection_id, total_items=1), work)


async def delete_item(request: Request) -> Response:
    """Serve `DELETE .../items/{iid}`."""
    catalog = catalog_of(request)
    collection_id, item_id = request.path_params["cid"], request.path_params["iid"]
    _check_collection(catalog, collection_id)
    operation = Operation(OperationType.DELETE_ITEM, collection_id, total_items=1)
    return accept(request, operation, lambda begun: catalog.ingestion.delete(begun, item_id))


ROUTES = [
    Route(_ITEMS, create_items, methods=["POST"]),
    Route(_ITEM, get_item, methods=["GET"]),
    Route(_ITEM, replace_item, methods=["PUT"]),
    Route(_ITEM, patch_item, methods=["PATCH"]),
    Route(_ITEM, delete_item, methods=["DELETE"]),
]
