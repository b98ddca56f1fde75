"""Checks that an API gives what it was asked for: some take no notice of a filter, and would fill a collection."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.basics.clock import parse_timestamp
from shared.feeds.specs import FeedSpec

# APIs search with areas that are rounded here and there: about a metre.
_TOLERANCE_DEGREES = 1e-5
# A day stands for all of its moments, and APIs differ in how they round a second.
_TOLERANCE = timedelta(days=1)
_DATE_LENGTH = 10


def strange_part(item: Mapping[str, Any], spec: FeedSpec) -> str | None:
    """Return the part of a feed's query that an item does not meet; None where it meets all that can be judged.

    Args:
        item: a STAC Item as the API gave it.
        spec: the feed.
    """
    if item.get("collection") is not None and item["collection"] not in spec.collections:
        return "collections"
    if spec.datetime and not _is_in_range(item, spec.datetime):
        return "datetime"
    if spec.bbox and not _touches(item, spec.bbox):
        return "bbox"
    bounds = _bounds(spec.intersects) if spec.intersects else None
    if bounds and not _touches(item, bounds):
        return "intersects"
    if spec.filter and _judged(spec.filter, item) is False:
        return "filter"
    if spec.query and not _meets_query(item, spec.query):
        return "query"
    return None


def _is_in_range(item: Mapping[str, Any], wanted: str) -> bool:
    properties = item.get("properties")
    if not isinstance(properties, dict):
        return True  # bad content, which has its own fault
    start = _moment(properties.get("start_datetime") or properties.get("datetime"))
    end = _moment(properties.get("end_datetime") or properties.get("datetime"))
    if start is None or end is None:
        return True
    first, separator, last = wanted.partition("/")
    low = _moment(first)
    high = _moment(last if separator else first)
    high_tolerance = _TOLERANCE if len(last if separator else first) == _DATE_LENGTH else timedelta(seconds=1)
    if low is not None and end < low - timedelta(seconds=1):
        return False
    return high is None or start <= high + high_tolerance


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return parse_timestamp(text)
    except ValueError:
        return None  # `..`, or no timestamp


def _touches(item: Mapping[str, Any], wanted: tuple[float, ...]) -> bool:
    box = item.get("bbox")
    try:
        own = _flat([float(number) for number in box or ()])
    except (TypeError, ValueError):
        return True
    if own is None:
        return box is not None or item.get("geometry") is not None  # an item without a place lies in no area
    area = _flat(list(wanted))
    assert area is not None  # noqa: S101 - checked when the feed was read
    (west, south, east, north), (a_west, a_south, a_east, a_north) = own, area
    if south > a_north + _TOLERANCE_DEGREES or north < a_south - _TOLERANCE_DEGREES:
        return False
    return any(
        low <= a_high + _TOLERANCE_DEGREES and high >= a_low - _TOLERANCE_DEGREES
        for low, high in _spans(west, east)
        for a_low, a_high in _spans(a_west, a_east)
    )


def _flat(numbers: list[float]) -> tuple[float, float, float, float] | None:
    match len(numbers):
        case 4:
            return numbers[0], numbers[1], numbers[2], numbers[3]
        case 6:
            return numbers[0], numbers[1], numbers[3], numbers[4]
        case _:
            return None


def _spans(west: float, east: float) -> list[tuple[float, float]]:
    """Return the longitudes of a box; in two where it lies across the antimeridian (RFC 7946, section 5.2)."""
    return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]


def _bounds(geometry: Mapping[str, Any]) -> tuple[float, ...] | None:
    """Return the box around a GeoJSON geometry; None where it holds no positions."""
    positions = list(_positions(geometry.get("coordinates") or geometry.get("geometries")))
    if not positions:
        return None
    longitudes, latitudes = zip(*positions, strict=True)
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def _positions(value: Any) -> Iterator[tuple[float, float]]:  # noqa: ANN401 - JSON is any value
    if isinstance(value, Mapping):
        yield from _positions(value.get("coordinates") or value.get("geometries"))
    elif isinstance(value, list) and len(value) > 1 and _are_numbers(*value[:2]):
        yield float(value[0]), float(value[1])
    elif isinstance(value, list):
        for inner in value:
            yield from _positions(inner)


# CQL2 in JSON, as far as it can be judged here: True, False, or None for what cannot.


def _judged(expression: Any, item: Mapping[str, Any]) -> bool | None:  # noqa: ANN401
    op = expression.get("op") if isinstance(expression, dict) else None
    arguments = expression.get("args") if isinstance(expression, dict) else None
    if not isinstance(arguments, list):
        return None
    if op in {"and", "or"}:
        parts = [_judged(argument, item) for argument in arguments]
        decisive: bool = op == "or"
        if decisive in parts:
            return decisive
        return None if None in parts else not decisive
    if op == "not" and len(arguments) == 1:
        inner = _judged(arguments[0], item)
        return None if inner is None else not inner
    operation = _CQL_OPERATIONS.get(str(op))
    if operation is None or len(arguments) != 2:  # noqa: PLR2004 - two sides
        return None
    value, wanted = _value(arguments[0], item), arguments[1]
    return _COMPARISONS[operation](value, wanted) if _can_be_judged(operation, value, wanted) else None


_CQL_OPERATIONS = {"=": "eq", "<>": "neq", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "in": "in"}


def _value(argument: Any, item: Mapping[str, Any]) -> Any:  # noqa: ANN401
    name = argument.get("property") if isinstance(argument, dict) else None
    properties = item.get("properties")
    if not isinstance(name, str) or not isinstance(properties, dict):
        return None
    return (
        item[name]
        if name in {"id", "collection"} and name in item
        else properties.get(name.removeprefix("properties."))
    )


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "neq": lambda value, wanted: value != wanted,
    "lt": lambda value, wanted: value < wanted,
    "lte": lambda value, wanted: value <= wanted,
    "gt": lambda value, wanted: value > wanted,
    "gte": lambda value, wanted: value >= wanted,
    "in": lambda value, wanted: value in wanted,
}


def _meets_query(item: Mapping[str, Any], query: Mapping[str, Mapping[str, Any]]) -> bool:
    properties = item.get("properties")
    if not isinstance(properties, dict):
        return True
    for name, operations in query.items():
        value = properties.get(name.removeprefix("properties."))
        for operation, wanted in operations.items():
            if not _can_be_judged(operation, value, wanted):
                continue
            if not _COMPARISONS[operation](value, wanted):
                return False
    return True


def _can_be_judged(operation: str, value: object, wanted: object) -> bool:
    if operation not in _COMPARISONS or value is None:
        return False
    if operation == "in":
        return isinstance(wanted, list)
    if isinstance(value, str) and isinstance(wanted, str):
        return operation in {"eq", "neq"}  # the order of texts may be that of moments in several spellings
    return _are_numbers(value, wanted)


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
