"""What a schema finds wrong with a STAC document, in plain English."""

from collections.abc import Callable, Iterable
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from shared.stac.conversions.findings import Findings

_TYPES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_PYTHON_TYPES = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}
_FORMATS = {
    "iri": "it must be an absolute URL, with what a URL cannot hold percent-encoded",
    "date-time": "it must be a timestamp in UTC such as 2024-02-05T13:13:01Z",
}
# What a rule that allows one of several forms asks for, by the field it stands at.
_FORMS = {
    "nodata": "it must be a number, or the text nan, inf or -inf",
    "summaries": "it must be a list of at least one value, an object with minimum and maximum, or a JSON Schema",
    "extent/spatial/bbox": "it must have one box for everything, or that one and at least two more for its parts",
    "id": "it must be text",
}
_NO_GEOMETRY = (
    "it is not a GeoJSON geometry: give it a type, such as Polygon, and the coordinates that go with it (a ring has at "
    "least four positions)"
)
_MOST_SHOWN = 80


def explain(errors: Iterable[jsonschema_rs.ValidationError], document: dict[str, Any], findings: Findings) -> None:
    """Tell of each error of a schema.

    Args:
        errors: what the validator of shared.stac.schema found.
        document: what it checked.
        findings: told of each.
    """
    # What one of several forms asks for says less than what is wrong with the one that is meant.
    for error in sorted(errors, key=lambda error: isinstance(error.kind, _CHOICES)):
        path = [str(step)[:_MOST_SHOWN] for step in error.instance_path]
        if path[:1] == ["geometry"]:
            findings.fault(_NO_GEOMETRY, "geometry")
        elif not path and isinstance(error.kind, _CHOICES):  # geometry and box in one rule
            if not findings.has_fault_at("bbox"):
                findings.fault(_NO_GEOMETRY, "geometry")
        elif path == ["properties"] and isinstance(error.kind, Kind.AnyOf):
            if isinstance(document["properties"], dict) and not findings.has_fault_at("properties/datetime"):
                findings.fault(_missing_moment(document["properties"]), "properties/datetime")
        else:
            _tell(error, "/".join(path), findings)


def _tell(error: jsonschema_rs.ValidationError, place: str, findings: Findings) -> None:
    what = _rule(error, place)
    if isinstance(error.kind, Kind.Required):
        what, place = "it is missing; give it", f"{place}/{error.kind.property}".lstrip("/")
        if place.startswith("assets/"):
            what = "it is missing; give it, or leave the asset out with drop_assets"
    elif isinstance(error.kind, Kind.FalseSchema) and place == "properties/bands":
        what = "by STAC 1.1 it may stand there only where an asset has bands too; give the assets theirs"
    if not findings.has_fault_at(place):
        findings.fault(what, place)


def _rule(error: jsonschema_rs.ValidationError, place: str) -> str:
    kind: Any = error.kind  # the library's types do not say what each kind carries
    if isinstance(kind, Kind.Type):
        wanted = " or ".join(_TYPES[name] for name in kind.types)
        return f"it must be {wanted} and is {_PYTHON_TYPES.get(type(error.instance), 'null')}"
    if isinstance(kind, Kind.Pattern) and error.instance_path[-1:] == ["license"]:
        return "it must be one SPDX identifier, such as CC-BY-4.0, or the text other, with a link to the license"
    if isinstance(kind, _CHOICES):
        parts = place.split("/")
        known = (_FORMS[name] for name in (place, parts[-1], parts[0]) if name in _FORMS)
        return next(known, "it has none of the forms that STAC allows there; see its specification")
    told = next((tell for of, tell in _RULES.items() if isinstance(kind, of)), None)
    return told(kind) if told else "it is not written as STAC asks; see its specification"


_CHOICES = (Kind.OneOfNotValid, Kind.OneOfMultipleValid, Kind.AnyOf, Kind.Not)
_RULES: dict[type, Callable[[Any], str]] = {
    Kind.Format: lambda kind: _FORMATS.get(kind.format, "it is not written as STAC asks; see its specification"),
    Kind.Enum: lambda kind: f"it must be one of {', '.join(map(str, kind.options))}",
    Kind.Constant: lambda kind: f"it must be {kind.expected_value}",
    Kind.MinLength: lambda _: "it is empty; give it a text, or leave it out",
    Kind.MinItems: lambda kind: f"it must have at least {kind.limit} entries",
    Kind.MaxItems: lambda kind: f"it must have at most {kind.limit} entries",
    Kind.MinProperties: lambda kind: f"it must have at least {kind.limit} fields",
    Kind.Minimum: lambda kind: f"it must be {kind.limit} or more",
    Kind.Maximum: lambda kind: f"it must be {kind.limit} or less",
    Kind.ExclusiveMinimum: lambda kind: f"it must be more than {kind.limit}",
    Kind.UniqueItems: lambda _: "it has an entry twice; leave one of them out",
}


def _missing_moment(properties: dict[str, Any]) -> str:
    missing = [name for name in ("start_datetime", "end_datetime") if name not in properties]
    if "datetime" not in properties:
        return "it is missing; give the moment, or null with start_datetime and end_datetime"
    return f"it is null, and {' and '.join(missing)} missing; a null datetime needs both ends of its range"
