"""Reads the entries of an ItemCollection that is too large to be held in memory, one at a time."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ijson

from shared.basics.errors import BadMessage, ErrorCode
from shared.basics.json_codec import write_out

# Most bytes of a file that are held at once: a document, a line, or an entry of a longer document. GeoCatalog takes
# items of up to 1 MB.
MAX_HELD_BYTES = 2 * 1024 * 1024
# The same in memory, by memory_of. For the 32 messages of an instance, each with as many entries beside it as are sent
# at once (12 MiB) and a piece being read, that is 32 * (24 + 12 + 4) MiB = 1.25 GiB of its 2 GB.
MAX_HELD_MEMORY = 24 * 1024 * 1024
# Deeper JSON is refused wherever the app reads it: pydantic_core's parser, which reads messages, ends there.
_MAX_DEPTH = 200
_HEAD = frozenset({"type", "id", "collection"})
# How much is parsed at once, and so how exactly the size of an entry is known.
_PIECE = 64 * 1024

# What Python takes for what begins at an event, as in memory_of: an object, a list, a name, another value.
_WEIGHTS = {"start_map": 256, "start_array": 128, "map_key": 100, "end_map": 0, "end_array": 0}
_WEIGHT = 64
# The list `features` is inside the document's object, and its entries inside the list.
_ENTRY_DEPTH = 2

# Numbers that JSON has not, and the texts that stand for them on the way through the parser: no text of people.
_ODD_MARKS = {f"\ue000{word}": word for word in ("NaN", "Infinity", "-Infinity")}
_TEXT_OR_ODD = re.compile(rb'"(?:[^"\\]|\\.)*"|NaN|-?Infinity', re.DOTALL)
_LONGEST_WORD = len("-Infinity")

_OPENING = frozenset({"start_map", "start_array"})
_CLOSING = frozenset({"end_map", "end_array"})

Event = tuple[str, Any]


@dataclass(frozen=True)
class StreamedEntry:
    """One entry of the list `features`.

    Attributes:
        number: its place in the list, from 1.
        value: what it is; None where it was not kept.
        fault: why it was not kept, as the end of a sentence that begins with the entry.
        memory: how many bytes of memory it takes at most.
    """

    number: int
    value: Any
    fault: str = ""
    memory: int = 0


def document_head(chunks: Iterator[bytes]) -> dict[str, str] | None:
    """Read a JSON document to its end and return `type`, `id` and `collection` of the object that it is.

    Args:
        chunks: the document.

    Returns:
        Those of the three members that are text; None where the document is no object.

    Raises:
        ValueError: it is not JSON.
        BadMessage: it holds a single value that is too long to be read.
    """
    found: dict[str, str] | None = None
    key, depth = "", 0
    try:
        for _, events in _pieces(chunks):
            for event, value in events:
                if depth == 0 and event == "start_map":
                    found = {}
                if event in _OPENING:
                    depth += 1
                elif event in _CLOSING:
                    depth -= 1
                elif depth == 1 and event == "map_key":
                    key = value
                elif found is not None and depth == 1 and key in _HEAD and event == "string":
                    found[key] = str(value)
    except BadMessage:
        # One text that fits no item: of an Item all is known that its row needs.
        if found is None or found.get("type") != "Feature" or "id" not in found:
            raise
    return found


def features(chunks: Iterator[bytes], *, skip: int = 0) -> Iterator[StreamedEntry]:
    """Read the entries of the list `features` of a JSON object.

    Args:
        chunks: the document.
        skip: how many entries to leave out; nothing is made of them.

    Yields:
        The entries that follow.

    Raises:
        ValueError: the document is not JSON.
        BadMessage: it holds a single value that is too long to be read.
    """
    key, depth, number = None, 0, 0
    is_list = False
    entry: _Entry | None = None
    for read, events in _pieces(chunks):
        if entry:
            entry.grow(read)
        for event, value in events:
            depth -= event in _CLOSING
            if depth == 1:
                if event == "map_key":
                    key = value
                is_list = event == "start_array" and key == "features"
            elif is_list and depth >= _ENTRY_DEPTH:
                if depth == _ENTRY_DEPTH and event not in _CLOSING:
                    number += 1
                    entry = _Entry() if number > skip else None
                if entry:
                    entry.add(event, value, depth)
                    if depth == _ENTRY_DEPTH and event not in _OPENING:
                        yield entry.ended(number)
                        entry = None
            depth += event in _OPENING


def with_odd_numbers(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Write numbers that JSON has not, such as NaN, in a way that `features` reads as numbers.

    Args:
        chunks: a document that may hold them.
    """
    held = b""
    for chunk in itertools.chain(chunks, [b""]):
        text = held + chunk
        # A text that is not at its end, and what may be half a word, wait for what follows.
        cut = len(text) if not chunk else _cut_before_open(text)
        held = text[cut:]
        if len(held) > MAX_HELD_BYTES:
            raise _too_long()
        yield _TEXT_OR_ODD.sub(_marked, text[:cut])


