"""The parts of a collection's configuration, and what GeoCatalog takes in each, as JSON Schema.

One table for the check of a message, for `geocatalog validate`, and for the schema that editors use.
"""

import re
from enum import StrEnum
from typing import Any

# Render options and mosaics: id 1 to 30 characters, no - or _ at either end
# (Microsoft.PlanetaryComputer models.stac.config.tsp, RenderOption and StacMosaic).
MAX_ID = 30


class Part(StrEnum):
    """The parts of a collection's configuration, in the order in which they are applied."""

    DEFINITION = "definition"
    PARTITION_TYPE = "partition_type"
    THUMBNAIL = "thumbnail"
    TILE_SETTINGS = "tile_settings"
    RENDER_OPTIONS = "render_options"
    MOSAICS = "mosaics"
    QUERYABLES = "queryables"


Schema = dict[str, Any]

_ID: Schema = {
    "type": "string",
    "pattern": "^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$",
    "maxLength": MAX_ID,
    "description": f"1 to {MAX_ID} of A-Z a-z 0-9 - _, not starting or ending in - or _; left out, one is made of "
    "the name",
}
_NAME: Schema = {
    "type": "string",
    "minLength": 1,
    "description": "shown to people; one that is longer than GeoCatalog takes is shortened, and then stands in full in "
    "the description",
}
_TEXT: Schema = {"type": "string"}
_ZOOM: Schema = {"type": "integer", "minimum": 0, "maximum": 24, "description": "a whole number from 0 to 24"}


def _object(properties: dict[str, Schema], *required: str) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": list(required)} if required else {}),
    }


# The fields of the service's models of 2026-04-15 (models.stac.config.tsp).
_RENDER_OPTION = _object(
    {
        "id": _ID,
        "name": _NAME,
        "description": _TEXT,
        "type": {"enum": ["raster-tile", "vt-polygon", "vt-line"], "description": "default raster-tile"},
        "options": {"type": "string", "description": "query string of the tiler, such as assets=visual&nodata=0"},
        "vectorOptions": _object(
            {
                "tilejsonKey": _TEXT,
                "sourceLayer": _TEXT,
                "fillColor": _TEXT,
                "strokeColor": _TEXT,
                "strokeWidth": {"type": "integer"},
                "filter": {"type": "array", "description": "filter expression of the map's style"},
            },
            "tilejsonKey",
            "sourceLayer",
        ),
        "minZoom": _ZOOM,
        "legend": _object(
            {
                "type": {"enum": ["continuous", "classmap", "interval", "none"]},
                "labels": {"type": "array", "items": _TEXT},
                "trimStart": {"type": "integer"},
                "trimEnd": {"type": "integer"},
                "scaleFactor": {"type": "number"},
            }
        ),
        "conditions": {"type": "array", "items": _object({"property": _TEXT, "value": {}}, "property")},
    }
)
_MOSAIC = _object(
    {
        "id": _ID,
        "name": _NAME,
        "description": _TEXT,
        "cql": {
            "type": "array",
            "items": {"type": "object"},
            "description": 'a list of CQL2 expressions in JSON, such as [{"op": "<=", "args": '
            '[{"property": "eo:cloud_cover"}, 10]}]; [] for all items',
        },
    }
)
_TILE_SETTINGS = _object(
    {
        "minZoom": _ZOOM,
        "maxItemsPerTile": {"type": "integer", "minimum": 1, "description": "a whole number above 0"},
        "defaultLocation": _object(
            {
                "zoom": {**_ZOOM, "maximum": 23, "description": "a whole number from 0 to 23"},
                "coordinates": {
                    "type": "array",
                    "prefixItems": [
                        {"type": "number", "minimum": -90, "maximum": 90, "description": "the latitude stands first"},
                        {"type": "number", "minimum": -180, "maximum": 180, "description": "the longitude"},
                    ],
                    "minItems": 2,
                    "maxItems": 2,
                    "description": "[latitude, longitude], the latitude first",
                },
            },
            "zoom",
            "coordinates",
        ),
    }
)
_QUERYABLE = _object(
    {
        "name": {"type": "string", "minLength": 1, "description": "an item property, such as eo:cloud_cover"},
        "definition": {"type": "object", "description": 'a JSON Schema, such as {"type": "number"}'},
        "data_type": {"enum": ["string", "number", "boolean", "timestamp", "date"], "description": "default string"},
        "create_index": {"type": "boolean"},
    },
    "name",
    "definition",
)
_PARTITION_TYPE = _object(
    {"scheme": {"enum": ["none", "year", "month"], "description": "can change only while the collection is empty"}},
    "scheme",
)

# What one entry of a part looks like; the parts that are one object are their own entry.
SHAPES: dict[Part, Schema] = {
    Part.PARTITION_TYPE: _PARTITION_TYPE,
    Part.TILE_SETTINGS: _TILE_SETTINGS,
    Part.RENDER_OPTIONS: _RENDER_OPTION,
    Part.MOSAICS: _MOSAIC,
    Part.QUERYABLES: _QUERYABLE,
}

# Keys under which everything stays as it is: labels, expressions and schemas have names of their own.
_VERBATIM = frozenset({"cql", "labels", "filter", "value", "definition"})
_SNAKE = re.compile(r"_([a-z])")
_CAMEL = re.compile(r"[A-Z]")


def in_service_spelling(part: Part, entry: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """Renames the keys of an entry to the service's spelling, and leaves out what is null.

    The service's keys are camelCase, but for those of queryables.
    """
    return _spelled(entry, snake_case if part is Part.QUERYABLES else camel_case)


def _spelled(value: Any, spell: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_spelled(inner, spell) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        spell(key): inner if key in _VERBATIM else _spelled(inner, spell)
        for key, inner in value.items()
        if inner is not None
    }


def camel_case(name: str) -> str:
    """Spells a key in camelCase."""
    return _SNAKE.sub(lambda match: match.group(1).upper(), name)


def snake_case(name: str) -> str:
    """Spells a key in snake_case."""
    return _CAMEL.sub(lambda match: f"_{match.group().lower()}", name)


def editor_schema(part: Part) -> Schema:
    """Returns the JSON Schema of an entry in which every key may have either spelling, and be null."""
    return _in_both_spellings(SHAPES[part])


def _in_both_spellings(schema: Schema) -> Schema:
    made = dict(schema)
    if isinstance(schema.get("items"), dict):
        made["items"] = _in_both_spellings(schema["items"])
    if "properties" not in schema:
        return made
    made["properties"] = {
        spelling: {"anyOf": [_in_both_spellings(inner), {"type": "null"}]}
        for name, inner in schema["properties"].items()
        for spelling in _spellings(name)
    }
    if "required" in schema:
        del made["required"]
        made["allOf"] = [
            {"anyOf": [{"required": [spelling]} for spelling in _spellings(name)]} for name in schema["required"]
        ]
    return made


def _spellings(name: str) -> list[str]:
    return list(dict.fromkeys((snake_case(name), camel_case(name))))
