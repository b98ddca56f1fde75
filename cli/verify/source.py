"""Reads the items of the source that a comparison is held against, as `enqueue` reads and prepares them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cli.documents.documents import Document, Kind, Read, Unreadable, has_item_links
from cli.documents.inputs import find_inputs, is_url, read_input
from cli.options.search import Query
from cli.output.faults import usage_error
from cli.send.enqueue import follow, placed
from shared.basics.errors import IngestionError
from shared.stac.ids import check_item_id
from shared.stac.items import PreparedItem, prepare_item

_FEED = "feed:"


@dataclass(frozen=True)
class Source:
    """What the collections are held against.

    Attributes:
        name: a file, a folder, a URL, or the landing page of a STAC API.
        query: what is searched for in a STAC API; empty for anything else.
        drop_assets: asset keys that were left out when the items were enqueued.
        version_by: item property that orders versions.
        collection: the collection that all items go to; None where each names its own.
        planetary_computer_url: base URL of the Planetary Computer.
    """

    name: str
    query: Query
    drop_assets: tuple[str, ...]
    version_by: str | None
    collection: str | None
    planetary_computer_url: str


@dataclass(frozen=True)
class SourceItem:
    """One item of the source.

    Attributes:
        collection: where it goes.
        item_id: its id; where it stands, if it has no usable one.
        body: the item as it was read.
        prepared: the item as it is sent; None where GeoCatalog cannot take it.
        reason: why it cannot.
    """

    collection: str
    item_id: str
    body: dict[str, Any]
    prepared: PreparedItem | None
    reason: str = ""


def read_source(source: Source) -> Iterator[SourceItem]:
    """Yield the items of a source.

    Raises:
        CommandError: it cannot be read, or is of no kind that can be.
        requests.RequestException: its server did not answer.
    """
    for read in _documents(source):
        if isinstance(read, Unreadable):
            yield SourceItem(source.collection or "", read.origin, {}, None, read.reason)
        elif read.kind is Kind.ITEM:
            yield _prepared(read, source)


def _prepared(read: Document, source: Source) -> SourceItem:
    collection = source.collection or str(read.body.get("collection") or "")
    try:
        item_id = check_item_id(read.body.get("id"))
    except IngestionError as error:
        return SourceItem(collection, read.origin, read.body, None, error.message)
    try:
        prepared = prepare_item(
            read.body,
            collection=collection,
            drop_assets=source.drop_assets,
            version_by=source.version_by,
            planetary_computer_url=source.planetary_computer_url,
        )
    except IngestionError as error:
        return SourceItem(collection, item_id, read.body, None, error.message)
    return SourceItem(collection, item_id, read.body, prepared)


def _documents(source: Source) -> Iterator[Read]:
    if source.name.startswith(_FEED):
        raise usage_error("--against takes no feed yet; name its STAC API, with --collections and --bbox.")
    if source.query != Query():
        if not is_url(source.name):
            raise usage_error("--collections, --bbox, --datetime and --filter belong to a STAC API: --against URL.")
        from cli.send.stac_api import StacSearch  # noqa: PLC0415 - only a search needs a web client

        search = StacSearch(source.name, source.query)
        yield from search.read()
        if search.is_short:
            yield Unreadable(source.name, " ".join(search.notes))
        return
    inputs, _ = find_inputs([source.name])
    for one in inputs:
        for read in read_input(one):
            if isinstance(read, Unreadable):
                yield read
            elif read.kind in {Kind.CATALOG, Kind.COLLECTION}:
                if not one.in_folder and has_item_links(read.body):
                    yield from follow(one.name, collections=False)
            else:
                yield placed(read, one)
