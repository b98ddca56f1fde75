"""Enqueues STAC items: collections first, then every item that GeoCatalog can take, with a reason for each other."""

import itertools
import tempfile
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cli.collections.files import configuration_of, load_object
from cli.collections.sending import checked_message, send_configuration
from cli.documents.documents import Document, Kind, Read, Unreadable, has_item_links, kind_of
from cli.documents.inputs import Input, read_input
from cli.output.changes import Change
from cli.output.faults import CommandError, ExitCode, usage_error
from cli.send.known_collections import exists, is_known
from cli.send.sender import ParallelSender
from shared.basics.clock import utc_now
from shared.basics.errors import IngestionError
from shared.basics.json_codec import read_json, write_json, write_out
from shared.messages.models import ItemMessage
from shared.messages.reading import dump_message, parse_message
from shared.settings import DEFAULT_PLANETARY_COMPUTER_URL
from shared.sources.signed_hrefs import explain_ended, signed_hrefs
from shared.stac.bases import based_at
from shared.stac.collections import prepare_collection
from shared.stac.ids import check_collection_id, check_item_id
from shared.stac.items import prepare_item

if TYPE_CHECKING:  # a dry run does without the clients, which are slow to import
    from cli.send.stac_api import StacSearch
    from shared.clients import Clients

_MISPLACED = (
    "It is a STAC {kind}, and on standard input or among items only items are taken; name its own .json file or URL."
)

# As many reasons as a person reads; the counts are always of all.
MAX_REASONS = 1_000


@dataclass(frozen=True)
class Wish:
    """How the items are to be ingested, and what to do with those that cannot be.

    Attributes:
        collection: id of the collection all go to; None leaves each its own.
        if_exists: `replace`, `skip` or `fail`.
        force: whether to ingest even what is there in the same content.
        version_by: item property that orders versions.
        drop_assets: asset keys to leave out.
        correlation_id: what marks the messages of this run.
        by_reference: whether a URL is sent as it is, for the app to read.
        strict: whether to send nothing at all if one item is bad.
        skip_invalid: whether a bad item is left out without being a failure.
        dry_run: whether to send nothing.
        definition: whether to replace the definition of a collection that exists.
        width: how many messages are sent at once.
    """

    collection: str | None = None
    if_exists: str = "replace"
    force: bool = False
    version_by: str | None = None
    drop_assets: tuple[str, ...] = ()
    correlation_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    by_reference: bool = False
    strict: bool = False
    skip_invalid: bool = False
    dry_run: bool = False
    definition: bool = False
    width: int = 16


@dataclass
class Report:
    """What became of the input.

    Attributes:
        sent: items sent, by collection.
        references: URLs sent for the app to read.
        collections: ids of the collections whose definition was sent, in order.
        skipped: documents left out on purpose, and why.
        refused: documents that cannot be ingested, and why.
        skipped_count: how many were left out.
        changes: what is changed in documents, and what to know of them.
        converted_count: in how many of them something is changed.
        refused_count: how many cannot be ingested.
        retargeted: items that go to the collection beside them, by the collection that they name and that one.
        ended_count: items with a signature of their own that has ended.
        first_ended: which of them came first, and when the signature ended.
        warnings: what a person should know.
        is_short: whether a search brought fewer items than its API said there are.
        interrupted: whether it was stopped in the middle.
        fault: what ended it in the middle.
    """

    sent: Counter[str] = field(default_factory=Counter)
    references: int = 0
    collections: list[str] = field(default_factory=list)
    skipped: list[Unreadable] = field(default_factory=list)
    refused: list[Unreadable] = field(default_factory=list)
    skipped_count: int = 0
    changes: list[Change] = field(default_factory=list)
    converted_count: int = 0
    refused_count: int = 0
    retargeted: Counter[tuple[str, str]] = field(default_factory=Counter)
    ended_count: int = 0
    first_ended: str = ""
    warnings: list[str] = field(default_factory=list)
    is_short: bool = False
    interrupted: bool = False
    fault: Exception | None = None

    def note(self, change: Change) -> None:
        """Keep what is changed in a document, if anything is."""
        self.converted_count += bool(change.conversions)
        if (change.conversions or change.warnings) and len(self.changes) < MAX_REASONS:
            self.changes.append(change)

    def skip(self, origin: str, reason: str) -> None:
        """Notes a document that is left out."""
        self.skipped_count += 1
        if len(self.skipped) < MAX_REASONS:
            self.skipped.append(Unreadable(origin, reason))

    def refuse(self, origin: str, reason: str) -> None:
        """Notes a document that cannot be ingested."""
        self.refused_count += 1
        if len(self.refused) < MAX_REASONS:
            self.refused.append(Unreadable(origin, reason))


