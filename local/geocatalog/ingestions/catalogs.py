"""Ingestion definitions of a collection, and their runs over a static catalogue."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urljoin, urlsplit

from local.basics.json_text import parse_json
from local.geocatalog import timestamps
from local.geocatalog.errors import (
    IngestionError,
    IngestionErrorCode,
    RequestError,
    bad_request,
    not_found,
)
from local.geocatalog.ingestions.operations import Operation, OperationType
from local.geocatalog.items.assets import AssetReader
from local.geocatalog.items.ingestion import Ingestion
from local.geocatalog.items.rules import check_is_item
from local.geocatalog.threads import Threads
from local.stac_search.item_store import ItemStore

# A catalogue that links to itself in ever new ways must end somewhere.
_MAX_DOCUMENTS = 100_000


class ImportType(StrEnum):
    """Kinds of bulk import."""

    STATIC_CATALOG = "StaticCatalog"
    STAC_GEOPARQUET = "StacGeoparquet"


_URL_FIELDS = {
    ImportType.STATIC_CATALOG: "sourceCatalogUrl",
    ImportType.STAC_GEOPARQUET: "stacGeoparquetUrl",
}

OPERATION_TYPES = {
    ImportType.STATIC_CATALOG: OperationType.INGESTION_STATIC_CATALOG,
    ImportType.STAC_GEOPARQUET: OperationType.INGESTION_STAC_GEOPARQUET,
}


@dataclass(slots=True)
class Run:
    """One run; its id is its operation's."""

    operation: Operation
    source: dict[str, Any]
    created: int = field(default_factory=timestamps.now)

    def to_dict(self) -> dict[str, Any]:
        """Give the run as the service shows it; its totals are integers."""
        operation = self.operation.to_dict()
        shown = ("id", "status", "statusHistory", "creationTime", "startTime", "finishTime")
        totals = {name[0].lower() + name[1:]: count for name, count in self.operation.totals().items()}
        return {
            "id": self.operation.id,
            "creationTime": timestamps.seven_digits(self.created),
            **self.source,
            "operation": {**{name: operation[name] for name in shown if name in operation}, **totals},
        }


@dataclass(slots=True)
class Definition:
    """One ingestion definition of a collection."""

    collection_id: str
    import_type: ImportType
    display_name: str | None
    url: str
    skip_existing_items: bool
    keep_original_assets: bool
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: int = field(default_factory=timestamps.now)
    is_deleting: bool = False
    runs: dict[str, Run] = field(default_factory=dict)

    def source(self) -> dict[str, Any]:
        """Give the fields that a run repeats."""
        return {
            _URL_FIELDS[self.import_type]: self.url,
            "skipExistingItems": self.skip_existing_items,
            "keepOriginalAssets": self.keep_original_assets,
        }

    def to_dict(self) -> dict[str, Any]:
        """Give the definition as the service shows it."""
        document: dict[str, Any] = {
            "id": self.id,
            "creationTime": timestamps.seven_digits(self.created),
            "importType": self.import_type,
        }
        if self.display_name is not None:
            document["displayName"] = self.display_name
        return {**document, **self.source(), "status": "Deleting" if self.is_deleting else "Ready"}


class Definitions:
    """All ingestion definitions."""

    def __init__(self) -> None:
        self._by_id: dict[str, Definition] = {}

    def list(self, collection_id: str) -> list[Definition]:
        """Give a collection's definitions, newest first."""
        found = [one for one in self._by_id.values() if one.collection_id == collection_id]
        return found[::-1]

    def get(self, collection_id: str, definition_id: str) -> Definition:
        """Give one definition.

        Raises:
            RequestError: 404.
        """
        found = self._by_id.get(definition_id.lower())
        if found is None or found.collection_id != collection_id:
            raise not_found(f"Ingestion '{definition_id}' not found in collection '{collection_id}'.")
        return found

    def get_run(self, collection_id: str, definition_id: str, run_id: str) -> Run:
        """Give one run.

        Raises:
            RequestError: 404.
        """
        run = self.get(collection_id, definition_id).runs.get(run_id.lower())
        if run is None:
            raise not_found(f"Run '{run_id}' not found in ingestion '{definition_id}'.")
        return run

    def put(self, definition: Definition) -> None:
        """Add a definition, or replace the one with its id."""
        self._by_id[definition.id] = definition

    def remove(self, definition_id: str) -> None:
        """Remove a definition, if it is there."""
        self._by_id.pop(definition_id, None)

    def remove_all(self, collection_id: str) -> None:
        """Remove a collection's definitions."""
        for definition in self.list(collection_id):
            self.remove(definition.id)


