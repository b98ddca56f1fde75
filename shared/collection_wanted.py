"""What a message of queue `collections` wants, brought into the service's shapes from all those that are accepted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.config_names import MAX_MOSAIC_NAME, MAX_RENDER_OPTION_NAME, with_ids
from shared.errors import BadContent, ErrorCode
from shared.messages import CollectionMessage, Thumbnail

# What GeoCatalog keeps itself and adds to a collection that is read back; never echoed.
MANAGED_LINKS = frozenset(
    {"self", "parent", "root", "items", "queryables", "http://www.opengis.net/def/rel/ogc/1.0/queryables"}
)
MANAGED_FIELDS = frozenset({"msft:_created", "msft:_updated"})
# What a collection of the open Planetary Computer has and GeoCatalog does not take (the tutorial removes them).
_PLANETARY_COMPUTER_FIELDS = frozenset({"msft:storage_account", "msft:container"})

# An effective tile setting needs both (2026-04-15: minZoom and maxItemsPerTile are required); these are what the
# service showed for a collection that was set up by hand.
_DEFAULT_MIN_ZOOM = 6
_DEFAULT_MAX_ITEMS_PER_TILE = 35

_SNAKE = re.compile(r"_([a-z])")


@dataclass(frozen=True)
class WantedCollection:
    """How a collection should be; a part that is None is left as it is.

    Attributes:
        collection: its id.
        definition: the STAC Collection without assets and managed fields.
        thumbnail: its thumbnail.
        trusts_thumbnail: whether the thumbnail's URL comes from the Planetary Computer, not from the message.
        render_options: render options in the service's shape.
        mosaics: mosaics in the service's shape.
        tile_settings: tile settings in the service's shape.
        queryables: queryables in the service's shape.
        partition_type: partition type in the service's shape.
        prune: whether to delete what GeoCatalog has and this has not.
    """

    collection: str
    definition: dict[str, Any]
    thumbnail: Thumbnail | None = None
    trusts_thumbnail: bool = False
    render_options: list[dict[str, Any]] | None = None
    mosaics: list[dict[str, Any]] | None = None
    tile_settings: dict[str, Any] | None = None
    queryables: list[dict[str, Any]] | None = None
    partition_type: dict[str, Any] | None = None
    prune: bool = False


def wanted_collection(collection: str, message: CollectionMessage, definition: Mapping[str, Any]) -> WantedCollection:
    """Brings a message into the service's shapes.

    Args:
        collection: id of the collection.
        message: the message.
        definition: the STAC Collection it carries or names.

    Raises:
        BadContent: the definition is not a STAC Collection.
    """
    explicit = WantedCollection(
        collection=collection,
        definition=clean_definition(collection, definition, title=message.title),
        thumbnail=message.thumbnail,
        queryables=message.queryables,
        partition_type=message.partition_type,
        prune=message.prune,
    )
    shown = _from_mosaic_info(message.mosaic_info or {}, message.render_config or {})
    return replace(
        explicit,
        render_options=_render_options(message.render_options) or shown.get("render_options"),
        mosaics=_mosaics(message.mosaics) or shown.get("mosaics"),
        tile_settings=_tile_settings(message.tile_settings) or shown.get("tile_settings"),
    )


def with_planetary_computer(
    wanted: WantedCollection, source: Mapping[str, Any], info: Mapping[str, Any]
) -> WantedCollection:
    """Fills the parts that the message does not give with those of a Planetary Computer collection.

    Args:
        wanted: what the message wants.
        source: the STAC Collection of the Planetary Computer.
        info: its mosaic info.
    """
    shown = _from_mosaic_info(info, {})
    href = ((source.get("assets") or {}).get("thumbnail") or {}).get("href")
    filled = replace(
        wanted,
        render_options=wanted.render_options or shown.get("render_options"),
        mosaics=wanted.mosaics or shown.get("mosaics"),
        tile_settings=wanted.tile_settings or shown.get("tile_settings"),
    )
    if wanted.thumbnail is None and isinstance(href, str):
        filled = replace(filled, thumbnail=Thumbnail(href=href), trusts_thumbnail=True)
    return filled


def clean_definition(collection: str, definition: Mapping[str, Any], *, title: str | None = None) -> dict[str, Any]:
    """Returns a STAC Collection as GeoCatalog takes it: without assets, managed links and fields.

    Raises:
        BadContent: it is not a STAC Collection.
    """
    if definition.get("type") != "Collection":
        raise BadContent(
            'The definition is not a STAC Collection: its type is not "Collection".', code=ErrorCode.INVALID_STAC
        )
    missing = [name for name in ("stac_version", "description", "license", "extent") if not definition.get(name)]
    if missing:
        raise BadContent(f"The STAC Collection has no {' and no '.join(missing)}.", code=ErrorCode.INVALID_STAC)
    dropped = MANAGED_FIELDS | _PLANETARY_COMPUTER_FIELDS | {"assets"}
    cleaned = {name: value for name, value in definition.items() if name not in dropped}
    links = definition.get("links") or []
    if not isinstance(links, list) or not all(isinstance(link, dict) for link in links):
        raise BadContent("The links of the STAC Collection are not a list of objects.", code=ErrorCode.INVALID_STAC)
    cleaned["links"] = [link for link in links if link.get("rel") not in MANAGED_LINKS]
    cleaned["id"] = collection
    if title:
        cleaned["title"] = title
    return cleaned


def _from_mosaic_info(info: Mapping[str, Any], render_config: Mapping[str, Any]) -> dict[str, Any]:
    """Reads the Planetary Computer's shapes: its data API's camelCase and its config.json's snake_case."""
    camel = camel_case(info)
    shown: dict[str, Any] = {
        "render_options": _render_options(_objects(camel, "renderOptions")),
        "mosaics": _mosaics(_objects(camel, "mosaics")),
    }
    location = camel.get("defaultLocation")
    min_zoom = render_config.get("minzoom")
    if location or min_zoom is not None or render_config.get("max_items_per_tile"):
        shown["tile_settings"] = _tile_settings(
            {
                "minZoom": _DEFAULT_MIN_ZOOM if min_zoom is None else min_zoom,
                "maxItemsPerTile": render_config.get("max_items_per_tile") or _DEFAULT_MAX_ITEMS_PER_TILE,
                "defaultLocation": location,
            }
        )
    return shown


