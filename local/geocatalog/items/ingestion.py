"""What operations do with items: check, copy assets to managed storage, store, replace, delete."""

import asyncio
import hashlib
import mimetypes
import posixpath
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from local.basics.json_text import json_text, parse_json
from local.basics.merge_patch import merge_patch
from local.geocatalog import timestamps
from local.geocatalog.behavior import Behavior
from local.geocatalog.collections.collections import Collection, Collections
from local.geocatalog.decisions import BadBatchMember
from local.geocatalog.errors import IngestionError, IngestionErrorCode, RequestError
from local.geocatalog.ingestions.operations import Operation
from local.geocatalog.items.assets import AssetReader, public_access_restricted
from local.geocatalog.items.rules import MAX_BATCH_ITEMS, check_is_item, check_item, is_s3
from local.geocatalog.storage.storage import ManagedStorage, blob_url
from local.geocatalog.threads import Threads
from local.stac_search.item_store import Item, ItemStore

# Extensions that the service was seen to upgrade in items it stores.
_UPGRADED_EXTENSIONS = {
    "https://stac-extensions.github.io/projection/v1.0.0/schema.json": (
        "https://stac-extensions.github.io/projection/v1.1.0/schema.json"
    ),
    "https://stac-extensions.github.io/eo/v1.0.0/schema.json": (
        "https://stac-extensions.github.io/eo/v1.1.0/schema.json"
    ),
}

# Links that the service writes itself when an item is read.
_OWN_LINKS = frozenset({"collection", "items", "parent", "root", "self"})


class Copier(Protocol):
    """Brings an item's assets into managed storage."""

    async def copy(self, href: str, container: str, blob: str, media_type: str) -> None:
        """Copy one asset.

        Raises:
            IngestionError: It cannot be had.
        """


class CopyingCopier:
    """Reads each asset and writes it to managed storage (`--assets copy`).

    Args:
        reader: Reads assets.
        storage: Managed storage.
        threads: Where both happen, since they block.
    """

    def __init__(self, reader: AssetReader, storage: ManagedStorage, threads: Threads) -> None:
        self._reader = reader
        self._storage = storage
        self._threads = threads

    async def copy(self, href: str, container: str, blob: str, media_type: str) -> None:
        """Copy one asset."""
        await self._threads.run(self._copy, href, container, blob, media_type)

    def _copy(self, href: str, container: str, blob: str, media_type: str) -> None:
        with self._reader.open(href) as pieces:
            self._storage.upload(container, blob, pieces, media_type)


class TrustingCopier:
    """Believes every address (`--assets trust`), except those of managed storage.

    Args:
        storage: Managed storage.
    """

    def __init__(self, storage: ManagedStorage) -> None:
        self._storage = storage

    async def copy(self, href: str, container: str, blob: str, media_type: str) -> None:  # noqa: ARG002
        """Believe that the asset is there."""
        if self._storage.owns(href):
            raise public_access_restricted(href)


