"""Routes of collection assets: files that are uploaded, such as a thumbnail."""

from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.geocatalog.catalog import catalog_of
from local.geocatalog.collections.collections import Collection, CollectionAsset, asset_blob_name
from local.geocatalog.errors import RequestError, RequestErrorCode, bad_request, not_found
from local.geocatalog.http.bodies import decode_json
from local.geocatalog.http.responses import json_response, origin_of
from local.geocatalog.http.versions import PREVIEW, api_version
from local.geocatalog.items.rules import is_asset_key
from local.geocatalog.storage.storage import blob_url

# What an asset shows, besides its href, which the service sets.
_SHOWN = ("type", "roles", "title", "description")


async def create_asset(request: Request) -> Response:
    """Serve `POST /stac/collections/{cid}/assets`."""
    collection = catalog_of(request).collections.get(request.path_params["cid"])
    data, file = await _read_form(request)
    key = data.get("key")
    if not is_asset_key(key):
        raise bad_request("The field 'key' of the part 'data' is required and must be an asset key.")
    if key in collection.assets:
        raise RequestError(
            409,
            RequestErrorCode.RESOURCE_EXISTS,
            f"Asset key '{key}' already exists in collection '{collection.id}'",
        )
    return json_response(await _store(request, collection, {**data, "key": key}, file), 201)


async def replace_asset(request: Request) -> Response:
    """Serve `PUT /stac/collections/{cid}/assets/{key}`."""
    key = request.path_params["key"]
    collection = catalog_of(request).collections.get(request.path_params["cid"])
    data, file = await _read_form(request)
    if data.get("key", key) != key:
        raise bad_request(f"The field 'key' of the part 'data' must be '{key}', as in the path.")
    # The preview's "create or replace" became "replace".
    if key not in collection.assets and api_version(request) != PREVIEW:
        raise _no_asset(collection, key)
    status = 200 if key in collection.assets else 201
    return json_response(await _store(request, collection, {**data, "key": key}, file), status)


async def delete_asset(request: Request) -> Response:
    """Serve `DELETE /stac/collections/{cid}/assets/{key}`."""
    catalog = catalog_of(request)
    key = request.path_params["key"]
    collection = catalog.collections.get(request.path_params["cid"])
    if collection.assets.pop(key, None) is None:
        raise _no_asset(collection, key)
    collection.touch()
    await catalog.threads.run(catalog.storage.delete_folder, collection.container, f"collection-assets/{key}")
    return json_response(collection.to_dict(origin_of(request)))


def _no_asset(collection: Collection, key: str) -> RequestError:
    return not_found(f"Asset key '{key}' not found in collection '{collection.id}'")


async def _read_form(request: Request) -> tuple[dict[str, Any], UploadFile]:
    try:
        form: FormData = await request.form()
    except HTTPException as error:
        raise bad_request(f"The body is not multipart/form-data: {error.detail}.") from None
    data, file = form.get("data"), form.get("file")
    if isinstance(data, UploadFile):
        data = (await data.read()).decode("utf-8", "replace")
    if not isinstance(data, str) or not isinstance(file, UploadFile):
        raise bad_request("The body must be multipart/form-data with the parts 'data' (JSON) and 'file'.")
    described = decode_json(data.encode())
    if not isinstance(described, dict):
        raise bad_request("The part 'data' must be a JSON object.")
    return described, file


async def _store(request: Request, collection: Collection, data: dict[str, Any], file: UploadFile) -> dict[str, Any]:
    catalog = catalog_of(request)
    content = await file.read()
    if not content:
        raise bad_request("The part 'file' is empty.")
    key = data["key"]
    blob = asset_blob_name(key, file.filename or "file")
    media_type = str(data.get("type") or file.content_type or "application/octet-stream")
    await catalog.threads.run(catalog.storage.upload, collection.container, blob, content, media_type)
    document = {"href": blob_url(catalog.storage, collection.container, blob)}
    document |= {name: data[name] for name in _SHOWN if data.get(name) is not None}
    collection.assets[key] = CollectionAsset(document, blob)
    collection.touch()
    return collection.to_dict(origin_of(request))


ROUTES = [
    Route("/stac/collections/{cid}/assets", create_asset, methods=["POST"]),
    Route("/stac/collections/{cid}/assets/{key}", replace_asset, methods=["PUT"]),
    Route("/stac/collections/{cid}/assets/{key}", delete_asset, methods=["DELETE"]),
]
