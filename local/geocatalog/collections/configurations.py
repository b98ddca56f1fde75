"""A collection's configuration: render options, mosaics, tile settings, queryables, partition type."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from local.basics.json_text import Json
from local.geocatalog.errors import RequestError, RequestErrorCode, bad_request, not_found
from local.stac_search.matching import parse_expression

# From the service's API definition.
_ID = re.compile(r"(?![-_])[a-zA-Z0-9_-]*(?<![-_])")
_MAX_ID = 30
_MAX_RENDER_NAME = 40
_MAX_MOSAIC_NAME = 30
_MAX_ZOOM = 24
_DEFAULT_RENDER_ZOOM = 12
_PARTITION_SCHEMES = ("none", "year", "month")
_RENDER_TYPES = ("raster-tile", "vt-polygon", "vt-line")
_LEGEND_TYPES = ("continuous", "classmap", "interval", "none")
_QUERYABLE_TYPES = ("string", "number", "boolean", "timestamp", "date")

DEFAULT_MOSAIC = {"id": "default", "name": "Default", "description": "", "cql": []}


def _default_tile_settings() -> dict[str, Any]:
    return {"minZoom": 6, "maxItemsPerTile": 35, "defaultLocation": None}


@dataclass(slots=True)
class Configuration:
    """All configuration of one collection."""

    render_options: dict[str, dict[str, Any]] = field(default_factory=dict)
    mosaics: dict[str, dict[str, Any]] = field(default_factory=dict)
    tile_settings: dict[str, Any] = field(default_factory=_default_tile_settings)
    queryables: dict[str, dict[str, Any]] = field(default_factory=dict)
    partition_scheme: str = "none"

    def to_dict(self) -> dict[str, Any]:
        """Give the overview that `GET .../configurations` shows."""
        return {
            "tileSettings": self.tile_settings,
            "mosaicInfo": {
                "mosaics": [*self.mosaics.values()],
                "renderOptions": [_with_nulls(option) for option in self.render_options.values()],
                "defaultLocation": self.tile_settings["defaultLocation"],
                "defaultCustomQuery": None,
            },
        }


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of named configuration object, so that render options and mosaics share their routes."""

    title: str
    store: Callable[[Configuration], dict[str, dict[str, Any]]]
    parse: Callable[[object], dict[str, Any]]


def get_object(kind: Kind, configuration: Configuration, object_id: str, collection_id: str) -> dict[str, Any]:
    """Give one object.

    Raises:
        RequestError: 404.
    """
    found = kind.store(configuration).get(object_id)
    if found is None:
        raise not_found(f"{kind.title} '{object_id}' not found for collection '{collection_id}'")
    return found


def add_object(kind: Kind, configuration: Configuration, body: object, collection_id: str) -> dict[str, Any]:
    """Add one object.

    Raises:
        RequestError: 400, or 409 where its id is taken.
    """
    made = kind.parse(body)
    if made["id"] in kind.store(configuration):
        raise RequestError(
            409,
            RequestErrorCode.RESOURCE_EXISTS,
            f"{kind.title} '{made['id']}' already exists for collection '{collection_id}'",
        )
    kind.store(configuration)[made["id"]] = made
    return made


def replace_object(kind: Kind, configuration: Configuration, object_id: str, body: object) -> dict[str, Any]:
    """Put an object in the place of one with this id, or where there is none.

    Raises:
        RequestError: 400.
    """
    if isinstance(body, dict) and body.get("id", object_id) != object_id:
        raise bad_request(f"The field 'id' must be '{object_id}', as in the path.")
    made = kind.parse({**body, "id": object_id} if isinstance(body, dict) else body)
    kind.store(configuration)[object_id] = made
    return made


def parse_render_option(body: object) -> dict[str, Any]:
    """Read a render option; fields that are null are dropped, as the service does.

    Raises:
        RequestError: 400, naming the field.
    """
    option = _object(body, "render option")
    _check_id(option)
    _check_name(option, _MAX_RENDER_NAME)
    kept = {key: value for key, value in option.items() if value is not None}
    kept.setdefault("type", _RENDER_TYPES[0])
    kept.setdefault("minZoom", _DEFAULT_RENDER_ZOOM)
    _check_text(kept, "description")
    _check_text(kept, "options")
    _check_choice(kept["type"], "type", _RENDER_TYPES)
    _check_zoom(kept["minZoom"], "minZoom")
    _check_vector_options(kept)
    if "legend" in kept:
        legend = _object(kept["legend"], "legend")
        if legend.get("type") is not None:
            _check_choice(legend["type"], "legend.type", _LEGEND_TYPES)
    _check_conditions(kept.get("conditions", []))
    return kept


def _check_vector_options(option: dict[str, Any]) -> None:
    is_vector = option["type"] != _RENDER_TYPES[0]
    if not is_vector and "vectorOptions" in option:
        raise bad_request("The field 'vectorOptions' is for the types vt-polygon and vt-line only.")
    if is_vector:
        options = _object(option.get("vectorOptions"), "field 'vectorOptions'")
        for name in ("tilejsonKey", "sourceLayer"):
            if not isinstance(options.get(name), str) or not options[name]:
                raise bad_request(f"The field 'vectorOptions.{name}' is required and must be a string.")


