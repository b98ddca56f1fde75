"""Routes of collections and their thumbnails."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.geocatalog.catalog import Catalog, catalog_of
from local.geocatalog.collections.collections import (
    Collection,
    check_assets_for_create,
    check_assets_for_replace,
    new_container_name,
    stored_document,
)
from local.geocatalog.collections.configurations import DEFAULT_MOSAIC, Configuration
from local.geocatalog.collections.rewriting import rewritten_collection
from local.geocatalog.errors import (
    IngestionError,
    IngestionErrorCode,
    RequestError,
    RequestErrorCode,
    not_found,
)
from local.geocatalog.http.bodies import read_json
from local.geocatalog.http.responses import json_response, origin_of
from local.geocatalog.ingestions.accepted import accept
from local.geocatalog.ingestions.operations import Operation, OperationType
from local.geocatalog.items.rules import check_collection, check_same_id
from local.geocatalog.storage.signing import parse_minutes, parse_sign

_CREATED: Final = 201
_CONFLICT: Final = 409


async def _show(request: Request, collections: list[Collection]) -> list[dict[str, object]]:
    catalog = catalog_of(request)
    documents = [collection.to_dict(origin_of(request)) for collection in collections]
    if catalog.behavior.settings.decisions.rewritten_configuration:
        documents = [rewritten_collection(document) for document in documents]
    minutes = parse_minutes(request.query_params.get("duration"))
    if parse_sign(request.query_params.get("sign")):
        await catalog.signer.sign_assets(documents, [collection.id for collection in collections], minutes)
    return documents


async def list_collections(request: Request) -> Response:
    """Serve `GET /stac/collections`."""
    root = f"{origin_of(request)}/stac"
    links = [
        {"rel": "root", "type": "application/json", "href": f"{root}/"},
        {"rel": "parent", "type": "application/json", "href": f"{root}/"},
        {"rel": "self", "type": "application/json", "href": f"{root}/collections"},
    ]
    documents = await _show(request, catalog_of(request).collections.list())
    return json_response({"collections": documents, "links": links})


async def get_collection(request: Request) -> Response:
    """Serve `GET /stac/collections/{cid}`."""
    collection = catalog_of(request).collections.get(request.path_params["cid"])
    return json_response((await _show(request, [collection]))[0])


async def create_collection(request: Request) -> Response:
    """Serve `POST /stac/collections`."""
    catalog = catalog_of(request)
    body = check_collection(await read_json(request))
    check_assets_for_create(body)
    new_collection = catalog.behavior.settings.decisions.new_collection
    # A 201 has no operation that could fail.
    _check_is_free(catalog, body["id"], always_refused=new_collection == _CREATED)
    operation = Operation(OperationType.ADD_COLLECTION, body["id"])

    async def make(_operation: Operation) -> None:
        await _make_collection(catalog, body)

    if new_collection == "operation" or catalog.collections.is_taken(body["id"]):
        return accept(request, operation, make)
    made = await _make_collection(catalog, body)
    if new_collection == _CREATED:
        where = f"{origin_of(request)}/stac/collections/{made.id}"
        return json_response((await _show(request, [made]))[0], _CREATED, {"Location": where})

    async def nothing_left_to_do(_operation: Operation) -> None:
        pass

    def undo() -> None:
        if catalog.collections.is_current(made):
            catalog.collections.remove(made.id)
            catalog.items.remove_all(made.id)

    return accept(request, operation, nothing_left_to_do, undo)


async def _make_collection(catalog: Catalog, body: dict[str, Any]) -> Collection:
    """Make a collection.

    Raises:
        IngestionError: One of its id is there, or is being made.
    """
    if catalog.collections.is_taken(body["id"]):
        raise IngestionError(IngestionErrorCode.GENERIC_INGESTION_ERROR, f"Collection '{body['id']}' already exists")
    configuration = Configuration()
    if catalog.behavior.settings.decisions.default_mosaic:
        configuration.mosaics["default"] = dict(DEFAULT_MOSAIC)
    container = new_container_name(body["id"])
    with catalog.collections.making(body["id"]):
        await catalog.threads.run(catalog.storage.create_container, container)
        made = Collection(stored_document(body), configuration, container)
        catalog.collections.put(made)
    return made


def _check_is_free(catalog: Catalog, collection_id: str, *, always_refused: bool) -> None:
    settings = catalog.behavior.settings
    age = catalog.collections.seconds_since_delete(collection_id)
    if age is not None and age < settings.recreate_after_delete_seconds:
        raise RequestError(
            _CONFLICT, RequestErrorCode.CONFLICT, f"Collection '{collection_id}' is being deleted; try again later."
        )
    is_coming = settings.decisions.new_collection == "operation" and catalog.operations.open_of(
        collection_id, OperationType.ADD_COLLECTION
    )
    is_taken = is_coming or catalog.collections.is_taken(collection_id)
    if is_taken and (always_refused or settings.decisions.duplicate_collection == _CONFLICT):
        raise RequestError(_CONFLICT, RequestErrorCode.RESOURCE_EXISTS, f"Collection '{collection_id}' already exists.")


async def replace_collection(request: Request) -> Response:
    """Serve `PUT /stac/collections/{cid}`."""
    collection = catalog_of(request).collections.get(request.path_params["cid"])
    body = check_collection(await read_json(request))
    fault = check_same_id(body, collection.id, "collection")
    if fault is not None:
        raise fault
    check_assets_for_replace(collection, body)
    collection.document = stored_document(body)
    collection.touch()
    return json_response(collection.to_dict(origin_of(request)))


async def delete_collection(request: Request) -> Response:
    """Serve `DELETE /stac/collections/{cid}`."""
    catalog = catalog_of(request)
    collection = catalog.collections.get(request.path_params["cid"])

    async def work(operation: Operation) -> None:
        if not catalog.collections.has(operation.collection_id):
            message = f"Collection '{operation.collection_id}' does not exist"
            raise IngestionError(IngestionErrorCode.COLLECTION_DOES_NOT_EXIST, message)
        catalog.collections.remove(operation.collection_id)
        catalog.items.remove_all(operation.collection_id)
        catalog.definitions.remove_all(operation.collection_id)
        await catalog.threads.run(catalog.storage.delete_container, collection.container)

    return accept(request, Operation(OperationType.DELETE_COLLECTION, collection.id), work)


async def get_thumbnail(request: Request) -> Response:
    """Serve `GET /stac/collections/{cid}/thumbnail`."""
    catalog = catalog_of(request)
    collection = catalog.collections.get(request.path_params["cid"])
    asset = collection.assets.get("thumbnail")
    content = (
        None if asset is None else await catalog.threads.run(catalog.storage.download, collection.container, asset.blob)
    )
    if asset is None or content is None:
        raise not_found(f"Thumbnail not found for collection '{collection.id}'")
    return Response(content, media_type=str(asset.document.get("type") or "image/png"))


ROUTES = [
    Route("/stac/collections", list_collections, methods=["GET"]),
    Route("/stac/collections", create_collection, methods=["POST"]),
    Route("/stac/collections/{cid}", get_collection, methods=["GET"]),
    Route("/stac/collections/{cid}", replace_collection, methods=["PUT"]),
    Route("/stac/collections/{cid}", delete_collection, methods=["DELETE"]),
    Route("/stac/collections/{cid}/thumbnail", get_thumbnail, methods=["GET"]),
]
