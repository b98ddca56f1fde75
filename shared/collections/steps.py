"""Works out what must change in GeoCatalog so that a collection is as wanted: reads, compares, writes nothing.

GeoCatalog may give back what it was sent in another form: with defaults added, nulls dropped, timestamps respelt. What
is known of that is allowed for in the comparison. For the rest, a fingerprint is kept of what was wanted and of what
GeoCatalog then showed: as long as both stay the same nothing is written, however different the two look.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.basics.clock import parse_timestamp
from shared.basics.errors import BadContent, ErrorCode
from shared.basics.json_codec import canonical_json, write_json
from shared.configuration.checks import BUILT_IN_QUERYABLES
from shared.configuration.shapes import SHAPES, Part, Schema
from shared.configuration.wanted import WantedCollection
from shared.files.images import Image
from shared.services.geocatalog import GeoCatalog
from shared.stac.collections import MANAGED_FIELDS
from shared.stac.conversions.links import NAVIGATION
from shared.stac.cql import in_cql2

# A part as GeoCatalog has it: JSON, or the image.
Live = Any
# By name of the queryable, what GeoCatalog does not show of it: `data_type` and `create_index`.
Unshown = dict[str, dict[str, Any]]
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:")


@dataclass(frozen=True)
class Step:
    """One write that a part needs.

    Attributes:
        part: the part of the configuration.
        what: what it does, for people.
        write: makes the call.
        before: what GeoCatalog has, where that is JSON and is replaced.
        after: what takes its place.
    """

    part: Part
    what: str
    write: Callable[[], None]
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


def read_part(part: Part, collection: str, catalog: GeoCatalog) -> Live:
    """Reads a part of a collection's configuration as GeoCatalog has it; what it lacks is empty."""
    return _READ[part](catalog, collection)


def part_steps(
    part: Part,
    wanted: WantedCollection,
    live: Live,
    catalog: GeoCatalog,
    *,
    fingerprint: str = "",
    sent: Unshown | None = None,
) -> list[Step]:
    """Works out the writes that a part needs.

    Args:
        part: the part.
        wanted: how the collection should be.
        live: the part as `read_part` gave it.
        catalog: where the writes go, once they are made.
        fingerprint: of the last time the part was applied, as `fingerprint_of` gave it then.
        sent: what was sent of queryables that GeoCatalog does not show, which the writes keep up; None where that is
            not known.
    """
    if _target(part, wanted) is None or (fingerprint and fingerprint == fingerprint_of(part, wanted, live)):
        return []
    if part is Part.QUERYABLES:
        return _queryable_steps(wanted, live, catalog, sent)
    return _STEPS[part](wanted, live, catalog)


def fingerprint_of(part: Part, wanted: WantedCollection, live: Live) -> str:
    """Returns a short digest of what is wanted of a part and of what GeoCatalog has of it."""
    shown = comparable(live) if part is Part.DEFINITION else live.digest if isinstance(live, Image) else live
    pair = [_target(part, wanted), shown, wanted.prune]
    return hashlib.sha256(canonical_json(pair)).hexdigest()[:32]


