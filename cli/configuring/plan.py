"""`geocatalog plan` and `diff`: what GeoCatalog has against what the files want, read only."""

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cli.configuring.sending import checked_message
from cli.connection import has_storage
from cli.web import fetch
from shared.clients import Clients
from shared.collection_steps import (
    Image,
    Part,
    Step,
    comparable,
    definition_steps,
    mosaic_steps,
    partition_steps,
    queryable_steps,
    render_option_steps,
    thumbnail_steps,
    tile_steps,
)
from shared.collection_wanted import WantedCollection, wanted_collection, with_planetary_computer
from shared.errors import BadContent, ErrorCode
from shared.images import MAX_THUMBNAIL_BYTES, decode_image, image_of
from shared.json_codec import read_json
from shared.messages import CollectionMessage, Thumbnail

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
    """

    collection: str
    file: str
    exists: bool
    changes: tuple[Change, ...]


def make_plan(file: str, fields: dict[str, Any], app: Clients) -> Plan:
    """Works out what applying a message would do.

    Args:
        file: the file it was read from.
        fields: the message.
        app: the clients; nothing is written.

    Raises:
        BadMessage, BadContent: the message is wrong.
        IngestionError: GeoCatalog or the Planetary Computer refused or did not answer.
    """
    collection, message = checked_message(fields)
    wanted = _wanted(collection, message, app)
    live = app.geocatalog.get_collection(collection)
    if live is None:
        return Plan(collection, file, exists=False, changes=tuple(_all_of(wanted)))
    catalog = app.geocatalog
    digest = str(app.status.get_collection(collection).get("thumbnail_digest") or "") if has_storage() else ""
    steps: list[Step] = [
        *definition_steps(wanted, live, catalog),
        *partition_steps(wanted, catalog),
        *thumbnail_steps(wanted, live, _image(wanted.thumbnail), digest or _live_digest(collection, app), catalog),
        *tile_steps(wanted, catalog),
        *render_option_steps(wanted, catalog),
        *mosaic_steps(wanted, catalog),
        *queryable_steps(wanted, catalog),
    ]
    shown = _Differences(wanted, live, app)
    return Plan(
        collection,
        file,
        exists=True,
        changes=tuple(Change(step.part.value, step.what, shown.of(step)) for step in steps),
    )


def _wanted(collection: str, message: CollectionMessage, app: Clients) -> WantedCollection:
    if message.planetary_computer is not None:
        source = app.planetary_computer.collection(message.planetary_computer)
        wanted = wanted_collection(collection, message, source)
        return with_planetary_computer(wanted, source, app.planetary_computer.mosaic_info(message.planetary_computer))
    definition = message.definition
    if definition is None:
        definition = read_json(fetch(str(message.href), limit=_MAX_DEFINITION_BYTES))
        if not isinstance(definition, dict):
            raise BadContent("What the href leads to is not a STAC Collection.", code=ErrorCode.HREF_NOT_STAC)
    return wanted_collection(collection, message, definition)


def _image(thumbnail: Thumbnail | None) -> Image | None:
    if thumbnail is None:
        return None
    if thumbnail.data is not None:
        return decode_image(thumbnail.data)
    return image_of(fetch(str(thumbnail.href), limit=MAX_THUMBNAIL_BYTES))


def _live_digest(collection: str, app: Clients) -> str:
    content = app.geocatalog.get_thumbnail(collection)
    return Image(content, "").digest if content else ""


def _all_of(wanted: WantedCollection) -> list[Change]:
    """Lists everything that a collection that does not exist yet gets."""
    changes = [Change(Part.DEFINITION.value, "create the collection")]
    if wanted.partition_type:
        scheme = wanted.partition_type.get("scheme")
        changes.append(Change(Part.PARTITION_TYPE.value, f"set the partition type to {scheme}"))
    if wanted.thumbnail:
        changes.append(Change(Part.THUMBNAIL.value, "add the thumbnail"))
    if wanted.tile_settings:
        changes.append(Change(Part.TILE_SETTINGS.value, "set the tile settings"))
    entries = {
        Part.RENDER_OPTIONS: [entry["id"] for entry in wanted.render_options or ()],
        Part.MOSAICS: [entry["id"] for entry in wanted.mosaics or ()],
        Part.QUERYABLES: [entry.get("name") for entry in wanted.queryables or ()],
    }
    changes += [Change(part.value, f"add {name}") for part, names in entries.items() for name in names]
    return changes


class _Differences:
    """Shows what a step changes, for parts that are there and differ."""

    def __init__(self, wanted: WantedCollection, live: Mapping[str, Any], app: Clients) -> None:
        self._wanted = wanted
        self._live = live
        self._app = app

    def of(self, step: Step) -> tuple[str, ...]:
        """Returns the difference of a step as a unified diff; empty where there is none to show."""
        show = _SHOWN.get(step.part)
        return show(self, step.what.removeprefix("replace ")) if show and not step.what.startswith("add ") else ()

    def definition(self, _: str) -> tuple[str, ...]:
        return difference(comparable(self._live), comparable(self._wanted.definition))

    def tile_settings(self, _: str) -> tuple[str, ...]:
        live = self._app.geocatalog.get_configuration(self._wanted.collection, "tile-settings") or {}
        return difference(live, {**live, **(self._wanted.tile_settings or {})})

    def render_option(self, key: str) -> tuple[str, ...]:
        return self._entry("render-options", self._wanted.render_options, key)

    def mosaic(self, key: str) -> tuple[str, ...]:
        return self._entry("mosaics", self._wanted.mosaics, key)

    def _entry(self, route: str, entries: list[dict[str, Any]] | None, key: str) -> tuple[str, ...]:
        found = self._app.geocatalog.get_configuration(self._wanted.collection, route) or []
        live: dict[str, Any] = next((entry for entry in found if str(entry.get("id")) == key), {})
        wanted = next((entry for entry in entries or () if str(entry["id"]) == key), None)
        return difference(live, {**live, **wanted}) if wanted else ()


_SHOWN: dict[Part, Callable[[_Differences, str], tuple[str, ...]]] = {
    Part.DEFINITION: _Differences.definition,
    Part.TILE_SETTINGS: _Differences.tile_settings,
    Part.RENDER_OPTIONS: _Differences.render_option,
    Part.MOSAICS: _Differences.mosaic,
}


def difference(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the difference of two JSON objects, line by line, as a unified diff without its heading."""
    before, after = (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) for value in (live, wanted))
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "GeoCatalog", "file", lineterm="", n=2)
    return tuple(lines)[2:]