def parse_definition(body: object, collection_id: str) -> Definition:
    """Read the body of a POST.

    Args:
        body: `{"importType", "sourceCatalogUrl" or "stacGeoparquetUrl", "displayName"?, ...}`.
        collection_id: The collection it is for.

    Returns:
        A new definition.

    Raises:
        RequestError: 400, naming the field.
    """
    if not isinstance(body, dict):
        raise bad_request("The body must be an ingestion definition.")
    if body.get("importType") not in [*ImportType]:
        raise bad_request("The field 'importType' must be 'StaticCatalog' or 'StacGeoparquet'.")
    import_type = ImportType(body["importType"])
    url = body.get(_URL_FIELDS[import_type])
    if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
        raise bad_request(f"The field '{_URL_FIELDS[import_type]}' is required and must be an absolute URL.")
    name = body.get("displayName")
    if name is not None and not isinstance(name, str):
        raise bad_request("The field 'displayName' must be a string.")
    return Definition(
        collection_id,
        import_type,
        name,
        url,
        skip_existing_items=_flag(body, "skipExistingItems"),
        keep_original_assets=_flag(body, "keepOriginalAssets"),
    )


def patched_definition(definition: Definition, patch: object) -> Definition:
    """Apply a merge patch to a definition.

    Raises:
        RequestError: 400.
    """
    if not isinstance(patch, dict):
        raise bad_request("The body must be an ingestion definition.")
    shown = definition.to_dict()
    merged = {**shown, **patch}
    changed = parse_definition(
        {key: value for key, value in merged.items() if value is not None}, definition.collection_id
    )
    changed.id, changed.created, changed.runs = definition.id, definition.created, definition.runs
    changed.is_deleting = definition.is_deleting
    return changed


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name) or False
    if not isinstance(value, bool):
        raise bad_request(f"The field '{name}' must be true or false.")
    return value


class CatalogImport:
    """The work of a run.

    Args:
        reader: Reads the catalogue's documents, with a source where one matches.
        ingestion: Ingests its items.
        items: Tells which are there.
        threads: Where documents are read.
    """

    def __init__(self, reader: AssetReader, ingestion: Ingestion, items: ItemStore, threads: Threads) -> None:
        self._reader = reader
        self._ingestion = ingestion
        self._items = items
        self._threads = threads

    async def run(self, operation: Operation, definition: Definition) -> None:
        """Ingest every item of a definition's catalogue.

        Raises:
            IngestionError: The catalogue cannot be read, or some of its items failed.
        """
        if definition.import_type is not ImportType.STATIC_CATALOG:
            message = "The emulator does not read GeoParquet; import a static catalogue instead"
            raise IngestionError(IngestionErrorCode.INVALID_GEOPARQUET, message)
        urls = await self._threads.run(self._find_items, definition.url)
        operation.total_items = len(urls)
        for url in urls:
            try:
                await self._ingest(definition, url)
            except IngestionError:
                operation.failed_items += 1
            else:
                operation.succeeded_items += 1
        if operation.failed_items:
            message = f"{operation.failed_items} of {operation.total_items} items failed"
            raise IngestionError(IngestionErrorCode.ERRORS_IN_BATCH_OPERATION, message)

    async def _ingest(self, definition: Definition, url: str) -> None:
        content = await self._threads.run(self._reader.read, url)
        try:
            item = check_is_item(parse_json(content))
        except (RequestError, ValueError) as error:
            raise IngestionError(IngestionErrorCode.STAC_VALIDATION_FAILED, f"{url}: {error}") from None
        if definition.skip_existing_items and self._items.has(definition.collection_id, item["id"]):
            return
        item["collection"] = definition.collection_id
        await self._ingestion.store_new(definition.collection_id, item, len(content))

    def _find_items(self, catalog_url: str) -> list[str]:
        found: dict[str, None] = {}
        waiting, seen = [catalog_url], {catalog_url}
        while waiting and len(seen) < _MAX_DOCUMENTS:
            url = waiting.pop()
            for relation, href in self._links(url):
                if relation == "item":
                    found[href] = None
                elif href not in seen:
                    seen.add(href)
                    waiting.append(href)
        return [*found]

    def _links(self, url: str) -> Iterator[tuple[str, str]]:
        try:
            document = parse_json(self._reader.read(url))
            links = [(link["rel"], urljoin(url, link["href"])) for link in document["links"]]
        except (KeyError, TypeError, ValueError):
            message = f"'{url.partition('?')[0]}' is not a STAC catalogue"
            raise IngestionError(IngestionErrorCode.INVALID_STAC_CATALOG, message) from None
        return ((relation, href) for relation, href in links if relation in ("child", "item"))
