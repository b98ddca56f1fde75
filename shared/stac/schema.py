"""The STAC Item schema that pystac ships, compiled once; nothing is ever fetched."""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from shared.basics.json_codec import read_json

# Stands in messages where the offending value would: content stays out of logs and errors.
MASK = "it"

_VERSION = "v1.1.0"
_BASE_URIS = {
    f"stac-spec/{_VERSION}": f"https://schemas.stacspec.org/{_VERSION}/item-spec/json-schema/",
    "geojson": "https://geojson.org/schema/",
}


@cache
def item_validator() -> jsonschema_rs.Validator:
    """Compiles the core Item schema, relaxed in two places.

    Items of any STAC 1 version are accepted, since the core fields that it checks are the same. An item may name its
    collection without a link to it, since GeoCatalog writes the links itself. Extension schemas are not looked at: a
    message must not make the app call addresses.

    Raises:
        ModuleNotFoundError: pystac is not installed.
    """
    schemas = bundled_schemas()
    uri = schema_uri("item.json")
    item_schema = schemas[uri]
    core = item_schema["definitions"]["core"]["allOf"][2]
    core["properties"]["stac_version"] = {"type": "string", "pattern": r"^1\.\d+\.\d+$"}
    del core["allOf"][0]["else"]
    registry = jsonschema_rs.Registry(list(schemas.items()))
    return jsonschema_rs.validator_for(item_schema, registry=registry, base_uri=uri, offline=True, mask=MASK)


def bundled_schemas() -> dict[str, Any]:
    """Reads the STAC core and GeoJSON schemas that pystac ships, by their addresses.

    Raises:
        ModuleNotFoundError: pystac is not installed.
    """
    # The files are read without importing pystac, which is slow to import.
    spec = importlib.util.find_spec("pystac")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("pystac is not installed; install requirements.txt")
    root = Path(spec.submodule_search_locations[0], "validation", "jsonschemas")
    return {
        base + path.name: read_json(path.read_bytes())
        for folder, base in _BASE_URIS.items()
        for path in (root / folder).glob("*.json")
    }


def schema_uri(name: str) -> str:
    """Returns the address of a core schema, such as `collection.json`."""
    return _BASE_URIS[f"stac-spec/{_VERSION}"] + name
