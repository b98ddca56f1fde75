"""Item search: what a query asks for, and which items it finds."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cql2
import shapely

DEFAULT_LIMIT = 250
HIGHEST_LIMIT = 1000
BBOX_LENGTHS = {4: (0, 1, 2, 3), 6: (0, 1, 3, 4)}
TOKEN_PREFIX = "next:"  # noqa: S105 - a paging token


class QueryError(ValueError):
    """A search cannot be understood; the message names the parameter."""


@dataclass(frozen=True)
class Query:
    """A search for items.

    Attributes:
        ids: Ids to find, or None for any.
        collections: Collections to look in, or None for all.
        area: Area that items must meet, or None.
        first: Earliest time, or None.
        last: Latest time, or None.
        condition: CQL2 expression, or None.
        limit: Items on a page.
        offset: Items on the pages before.
    """

    ids: list[str] | None
    collections: list[str] | None
    area: shapely.Geometry | None
    first: dt.datetime | None
    last: dt.datetime | None
    condition: cql2.Expr | None
    limit: int
    offset: int


def parse_query(parameters: Mapping[str, Any]) -> Query:
    """Read a search from its parameters.

    Args:
        parameters: Body of a POST, or the query of a GET, whose lists are separated by commas.

    Returns:
        The search.

    Raises:
        QueryError: A parameter is malformed.
    """
    if parameters.get("bbox") and parameters.get("intersects"):
        raise QueryError("bbox and intersects exclude each other.")
    first, last = _interval(parameters.get("datetime"))
    return Query(
        ids=_texts(parameters.get("ids")),
        collections=_texts(parameters.get("collections")),
        area=_area(parameters),
        first=first,
        last=last,
        condition=_condition(parameters.get("filter")),
        limit=_whole_number(parameters.get("limit") or DEFAULT_LIMIT, "limit", 1, HIGHEST_LIMIT),
        offset=_offset(parameters.get("token")),
    )


def find_items(items: list[dict[str, Any]], query: Query) -> list[dict[str, Any]]:
    """Return all items that a search finds, newest first.

    Raises:
        QueryError: The filter names a property that an item does not have.
    """
    found = [item for item in items if _matches(item, query)]
    return sorted(found, key=lambda item: (item["properties"]["datetime"], item["id"]), reverse=True)


def next_token(query: Query, total: int) -> str | None:
    """Return the token of the next page, or None on the last."""
    end = query.offset + query.limit
    return f"{TOKEN_PREFIX}{end}" if end < total else None


def _matches(item: dict[str, Any], query: Query) -> bool:
    time = dt.datetime.fromisoformat(item["properties"]["datetime"])
    return (
        (query.ids is None or item["id"] in query.ids)
        and (query.collections is None or item["collection"] in query.collections)
        and (query.first is None or time >= query.first)
        and (query.last is None or time <= query.last)
        and (
            query.area is None
            or bool(shapely.intersects(shapely.from_geojson(json.dumps(item["geometry"])), query.area))
        )
        and (query.condition is None or _meets(item, query.condition))
    )


def _meets(item: dict[str, Any], condition: cql2.Expr) -> bool:
    try:
        return bool(condition.matches(item))
    except Exception as error:
        raise QueryError(f"filter cannot be applied to item {item['id']}: {error}") from error


def _texts(value: Any) -> list[str] | None:  # noqa: ANN401 - JSON
    if not value:
        return None
    return value.split(",") if isinstance(value, str) else [str(text) for text in value]


def _area(parameters: Mapping[str, Any]) -> shapely.Geometry | None:
    if intersects := parameters.get("intersects"):
        text = intersects if isinstance(intersects, str) else json.dumps(intersects)
        try:
            return shapely.from_geojson(text)
        except shapely.errors.GEOSException as error:
            raise QueryError(f"intersects is no GeoJSON geometry: {error}") from error
    bbox = parameters.get("bbox")
    if not bbox:
        return None
    try:
        numbers = [float(number) for number in (bbox.split(",") if isinstance(bbox, str) else bbox)]
        west, south, east, north = (numbers[index] for index in BBOX_LENGTHS[len(numbers)])
    except (TypeError, ValueError, KeyError) as error:
        raise QueryError("bbox must be 4 or 6 numbers: west, south, east, north.") from error
    return shapely.box(west, south, east, north)


def _interval(text: Any) -> tuple[dt.datetime | None, dt.datetime | None]:  # noqa: ANN401 - JSON
    if not text:
        return None, None
    first, _, last = str(text).partition("/")
    return _time(first, dt.time.min), _time(last if "/" in str(text) else first, dt.time.max)


def _time(text: str, time_of_day: dt.time) -> dt.datetime | None:
    """Read a time; a date alone is its first or last moment, nothing or `..` is an open end."""
    if text in {"", ".."}:
        return None
    try:
        if "T" not in text:
            return dt.datetime.combine(dt.date.fromisoformat(text), time_of_day, dt.UTC)
        time = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise QueryError(f"datetime {text!r} is no RFC 3339 time.") from error
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def _condition(expression: Any) -> cql2.Expr | None:  # noqa: ANN401 - JSON
    if not expression:
        return None
    try:
        condition = cql2.Expr(expression)
        condition.validate()
    except Exception as error:
        raise QueryError(f"filter is no CQL2: {error}") from error
    return condition


def _offset(token: Any) -> int:  # noqa: ANN401 - JSON
    if not token:
        return 0
    return _whole_number(str(token).removeprefix(TOKEN_PREFIX), "token", 0, None)


def _whole_number(value: Any, name: str, lowest: int, highest: int | None) -> int:  # noqa: ANN401 - JSON
    try:
        number = int(value)
    except (TypeError, ValueError) as error:
        raise QueryError(f"{name} {value!r} is no whole number.") from error
    if number < lowest or (highest is not None and number > highest):
        raise QueryError(f"{name} {number} is not between {lowest} and {highest}.")
    return number