class Ingestion:
    """The work of item operations.

    Args:
        collections: All collections.
        items: All items.
        storage: Managed storage.
        copier: Brings assets there.
        threads: Where blocking calls are made.
        behavior: Says what has been decided.
    """

    def __init__(
        self,
        *,
        collections: Collections,
        items: ItemStore,
        storage: ManagedStorage,
        copier: Copier,
        threads: Threads,
        behavior: Behavior,
    ) -> None:
        self._collections = collections
        self._items = items
        self._storage = storage
        self._copier = copier
        self._threads = threads
        self._behavior = behavior

    async def add(self, operation: Operation, item: Item, size: int) -> None:
        """Ingest one new item.

        Raises:
            IngestionError: The reason for which the operation fails.
        """
        await self.store_new(operation.collection_id, item, size)
        operation.succeeded_items += 1

    async def add_batch(self, operation: Operation, members: Sequence[object]) -> None:
        """Ingest the members of a FeatureCollection.

        Raises:
            IngestionError: The reason for which the operation fails.
        """
        if len(members) > MAX_BATCH_ITEMS:
            message = f"The item collection has {len(members)} items; the limit is {MAX_BATCH_ITEMS}"
            raise IngestionError(IngestionErrorCode.POST_ITEM_COLLECTION_SIZE_EXCEEDED, message)
        decision = self._behavior.settings.decisions.bad_batch_member
        stored = []
        for member in members:
            try:
                item = _batch_item(member)
                await self.store_new(operation.collection_id, item, len(json_text(item).encode()))
            except IngestionError:
                operation.failed_items += 1
            else:
                operation.succeeded_items += 1
                stored.append(item["id"])
            await asyncio.sleep(0)  # lets requests in between the members of a large batch
        if not operation.failed_items or decision is BadBatchMember.SUCCEEDED:
            return
        message = f"{operation.failed_items} of {operation.total_items} items failed"
        if decision is BadBatchMember.NOTHING_STORED:
            operation.succeeded_items = 0
            for item_id in stored:
                self._items.remove(operation.collection_id, item_id)
        raise IngestionError(IngestionErrorCode.ERRORS_IN_BATCH_OPERATION, message)

    async def replace(self, operation: Operation, item_id: str, item: Item, size: int) -> None:
        """Put an item in the place of a stored one.

        Raises:
            IngestionError: The reason for which the operation fails.
        """
        collection = self._collection(operation.collection_id)
        self._check_is_there(collection.id, item_id)
        check_item(item, collection.id, size, self._behavior.settings.decisions)
        managed = await self._with_managed_assets(item, collection, copy=item["assets"].keys())
        # Asked again: the item may have been deleted while the assets were copied.
        self._check_is_there(collection.id, item_id)
        self._items.put(managed)
        operation.succeeded_items += 1

    async def patch(self, operation: Operation, item_id: str, patch: dict[str, Any]) -> None:
        """Merge a patch into a stored item; assets that it does not name stay as they are.

        Raises:
            IngestionError: The reason for which the operation fails.
        """
        collection = self._collection(operation.collection_id)
        stored = self._items.find(collection.id, item_id)
        if stored is None:
            message = f"Item '{item_id}' does not exist in collection '{collection.id}' to patch"
            raise IngestionError(IngestionErrorCode.NO_RECORDS_TO_PATCH, message)
        merged = merge_patch(parse_json(stored.encode()), patch)
        if merged.get("id") != item_id or merged.get("collection") != collection.id:
            message = f"Item '{item_id}': a patch cannot change the id or the collection"
            raise IngestionError(IngestionErrorCode.PATCH_VALIDATION, message)
        check_item(merged, collection.id, len(json_text(merged).encode()), self._behavior.settings.decisions)
        named = patch.get("assets")
        changed = set(named) & set(merged["assets"]) if isinstance(named, dict) else set()
        self._items.put(await self._with_managed_assets(merged, collection, copy=changed))
        operation.succeeded_items += 1

    async def delete(self, operation: Operation, item_id: str) -> None:
        """Delete a stored item and its assets.

        Raises:
            IngestionError: The reason for which the operation fails.
        """
        collection = self._collection(operation.collection_id)
        if not self._items.has(collection.id, item_id):
            message = f"Item '{item_id}' does not exist in collection '{collection.id}' to delete"
            raise IngestionError(IngestionErrorCode.NO_RECORDS_TO_DELETE, message)
        self._items.remove(collection.id, item_id)
        if isinstance(self._copier, CopyingCopier):
            folder = item_folder(item_id)
            await self._threads.run(self._storage.delete_folder, collection.container, folder)
        operation.succeeded_items += 1

    async def store_new(self, collection_id: str, item: Item, size: int) -> None:
        """Check, copy and store an item that must not be there yet.

        Args:
            collection_id: The target collection.
            item: The posted item.
            size: Length of its JSON in bytes.

        Raises:
            IngestionError: It breaks a rule, is there already, or has an asset that cannot be had.
        """
        collection = self._collection(collection_id)
        check_item(item, collection.id, size, self._behavior.settings.decisions)
        self._check_is_new(collection.id, item["id"])
        managed = await self._with_managed_assets(item, collection, copy=item["assets"].keys())
        # Asked again: another operation may have stored the same item while the assets were copied.
        self._check_is_new(collection.id, item["id"])
        self._collection(collection_id)
        self._items.put(managed)

    def _check_is_new(self, collection_id: str, item_id: str) -> None:
        if self._items.has(collection_id, item_id):
            message = f"Item '{item_id}' already exists in collection '{collection_id}'"
            raise IngestionError(IngestionErrorCode.ITEM_ALREADY_EXISTS, message)

    def _check_is_there(self, collection_id: str, item_id: str) -> None:
        if not self._items.has(collection_id, item_id):
            message = f"Item '{item_id}' does not exist in collection '{collection_id}' to update"
            raise IngestionError(IngestionErrorCode.NO_RECORDS_TO_UPDATE, message)

    def _collection(self, collection_id: str) -> Collection:
        try:
            return self._collections.get(collection_id)
        except RequestError as error:
            raise IngestionError(IngestionErrorCode.COLLECTION_DOES_NOT_EXIST, error.message) from None

    async def _with_managed_assets(self, item: Item, collection: Collection, copy: Iterable[str]) -> Item:
        assets = dict(item["assets"])
        folder = item_folder(item["id"])
        for key in copy:
            asset = assets[key]
            if is_s3(asset["href"]):  # the checks have let it through, so it is to be kept as it is
                continue
            blob = f"{folder}/{key}{_extension(asset)}"
            media_type = asset.get("type") or "application/octet-stream"
            await self._copier.copy(asset["href"], collection.container, blob, str(media_type))
            assets[key] = {**asset, "href": blob_url(self._storage, collection.container, blob)}
        links = [one for one in item["links"] if isinstance(one, dict) and one.get("rel") not in _OWN_LINKS]
        extensions = item.get("stac_extensions", [])
        return {
            **item,
            "links": links,
            "collection": collection.id,
            "assets": assets,
            "stac_extensions": [_UPGRADED_EXTENSIONS.get(one, one) for one in extensions],
            "_msft:ts": timestamps.six_digits(timestamps.now()),
            "_msft:etag": str(uuid.uuid4()),
        }


def item_folder(item_id: str) -> str:
    """Give the folder of an item's assets in its collection's container: 3 hex digits, then the id."""
    return f"{hashlib.sha256(item_id.encode()).hexdigest()[:3]}/{item_id}"


def _batch_item(member: object) -> Item:
    try:
        return check_is_item(member)
    except RequestError as error:
        raise IngestionError(IngestionErrorCode.STAC_VALIDATION_FAILED, error.message) from None


def _extension(asset: dict[str, Any]) -> str:
    suffix: str = posixpath.splitext(asset["href"].partition("?")[0].rpartition("/")[2])[1]
    if suffix:
        return suffix
    media_type = str(asset.get("type") or "").split(";")[0].strip()
    return mimetypes.guess_extension(media_type) or ""