def _objects(info: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = info.get(name) or []
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise BadContent(
            f"{name} of the Planetary Computer's mosaic info is not a list of objects.",
            code=ErrorCode.CONFIGURATION_REFUSED,
        )
    return found


def _render_options(entries: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    if not entries:
        return None
    cleaned = [{"type": "raster-tile", **_without_nulls(camel_case(entry))} for entry in entries]
    return with_ids(cleaned, max_name=MAX_RENDER_OPTION_NAME, fallback="option")


def _mosaics(entries: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    if not entries:
        return None
    # What stands under cql is CQL2, whose own names must stay as they are.
    cleaned = [{"cql": [], **_without_nulls({**camel_case(entry), "cql": entry.get("cql") or []})} for entry in entries]
    return with_ids(cleaned, max_name=MAX_MOSAIC_NAME, fallback="mosaic")


def _tile_settings(settings: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not settings:
        return None
    return {
        "minZoom": _DEFAULT_MIN_ZOOM,
        "maxItemsPerTile": _DEFAULT_MAX_ITEMS_PER_TILE,
        **_without_nulls(camel_case(settings)),
    }


def camel_case(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """Renames the snake_case keys of a configuration to the service's camelCase, at every level."""
    if isinstance(value, Mapping):
        return {
            _SNAKE.sub(lambda match: match.group(1).upper(), key): camel_case(inner) for key, inner in value.items()
        }
    return [camel_case(inner) for inner in value] if isinstance(value, list) else value


def _without_nulls(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value is not None}
