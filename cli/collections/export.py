"""`geocatalog export`: writes configuration files from what GeoCatalog has; applying them changes nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.basics.errors import BadContent
from shared.collections.steps import comparable
from shared.configuration.checks import BUILT_IN_QUERYABLES
from shared.configuration.shapes import SHAPES, Part
from shared.files.images import image_of
from shared.services.geocatalog import GeoCatalog


def exported(live: Mapping[str, Any], geocatalog: GeoCatalog) -> dict[str, Any]:
    """Returns the message of queue `collections` that describes a collection as it is, but for its thumbnail.

    Args:
        live: the collection as GeoCatalog has it.
        geocatalog: the GeoCatalog.

    Raises:
        IngestionError: GeoCatalog refused or did not answer.
    """
    collection = str(live["id"])
    queryables = (geocatalog.get_queryables(collection) or {}).get("properties") or {}
    message = {
        "collection": collection,
        "definition": comparable(live),
        Part.PARTITION_TYPE.value: _partition_type(collection, geocatalog),
        Part.TILE_SETTINGS.value: _known(
            Part.TILE_SETTINGS, geocatalog.get_configuration(collection, "tile-settings") or {}
        ),
        Part.RENDER_OPTIONS.value: _entries(
            Part.RENDER_OPTIONS, geocatalog.get_configuration(collection, "render-options")
        ),
        Part.MOSAICS.value: _entries(Part.MOSAICS, geocatalog.get_configuration(collection, "mosaics")),
        Part.QUERYABLES.value: [
            {"name": name, "definition": definition}
            for name, definition in sorted(queryables.items())
            if name not in BUILT_IN_QUERYABLES
        ],
    }
    return {name: value for name, value in message.items() if value}


def write_export(live: Mapping[str, Any], geocatalog: GeoCatalog, folder: Path, *, as_yaml: bool) -> list[Path]:
    """Writes the configuration of a collection, and its thumbnail beside it.

    Args:
        live: the collection as GeoCatalog has it.
        geocatalog: the GeoCatalog.
        folder: where the files go; made if it is not there.
        as_yaml: whether to write YAML instead of JSON.

    Returns:
        The files that were written.

    Raises:
        IngestionError: GeoCatalog refused or did not answer.
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    message = exported(live, geocatalog)
    collection = message["collection"]
    written: list[Path] = []
    content = geocatalog.get_thumbnail(collection) if "thumbnail" in (live.get("assets") or {}) else None
    ending = _ending(content) if content else None
    if content and ending:
        image = folder / f"{collection}-thumbnail.{ending}"
        image.write_bytes(content)
        message["thumbnail"] = {"href": image.name}
        written.append(image)
    file = folder / f"{collection}.{'yaml' if as_yaml else 'json'}"
    file.write_text(_text(message, as_yaml=as_yaml), encoding="utf-8")
    return [file, *written]


def _text(message: dict[str, Any], *, as_yaml: bool) -> str:
    if as_yaml:
        import yaml  # noqa: PLC0415 - only YAML files need it

        return str(yaml.safe_dump(message, sort_keys=False, allow_unicode=True, width=120))
    return json.dumps(message, indent=2, ensure_ascii=False) + "\n"


def _ending(content: bytes) -> str | None:
    """Returns the ending of the image's file; None for one that no message could carry."""
    try:
        return image_of(content).media_type.partition("/")[2]
    except BadContent:
        return None


def _partition_type(collection: str, geocatalog: GeoCatalog) -> dict[str, Any] | None:
    found = geocatalog.get_configuration(collection, "partition-type")
    return found if found and found.get("scheme") not in {None, "none"} else None


def _entries(part: Part, found: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [_known(part, entry) for entry in found or ()]


def _known(part: Part, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves out what is null, and what a newer service may have added, which a file cannot say."""
    return {name: value for name, value in entry.items() if value is not None and name in SHAPES[part]["properties"]}
