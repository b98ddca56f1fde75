"""Checks what a message wants of each part of a configuration, entry by entry, so that a fault stops its entry only."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind

from shared.basics.json_codec import canonical_json
from shared.basics.nearest import unknown_key
from shared.configuration.shapes import SHAPES, Part, in_service_spelling
from shared.stac.cql import cql_fault, in_cql2

# So much of a value that is wrong is shown: enough to find it, not enough to hide a body in.
_MAX_QUOTED = 200

# What every collection has without being asked; GeoCatalog keeps it.
BUILT_IN_QUERYABLES = frozenset({"id", "datetime", "geometry"})


@dataclass(frozen=True)
class Refusal:
    """Something that a message wants and that is left out.

    Attributes:
        part: the part of the configuration.
        place: where in the message, such as `render_options.2.minZoom`.
        why: what is wrong and how to mend it, in a sentence.
    """

    part: Part
    place: str
    why: str

    def __str__(self) -> str:
        return f"{self.place}: {self.why}"


@dataclass(frozen=True)
class Checked:
    """The entries of a part that can be applied, in the service's shape, and what is refused of the others."""

    entries: list[dict[str, Any]]
    refused: tuple[Refusal, ...] = ()


def checked_entries(part: Part, place: str, entries: object, *, is_foreign: bool = False) -> Checked:
    """Brings the entries of a list into the service's shape, and leaves out those with a fault.

    Args:
        part: render options, mosaics or queryables.
        place: where the list stands in the message.
        entries: the list.
        is_foreign: whether it comes from the Planetary Computer, whose entries may have keys of their own.
    """
    if not isinstance(entries, list):
        return Checked([], (Refusal(part, place, "It is not a list of objects."),))
    shaped = [_shaped(part, entry, is_foreign=is_foreign) for entry in entries]
    found = {number: list(_faults(part, entry)) for number, entry in enumerate(shaped)}
    for number, fault in _shared_keys(part, shaped):
        found[number].append(fault)
    refused = [
        Refusal(part, ".".join(filter(None, (place, str(number), where))), why)
        for number, faults in found.items()
        for where, why in faults
    ]
    return Checked([entry for number, entry in enumerate(shaped) if not found[number]], tuple(refused))


def checked_object(part: Part, place: str, value: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Refusal, ...]]:
    """Brings a part that is one object into the service's shape, and says what is wrong with it."""
    shaped = in_service_spelling(part, dict(value))
    return shaped, tuple(Refusal(part, f"{place}.{where}".rstrip("."), why) for where, why in _faults(part, shaped))


def _shaped(part: Part, entry: object, *, is_foreign: bool) -> Any:  # noqa: ANN401 - JSON is any value
    shaped = in_service_spelling(part, entry)
    if not isinstance(shaped, dict):
        return shaped
    if is_foreign:
        shaped = {name: value for name, value in shaped.items() if name in SHAPES[part]["properties"]}
    if part is Part.RENDER_OPTIONS:
        return {"type": "raster-tile", **shaped}
    if part is Part.MOSAICS:
        return {**shaped, "cql": in_cql2(shaped.get("cql", []))}
    return shaped


def _faults(part: Part, entry: object) -> Iterator[tuple[str, str]]:
    if not isinstance(entry, dict):
        yield "", "It is not an object."
        return
    faults = list(_shape_faults(part, entry))
    yield from faults
    if part in {Part.RENDER_OPTIONS, Part.MOSAICS} and not entry.get("name") and not entry.get("id") and not faults:
        yield "name", "It has neither a name nor an id; give it a name."
    if part is Part.RENDER_OPTIONS and entry.get("type") != "raster-tile" and "vectorOptions" not in entry:
        yield "vectorOptions", "It is missing; options of vector tiles need it, with tilejsonKey and sourceLayer."
    if part is Part.MOSAICS and isinstance(entry.get("cql"), list):
        for number, expression in enumerate(entry["cql"]):
            fault = cql_fault(expression)
            if fault:
                yield f"cql.{number}", fault
    if part is Part.QUERYABLES and entry.get("name") in BUILT_IN_QUERYABLES:
        yield "name", f"Every collection has the queryable {entry['name']} by itself; leave it out."


def _shape_faults(part: Part, entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for error in _validator(part).iter_errors(entry):
        path = [str(step) for step in error.instance_path]
        schema: Any = SHAPES[part]
        for step in error.schema_path[:-1]:
            schema = schema[step]
        if isinstance(error.kind, ValidationErrorKind.AdditionalProperties):
            known = schema["properties"]
            yield from ((".".join([*path, key]), unknown_key(key, known)) for key in error.kind.unexpected)
        elif isinstance(error.kind, ValidationErrorKind.Required):
            missing = error.kind.property
            hint = schema["properties"][missing].get("description")
            yield ".".join([*path, missing]), "It is missing" + (f" ({hint})." if hint else ".")
        elif path[:1] != ["cql"] or len(path) == 1:  # what stands in cql is told by cql_fault
            hint = schema.get("description")
            yield ".".join(path), f"{error.message[:_MAX_QUOTED]}" + (f" ({hint})." if hint else ".")


@cache
def _validator(part: Part) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(SHAPES[part])


def _shared_keys(part: Part, entries: list[Any]) -> Iterator[tuple[int, tuple[str, str]]]:
    """Finds different entries under one id, or one name of a queryable: which of them is meant is not known."""
    key = "name" if part is Part.QUERYABLES else "id"
    different = {canonical_json(entry): entry for entry in entries if isinstance(entry, dict) and entry.get(key)}
    counted = Counter(str(entry[key]) for entry in different.values())
    for number, entry in enumerate(entries):
        shared = str(entry.get(key)) if isinstance(entry, dict) else ""
        if counted[shared] > 1:
            yield number, (key, f"{counted[shared]} of them have the {key} {shared[:60]!r}; give each its own.")