@dataclass(frozen=True)
class Listener:
    """Told how the work goes on.

    Attributes:
        total: told how much there is to read, in bytes or items, where that is known.
        advanced: told how much more of it was read.
        sent: told how many messages have been sent so far.
    """

    total: Callable[[int | None], None]
    advanced: Callable[[int], None]
    sent: Callable[[int], None]


def enqueue(
    inputs: list[Input], search: "StacSearch | None", wish: Wish, app: "Clients | None", tell: Listener
) -> Report:
    """Enqueues what the inputs hold and the search finds.

    Args:
        inputs: files, URLs, standard input.
        search: a search whose items are enqueued too.
        wish: how.
        app: the clients; None for a dry run.
        tell: told how it goes on.

    Returns:
        What was sent, skipped and refused. A Ctrl-C, a storage or a server that fails end it early and are noted there.

    Raises:
        CommandError: the command was called in a wrong way.
    """
    return _Run(wish, app, tell).run(inputs, search)


class _Run:
    def __init__(self, wish: Wish, app: "Clients | None", tell: Listener) -> None:
        self._wish = wish
        self._app = app
        self._tell = tell
        self._report = Report()
        self._lock = threading.Lock()
        self._done = 0
        self._common = _common_fields(wish)
        self._definitions: dict[str, dict[str, Any]] = {}
        self._collections_in: dict[Path, list[str]] = {}
        self._known: dict[str, bool] = {}
        self._pc_url = app.settings.planetary_computer_url if app else DEFAULT_PLANETARY_COMPUTER_URL

    def run(self, inputs: list[Input], search: "StacSearch | None") -> Report:
        try:
            self._definitions = self._find_collections(inputs)
            if not self._wish.strict:
                self._send_collections()
            self._tell.total(_total(inputs, search))
            documents = itertools.chain.from_iterable(self._documents(source) for source in inputs)
            found = self._found(search) if search else iter(())
            messages = self._messages(itertools.chain(documents, found))
            self._send(self._staged(messages) if self._wish.strict else messages)
        except KeyboardInterrupt:
            self._report.interrupted = True
        except CommandError as error:
            if error.exit_code is ExitCode.USAGE:
                raise
            self._report.fault = error
        except Exception as error:  # noqa: BLE001 - told after what had been sent, by whoever shows the report
            self._report.fault = error
        return self._report

    # Collections

    def _find_collections(self, inputs: list[Input]) -> dict[str, dict[str, Any]]:
        """Returns the messages that define the collections of the inputs, by the collection that they go to."""
        found: dict[str, dict[str, Any]] = {}
        for message in self._configurations(inputs):
            try:
                collection = self._checked_definition(message)
            except (IngestionError, CommandError) as error:
                self._report.refuse(str(message.get("definition", {}).get("id")), error.message)
                continue
            found[collection] = message
        if self._wish.collection and len(found) > 1:
            raise usage_error(
                f"The input holds {len(found)} collections and --collection names one; enqueue them one by one."
            )
        return {self._wish.collection or collection: message for collection, message in found.items()}

    def _checked_definition(self, fields: dict[str, Any]) -> str:
        """Check the message of a collection; return its id.

        Raises:
            IngestionError: GeoCatalog would not take it.
            CommandError: it does not say which collection it is for.
        """
        collection, message = checked_message(fields)
        if message.definition is not None:
            prepared = prepare_collection(
                collection,
                message.definition,
                title=message.title,
                thumbnail_is_taken=message.thumbnail is not None,
            )
            self._report.note(Change(f"collection {collection}", prepared.conversions))
        return collection

    def _send_collections(self) -> None:
        for collection, message in self._definitions.items():
            if not self._may_define(collection):
                continue
            if self._app and not self._wish.dry_run:
                fields = {**message, "collection": collection, "correlation_id": self._wish.correlation_id}
                send_configuration(fields, self._app)
            self._report.collections.append(collection)

    def _may_define(self, collection: str) -> bool:
        """Tell whether a definition is sent: not over that of a collection that exists, unless it was asked for."""
        if self._wish.definition or self._wish.dry_run:
            return True
        is_there = exists(collection, self._app)
        if is_there:
            self._report.warnings.append(
                f"Collection {collection} exists, so its definition stays as it is; --definition replaces it."
            )
        elif is_there is None and self._wish.collection:
            self._report.warnings.append(
                f"Whether collection {collection} exists cannot be told from here, so its definition is not sent; "
                "--definition sends it, and replaces the one that may be there."
            )
            return False
        return not is_there

    def _configurations(self, inputs: list[Input]) -> Iterator[dict[str, Any]]:
        for source in inputs:
            if source.is_url:
                body = None if self._wish.by_reference or source.is_parquet_url else self._linking_document(source)
                if body is not None:
                    yield from self._linked_collections(source.name)
                continue
            if not source.may_hold_one_document:
                continue
            path = Path(source.name)
            if not _mentions_collection(path):
                continue
            fields = load_object(path)
            if fields is None:
                continue
            if kind_of(fields) is Kind.COLLECTION:
                self._collections_in.setdefault(path.parent, []).append(str(fields.get("id")))
                yield configuration_of(path, fields).message
            elif fields.get("type") == Kind.CATALOG and not source.in_folder:
                yield from self._linked_collections(source.name)

    def _linked_collections(self, href: str) -> Iterator[dict[str, Any]]:
        for read in follow(href, collections=True):
            if isinstance(read, Unreadable):
                self._report.refuse(read.origin, read.reason)
            else:
                yield {"definition": read.body}

    def _linking_document(self, source: Input) -> dict[str, Any] | None:
        first = next(iter(read_input(source)), None)
        if isinstance(first, Document) and first.is_alone and first.kind in {Kind.CATALOG, Kind.COLLECTION}:
            return first.body
        return None

    # Items

    def _documents(self, source: Input) -> Iterator[Read]:
        if source.is_url and self._wish.by_reference:
            if source.is_parquet_url:
                yield Unreadable(source.name, "The app reads no GeoParquet; enqueue it without --by-reference.")
                return
            yield Document(source.name, Kind.OTHER, {"href": source.name})
            return
        for read in read_input(source):
            if isinstance(read, Unreadable):
                yield read
                continue
            self._tell.advanced(read.size)
            if read.is_paged:
                self._warn_of_page(read.origin.rpartition("#")[0])
            if read.kind in {Kind.CATALOG, Kind.COLLECTION}:
                yield from self._linked_items(read, source)
            elif read.kind is Kind.OTHER and _is_companion(source, read):
                continue
            elif read.kind is Kind.OTHER and source.in_folder:
                self._report.skip(read.origin, "It is JSON, but not STAC.")
            else:
                yield placed(read, source)

    def _found(self, search: "StacSearch") -> Iterator[Read]:
        yield from search.read()
        self._report.warnings += search.notes
        self._report.is_short = search.is_short

    def _linked_items(self, read: Document, source: Input) -> Iterator[Read]:
        """Yields the items that a catalog or collection leads to; the definition itself was found before."""
        if not (read.is_alone and (source.is_url or source.may_hold_one_document)):
            yield Unreadable(read.origin, _MISPLACED.format(kind=read.kind.value))
        # In a folder every file is read for itself; a catalog that was named is followed.
        elif not source.in_folder and has_item_links(read.body):
            yield from follow(source.name, collections=False)

    def _warn_of_page(self, origin: str) -> None:
        warning = (
            f"{origin} is one page of a STAC API, and only what is on it is sent; --search with the API's landing page "
            "takes all pages."
        )
        if warning not in self._report.warnings:
            self._report.warnings.append(warning)

    def _messages(self, documents: Iterator[Read]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields the messages of the items that can be ingested, each with its collection; none for a reference."""
        for read in documents:
            if isinstance(read, Unreadable):
                self._tell.advanced(read.size)
                self._bad(read.origin, read.reason)
            elif "href" in read.body and self._wish.by_reference and read.kind is Kind.OTHER:
                yield "", self._common | read.body
            elif read.kind is Kind.ITEM:
                target = self._target(read)
                try:
                    collection = self._check(read, target)
                except IngestionError as error:
                    self._bad(f"{read.origin} ({str(read.body.get('id'))[:150]})", error.message)
                    continue
                self._note_target(read.body.get("collection"), collection)
                self._note_ended(read)
                yield collection, {**self._common, "item": read.body, "collection": collection}
            else:
                self._bad(read.origin, "It is a JSON object, but not a STAC Item.")

    def _target(self, read: Document) -> object:
        """Returns where an item goes: to the collection asked for, its own, or if that is nowhere the one beside it."""
        named = read.body.get("collection")
        beside = self._collections_in.get(read.folder, []) if read.folder else []
        if self._wish.collection:
            return self._wish.collection
        return named if len(beside) != 1 or self._is_somewhere(named) else beside[0]

    def _is_somewhere(self, collection: object) -> bool:
        if not isinstance(collection, str):
            return False
        if collection not in self._known:
            self._known[collection] = collection in self._definitions or is_known(collection, self._app)
        return self._known[collection]

    def _note_target(self, named: object, collection: str) -> None:
        if named != collection and not self._wish.collection:
            self._report.retargeted[named if isinstance(named, str) else "", collection] += 1

    def _note_ended(self, read: Document) -> None:
        """Note an item with a signature that has ended; only the app knows whether a source serves in its place."""
        ended = [signed for signed in signed_hrefs(read.body, self._wish.drop_assets) if signed.has_ended(utc_now())]
        if ended:
            self._report.ended_count += 1
            self._report.first_ended = self._report.first_ended or f"{read.origin}: {explain_ended(ended)}"

    def _check(self, read: Document, target: object) -> str:
        collection = check_collection_id(target)
        item_id = check_item_id(read.body.get("id"))
        prepared = prepare_item(
            read.body,
            collection=collection,
            drop_assets=self._wish.drop_assets,
            version_by=self._wish.version_by,
            planetary_computer_url=self._pc_url,
        )
        self._report.note(Change(f"{read.origin} ({item_id})", prepared.conversions, prepared.warnings))
        write_out(read.body)  # the page of an API may hold numbers that no message can carry
        return collection

    def _bad(self, origin: str, reason: str) -> None:
        if self._wish.skip_invalid:
            self._report.skip(origin, reason)
        else:
            self._report.refuse(origin, reason)

    # Sending

    def _staged(self, messages: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Reads and checks everything before anything is sent, definitions too; nothing is if one item is bad."""
        with tempfile.TemporaryFile() as stage:
            for message in messages:
                stage.write(write_json(message) + b"\n")
            if self._report.refused_count:
                return
            self._send_collections()
            stage.seek(0)
            yield from _unstaged(stage)

    def _send(self, messages: Iterator[tuple[str, dict[str, Any]]]) -> None:
        if self._wish.dry_run or self._app is None:
            for collection, _ in messages:
                self._count(collection)
            return
        with ParallelSender(self._app.queues, width=self._wish.width, on_sent=self._count) as sender:
            for collection, message in messages:
                sender.send(message, collection)

    def _count(self, collection: str) -> None:
        with self._lock:
            if collection:
                self._report.sent[collection] += 1
            else:
                self._report.references += 1
            self._done += 1
            self._tell.sent(self._done)


def placed(read: Document, source: Input) -> Document:
    """Return a document with where it lies: a file's folder, or the URL that its relative hrefs are relative to."""
    if source.is_url:
        own, of_file = (source.name, None) if read.is_alone else (None, None if read.is_of_api else source.name)
        return replace(read, body=based_at(read.body, document_url=own, file_url=of_file))
    return replace(read, folder=Path(source.name).parent) if source.is_file else read


def follow(href: str, *, collections: bool) -> Iterator[Read]:
    """Yield the items, or the collections, that a static catalog leads to."""
    from cli.documents.catalogs import follow_catalog  # noqa: PLC0415 - it imports requests, which is slow, and few need it

    return follow_catalog(href, collections=collections)


def _common_fields(wish: Wish) -> dict[str, Any]:
    fields = {
        "href": "https://placeholder.invalid",
        "collection": check_collection_id(wish.collection) if wish.collection else None,
        "if_exists": wish.if_exists,
        "force": wish.force,
        "version_by": wish.version_by,
        "drop_assets": list(wish.drop_assets),
        "correlation_id": wish.correlation_id,
    }
    checked = dump_message(parse_message(ItemMessage, fields))
    del checked["href"]
    return checked


def _total(inputs: list[Input], search: "StacSearch | None") -> int | None:
    if search:
        return search.count() if not inputs else None
    if any(source.size is None for source in inputs):
        return None
    return sum(source.size or 0 for source in inputs)


def _unstaged(stage: IO[bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
    for line in stage:
        collection, message = read_json(line)
        yield collection, message


_CHUNK = 1024 * 1024
# What a collection or catalog has in its text: its type, or before STAC 1.0 its extent.
_COLLECTION_MARKS = (b'"Collection"', b'"Catalog"', b'"extent"')


def _mentions_collection(path: Path) -> bool:
    # Quicker than parsing each of ten thousand items only to see that it is no collection. In pieces, since the file
    # may as well hold any number of lines.
    try:
        with path.open("rb") as file:
            before = b""
            while chunk := file.read(_CHUNK):
                piece = before + chunk
                if any(mark in piece for mark in _COLLECTION_MARKS):
                    return True
                before = piece[-max(map(len, _COLLECTION_MARKS)) :]
    except OSError:
        return False
    return False


def _is_companion(source: Input, read: Document) -> bool:
    """Tells whether a file is the Planetary Computer's configuration that went along with the collection beside it."""
    path = Path(source.name)
    return path.name == "config.json" and bool({"mosaic_info", "render_config"} & read.body.keys())