def _marked(found: re.Match[bytes]) -> bytes:
    word = found[0]
    return word if word.startswith(b'"') else b'"\\ue000' + word + b'"'


def _cut_before_open(text: bytes) -> int:
    end = 0
    for found in _TEXT_OR_ODD.finditer(text):
        end = found.end()
    opened = text.find(b'"', end)
    return opened if opened >= 0 else max(end, len(text) - _LONGEST_WORD)


class _Entry:
    """An entry while its events come."""

    def __init__(self) -> None:
        self._builder: Any = ijson.ObjectBuilder()
        self._size = 0
        self._memory = 0
        self._fault = ""

    def grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_HELD_BYTES:
            self._drop(f"is longer than {MAX_HELD_BYTES:,} bytes; GeoCatalog takes items of up to 1 MB")

    def add(self, event: str, value: Any, depth: int) -> None:  # noqa: ANN401 - of any type
        text = value if isinstance(value, str) else ""
        self._memory += _WEIGHTS.get(event, _WEIGHT) + 4 * len(text)
        if self._memory > MAX_HELD_MEMORY:
            self._drop("has so many values that they do not fit into memory")
        if depth > _MAX_DEPTH:
            self._drop("is nested too deep")
        if not self._fault:
            is_float = isinstance(value, Decimal) or text in _ODD_MARKS
            self._builder.event(event, float(_ODD_MARKS.get(text, value)) if is_float else value)

    def ended(self, number: int) -> StreamedEntry:
        place = None if self._fault else write_out(self._builder.value)
        if place is not None:
            self._drop(f"cannot be sent: {place or 'it'} is a number that JSON cannot carry (NaN, or too large)")
        return StreamedEntry(number, None if self._fault else self._builder.value, self._fault, self._memory)

    def _drop(self, fault: str) -> None:
        self._fault = self._fault or fault
        self._builder = None


def _pieces(chunks: Iterator[bytes]) -> Iterator[tuple[int, list[Event]]]:
    """Yield the parser's events for a piece of the document after the other, each with the bytes it had."""
    events = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events)
    silent = 0
    try:
        for chunk in chunks:
            for start in range(0, len(chunk), _PIECE):
                piece = chunk[start : start + _PIECE]
                parser.send(piece)
                silent = 0 if events else silent + len(piece)
                if silent > MAX_HELD_BYTES:  # the parser holds all of a text until its end
                    raise _too_long()
                yield len(piece), events
                events.clear()
        parser.close()
    except ijson.JSONError as error:
        raise ValueError("the document is not JSON") from error
    yield 0, events


def _too_long() -> BadMessage:
    return BadMessage(
        f"The file holds a single value of more than {MAX_HELD_BYTES:,} bytes, which no item has.",
        code=ErrorCode.HREF_TOO_LARGE,
    )
