"""What a message of queue `collections` wants, brought into the service's shapes from all those that are accepted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.basics.errors import BadContent
from shared.configuration.checks import Refusal, checked_entries, checked_object
from shared.configuration.names import MAX_MOSAIC_NAME, MAX_RENDER_OPTION_NAME, with_ids
from shared.configuration.shapes import Part
from shared.files.images import Image
from shared.messages.models import CollectionMessage, Thumbnail
from shared.stac.collections import prepare_collection

_NAMED = {Part.RENDER_OPTIONS: (MAX_RENDER_OPTION_NAME, "option"), Part.MOSAICS: (MAX_MOSAIC_NAME, "mosaic")}
# Where the Planetary Computer's mosaic info has them: in its config.json, and in the answer of its data API.
_SHOWN = {
    Part.RENDER_OPTIONS: ("render_options", "renderOptions"),
    Part.MOSAICS: ("mosaics", "mosaics"),
    Part.TILE_SETTINGS: ("default_location", "defaultLocation"),
}


@dataclass(frozen=True)
class WantedCollection:
    """How a collection should be; a part that is None is left as it is.

    Attributes:
        collection: its id.
        definition: the STAC Collection without assets and managed fields; None where it is refused.
        thumbnail: its thumbnail.
        trusts_thumbnail: whether the thumbnail's URL comes from the Planetary Computer, not from the message.
        image: the thumbnail, once it has been read.
        render_options: render options in the service's shape.
        mosaics: mosaics in the service's shape.
        tile_settings: those of the tile settings that are named, in the service's shape.
        queryables: queryables in the service's shape.
        partition_type: partition type in the service's shape.
        prune: whether to delete what GeoCatalog has and this has not.
        conversions: what was changed in the definition so that GeoCatalog takes it.
        refused: what the message wants besides, and why it is left out.
    """

    collection: str
    definition: dict[str, Any] | None
    thumbnail: Thumbnail | None = None
    trusts_thumbnail: bool = False
    image: Image | None = None
    render_options: list[dict[str, Any]] | None = None
    mosaics: list[dict[str, Any]] | None = None
    tile_settings: dict[str, Any] | None = None
    queryables: list[dict[str, Any]] | None = None
    partition_type: dict[str, Any] | None = None
    prune: bool = False
    conversions: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()

    def refusals(self, part: Part) -> list[Refusal]:
        """Returns what of a part is refused."""
        return [refusal for refusal in self.refused if refusal.part is part]


def wanted_collection(collection: str, message: CollectionMessage, definition: Mapping[str, Any]) -> WantedCollection:
    """Brings a message into the service's shapes; what is wrong with it is refused, part by part.

    Args:
        collection: id of the collection.
        message: the message.
        definition: the STAC Collection it carries or names.
    """
    wanted = WantedCollection(collection, definition=None, thumbnail=message.thumbnail, prune=message.prune)
    wanted = _with_definition(wanted, definition, message)
    for part in (Part.RENDER_OPTIONS, Part.MOSAICS, Part.QUERYABLES):
        entries = getattr(message, part)
        if entries is not None:
            wanted = _with_entries(wanted, part, part.value, entries, is_foreign=False)
    if message.partition_type is not None:
        wanted = _with_object(wanted, Part.PARTITION_TYPE, message.partition_type)
    if message.tile_settings is not None:
        wanted = _with_object(wanted, Part.TILE_SETTINGS, message.tile_settings)
    return _with_mosaic_info(wanted, message.mosaic_info or {}, message.render_config or {})


def with_planetary_computer(
    wanted: WantedCollection, source: Mapping[str, Any], info: Mapping[str, Any]
) -> WantedCollection:
    """Fills the parts that the message does not give with those of a Planetary Computer collection.

    Args:
        wanted: what the message wants.
        source: the STAC Collection of the Planetary Computer.
        info: its mosaic info.
    """
    filled = _with_mosaic_info(wanted, info, {})
    assets = source.get("assets")
    thumbnail = assets.get("thumbnail") if isinstance(assets, dict) else None
    href = thumbnail.get("href") if isinstance(thumbnail, dict) else None
    if wanted.thumbnail is None and isinstance(href, str) and href:
        filled = replace(filled, thumbnail=Thumbnail(href=href), trusts_thumbnail=True)
    return filled


def _with_definition(
    wanted: WantedCollection, definition: Mapping[str, Any], message: CollectionMessage
) -> WantedCollection:
    try:
        prepared = prepare_collection(
            wanted.collection, definition, title=message.title, thumbnail_is_taken=message.thumbnail is not None
        )
    except BadContent as error:
        return replace(wanted, refused=(Refusal(Part.DEFINITION, "definition", error.message),))
    return replace(wanted, definition=prepared.definition, conversions=prepared.conversions)


def _with_entries(
    wanted: WantedCollection, part: Part, place: str, entries: object, *, is_foreign: bool
) -> WantedCollection:
    checked = checked_entries(part, place, entries, is_foreign=is_foreign)
    made = checked.entries
    if part in _NAMED:
        max_name, fallback = _NAMED[part]
        made = with_ids(made, max_name=max_name, fallback=fallback)
    return _with_part(wanted, part, made, checked.refused)


def _with_object(
    wanted: WantedCollection, part: Part, value: Mapping[str, Any], *, place: str | None = None
) -> WantedCollection:
    shaped, refused = checked_object(part, place or part.value, value)
    return _with_part(wanted, part, None if refused else shaped, refused)


def _with_part(wanted: WantedCollection, part: Part, value: Any, refused: tuple[Refusal, ...]) -> WantedCollection:  # noqa: ANN401 - JSON
    changed: dict[str, Any] = {part.value: value, "refused": wanted.refused + refused}
    return replace(wanted, **changed)


def _with_mosaic_info(
    wanted: WantedCollection, info: Mapping[str, Any], render_config: Mapping[str, Any]
) -> WantedCollection:
    """Fills parts that nothing is said of from the Planetary Computer's mosaic info and render configuration."""
    said = {refusal.part for refusal in wanted.refused}
    for part, names in _SHOWN.items():
        name = next((name for name in names if info.get(name)), None)
        if part in said or getattr(wanted, part) is not None:
            continue
        if part is Part.TILE_SETTINGS:
            settings = {
                "minZoom": render_config.get("minzoom"),
                "maxItemsPerTile": render_config.get("max_items_per_tile"),
                "defaultLocation": info.get(name) if name else None,
            }
            if any(value is not None for value in settings.values()):
                wanted = _with_object(wanted, part, settings, place="mosaic_info" if name else "render_config")
        elif name:
            wanted = _with_entries(wanted, part, f"mosaic_info.{name}", info[name], is_foreign=True)
    return wanted
