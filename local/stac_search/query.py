"""The query extension: comparisons of single properties (https://github.com/stac-api-extensions/query)."""

import operator
from collections.abc import Callable
from datetime import datetime

from local.basics.json_text import Json
from local.basics.rfc3339 import parse_rfc3339
from local.stac_search.errors import SearchError
from local.stac_search.item_store import Item
from local.stac_search.paths import value_at

Comparison = Callable[[Json, Json], bool]

_COMPARISONS: dict[str, Comparison] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
_OF_TEXT: dict[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": operator.contains,
}


def matches_query(query: dict[str, dict[str, Json]]) -> Callable[[Item], bool]:
    """Return a function that tells whether an item meets a query.

    Args:
        query: Operators and values by the name of a property; an item must meet all of them. A property that an item
            does not have, or that is null, meets none.

    Raises:
        SearchError: An operator is not known, or its value does not fit it.
    """
    conditions = [
        (name, _condition(name, operation, wanted))
        for name, operations in query.items()
        for operation, wanted in operations.items()
    ]

    def matches(item: Item) -> bool:
        for name, condition in conditions:
            value = value_at(name, item)
            if value is None or not condition(value):
                return False
        return True

    return matches


def _condition(name: str, operation: str, wanted: Json) -> Callable[[Json], bool]:
    if operation in _COMPARISONS:
        return lambda value: _compare(_COMPARISONS[operation], value, wanted)
    if operation in _OF_TEXT and isinstance(wanted, str):
        return lambda value: isinstance(value, str) and _OF_TEXT[operation](value, wanted)
    if operation == "in" and isinstance(wanted, list):
        return lambda value: any(_compare(operator.eq, value, one) for one in wanted)
    raise SearchError(
        f"The operator '{operation[:60]}' for '{name[:60]}' in the field 'query' is not known, or its value does not "
        f"fit. Known are {', '.join([*_COMPARISONS, *_OF_TEXT, 'in'])}."
    )


def _compare(comparison: Comparison, value: Json, wanted: Json) -> bool:
    value, wanted = _alike(value, wanted)
    try:
        return comparison(value, wanted)
    except TypeError:
        return False


def _alike(value: Json, wanted: Json) -> tuple[Json, Json]:
    """Return two values as numbers where one of them is a number, and as times where both are."""
    if _is_number(value) != _is_number(wanted):
        return _as_number(value), _as_number(wanted)
    if isinstance(value, str) and isinstance(wanted, str):
        moments = _as_moment(value), _as_moment(wanted)
        if None not in moments:
            return moments
    return value, wanted


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_number(value: Json) -> Json:
    """Return text that spells a number as that number: clients send `"10"` for 10, and some properties hold it."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


def _as_moment(text: str) -> datetime | None:
    try:
        return parse_rfc3339(text)
    except ValueError:
        return None