def _check_conditions(conditions: object) -> None:
    if not isinstance(conditions, list):
        raise bad_request("The field 'conditions' must be a list.")
    for condition in conditions:
        if not isinstance(condition, dict) or not isinstance(condition.get("property"), str):
            raise bad_request("Each of 'conditions' must be an object with a 'property'.")


def parse_mosaic(body: object) -> dict[str, Any]:
    """Read a mosaic.

    Raises:
        RequestError: 400, naming the field.
        SearchError: an expression is not CQL2; it is answered with 400 too.
    """
    mosaic = _object(body, "mosaic")
    _check_id(mosaic)
    _check_name(mosaic, _MAX_MOSAIC_NAME)
    _check_text(mosaic, "description")
    cql = mosaic.get("cql")
    if not isinstance(cql, list) or not all(isinstance(one, dict) for one in cql):
        raise bad_request("The field 'cql' is required and must be a list of CQL2-JSON objects.")
    for number, expression in enumerate(cql):
        parse_expression(expression, f"cql.{number}")
    return {
        "id": mosaic["id"],
        "name": mosaic["name"],
        "description": mosaic.get("description"),
        "cql": cql,
    }


def parse_tile_settings(body: object) -> dict[str, Any]:
    """Read tile settings.

    Raises:
        RequestError: 400, naming the field.
    """
    settings = _object(body, "tile settings")
    _check_zoom(settings.get("minZoom"), "minZoom")
    most = settings.get("maxItemsPerTile")
    if not _is_integer(most) or most < 1:
        raise bad_request("The field 'maxItemsPerTile' is required and must be a positive integer.")
    location = settings.get("defaultLocation")
    if location is not None:
        _check_location(location)
    return {"minZoom": settings["minZoom"], "maxItemsPerTile": most, "defaultLocation": location}


def _check_location(location: object) -> None:
    place = _object(location, "field 'defaultLocation'")
    zoom = place.get("zoom")
    if not _is_integer(zoom) or not 0 <= zoom < _MAX_ZOOM:
        raise bad_request("The field 'defaultLocation.zoom' must be an integer from 0 to 23.")
    coordinates = place.get("coordinates")
    numbers = coordinates if isinstance(coordinates, list) else []
    if len(numbers) != 2 or not all(isinstance(one, int | float) for one in numbers):  # noqa: PLR2004 - a pair
        raise bad_request("The field 'defaultLocation.coordinates' must be [latitude, longitude].")


def parse_queryable(body: object) -> dict[str, Any]:
    """Read a queryable.

    Raises:
        RequestError: 400, naming the field.
    """
    queryable = _object(body, "queryable")
    name = queryable.get("name")
    if not isinstance(name, str) or not name:
        raise bad_request("The field 'name' of a queryable is required and must be a string.")
    definition = _object(queryable.get("definition"), "field 'definition' of a queryable")
    data_type = queryable.get("data_type") or _QUERYABLE_TYPES[0]
    _check_choice(data_type, "data_type", _QUERYABLE_TYPES)
    create_index = queryable.get("create_index") or False
    if not isinstance(create_index, bool):
        raise bad_request("The field 'create_index' of a queryable must be true or false.")
    return {"name": name, "definition": definition, "create_index": create_index, "data_type": data_type}


def parse_partition_scheme(body: object) -> str:
    """Read a partition type.

    Raises:
        RequestError: 400.
    """
    scheme = _object(body, "partition type").get("scheme", "none")
    _check_choice(scheme, "scheme", _PARTITION_SCHEMES)
    return str(scheme)


RENDER_OPTIONS = Kind("Render Option", lambda configuration: configuration.render_options, parse_render_option)
MOSAICS = Kind("Mosaic", lambda configuration: configuration.mosaics, parse_mosaic)


def _with_nulls(option: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "name", "description", "type", "options", "vectorOptions", "minZoom", "legend", "conditions")
    return {**{name: option.get(name) for name in names}, **option}


def _object(body: Json, what: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise bad_request(f"The {what} must be a JSON object.")
    return body


def _check_id(body: dict[str, Any]) -> None:
    value = body.get("id")
    if not isinstance(value, str) or not 1 <= len(value) <= _MAX_ID or not _ID.fullmatch(value):
        raise bad_request("The field 'id' is required: 1 to 30 of A-Z a-z 0-9 - _, with no - or _ at its start or end.")


def _check_name(body: dict[str, Any], most: int) -> None:
    value = body.get("name")
    if not isinstance(value, str) or not 1 <= len(value) <= most:
        raise bad_request(f"The field 'name' is required and must be a string of 1 to {most} characters.")


def _check_text(body: dict[str, Any], name: str) -> None:
    if body.get(name) is not None and not isinstance(body[name], str):
        raise bad_request(f"The field '{name}' must be a string.")


def _check_choice(value: object, name: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise bad_request(f"The field '{name}' must be one of {', '.join(choices)}.")


def _check_zoom(value: object, name: str) -> None:
    if not _is_integer(value) or not 0 <= value <= _MAX_ZOOM:
        raise bad_request(f"The field '{name}' is required and must be an integer from 0 to {_MAX_ZOOM}.")


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
