"""STAC's core schemas: those of 1.1.0 that pystac ships, and those of 1.0.0 made of them; nothing is ever fetched.

Extension schemas are not checked: a message must not make the app call addresses.
"""

import importlib.util
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from shared.basics.json_codec import read_json

# Stands in the library's messages where the value would: content stays out of logs and errors.
_MASK = "it"

Schemas = dict[str, Any]


class StacVersion(StrEnum):
    """The versions of STAC that documents are checked by."""

    V1_0 = "1.0.0"
    V1_1 = "1.1.0"


_ITEM_SPEC = "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/"
_COLLECTION_SPEC = "https://schemas.stacspec.org/v1.1.0/collection-spec/json-schema/"
_ITEM, _COLLECTION = f"{_ITEM_SPEC}item.json", f"{_COLLECTION_SPEC}collection.json"
# pystac keeps the files of all parts of the specification in one folder.
_FOLDERS = {"stac-spec/v1.1.0": _ITEM_SPEC, "geojson": "https://geojson.org/schema/"}


@cache
def item_validator(version: StacVersion) -> jsonschema_rs.Validator:
    """Return the compiled core schema of Items of a version.

    It leaves to the app's own rules what those decide: the version itself, links, what a URL is, and whether an item
    that names its collection has a link to it, since GeoCatalog writes the links.

    Raises:
        ModuleNotFoundError: pystac is not installed.
    """
    return _compiled(_schemas(version), _ITEM)


@cache
def collection_validator(version: StacVersion) -> jsonschema_rs.Validator:
    """Return the compiled core schema of Collections of a version; see item_validator."""
    return _compiled(_schemas(version), _COLLECTION)


@cache
def link_validator(version: StacVersion) -> jsonschema_rs.Validator:
    """Return the compiled core schema of one link; see item_validator."""
    return _compiled(_schemas(version), f"{_ITEM_SPEC}link.json")


def _compiled(schemas: Schemas, uri: str) -> jsonschema_rs.Validator:
    registry = jsonschema_rs.Registry(list(schemas.items()))
    return jsonschema_rs.validator_for(
        schemas[uri], registry=registry, base_uri=uri, offline=True, mask=_MASK, validate_formats=True
    )


def _schemas(version: StacVersion) -> Schemas:
    schemas = _bundled()
    if version is StacVersion.V1_0:
        for take_out in _ADDED_BY_1_1:
            take_out(schemas)
    _leave_to_own_rules(schemas)
    return schemas


def _bundled() -> Schemas:
    """Read the STAC core and GeoJSON schemas that pystac ships, by their addresses."""
    # The files are read without importing pystac, which is slow to import.
    spec = importlib.util.find_spec("pystac")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("pystac is not installed; install requirements.txt")
    root = Path(spec.submodule_search_locations[0], "validation", "jsonschemas")
    found = {
        base + path.name: read_json(path.read_bytes())
        for folder, base in _FOLDERS.items()
        for path in (root / folder).glob("*.json")
    }
    found[_COLLECTION] = found[f"{_ITEM_SPEC}collection.json"]
    return found


def _core(schemas: Schemas) -> dict[str, Any]:
    core: dict[str, Any] = schemas[_ITEM]["definitions"]["core"]["allOf"][2]
    return core


def _leave_to_own_rules(schemas: Schemas) -> None:
    item, core = schemas[_ITEM], _core(schemas)
    collection = schemas[_COLLECTION]["definitions"]["collection"]
    del core["allOf"][0]["else"]
    del core["properties"]["stac_version"]["const"], collection["properties"]["stac_version"]["const"]
    del _link(schemas)["properties"]["href"]["format"], _asset(schemas)["properties"]["href"]["format"]
    item["definitions"]["links"] = {"type": "array"}
    schemas[f"{_ITEM_SPEC}link.json"] = {"$ref": "item.json#/definitions/link"}


# What STAC 1.1.0 added to the schemas of 1.0.0. Sources: CHANGELOG.md of github.com/radiantearth/stac-spec at v1.1.0,
# with the issue where it names one; and the schemas at schemas.stacspec.org, v1.0.0 and v1.1.0 side by side.


def _bands(schemas: Schemas) -> None:
    """`bands`, and where they may stand (schemas: bands.json and the rule for it in item.json)."""
    _common(schemas).remove({"$ref": "bands.json"})
    del _core(schemas)["allOf"][1]


def _data_values(schemas: Schemas) -> None:
    """`data_type`, `nodata`, `statistics` and `unit` (schemas: data-values.json)."""
    _common(schemas).remove({"$ref": "data-values.json"})


def _basics(schemas: Schemas) -> None:
    """`keywords` (#1187) and `roles` (#1267) as common metadata, and that a description is not empty (CHANGELOG)."""
    basics = schemas[f"{_ITEM_SPEC}basics.json"]["properties"]
    del basics["keywords"], basics["roles"], basics["description"]["minLength"]


def _link_requests(schemas: Schemas) -> None:
    """`method`, `headers`, `body`, absolute `self` links (schemas: item.json), and common metadata (CHANGELOG)."""
    schemas[_ITEM]["definitions"]["link"] = {"allOf": [_link(schemas)]}
    for name in ("method", "headers", "body"):
        del _link(schemas)["properties"][name]
    del _link(schemas)["if"], _link(schemas)["then"]


def _collection_assets(schemas: Schemas) -> None:
    """`item_assets` as a core field (schemas: collection.json)."""
    del schemas[_COLLECTION]["definitions"]["collection"]["properties"]["item_assets"]


def _collection_metadata(schemas: Schemas) -> None:
    """All common metadata in Collections (#1199); 1.0.0 has some fields of its own, and needs a description there."""
    schemas[_COLLECTION]["allOf"][1] = {
        "allOf": [{"$ref": f"{_ITEM_SPEC}licensing.json"}, {"$ref": f"{_ITEM_SPEC}provider.json"}],
        "properties": {
            "title": {"type": "string"},
            "description": {"type": "string", "minLength": 1},
            "keywords": {"type": "array", "items": {"type": "string"}},
        },
    }


def _two_boxes(schemas: Schemas) -> None:
    """That a Collection has not two boxes: one for all, or one for all and one for each of several parts (#1243)."""
    extent = schemas[_COLLECTION]["definitions"]["collection"]["properties"]["extent"]
    bbox = extent["properties"]["spatial"]["properties"]["bbox"]
    del bbox["oneOf"]
    bbox["minItems"] = 1


_ADDED_BY_1_1: tuple[Callable[[Schemas], None], ...] = (
    _bands,
    _data_values,
    _basics,
    _link_requests,
    _collection_assets,
    _collection_metadata,
    _two_boxes,
)


def _common(schemas: Schemas) -> list[Any]:
    common: list[Any] = schemas[f"{_ITEM_SPEC}common.json"]["allOf"]
    return common


def _link(schemas: Schemas) -> dict[str, Any]:
    link: dict[str, Any] = schemas[_ITEM]["definitions"]["link"]["allOf"][0]
    return link


def _asset(schemas: Schemas) -> dict[str, Any]:
    asset: dict[str, Any] = schemas[_ITEM]["definitions"]["asset"]["allOf"][0]
    return asset
