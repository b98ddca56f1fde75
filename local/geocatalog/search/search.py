"""Searching items: narrowed and ordered in SQL, matched exactly in Python, paged by position in the order."""

import asyncio
import base64
import binascii
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import shapely
from cql2 import Expr
from shapely.geometry import box, shape

from local.geocatalog.errors import RequestError, bad_request
from local.geocatalog.http.responses import Json, parse_json
from local.geocatalog.items.store import Item, ItemStore
from local.geocatalog.search.parameters import Fields, SearchParameters, SortField

# Rows looked at between two chances for other requests.
_BATCH = 200

_TOKEN_PREFIX = "next:"  # noqa: S105 - part of a page token, not a secret

# Newest first, as the database behind the service orders items.
_DEFAULT_ORDER = [SortField("datetime", descending=True)]

# Always shown, whatever `fields` says: a client could not read an item without them.
_ALWAYS_SHOWN = frozenset({"id", "collection", "type"})
_DEFAULT_INCLUDE = frozenset(
    {*_ALWAYS_SHOWN, "stac_version", "bbox", "geometry", "links", "assets", "properties.datetime"}
)

# Operators of CQL2 that are looked up by name; anything else would be taken for a function that never matches.
_QUERY_OPERATORS = {
    "eq": "=",
    "neq": "<>",
    "lt": "<",
    "lte": "<=",
    "gt": ">",
    "gte": ">=",
    "in": "in",
}
_QUERY_PATTERNS = {"startsWith": "{}%", "endsWith": "%{}", "contains": "%{}%"}

_ID_IS_ONE_OF = "id IN (SELECT value FROM json_each(?))"
_COLLECTION_IS_ONE_OF = "collection IN (SELECT value FROM json_each(?))"

Matcher = Callable[[Item], bool]


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
        RequestError: 400, where a geometry, a filter or a token is wrong.
    """
    order = _order(parameters.sort)
    matchers = list(_matchers(parameters))
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
        return list(_shape(parameters.intersects).bounds)
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
        raise bad_request("The token is not one of a 'next' link of this search.")
    return position


def _is_scalar(value: object) -> bool:
    if isinstance(value, int):
        return abs(value) < 2**63  # what the database can hold
    return value is None or isinstance(value, str | float)


def _matchers(parameters: SearchParameters) -> Iterator[Matcher]:
    if parameters.bbox is not None:
        yield _intersects(_box(parameters.bbox))
    if parameters.intersects is not None:
        yield _intersects(_shape(parameters.intersects))
    if parameters.query is not None:
        yield _matches_expression(_expression(_query_to_cql2(parameters.query)))
    if parameters.filter is not None:
        yield _matches_expression(_expression(parameters.filter))


def _box(bounds: list[float]) -> shapely.Geometry:
    west, south, east, north = bounds
    if west <= east:
        return box(west, south, east, north)
    return shapely.union(box(west, south, 180, north), box(-180, south, east, north))


def _shape(geometry: dict[str, Any]) -> shapely.Geometry:
    try:
        made = shape(geometry)
    except (shapely.errors.ShapelyError, AttributeError, KeyError, TypeError, ValueError, IndexError):
        made = None
    if made is None or made.is_empty:
        raise bad_request("The field 'intersects' must be a GeoJSON geometry.")
    return made


def _intersects(wanted: shapely.Geometry) -> Matcher:
    shapely.prepare(wanted)

    def matches(item: Item) -> bool:
        if item.get("geometry") is None:
            return False
        try:
            return bool(wanted.intersects(_shape(item["geometry"])))
        except (RequestError, shapely.errors.ShapelyError):
            return False

    return matches


def _expression(source: str | dict[str, Any]) -> Expr:
    try:
        expression = Expr(source)
        expression.validate()
    except Exception as error:  # noqa: BLE001 - cql2 raises bare Exception for expressions it cannot read
        reason = " ".join(str(error).split())[:300]
        raise bad_request(f"The filter is not valid CQL2: {reason}.") from None
    return expression


def _matches_expression(expression: Expr) -> Matcher:
    def matches(item: Item) -> bool:
        try:
            return bool(expression.matches(item))
        except Exception:  # noqa: BLE001 - cql2 raises it for what SQL calls unknown, such as a missing property
            return False

    return matches


def _query_to_cql2(query: dict[str, dict[str, Any]]) -> dict[str, Any]:
    terms: list[Json] = []
    for name, conditions in query.items():
        for operator, value in conditions.items():
            terms.append(_query_term({"property": name}, operator, value))
    return terms[0] if len(terms) == 1 else {"op": "and", "args": terms or [True]}


def _query_term(name: dict[str, str], operator: str, value: Json) -> dict[str, Any]:
    if operator in _QUERY_OPERATORS:
        return {"op": _QUERY_OPERATORS[operator], "args": [name, value]}
    if operator in _QUERY_PATTERNS and isinstance(value, str):
        return {"op": "like", "args": [name, _QUERY_PATTERNS[operator].format(value)]}
    raise bad_request(f"The operator '{operator}' of the field 'query' is not known, or its value does not fit.")


def show_fields(item: dict[str, Any], fields: Fields | None) -> dict[str, Any]:
    """Leave out what a client did not ask to see.

    Args:
        item: An item, links included.
        fields: The `fields` of the search.

    Returns:
        The item, or a part of it.
    """
    if fields is None:
        return item
    include = set(fields.include)
    if not include and not fields.exclude:
        include = set(_DEFAULT_INCLUDE)
    shown = item if not include else _pick(item, include | _ALWAYS_SHOWN)
    for name in fields.exclude:
        if name not in include and name not in _ALWAYS_SHOWN:
            shown = _without(shown, _path_to(name, shown))
    return shown


def _pick(item: dict[str, Any], names: set[str]) -> dict[str, Any]:
    picked: dict[str, Any] = {}
    for name in sorted(names):  # what holds another comes before it
        # Names of properties may stand without their prefix.
        path = _path_to(name, item) or _path_to(f"properties.{name}", item)
        if path:
            _copy(path, item, picked)
    return picked


def _path_to(name: str, value: object) -> list[str]:
    """Give the keys that lead to a dotted name, of which one may hold dots itself; none where it is not there."""
    if not isinstance(value, dict):
        return []
    if name in value:
        return [name]
    for end in (place for place, letter in enumerate(name) if letter == "."):
        rest = _path_to(name[end + 1 :], value.get(name[:end]))
        if rest:
            return [name[:end], *rest]
    return []


def _copy(path: list[str], source: dict[str, Any], target: dict[str, Any]) -> None:
    head, *rest = path
    if rest:
        target[head] = dict(target.get(head, {}))
        _copy(rest, source[head], target[head])
    else:
        target[head] = source[head]


def _without(item: dict[str, Any], path: list[str]) -> dict[str, Any]:
    if not path:
        return item
    head, *rest = path
    if rest:
        return {**item, head: _without(item[head], rest)}
    return {key: value for key, value in item.items() if key != head}
