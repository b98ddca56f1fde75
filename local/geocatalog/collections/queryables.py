"""Queryables as a JSON schema."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from local.geocatalog.http.responses import origin_of
from local.geocatalog.http.versions import api_version

_BUILT_IN: dict[str, dict[str, Any]] = {
    "id": {
        "$ref": (
            "https://schemas.stacspec.org/v1.0.0/item-spec/json-schema/item.json"
            "#/definitions/core/allOf/2/properties/id"
        ),
        "title": "Item ID",
        "description": "Item identifier",
    },
    "datetime": {
        "type": "string",
        "title": "Acquired",
        "format": "date-time",
        "pattern": "(\\+00:00|Z)$",
        "description": "Datetime",
    },
    "geometry": {
        "$ref": "https://geojson.org/schema/Feature.json",
        "title": "Item Geometry",
        "description": "Item Geometry",
    },
}


def queryables_schema(request: Request, queryables: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Make the schema.

    Args:
        request: The request; the schema's id is its address.
        queryables: Added queryables by name.

    Returns:
        A JSON schema.
    """
    version = api_version(request)
    return {
        "$id": f"{origin_of(request)}{request.url.path}?api-version={version}",
        "type": "object",
        "title": "STAC Queryables.",
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {**_BUILT_IN, **{name: one["definition"] for name, one in queryables.items()}},
        "additionalProperties": True,
    }
