"""Searching items: narrowed and ordered in SQL, matched exactly in Python, paged by position in the order."""

import asyncio
import base64
import binascii
import dataclasses
import json
import sys
from dataclasses import dataclass
from typing import Any

from local.basics.json_text import parse_json
from local.stac_search.errors import SearchError
from local.stac_search.item_store import Item, ItemStore
from local.stac_search.matching import matchers_of, to_shape
from local.stac_search.parameters import SearchParameters, SortField

# Rows looked at between two chances for other requests.
_BATCH = 200

_TOKEN_PREFIX = "next:"  # noqa: S105 - part of a page token, not a secret

# Newest first, as the database behind the service orders items.
_DEFAULT_ORDER = [SortField("datetime", descending=True)]

_ID_IS_ONE_OF = "id IN (SELECT value FROM json_each(?))"
_COLLECTION_IS_ONE_OF = "collection IN (SELECT value FROM json_each(?))"


@dataclass(slots=True)
class Page:
    """What one request gets: items, and the token of the page after it."""

    items: list[Item]
    token: str | None


async def search(items: ItemStore, parameters: SearchParameters) -> Page:
    """Find items.

    Args:
        items: All items.
        parameters: The search.

    Returns:
        A page of matching items, without links, in order.

    Raises:
        SearchError: Where a geometry, a filter or a token is wrong.
    """
    order = _order(parameters.sort)
    matchers = list(matchers_of(parameters))
    where, values = _narrow(parameters)
    position = None if parameters.token is None else _read_token(parameters.token, len(order))
    found: list[tuple[Item, list[Any]]] = []
    while len(found) <= parameters.limit:
        rows = items.select(*_query(order, where, values, position))
        for document, *keys in rows:
            item = parse_json(document.encode())
            if all(matches(item) for matches in matchers):
                found.append((item, keys))
        if len(rows) < _BATCH:
            break
        position = rows[-1][1:]
        await asyncio.sleep(0)
    page = found[: parameters.limit]
    more = len(found) > parameters.limit
    return Page([item for item, _ in page], _write_token(page[-1][1]) if more else None)


async def count(items: ItemStore, parameters: SearchParameters) -> int:
    """Return how many items a search finds on all its pages.

    Args:
        items: All items.
        parameters: The search; its `limit` and `token` are ignored.

    Returns:
        The number.

    Raises:
        SearchError: A geometry or a filter is wrong.
    """
    everything = dataclasses.replace(parameters, limit=sys.maxsize, token=None)
    return len((await search(items, everything)).items)


def _order(sort: list[SortField]) -> list[tuple[str, bool]]:
    order = [(_column(one.name), one.descending) for one in sort or _DEFAULT_ORDER]
    # The id makes the order total; it follows the direction of the last field.
    return [*order, ("id", order[-1][1]), ("collection", order[-1][1])]


def _column(name: str) -> str:
    name = name.removeprefix("properties.")
    if name in ("id", "collection"):
        return name
    if name in ("datetime", "start_datetime"):
        return "starts"
    if name == "end_datetime":
        return "ends"
    # A name with dots is that of one property, or leads into one.
    names = {name: None, name.replace(".", '"."'): None}
    values = ", ".join(f"""json_extract(document, '$.properties."{one.replace("'", "''")}"')""" for one in names)
    return f"coalesce({values})" if len(names) > 1 else values


def _narrow(parameters: SearchParameters) -> tuple[list[str], list[object]]:
    conditions: list[str] = []
    values: list[object] = []
    for condition, wanted in ((_ID_IS_ONE_OF, parameters.ids), (_COLLECTION_IS_ONE_OF, parameters.collections)):
        if wanted is not None:
            conditions.append(condition)
            values.append(json.dumps(wanted))
    if parameters.interval is not None:
        start, end = parameters.interval
        if start is not None:
            conditions.append("ends >= ?")
            values.append(start)
        if end is not None:
            conditions.append("starts <= ?")
            values.append(end)
    bounds = _bounds(parameters)
    if bounds is not None:
        west, south, east, north = bounds
        conditions.append("south <= ? AND north >= ?")
        values += [north, south]
        # Items that cross the antimeridian (west > east) are left to the exact match.
        if west <= east:
            conditions.append("(west > east OR (west <= ? AND east >= ?))")
            values += [east, west]
    return conditions, values


def _bounds(parameters: SearchParameters) -> list[float] | None:
    if parameters.bbox is not None:
        return parameters.bbox
    if parameters.intersects is not None:
        return list(to_shape(parameters.intersects).bounds)
    return None


def _query(
    order: list[tuple[str, bool]], where: list[str], values: list[object], position: list[Any] | None
) -> tuple[str, list[object]]:
    conditions, bound = list(where), list(values)
    if position is not None:
        condition, after = _after(order, position)
        conditions.append(condition)
        bound += after
    keys = ", ".join(column for column, _ in order)
    terms = ", ".join(f"{column} IS NULL, {column} {'DESC' if descending else 'ASC'}" for column, descending in order)
    clause = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    # Columns are fixed names or quoted JSON paths; every value is bound.
    sql = f"SELECT document, {keys} FROM items {clause}ORDER BY {terms} LIMIT {_BATCH}"  # noqa: S608
    return sql, bound


def _after(order: list[tuple[str, bool]], position: list[Any]) -> tuple[str, list[object]]:
    """Give the condition for rows that come after a position; nulls come last."""
    alternatives: list[str] = []
    values: list[object] = []
    equal: list[str] = []
    equal_values: list[object] = []
    for (column, descending), value in zip(order, position, strict=True):
        if value is None:
            equal.append(f"{column} IS NULL")
            continue
        sign = "<" if descending else ">"
        alternatives.append(" AND ".join([*equal, f"({column} {sign} ? OR {column} IS NULL)"]))
        values += [*equal_values, value]
        equal.append(f"{column} = ?")
        equal_values.append(value)
    return f"({' OR '.join(f'({one})' for one in alternatives)})", values


def _write_token(position: list[Any]) -> str:
    text = json.dumps(position, separators=(",", ":"))
    return _TOKEN_PREFIX + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(token: str, length: int) -> list[Any]:
    try:
        encoded = token.removeprefix(_TOKEN_PREFIX)
        position = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        position = None
    if not isinstance(position, list) or len(position) != length or not all(map(_is_scalar, position)):
        raise SearchError("The token is not one of a 'next' link of this search.")
    return position


def _is_scalar(value: object) -> bool:
    if isinstance(value, int):
        return abs(value) < 2**63  # what the database can hold
    return value is None or isinstance(value, str | float)
