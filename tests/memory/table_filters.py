"""The filters of table queries: comparisons joined by `and`, `or`, `not` and parentheses.

Source: learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities.
"""

import base64
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.memory.wire import RefusedError

_TOKENS = re.compile(
    r"\s*(?:(?P<paren>[()])|(?P<datetime>datetime'[^']*')|(?P<binary>(?:X|binary)'[0-9A-Fa-f]*')"
    r"|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?L?)|(?P<word>\w+))"
)
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip

Row = Callable[[str], object]


@dataclass(frozen=True)
class Filter:
    """Which rows a query asks for.

    Attributes:
        matches: tells whether it asks for a row, which gives the value of a column; None where it has none.
        may_match: tells of a row's PartitionKey whether rows with it are to be checked.
    """

    matches: Callable[[Row], bool]
    may_match: Callable[[str], bool]


def comparable(value: Any) -> Any:  # noqa: ANN401 - a value of any type that a column can have
    """Return a value that is ordered as the service orders it: texts by their UTF-16 code units."""
    return value.encode("utf-16-be", "surrogatepass") if isinstance(value, str) else value


def read_filter(text: str) -> Filter:
    """Read a filter; an empty one asks for all rows.

    Raises:
        RefusedError: it is not a filter.
    """
    if not text.strip():
        return Filter(lambda _: True, lambda _: True)
    reader = _Reader(text)
    found = reader.either()
    reader.expect_end()
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            token = _TOKENS.match(text, position)
            if not token:
                raise RefusedError(400, "InvalidInput")
            self._tokens.append((str(token.lastgroup), token[str(token.lastgroup)]))
            position = token.end()
        self._next = 0

    def either(self) -> Filter:
        """Read what is joined by `or`."""
        found = self._both()
        while self._take("or"):
            found = _joined(found, self._both(), any)
        return found

    def expect_end(self) -> None:
        """Refuse what follows."""
        if self._next < len(self._tokens):
            raise RefusedError(400, "InvalidInput")

    def _both(self) -> Filter:
        found = self._one()
        while self._take("and"):
            found = _joined(found, self._one(), all)
        return found

    def _one(self) -> Filter:
        if self._take("not"):
            inner = self._one()
            return Filter(lambda row: not inner.matches(row), lambda _: True)
        if self._take("("):
            found = self.either()
            if not self._take(")"):
                raise RefusedError(400, "InvalidInput")
            return found
        (_, name), (_, compared), literal = self._pop(), self._pop(), self._pop()
        if compared not in _OPERATORS:
            raise RefusedError(400, "InvalidInput")
        return _comparison(name, _OPERATORS[compared], comparable(_value(*literal)))

    def _take(self, word: str) -> bool:
        is_next = self._next < len(self._tokens) and self._tokens[self._next][1] == word
        self._next += is_next
        return is_next

    def _pop(self) -> tuple[str, str]:
        if self._next == len(self._tokens):
            raise RefusedError(400, "InvalidInput")
        self._next += 1
        return self._tokens[self._next - 1]


def _joined(first: Filter, second: Filter, how: Callable[[tuple[bool, bool]], bool]) -> Filter:
    return Filter(
        lambda row: how((first.matches(row), second.matches(row))),
        lambda key: how((first.may_match(key), second.may_match(key))),
    )


def _comparison(name: str, compare: Callable[[Any, Any], bool], wanted: object) -> Filter:
    def holds(value: object) -> bool:
        # A row without the column, or with one of another type, is not among those that are asked for.
        found = comparable(value)
        try:
            return value is not None and compare(found, wanted)
        except TypeError:
            return False

    if name == "PartitionKey":
        return Filter(lambda row: holds(row(name)), holds)
    return Filter(lambda row: holds(row(name)), lambda _: True)


def _value(kind: str, text: str) -> object:
    if kind == "text":
        return text[1:-1].replace("''", "'")
    if kind == "datetime":
        return datetime.fromisoformat(text[len("datetime'") : -1])
    if kind == "binary":
        return base64.b16decode(text.partition("'")[2][:-1], casefold=True)
    if kind == "number":
        return float(text) if re.search(r"[.eE]", text) else int(text.rstrip("L"))
    if text in {"true", "false"}:
        return text == "true"
    raise RefusedError(400, "InvalidInput")