def comparable(collection: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a STAC Collection without what GeoCatalog keeps itself."""
    kept = {
        name: value for name, value in collection.items() if name not in MANAGED_FIELDS | {"assets", "links"} and value
    }
    kept["links"] = [link for link in collection.get("links") or [] if link.get("rel") not in NAVIGATION]
    return kept


def _target(part: Part, wanted: WantedCollection) -> Any:  # noqa: ANN401
    if part is Part.THUMBNAIL:
        return wanted.image.digest if wanted.image else None
    return getattr(wanted, part.value)


# The steps of each part


def _definition_steps(wanted: WantedCollection, live: Mapping[str, Any], catalog: GeoCatalog) -> list[Step]:
    """Compares the STAC Collection; managed assets, links and fields of the live one are carried over."""
    definition = wanted.definition or {}
    if _normal(comparable(definition)) == _normal(comparable(live)):
        return []
    document = dict(definition)
    if live.get("assets"):
        # A PUT that leaves out a managed asset is refused, and one that adds an asset too.
        document["assets"] = live["assets"]
    return [
        Step(
            Part.DEFINITION, "replace the definition", lambda: catalog.put_collection(wanted.collection, document),
            comparable(live), comparable(definition),
        )
    ]  # fmt: skip


def _partition_steps(wanted: WantedCollection, live: Mapping[str, Any], catalog: GeoCatalog) -> list[Step]:
    """Compares the partition type, which can change only while the collection is empty."""
    target = wanted.partition_type or {}
    before = live.get("scheme") or "none"
    if before == target["scheme"]:
        return []

    def write() -> None:
        if catalog.search({"collections": [wanted.collection], "limit": 1}).get("features"):
            raise BadContent(
                f"The partition type can change only while the collection is empty, and it has items; it stays "
                f"{before}.",
                code=ErrorCode.CONFIGURATION_REFUSED,
            )
        catalog.put_configuration(wanted.collection, _ROUTES[Part.PARTITION_TYPE], target)

    return [Step(Part.PARTITION_TYPE, f"set the partition type to {target['scheme']}", write, live or None, target)]


def _thumbnail_steps(wanted: WantedCollection, live: Image | None, catalog: GeoCatalog) -> list[Step]:
    image = wanted.image
    if image is None or (live and live.digest == image.digest):
        return []
    exists = live is not None
    key = Part.THUMBNAIL.value
    fields = {"key": key, "href": "", "type": image.media_type, "roles": [key], "title": "Thumbnail"}

    def write() -> None:
        catalog.put_collection_asset(
            wanted.collection, key, fields=write_json(fields).decode(), content=image.content,
            name=f"{key}.{image.media_type.partition('/')[2]}", media_type=image.media_type, exists=exists,
        )  # fmt: skip

    return [Step(Part.THUMBNAIL, "replace the thumbnail" if exists else "add the thumbnail", write)]


def _tile_steps(wanted: WantedCollection, live: Mapping[str, Any], catalog: GeoCatalog) -> list[Step]:
    """Compares what is named of the tile settings; the PUT takes all of them, so the others go along as they are."""
    named = wanted.tile_settings or {}
    if _covers(live, named):
        return []
    before = _without_nulls(live)
    settings = {**_DEFAULTS[Part.TILE_SETTINGS], **before, **named}
    return [
        Step(
            Part.TILE_SETTINGS, "set the tile settings",
            lambda: catalog.put_configuration(wanted.collection, _ROUTES[Part.TILE_SETTINGS], settings),
            before or None, settings,
        )
    ]  # fmt: skip


def _render_option_steps(wanted: WantedCollection, live: list[Any], catalog: GeoCatalog) -> list[Step]:
    return _entry_steps(Part.RENDER_OPTIONS, live, wanted.render_options or [], wanted, catalog)


def _mosaic_steps(wanted: WantedCollection, live: list[Any], catalog: GeoCatalog) -> list[Step]:
    # What stands there in an old spelling of CQL means the same.
    shown = [{**mosaic, "cql": in_cql2(mosaic.get("cql"))} for mosaic in live]
    return _entry_steps(Part.MOSAICS, shown, wanted.mosaics or [], wanted, catalog)


def _entry_steps(
    part: Part, live: list[Any], entries: list[dict[str, Any]], wanted: WantedCollection, catalog: GeoCatalog
) -> list[Step]:
    route, collection = _ROUTES[part], wanted.collection
    there = {str(entry.get("id")): _without_nulls(entry) for entry in live}
    steps = []
    for entry in entries:
        key = str(entry["id"])
        if key not in there:
            steps.append(
                Step(part, f"add {key}", _bound(catalog.post_configuration, collection, route, entry), None, entry)
            )
        elif not _covers(there[key], entry) or _has_more(SHAPES[part], there[key], entry, _DEFAULTS.get(part, {})):
            write = _bound(catalog.put_configuration, collection, route, entry, key=key)
            steps.append(Step(part, f"replace {key}", write, there[key], _after_put(part, there[key], entry)))
    delete = catalog.delete_configuration
    kept = {str(entry["id"]) for entry in entries}
    return steps + [
        Step(part, f"delete {key}", _bound(delete, collection, route, key))
        for key in _surplus(part, wanted, there.keys() - kept)
    ]


def _after_put(part: Part, live: Mapping[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """Returns what stands there after a PUT: the entry alone, with the defaults that GeoCatalog shows."""
    return {name: value for name, value in _DEFAULTS.get(part, {}).items() if name in live} | entry


def _without_nulls(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value is not None}


def _queryable_steps(
    wanted: WantedCollection, live: Mapping[str, Any], catalog: GeoCatalog, sent: Unshown | None
) -> list[Step]:
    """Compares queryables by their definitions, and by what was sent before of what GeoCatalog does not show."""
    collection, part = wanted.collection, Part.QUERYABLES
    queryables = wanted.queryables or []
    steps = []
    for queryable in queryables:
        name, definition = str(queryable["name"]), queryable["definition"]
        if name not in live:
            write = _noted(_bound(catalog.post_queryables, collection, [queryable]), queryable, sent)
            steps.append(Step(part, f"add {name}", write, None, definition))
            continue
        before = (sent or {}).get(name, {})
        named = _unshown(queryable)
        is_as_sent = sent is None or {**_UNSHOWN, **before, **named} == {**_UNSHOWN, **before}
        if not is_as_sent or not _covers(live[name], definition):
            body = {**before, **queryable}
            write = _noted(_bound(catalog.put_queryable, collection, body), body, sent)
            after = {**definition, **_unshown(body)}
            steps.append(Step(part, f"replace {name}", write, {**live[name], **before}, after))
    kept = BUILT_IN_QUERYABLES | {str(queryable["name"]) for queryable in queryables}
    return steps + [
        Step(part, f"delete {name}", _bound(catalog.delete_queryable, collection, name))
        for name in _surplus(part, wanted, live.keys() - kept)
    ]


def _unshown(queryable: Mapping[str, Any]) -> dict[str, Any]:
    return {key: queryable[key] for key in _UNSHOWN if key in queryable}


def _noted(write: Callable[[], None], queryable: Mapping[str, Any], sent: Unshown | None) -> Callable[[], None]:
    """Returns a write that notes what it sent, once it is done."""

    def write_and_note() -> None:
        write()
        if sent is None:
            return
        sent.pop(str(queryable["name"]), None)
        if said := _unshown(queryable):  # nothing else: a column of the collection's row must hold all of it
            sent[str(queryable["name"])] = said

    return write_and_note


def _surplus(part: Part, wanted: WantedCollection, keys: set[str]) -> list[str]:
    """Says what to delete: nothing while an entry is refused, since it may be the one that stands there."""
    return sorted(keys) if wanted.prune and not wanted.refusals(part) else []


def _bound(call: Callable[..., None], *arguments: Any, **named: Any) -> Callable[[], None]:
    return lambda: call(*arguments, **named)


# What stands where nothing is said. Of render options GeoCatalog fills it in (models.stac.config.tsp, RenderOption).
# Tile settings need both (2026-04-15: minZoom and maxItemsPerTile are required); these are what the service showed for
# a collection that was set up by hand.
_DEFAULTS: dict[Part, dict[str, Any]] = {
    Part.TILE_SETTINGS: {"minZoom": 6, "maxItemsPerTile": 35},
    Part.RENDER_OPTIONS: {"type": "raster-tile", "minZoom": 12},
}

# What GeoCatalog does not show of a queryable, with its defaults.
_UNSHOWN: dict[str, Any] = {"data_type": "string", "create_index": False}

# The routes under /configurations
_ROUTES = {
    Part.PARTITION_TYPE: "partition-type",
    Part.TILE_SETTINGS: "tile-settings",
    Part.RENDER_OPTIONS: "render-options",
    Part.MOSAICS: "mosaics",
}


def _configuration_reader(part: Part, empty: Callable[[], Any]) -> Callable[[GeoCatalog, str], Any]:
    return lambda catalog, collection: catalog.get_configuration(collection, _ROUTES[part]) or empty()


def _read_thumbnail(catalog: GeoCatalog, collection: str) -> Image | None:
    content = catalog.get_thumbnail(collection)
    return Image(content, "") if content else None


def _read_queryables(catalog: GeoCatalog, collection: str) -> dict[str, Any]:
    properties: dict[str, Any] = (catalog.get_queryables(collection) or {}).get("properties") or {}
    return properties


_READ: dict[Part, Callable[[GeoCatalog, str], Any]] = {
    Part.DEFINITION: lambda catalog, collection: catalog.get_collection(collection) or {},
    Part.PARTITION_TYPE: _configuration_reader(Part.PARTITION_TYPE, dict),
    Part.THUMBNAIL: _read_thumbnail,
    Part.TILE_SETTINGS: _configuration_reader(Part.TILE_SETTINGS, dict),
    Part.RENDER_OPTIONS: _configuration_reader(Part.RENDER_OPTIONS, list),
    Part.MOSAICS: _configuration_reader(Part.MOSAICS, list),
    Part.QUERYABLES: _read_queryables,
}
# What `read_part` gives for a collection that is not there.
NOTHING: dict[Part, Any] = {
    Part.DEFINITION: {},
    Part.PARTITION_TYPE: {},
    Part.THUMBNAIL: None,
    Part.TILE_SETTINGS: {},
    Part.RENDER_OPTIONS: [],
    Part.MOSAICS: [],
    Part.QUERYABLES: {},
}
_STEPS: dict[Part, Callable[[WantedCollection, Any, GeoCatalog], list[Step]]] = {
    Part.DEFINITION: _definition_steps,
    Part.PARTITION_TYPE: _partition_steps,
    Part.THUMBNAIL: _thumbnail_steps,
    Part.TILE_SETTINGS: _tile_steps,
    Part.RENDER_OPTIONS: _render_option_steps,
    Part.MOSAICS: _mosaic_steps,
}


# Comparing

_EMPTY: tuple[Any, ...] = (None, "", [], {})


def _covers(live: object, wanted: object) -> bool:
    """Tells whether what GeoCatalog has is what is wanted, besides defaults and nulls that it adds by itself."""
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            _covers(live.get(name), value) for name, value in wanted.items() if value is not None
        )
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(_covers, live, wanted))
    return live == wanted


def _has_more(schema: Schema, live: Any, wanted: Any, defaults: Mapping[str, Any]) -> bool:  # noqa: ANN401
    """Tells whether GeoCatalog has what a file could say and this one does not, besides defaults and what is empty.

    Args:
        schema: what GeoCatalog takes there; keys that it does not name are the service's own.
        live: what GeoCatalog has.
        wanted: what is wanted, which `live` covers.
        defaults: what GeoCatalog fills in.
    """
    if isinstance(live, list):
        return any(_has_more(schema.get("items", {}), *pair, {}) for pair in zip(live, wanted, strict=True))
    for name, inner in schema.get("properties", {}).items():
        value, said = live.get(name), wanted.get(name)
        if value in _EMPTY or (said is None and value == defaults.get(name)):
            continue
        if said is None or _has_more(inner, value, said, {}):
            return True
    return False


def _normal(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """Writes a document in one form of those that mean the same: without nulls, timestamps in one spelling."""
    if isinstance(value, Mapping):
        return {name: _normal(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_normal(inner) for inner in value]
    return _normal_timestamp(value) if isinstance(value, str) and _TIMESTAMP.match(value) else value


def _normal_timestamp(text: str) -> Any:  # noqa: ANN401
    try:
        return parse_timestamp(text)
    except ValueError:
        return text
