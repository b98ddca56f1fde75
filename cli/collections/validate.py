"""`geocatalog validate`: checks files offline, and names file, place and fix of each fault."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.collections.cql import without_bad_cql
from cli.collections.files import (
    ENDINGS,
    ConfigurationFile,
    FileFault,
    files_of,
    is_companion,
    load,
    read_configuration,
)
from cli.collections.sending import checked_message
from cli.documents.documents import Kind, Unreadable
from cli.documents.inputs import Input, read_input
from cli.documents.parquet import ENDINGS as PARQUET
from cli.output.changes import Change
from cli.output.faults import CommandError
from shared.basics.clock import utc_now
from shared.basics.errors import BadContent, IngestionError
from shared.basics.nearest import unknown_key
from shared.configuration.shapes import Part
from shared.configuration.wanted import wanted_collection
from shared.files.images import decode_image
from shared.messages.models import CollectionMessage
from shared.settings import DEFAULT_PLANETARY_COMPUTER_URL
from shared.sources.signed_hrefs import explain_ended, signed_hrefs
from shared.stac.ids import check_collection_id, check_item_id
from shared.stac.items import prepare_item

# What holds STAC Items by its ending; a .json file may hold either.
_ITEM_ENDINGS = frozenset({".geojson", ".ndjson", ".jsonl", ".geojsonl", ".geojsonseq"}) | PARQUET
_OF_ITEMS = frozenset({"Feature", "FeatureCollection"})


# As many as a person looks through; the count is of all.
MAX_CHANGES = 1_000


@dataclass(frozen=True)
class FoundFault:
    """One fault of a file.

    Attributes:
        file: the file.
        place: where in it, such as `render_options.2.name` or `line 3`.
        fault: what is wrong and how to fix it, in a sentence.
    """

    file: str
    place: str
    fault: str


@dataclass
class Findings:
    """What was checked and found.

    Attributes:
        files: how many files were checked.
        configurations: how many collection configurations there were.
        items: how many STAC Items there were.
        faults: every fault, in the order of the files.
        changes: what is changed in documents, of at most 1,000.
        converted: of how many documents something is changed.
        passed_over: files of folders that are neither.
    """

    files: int = 0
    configurations: int = 0
    items: int = 0
    faults: list[FoundFault] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    converted: int = 0
    passed_over: list[str] = field(default_factory=list)

    def note(self, change: Change) -> None:
        """Keep what is changed in a document, if anything is."""
        self.converted += bool(change.conversions)
        if (change.conversions or change.warnings) and len(self.changes) < MAX_CHANGES:
            self.changes.append(change)


def validate(paths: list[Path]) -> Findings:
    """Checks collection configurations and STAC Items, offline.

    Args:
        paths: files, or folders to look through at any depth.

    Raises:
        CommandError: a path does not exist, or there is nothing to check.
    """
    findings = Findings()
    first: dict[str, Path] = {}
    for path in paths:
        for file in files_of(path, ENDINGS | _ITEM_ENDINGS):
            findings.files += 1
            try:
                _check_file(file, findings, first, is_named=file == path)
            except FileFault as fault:
                findings.faults.append(FoundFault(str(fault.path), fault.place, fault.fault))
    if not findings.configurations and not findings.items and not findings.faults:
        raise CommandError(f"There is no collection configuration and no STAC Item in {', '.join(map(str, paths))}.")
    return findings


def _check_file(file: Path, findings: Findings, first: dict[str, Path], *, is_named: bool) -> None:
    value = load(file) if file.suffix.lower() in ENDINGS else None
    if value is None or isinstance(value, list) or (isinstance(value, dict) and value.get("type") in _OF_ITEMS):
        _check_items(file, findings)
        return
    found = read_configuration(file, is_named=is_named)
    if found is not None:
        findings.configurations += 1
        faults = [*_configuration_faults(found, findings), *_same_collection(found, first)]
        findings.faults += [FoundFault(str(file), place, fault) for place, fault in faults]
    elif not is_companion(file, value):
        findings.passed_over.append(str(file))


# STAC Items


def _check_items(file: Path, findings: Findings) -> None:
    for read in read_input(Input(str(file))):
        place = read.origin.removeprefix(str(file)).lstrip(":#")
        if isinstance(read, Unreadable):
            findings.faults.append(FoundFault(str(file), place, read.reason))
            continue
        findings.items += 1
        if read.kind is not Kind.ITEM:
            findings.faults.append(FoundFault(str(file), place, 'It is not a STAC Item: its type is not "Feature".'))
            continue
        try:
            findings.note(_item_change(read.origin, read.body))
        except IngestionError as error:
            findings.faults.append(FoundFault(str(file), place, error.message))


def _item_change(origin: str, item: dict[str, Any]) -> Change:
    """Check an item; return what is changed in it.

    Raises:
        IngestionError: it cannot be ingested.
    """
    item_id = check_item_id(item.get("id"))
    # An item may get its collection from the message that sends it.
    collection = check_collection_id(item.get("collection") or "any")
    try:
        prepared = prepare_item(item, collection=collection, planetary_computer_url=DEFAULT_PLANETARY_COMPUTER_URL)
    except BadContent as error:
        raise BadContent(f"Item {item_id}: {error.message}", code=error.code) from None
    return Change(f"{origin} ({item_id})", prepared.conversions, (*prepared.warnings, *_ended_signatures(item)))


def _ended_signatures(item: dict[str, Any]) -> Iterator[str]:
    now = utc_now()
    ended = [signed for signed in signed_hrefs(item) if signed.has_ended(now)]
    if ended:
        yield f"{explain_ended(ended)} It is ingested only where an ingestion source of the container serves instead."


# Collection configurations


def _configuration_faults(file: ConfigurationFile, findings: Findings) -> Iterator[tuple[str, str]]:
    fields = file.message
    known = {info.alias or name for name, info in CollectionMessage.model_fields.items()}
    yield from ((name, unknown_key(name, known)) for name in fields if name not in known)
    try:
        collection, message = checked_message({name: value for name, value in fields.items() if name in known})
    except (IngestionError, CommandError) as error:
        yield "", error.message
        return
    wanted = without_bad_cql(wanted_collection(collection, message, message.definition or {}))
    findings.note(Change(str(file.path), wanted.conversions))
    for refusal in wanted.refused:
        if refusal.part is not Part.DEFINITION or message.definition is not None:
            yield refusal.place, refusal.why
    if message.thumbnail is not None and message.thumbnail.data is not None:
        try:
            decode_image(message.thumbnail.data)
        except IngestionError as error:
            yield Part.THUMBNAIL.value, error.message


def _same_collection(file: ConfigurationFile, first: dict[str, Path]) -> Iterator[tuple[str, str]]:
    try:
        collection, _ = checked_message(file.message)
    except (IngestionError, CommandError):
        return
    if collection in first:
        yield "collection", f"{first[collection]} configures {collection} too; keep one of them."
    first.setdefault(collection, file.path)
