"""Fields of items and collections that are changed by what their schema says, and numbers that JSON has not."""

from collections.abc import Iterable
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from shared.basics.json_codec import WrittenOut, write_out
from shared.stac.conversions.findings import Conversion, Findings
from shared.stac.urls import encoded, is_absolute

# Null has a meaning there, or a value is needed.
_KEPT_NULLS = frozenset({"datetime", "geometry", "href", "properties", "assets", "extent"})
# A field that is fixed can show the next fault only then: common metadata is checked in one piece.
_ROUNDS = 3


def convert_fields(
    document: dict[str, Any], validator: jsonschema_rs.Validator, findings: Findings
) -> Iterable[jsonschema_rs.ValidationError]:
    """Change what the document's schema forbids and a rule can change: nulls, and URLs of providers.

    Args:
        document: the item or collection; changed in place.
        validator: of its own version.
        findings: told what was changed.

    Returns:
        What the schema still finds wrong.
    """
    errors = list(validator.iter_errors(document))
    for _ in range(_ROUNDS):
        converted = [error for error in errors if _is_converted(error, document, findings)]
        if not converted:
            break
        errors = list(validator.iter_errors(document))
    return errors


def convert_extensions(document: dict[str, Any], findings: Findings) -> None:
    """Leave out of `stac_extensions` what is no URL, such as the short names of before STAC 1.0, and what is double."""
    names = document.get("stac_extensions")
    if not isinstance(names, list):
        return
    kept: list[Any] = []
    for name in names:
        made = encoded(name) if isinstance(name, str) else name
        if made in kept:
            findings.converted(Conversion.DUPLICATE, f"stac_extensions {made}")
        elif isinstance(made, str) and not is_absolute(made):
            findings.converted(Conversion.EXTENSION, f"stac_extensions {made!r}")
        else:
            kept.append(made)
    document["stac_extensions"] = kept


def convert_numbers(document: dict[str, Any], findings: Findings) -> None:
    """Write out numbers in `nodata` that JSON has not, and tell of those elsewhere.

    Those that were written out when the document was read are told too.
    """
    place = write_out(document)
    if place is not None:
        findings.fault("it is a number that JSON cannot carry (NaN, or too large); give another, or none", place)
    _tell_written_out(document, "", findings)


def _tell_written_out(value: Any, place: str, findings: Findings) -> None:  # noqa: ANN401 - JSON is any value
    if isinstance(value, WrittenOut):
        findings.converted(Conversion.NODATA, place)
    elif isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(inner, dict | list | WrittenOut):
                _tell_written_out(inner, f"{place}/{name}".lstrip("/"), findings)


def _is_converted(error: jsonschema_rs.ValidationError, document: dict[str, Any], findings: Findings) -> bool:
    path = list(error.instance_path)
    parent = _at(document, path[:-1])
    if not path or not isinstance(parent, dict) or path[-1] not in parent:
        return False
    name, value, place = str(path[-1]), parent[path[-1]], "/".join(map(str, path))
    if value is None and name not in _KEPT_NULLS and ":" not in name:
        del parent[name]
        findings.converted(Conversion.NULL, place)
        return True
    if isinstance(error.kind, Kind.Format) and name == "url" and "providers" in path:
        if is_absolute(value) and encoded(value) != value:
            parent[name] = encoded(value)
            findings.converted(Conversion.ENCODED, place)
        else:
            del parent[name]
            findings.converted(Conversion.PROVIDER_URL, place)
        return True
    return False


def _at(value: Any, path: list[Any]) -> Any:  # noqa: ANN401 - JSON is any value
    for step in path:
        value = value[step]
    return value
