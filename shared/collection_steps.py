"""Works out what must change in GeoCatalog so that a collection is as wanted: reads, compares, writes nothing."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.collection_wanted import MANAGED_FIELDS, MANAGED_LINKS, WantedCollection
from shared.errors import BadContent, ErrorCode
from shared.geocatalog import GeoCatalog


class Part(StrEnum):
    """The parts of a collection's configuration, in the order in which they are applied."""

    DEFINITION = "definition"
    PARTITION_TYPE = "partition_type"
    THUMBNAIL = "thumbnail"
    TILE_SETTINGS = "tile_settings"
    RENDER_OPTIONS = "render_options"
    MOSAICS = "mosaics"
    QUERYABLES = "queryables"


@dataclass(frozen=True)
class Image:
    """A thumbnail, read.

    Attributes:
        content: the file.
        media_type: its media type.
    """

    content: bytes
    media_type: str

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the file."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Step:
    """One write that a part needs.

    Attributes:
        part: the part of the configuration.
        what: what it does, for people.
        write: makes the call.
    """

    part: Part
    what: str
    write: Callable[[], None]


def definition_steps(wanted: WantedCollection, live: Mapping[str, Any], catalog: GeoCatalog) -> list[Step]:
    """Compares the STAC Collection; managed assets, links and fields of the live one are carried over."""
    if comparable(wanted.definition) == comparable(live):
        return []
    document = dict(wanted.definition)
    if live.get("assets"):
        # A PUT that leaves out a managed asset is refused, and one that adds an asset too.
        document["assets"] = live["assets"]
    return [
        Step(Part.DEFINITION, "replace the definition", lambda: catalog.put_collection(wanted.collection, document))
    ]


def comparable(collection: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a STAC Collection without what GeoCatalog keeps itself."""
    kept = {
        name: value for name, value in collection.items() if name not in MANAGED_FIELDS | {"assets", "links"} and value
    }
    kept["links"] = [link for link in collection.get("links") or [] if link.get("rel") not in MANAGED_LINKS]
    return kept


def partition_steps(wanted: WantedCollection, catalog: GeoCatalog) -> list[Step]:
    """Compares the partition type, which can change only while the collection is empty."""
    if wanted.partition_type is None:
        return []
    live = catalog.get_configuration(wanted.collection, "partition-type") or {"scheme": "none"}
    if live.get("scheme") == wanted.partition_type.get("scheme"):
        return []

    def write() -> None:
        if catalog.search({"collections": [wanted.collection], "limit": 1}).get("features"):
            raise BadContent(
                "The partition type can change only while the collection is empty, and it has items.",
                code=ErrorCode.CONFIGURATION_REFUSED,
            )
        catalog.put_configuration(wanted.collection, "partition-type", wanted.partition_type or {})

    return [Step(Part.PARTITION_TYPE, f"set the partition type to {wanted.partition_type.get('scheme')}", write)]


def thumbnail_steps(
    wanted: WantedCollection, live: Mapping[str, Any], image: Image | None, applied_digest: str, catalog: GeoCatalog
) -> list[Step]:
    """Compares the thumbnail with the one that was applied last."""
    exists = "thumbnail" in (live.get("assets") or {})
    if image is None or (exists and image.digest == applied_digest):
        return []
    fields = f'{{"key":"thumbnail","href":"","type":"{image.media_type}","roles":["thumbnail"],"title":"Thumbnail"}}'

    def write() -> None:
        catalog.put_collection_asset(
            wanted.collection, "thumbnail", fields=fields, name=f"thumbnail.{image.media_type.partition('/')[2]}",
            content=image.content, media_type=image.media_type, exists=exists,
        )  # fmt: skip

    return [Step(Part.THUMBNAIL, "replace the thumbnail" if exists else "add the thumbnail", write)]


def tile_steps(wanted: WantedCollection, catalog: GeoCatalog) -> list[Step]:
    """Compares the tile settings."""
    settings = wanted.tile_settings
    if settings is None or _covers(catalog.get_configuration(wanted.collection, "tile-settings") or {}, settings):
        return []
    return [
        Step(
            Part.TILE_SETTINGS,
            "set the tile settings",
            lambda: catalog.put_configuration(wanted.collection, "tile-settings", settings),
        )
    ]


def render_option_steps(wanted: WantedCollection, catalog: GeoCatalog) -> list[Step]:
    """Compares the render options by id."""
    return _entry_steps(Part.RENDER_OPTIONS, "render-options", wanted.render_options, wanted, catalog)


def mosaic_steps(wanted: WantedCollection, catalog: GeoCatalog) -> list[Step]:
    """Compares the mosaics by id."""
    return _entry_steps(Part.MOSAICS, "mosaics", wanted.mosaics, wanted, catalog)


def _entry_steps(
    part: Part, route: str, entries: list[dict[str, Any]] | None, wanted: WantedCollection, catalog: GeoCatalog
) -> list[Step]:
    if entries is None:
        return []
    found = catalog.get_configuration(wanted.collection, route) or []
    live = {str(entry.get("id")): entry for entry in found}
    steps = []
    for entry in entries:
        key = str(entry["id"])
        if key not in live:
            steps.append(Step(part, f"add {key}", _bound(catalog.post_configuration, wanted.collection, route, entry)))
        elif not _covers(live[key], entry):
            write = _bound(catalog.put_configuration, wanted.collection, route, entry, key=key)
            steps.append(Step(part, f"replace {key}", write))
    if wanted.prune:
        surplus = sorted(live.keys() - {str(entry["id"]) for entry in entries})
        delete = catalog.delete_configuration
        steps += [Step(part, f"delete {key}", _bound(delete, wanted.collection, route, key)) for key in surplus]
    return steps


def queryable_steps(wanted: WantedCollection, catalog: GeoCatalog) -> list[Step]:
    """Compares the queryables by name."""
    if wanted.queryables is None:
        return []
    schema = catalog.get_queryables(wanted.collection) or {}
    live: dict[str, Any] = schema.get("properties") or {}
    steps = []
    for queryable in wanted.queryables:
        name = str(queryable.get("name"))
        if name not in live:
            steps.append(
                Step(Part.QUERYABLES, f"add {name}", _bound(catalog.post_queryables, wanted.collection, [queryable]))
            )
        elif not _covers(live[name], queryable.get("definition") or {}):
            steps.append(
                Step(Part.QUERYABLES, f"replace {name}", _bound(catalog.put_queryable, wanted.collection, queryable))
            )
    if wanted.prune:
        kept = {"id", "datetime", "geometry"} | {str(queryable.get("name")) for queryable in wanted.queryables}
        steps += [
            Step(Part.QUERYABLES, f"delete {name}", _bound(catalog.delete_queryable, wanted.collection, name))
            for name in sorted(live.keys() - kept)
        ]
    return steps


def _bound(call: Callable[..., None], *arguments: Any, **named: Any) -> Callable[[], None]:
    return lambda: call(*arguments, **named)


def _covers(live: object, wanted: object) -> bool:
    """Tells whether what GeoCatalog has is what is wanted, besides defaults and nulls that it adds by itself."""
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            _covers(live.get(name), value) for name, value in wanted.items() if value is not None
        )
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(_covers, live, wanted))
    return live == wanted
