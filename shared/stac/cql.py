"""The CQL2 of mosaics: old spellings written as CQL2 has them, and what is no CQL2 told in a sentence."""

import re
from collections.abc import Callable
from typing import Any

from shared.basics.nearest import nearest

# The operators of CQL2 (OGC 21-065r2). An unknown word would be a function of one's own, which no GeoCatalog has.
_SPATIAL = ("contains", "crosses", "disjoint", "equals", "intersects", "overlaps", "touches", "within")
_TEMPORAL = (
    *("after", "before", "contains", "disjoint", "during", "equals", "finishedBy", "finishes", "intersects"),
    *("meets", "metBy", "overlappedBy", "overlaps", "startedBy", "starts"),
)
_ARRAY = ("containedBy", "contains", "equals", "overlaps")
OPERATORS = frozenset(
    {
        *("and", "or", "not", "=", "<>", "<", "<=", ">", ">=", "isNull", "like", "between", "in", "casei", "accenti"),
        *("+", "-", "*", "/", "^", "%", "div"),
        *(f"s_{name}" for name in _SPATIAL),
        *(f"t_{name}" for name in _TEMPORAL),
        *(f"a_{name}" for name in _ARRAY),
    }
)

# What earlier drafts of CQL called them; the mosaics of the open Planetary Computer still do.
_OLD_NAMES = {
    "!=": "<>", "eq": "=", "neq": "<>", "ne": "<>", "lt": "<", "lte": "<=", "le": "<=", "gt": ">", "gte": ">=",
    "ge": ">=", "anyinteracts": "t_intersects", "intersects": "s_intersects",
}  # fmt: skip

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INTERVAL_ENDS = 2
_EXAMPLE = '{"op": "<=", "args": [{"property": "eo:cloud_cover"}, 10]}'


def mended(expression: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """Writes an expression of an earlier draft of CQL as CQL2; what is CQL2 already stays as it is.

    Old names of operators, an interval that is a bare list, a timestamp that is a date, and a list that is compared by
    `=` each have one meaning in CQL2.
    """
    if isinstance(expression, list):
        return [mended(inner) for inner in expression]
    if not isinstance(expression, dict):
        return expression
    moment = expression.get("timestamp")
    if isinstance(moment, str) and _DATE.fullmatch(moment):
        return {**expression, "timestamp": f"{moment}T00:00:00Z"}
    op = expression.get("op")
    if not isinstance(op, str) or not isinstance(expression.get("args"), list):
        return {name: mended(inner) for name, inner in expression.items()}
    return _mended_operation(expression, _OLD_NAMES.get(op, op), expression["args"])


def _mended_operation(expression: dict[str, Any], op: str, arguments: list[Any]) -> dict[str, Any]:
    if op.startswith("t_"):
        return {**expression, "op": op, "args": [_as_interval(argument) for argument in arguments]}
    if op in {"=", "<>"} and any(isinstance(argument, list) for argument in arguments):
        equal = {**expression, "op": "a_equals", "args": arguments}
        return equal if op == "=" else {"op": "not", "args": [equal]}
    return {**expression, "op": op, "args": [mended(argument) for argument in arguments]}


def _as_interval(argument: Any) -> Any:  # noqa: ANN401
    ends = argument.get("interval") if isinstance(argument, dict) else argument
    if not isinstance(ends, list) or len(ends) != _INTERVAL_ENDS:
        return mended(argument)
    return {"interval": [".." if end is None else _interval_end(end) for end in ends]}


def _interval_end(end: Any) -> Any:  # noqa: ANN401
    literal = next((end[kind] for kind in ("timestamp", "date") if isinstance(end, dict) and kind in end), end)
    return literal if isinstance(literal, str) else end


def cql_fault(expression: object) -> str | None:
    """Says in a sentence why an expression is no CQL2 in JSON; None where it is."""
    if not isinstance(expression, dict):
        return f"It is not CQL2 in JSON: give an object such as {_EXAMPLE}."
    unknown = _unknown_operator(expression)
    if unknown is not None:
        return f"CQL2 has no operator {unknown[:80]!r}{nearest(unknown, OPERATORS)}"
    import cql2  # noqa: PLC0415 - a large library, for mosaics with an expression only

    check: Callable[[], None] = lambda: cql2.Expr(expression).validate()  # noqa: E731
    try:
        check()
    except Exception as error:  # noqa: BLE001 - the library raises plain Exceptions for what is no CQL2
        return f"It is not CQL2 in JSON ({' '.join(str(error).split())[:200]}); an expression is such as {_EXAMPLE}."
    return None


def _unknown_operator(expression: Any) -> str | None:  # noqa: ANN401
    if isinstance(expression, list):
        return next(filter(None, map(_unknown_operator, expression)), None)
    if not isinstance(expression, dict):
        return None
    op = expression.get("op")
    if isinstance(op, str) and op not in OPERATORS:
        return op
    return _unknown_operator(expression.get("args"))
