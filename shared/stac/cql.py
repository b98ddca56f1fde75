"""The CQL2 of mosaics: old spellings written as CQL2 has them, and unknown operators told in a sentence."""

import re
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


def in_cql2(expression: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """Return an expression of an earlier draft of CQL written as CQL2; what is CQL2 already stays as it is.

    Old names of operators, an interval that is a bare list, a timestamp that is a date, and a list that is compared by
    `=` each have one meaning in CQL2.
    """
    if isinstance(expression, list):
        return [in_cql2(inner) for inner in expression]
    if not isinstance(expression, dict):
        return expression
    moment = expression.get("timestamp")
    if isinstance(moment, str) and _DATE.fullmatch(moment):
        return {**expression, "timestamp": f"{moment}T00:00:00Z"}
    op = expression.get("op")
    if not isinstance(op, str) or not isinstance(expression.get("args"), list):
        return {name: in_cql2(inner) for name, inner in expression.items()}
    return _operation_in_cql2(expression, _OLD_NAMES.get(op, op), expression["args"])


def _operation_in_cql2(expression: dict[str, Any], op: str, arguments: list[Any]) -> dict[str, Any]:
    if op.startswith("t_"):
        return {**expression, "op": op, "args": [_as_interval(argument) for argument in arguments]}
    if op in {"=", "<>"} and any(isinstance(argument, list) for argument in arguments):
        equal = {**expression, "op": "a_equals", "args": arguments}
        return equal if op == "=" else {"op": "not", "args": [equal]}
    return {**expression, "op": op, "args": [in_cql2(argument) for argument in arguments]}


def _as_interval(argument: Any) -> Any:  # noqa: ANN401
    ends = argument.get("interval") if isinstance(argument, dict) else argument
    if not isinstance(ends, list) or len(ends) != _INTERVAL_ENDS:
        return in_cql2(argument)
    return {"interval": [".." if end is None else _interval_end(end) for end in ends]}


def _interval_end(end: Any) -> Any:  # noqa: ANN401
    literal = next((end[kind] for kind in ("timestamp", "date") if isinstance(end, dict) and kind in end), end)
    return literal if isinstance(literal, str) else end


def cql_fault(expression: object) -> str | None:
    """Return in a sentence why an expression cannot be CQL2 in JSON: it is no object, or an operator of it is unknown.

    GeoCatalog, and `geocatalog validate` beforehand, check all else. None where nothing is found.
    """
    if not isinstance(expression, dict):
        return f"It is not CQL2 in JSON: give an object such as {_EXAMPLE}."
    unknown = _unknown_operator(expression)
    if unknown is not None:
        return f"CQL2 has no operator {unknown[:80]!r}{nearest(unknown, OPERATORS)}"
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
