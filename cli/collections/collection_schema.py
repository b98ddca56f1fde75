"""The STAC Collection schema that pystac ships, compiled once; nothing is ever fetched."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs

from shared.stac.schema import bundled_schemas, schema_uri


@cache
def collection_validator() -> jsonschema_rs.Validator:
    """Compiles the core Collection schema for collections of any STAC 1 version.

    Raises:
        ModuleNotFoundError: pystac is not installed.
    """
    schemas = bundled_schemas()
    uri = schema_uri("collection.json")
    schema = schemas[uri]
    # The fields that are checked are the same in every version.
    for core in _objects(schema):
        if isinstance(core.get("stac_version"), dict):
            core["stac_version"] = {"type": "string", "pattern": r"^1\.\d+\.\d+"}
    registry = jsonschema_rs.Registry(list(schemas.items()))
    return jsonschema_rs.validator_for(schema, registry=registry, base_uri=uri, offline=True)


def _objects(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON is any value
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)
