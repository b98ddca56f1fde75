"""`geocatalog plan` and `diff`: what GeoCatalog has against what the files want, read only."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cli.collections.cql import without_bad_cql
from cli.collections.sending import checked_message
from cli.documents.web import fetch
from cli.output.faults import CommandError
from cli.settings.connection import has_storage
from shared.basics.errors import BadContent
from shared.basics.json_codec import read_json
from shared.clients import Clients
from shared.collections.steps import NOTHING, Step, part_steps, read_part
from shared.configuration.checks import Refusal
from shared.configuration.shapes import Part
from shared.configuration.wanted import WantedCollection, wanted_collection, with_planetary_computer
from shared.files.images import MAX_THUMBNAIL_BYTES, Image, decode_image, image_of
from shared.messages.models import CollectionMessage, Thumbnail
from shared.stac.bases import based_at

_MAX_DEFINITION_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Change:
    """One write that applying a file would make.

    Attributes:
        part: the part of the configuration.
        what: what it does, for people.
        lines: the difference, as a unified diff.
    """

    part: str
    what: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What applying a file would do.

    Attributes:
        collection: id of the collection.
        file: the file.
        exists: whether GeoCatalog has the collection.
        changes: what would be written.
        refused: what the file wants and would be refused: place and why.
        conversions: what is changed in the definition so that GeoCatalog takes it.
    """

    collection: str
    file: str
    exists: bool
    changes: tuple[Change, ...]
    refused: tuple[str, ...] = ()
    conversions: tuple[str, ...] = ()

    @property
    def is_as_wanted(self) -> bool:
        """Whether GeoCatalog has the collection as the file wants it."""
        return not self.changes and not self.refused


def make_plan(file: str, fields: dict[str, Any], app: Clients) -> Plan:
    """Works out what applying a message would do.

    Args:
        file: the file it was read from.
        fields: the message.
        app: the clients; nothing is written.

    Raises:
        BadMessage: the message is wrong.
        CommandError: an href of it cannot be read.
        IngestionError: GeoCatalog or the Planetary Computer refused or did not answer.
    """
    collection, message = checked_message(fields)
    wanted = without_bad_cql(_with_image(_wanted(collection, message, app)))
    live = app.geocatalog.get_collection(collection)
    steps = _steps(wanted, app, exists=live is not None)
    changes = tuple(Change(step.part.value, step.what, _difference_of(step)) for step in steps)
    if live is None and wanted.definition is None:
        changes = ()  # without its definition the collection is not created, and nothing else can be
    return Plan(collection, file, live is not None, changes, tuple(map(str, wanted.refused)), wanted.conversions)


def _wanted(collection: str, message: CollectionMessage, app: Clients) -> WantedCollection:
    if message.planetary_computer is not None:
        source = app.planetary_computer.collection(message.planetary_computer)
        wanted = wanted_collection(collection, message, source)
        return with_planetary_computer(wanted, source, app.planetary_computer.mosaic_info(message.planetary_computer))
    definition = message.definition
    if definition is None:
        try:
            definition = read_json(fetch(str(message.href), limit=_MAX_DEFINITION_BYTES))
        except ValueError:
            definition = None
        if not isinstance(definition, dict):
            raise CommandError(f"What {message.href} leads to is not a STAC Collection in JSON.")
        definition = based_at(definition, document_url=str(message.href))
    return wanted_collection(collection, message, definition)


def _with_image(wanted: WantedCollection) -> WantedCollection:
    if wanted.thumbnail is None:
        return wanted
    try:
        return replace(wanted, image=_image(wanted.thumbnail))
    except (BadContent, CommandError) as error:
        refusal = Refusal(Part.THUMBNAIL, Part.THUMBNAIL.value, error.message)
        return replace(wanted, refused=(*wanted.refused, refusal))


def _image(thumbnail: Thumbnail) -> Image:
    if thumbnail.data is not None:
        return decode_image(thumbnail.data)
    return image_of(fetch(str(thumbnail.href), limit=MAX_THUMBNAIL_BYTES))


def _steps(wanted: WantedCollection, app: Clients, *, exists: bool) -> Iterator[Step]:
    row = app.status.get_collection(wanted.collection) if exists and has_storage() else {}
    # Without the row nothing is known of what GeoCatalog does not show.
    sent = json.loads(row.get("sent_queryables") or "{}") if row else None
    fingerprints: dict[str, str] = json.loads(row.get("fingerprints") or "{}")
    for part in Part:
        live = read_part(part, wanted.collection, app.geocatalog) if exists else NOTHING[part]
        fingerprint = fingerprints.get(part.value, "")
        for step in part_steps(part, wanted, live, app.geocatalog, fingerprint=fingerprint, sent=sent):
            is_creation = part is Part.DEFINITION and not exists
            yield replace(step, what="create the collection", before=None) if is_creation else step


def _difference_of(step: Step) -> tuple[str, ...]:
    return difference(step.before, step.after) if step.before is not None and step.after is not None else ()


def difference(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the difference of two JSON objects, line by line, as a unified diff without its heading."""
    before, after = (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) for value in (live, wanted))
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "GeoCatalog", "file", lineterm="", n=2)
    return tuple(lines)[2:]
