"""`geocatalog validate`: checks configuration files offline, and names file, place and mend of each fault."""

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from cli.configuring.files import ConfigurationFile
from cli.configuring.sending import checked_message
from cli.faults import CommandError
from shared.collection_wanted import camel_case, wanted_collection
from shared.config_names import ID_PATTERN, MAX_ID
from shared.errors import IngestionError
from shared.images import decode_image
from shared.messages import CollectionMessage
from shared.stac_schema import bundled_schemas, schema_uri

# Microsoft.PlanetaryComputer models.stac.config.tsp.
_RENDER_OPTION_KEYS = frozenset(
    {"id", "name", "description", "type", "options", "vectorOptions", "minZoom", "legend", "conditions"}
)
_RENDER_TYPES = frozenset({"raster-tile", "vt-polygon", "vt-line"})
_MOSAIC_KEYS = frozenset({"id", "name", "description", "cql"})
_TILE_KEYS = frozenset({"minZoom", "maxItemsPerTile", "defaultLocation"})
_QUERYABLE_KEYS = frozenset({"name", "definition", "data_type", "create_index"})
_DATA_TYPES = frozenset({"string", "number", "boolean", "timestamp", "date"})
_SCHEMES = frozenset({"none", "year", "month"})
_MAX_ZOOM = 24


@dataclass(frozen=True)
class ConfigurationFault:
    """One fault of a configuration.

    Attributes:
        file: the file.
        place: where in it, such as `render_options.2.name`.
        fault: what is wrong and how to mend it, in a sentence.
    """

    file: str
    place: str
    fault: str


def validate(files: list[ConfigurationFile]) -> list[ConfigurationFault]:
    """Checks configurations, offline.

    Args:
        files: what to check.

    Returns:
        Every fault, in the order of the files.
    """
    faults = [
        ConfigurationFault(str(file.path), place, text) for file in files for place, text in _faults(file.message)
    ]
    return faults + list(_same_collection(files))


