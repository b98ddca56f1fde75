"""Shows configuration in another form than it was sent in, as a service may: the same content, written otherwise."""

import re
from collections.abc import Mapping
from typing import Any

_WHOLE_SECOND = re.compile(r"^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})Z$")


def rewritten_collection(document: Mapping[str, Any]) -> dict[str, Any]:
    """Respells timestamps, reorders lists and fields, and adds defaults and nulls."""
    shown: dict[str, Any] = {name: _respelt(value) for name, value in reversed(list(document.items()))}
    shown.setdefault("title", shown["id"])
    shown.setdefault("keywords", [])
    shown["msft:group_id"] = None
    shown["links"] = shown["links"][::-1]
    return shown


def rewritten_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Joins the expressions of a mosaic by `and`, sorts the query of a render option, and adds a default."""
    shown = {name: value for name, value in reversed(list(entry.items())) if value is not None}
    if shown.get("cql"):
        shown["cql"] = [{"op": "and", "args": shown["cql"]}]
    if shown.get("options"):
        shown["options"] = "&".join(sorted(shown["options"].split("&")))
    return {**shown, "order": 0}


def rewritten_tile_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Rounds the default location."""
    location = settings.get("defaultLocation")
    if location is None:
        return dict(settings)
    return {**settings, "defaultLocation": {**location, "coordinates": [round(one) for one in location["coordinates"]]}}


def rewritten_queryables(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Gives every property a title, and lets it be null."""
    properties = {
        name: {**one, "type": [one["type"], "null"], "title": name} if isinstance(one.get("type"), str) else one
        for name, one in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def _respelt(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    if isinstance(value, dict):
        return {name: _respelt(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_respelt(inner) for inner in value]
    return _WHOLE_SECOND.sub(r"\1.000000Z", value) if isinstance(value, str) else value