def _faults(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    known = {info.alias or name for name, info in CollectionMessage.model_fields.items()}
    unknown = list(_unknown_keys(fields, known, ""))
    yield from unknown
    kept = {name: value for name, value in fields.items() if name in known}
    try:
        collection, message = checked_message(kept)
    except (IngestionError, CommandError) as error:
        yield "", error.message
        return
    if message.definition is not None:
        yield from _definition_faults(collection, message, message.definition)
    yield from _thumbnail_faults(message)
    yield from _entries("render_options", message.render_options, _RENDER_OPTION_KEYS, _render_option_faults)
    yield from _entries("mosaics", message.mosaics, _MOSAIC_KEYS, _mosaic_faults)
    for number, mosaic in enumerate((message.mosaic_info or {}).get("mosaics") or ()):
        yield from ((f"mosaic_info.mosaics.{number}.{name}", text) for name, text in _mosaic_faults(mosaic))
    yield from _tile_faults(message.tile_settings)
    yield from _queryable_faults(message.queryables)
    scheme = (message.partition_type or {}).get("scheme")
    if message.partition_type is not None and scheme not in _SCHEMES:
        yield "partition_type.scheme", f"It must be one of {_listed(_SCHEMES)}; not {scheme!r}."


def _same_collection(files: list[ConfigurationFile]) -> Iterator[ConfigurationFault]:
    first: dict[str, Path] = {}
    for file in files:
        try:
            collection, _ = checked_message(file.message)
        except (IngestionError, CommandError):
            continue
        if collection in first:
            yield ConfigurationFault(
                str(file.path), "collection", f"{first[collection]} configures {collection} too; keep one of them."
            )
        first.setdefault(collection, file.path)


def _definition_faults(
    collection: str, message: CollectionMessage, definition: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    try:
        wanted = wanted_collection(collection, message, definition)
    except IngestionError as error:
        yield "definition", error.message
        return
    for found in _collection_validator().iter_errors({"links": [], **wanted.definition}):
        place = ".".join(["definition", *(str(part) for part in found.instance_path)])
        yield place, f"It is not valid STAC: {found.message[:300]}."
    if definition.get("assets") and "thumbnail" in definition["assets"] and message.thumbnail is None:
        return
    extra = sorted(definition.get("assets") or {})
    if extra and message.thumbnail is None:
        yield (
            "definition.assets",
            f"GeoCatalog takes no assets with a collection, so {', '.join(extra)} would be left out; remove them.",
        )


@cache
def _collection_validator() -> jsonschema_rs.Validator:
    schemas = bundled_schemas()
    uri = schema_uri("collection.json")
    schema = schemas[uri]
    # Collections of any STAC 1 version are taken: the fields that are checked are the same.
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


def _thumbnail_faults(message: CollectionMessage) -> Iterator[tuple[str, str]]:
    if message.thumbnail is not None and message.thumbnail.data is not None:
        try:
            decode_image(message.thumbnail.data)
        except IngestionError as error:
            yield "thumbnail", error.message


# Lists of render options, mosaics and queryables


def _entries(
    part: str,
    entries: list[dict[str, Any]] | None,
    keys: frozenset[str],
    check: Callable[[Mapping[str, Any]], Iterator[tuple[str, str]]],
) -> Iterator[tuple[str, str]]:
    ids = Counter(str(entry["id"]) for entry in entries or () if entry.get("id"))
    for number, entry in enumerate(entries or ()):
        place = f"{part}.{number}"
        camel = {**camel_case({name: value for name, value in entry.items() if name != "cql"})}
        if "cql" in entry:
            camel["cql"] = entry["cql"]
        yield from _unknown_keys(camel, keys, f"{place}.")
        given = entry.get("id")
        if given is not None and not ID_PATTERN.fullmatch(str(given)):
            rule = f"1 to {MAX_ID} of A-Z a-z 0-9 - _, not starting or ending in - or _"
            yield f"{place}.id", f"GeoCatalog takes ids of {rule}; leave {given!r} out to have one made of the name."
        if given is not None and ids[str(given)] > 1:
            yield f"{place}.id", f"Two entries have the id {given!r}; give each its own, or leave them out."
            ids[str(given)] = 1
        if not given and not entry.get("name"):
            yield place, "It has neither a name nor an id; give it a name."
        yield from ((f"{place}.{name}", text) for name, text in check(camel))


def _render_option_faults(option: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind = option.get("type", "raster-tile")
    if kind not in _RENDER_TYPES:
        yield "type", f"It must be one of {_listed(_RENDER_TYPES)}; not {kind!r}."
    elif kind == "raster-tile" and not option.get("options"):
        yield "options", "A raster-tile option needs options, such as assets=visual&asset_bidx=visual|1,2,3."
    elif kind != "raster-tile" and not {"tilejsonKey", "sourceLayer"} <= (option.get("vectorOptions") or {}).keys():
        yield "vectorOptions", f"A {kind} option needs vectorOptions with tilejsonKey and sourceLayer."
    yield from _zoom_faults(option)


def _mosaic_faults(mosaic: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    cql = mosaic.get("cql") or []
    if not isinstance(cql, list):
        yield "cql", "It must be a list of CQL2 expressions in JSON; put the expression in [ ]."
        return
    import cql2  # noqa: PLC0415 - only mosaics need it

    for number, expression in enumerate(cql):
        try:
            cql2.Expr(_with_intervals(expression)).validate()
        except Exception as error:  # noqa: BLE001 - the library raises plain Exceptions for what is no CQL2
            detail = " ".join(str(error).split())[:200]
            yield f"cql.{number}", f"It is not CQL2 in JSON: {detail}."


def _with_intervals(expression: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """Writes a range of time that is a bare list as CQL2 wants it; the Planetary Computer has such, and they work."""
    if isinstance(expression, list):
        return [_with_intervals(inner) for inner in expression]
    if not isinstance(expression, dict):
        return expression
    arguments = expression.get("args")
    op = str(expression.get("op", ""))
    if (op.startswith("t_") or op == "anyinteracts") and isinstance(arguments, list):
        intervals = [{"interval": inner} if isinstance(inner, list) else inner for inner in arguments]
        return {**expression, "args": intervals}
    return {name: _with_intervals(inner) for name, inner in expression.items()}


def _tile_faults(settings: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    if settings is None:
        return
    camel = camel_case(settings)
    yield from _unknown_keys(camel, _TILE_KEYS, "tile_settings.")
    yield from ((f"tile_settings.{name}", text) for name, text in _zoom_faults(camel))
    most = camel.get("maxItemsPerTile")
    if most is not None and (not isinstance(most, int) or most < 1):
        yield "tile_settings.maxItemsPerTile", "It must be a whole number above 0."


def _zoom_faults(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    zoom = entry.get("minZoom")
    if zoom is not None and (not isinstance(zoom, int) or not 0 <= zoom <= _MAX_ZOOM):
        yield "minZoom", f"It must be a whole number from 0 to {_MAX_ZOOM}; not {zoom!r}."


def _queryable_faults(queryables: list[dict[str, Any]] | None) -> Iterator[tuple[str, str]]:
    names = Counter(str(queryable.get("name")) for queryable in queryables or ())
    for number, queryable in enumerate(queryables or ()):
        place = f"queryables.{number}"
        yield from _unknown_keys(queryable, _QUERYABLE_KEYS, f"{place}.")
        name = queryable.get("name")
        if not name:
            yield f"{place}.name", "It is missing; give the item property, such as eo:cloud_cover."
        elif names[str(name)] > 1:
            yield f"{place}.name", f"{name!r} stands there twice; keep one."
            names[str(name)] = 1
        if not isinstance(queryable.get("definition"), dict):
            yield f"{place}.definition", 'It is missing; give a JSON Schema, such as {"type": "number"}.'
        kind = queryable.get("data_type", "string")
        if kind not in _DATA_TYPES:
            yield f"{place}.data_type", f"It must be one of {_listed(_DATA_TYPES)}; not {kind!r}."


def _unknown_keys(fields: Mapping[str, Any], known: Iterable[str], prefix: str) -> Iterator[tuple[str, str]]:
    names = sorted(known)
    for key in fields:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}."
            yield f"{prefix}{key}", f"There is no such key; {hint}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
