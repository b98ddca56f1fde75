"""Tells apart what a message href leads to: one STAC Item, an ItemCollection, or newline-delimited Items."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shared.basics.errors import BadMessage, ErrorCode
from shared.basics.json_codec import read_json, write_json
from shared.basics.redact import redact
from shared.files.hrefs import HrefReader
from shared.files.large_documents import DocumentRoom
from shared.messages.decoding import BOM, RECORD_SEPARATOR
from shared.stac.bases import based_at

# An ItemCollection is one JSON document and must be held in memory whole, where it takes up to seven times its text:
# see large_documents. Newline-delimited files have no limit.
MAX_COLLECTION_BYTES = 64 * 1024 * 1024
# What may stand around the JSON text of an entry.
_AROUND = b" \t\r\n" + RECORD_SEPARATOR
# A line of only that is never longer, so that large ones need not be copied to see it.
_MAX_BLANK = 16


@dataclass(frozen=True)
class FileEntry:
    """One entry of a file of many.

    Attributes:
        text: its JSON text, as it stands in the file.
        item: the STAC Item; None where the entry is none.
        reason: why it is none.
        end: the byte of the file after it, where a file has one item a line.
    """

    text: bytes
    item: dict[str, Any] | None
    reason: str = ""
    end: int | None = None


@dataclass(frozen=True)
class _Origin:
    """Where a file lies: what people are shown of its URL, and what relative hrefs in it are relative to."""

    name: str
    base: str | None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class ItemFile:
    """What an href leads to: one item, or the entries of a file of many, read as they come.

    Attributes:
        single: the one STAC Item.
        entries: the entries of a file of many.
        length: how many there are, where that is known: of an ItemCollection.
    """

    single: dict[str, Any] | None
    entries: Iterator[FileEntry]
    length: int | None = None

    @staticmethod
    def of_collection(fields: dict[str, Any], base: str | None = None) -> "ItemFile":
        """Make a file of several items of an ItemCollection.

        Args:
            fields: the ItemCollection.
            base: the URL of its file, if it has one that hrefs can be relative to.

        Raises:
            BadMessage: it has no list of features.
        """
        features = fields.get("features")
        if not isinstance(features, list):
            raise BadMessage("The ItemCollection has no list of features.", code=ErrorCode.HREF_NOT_STAC)
        length = len(features)
        entries = (_entry_of(feature, number, base) for number, feature in enumerate(_taken_from(features), 1))
        return ItemFile(None, entries, length)


@contextmanager
def open_item_file(href: str, hrefs: HrefReader) -> Iterator[ItemFile]:
    """Opens what an href leads to.

    Args:
        href: the URL of a message.
        hrefs: fetches it.

    Yields:
        The one item, or the entries of a file of many.

    Raises:
        BadMessage: it may not be fetched, is too large, or is not STAC.
        Unavailable: its host does not answer; or it is large and must wait for another that is being read.
    """
    origin = _Origin(f"The file at {redact(href)}", _base_of(href, hrefs))
    with DocumentRoom() as room:
        with hrefs.open(href) as chunks:
            file = _read(origin, _lines(chunks, room), room)
            if file is not None:
                yield file
                return
        with hrefs.open(href) as chunks:  # newline-delimited behind a first line that is no JSON
            yield ItemFile(None, _ndjson(_lines(chunks, room), origin.base, room))


@contextmanager
def open_lines(href: str, hrefs: HrefReader, *, start: int = 0, number: int = 0) -> Iterator[Iterator[FileEntry]]:
    """Opens a file of one entry a line or record, whatever the first may be, behind those that were read already.

    Args:
        href: see open_item_file.
        hrefs: see open_item_file.
        start: the end of the last entry that was read.
        number: how many entries were read.

    Yields:
        The entries that follow.

    Raises:
        BadMessage: see open_item_file; or no line ends there, so that the file is another one now.
        Unavailable: see open_item_file.
    """
    with DocumentRoom() as room, hrefs.open(href, start=max(start - 1, 0)) as chunks:
        end, rest = _behind_line_end(chunks, number) if start else (b"", chunks)
        yield _ndjson(_lines(rest, room, start, end), _base_of(href, hrefs), room, number)


def _base_of(href: str, hrefs: HrefReader) -> str | None:
    """Return what relative hrefs in a file are relative to; nothing for a payload, which the app put there itself."""
    return None if hrefs.is_payload(href) else href


def _behind_line_end(chunks: Iterator[bytes], number: int) -> tuple[bytes, Iterator[bytes]]:
    """Return the byte that ended the entry before, and what follows it."""
    first = next(chunks, b"")
    if first[:1] not in {b"\n", RECORD_SEPARATOR} and len(first) != 1:  # the last line may go without its end
        raise BadMessage(
            f"The file at the href was changed while its items were sent: {number:,} of its entries had been, and "
            "of the new one none; send a message for it.",
            code=ErrorCode.HREF_NOT_FOUND,
        )
    return first[:1], itertools.chain([first[1:]], chunks)


def _read(file: _Origin, lines: Iterator[tuple[bytes, int]], room: DocumentRoom) -> ItemFile | None:
    """Reads as much of a file as tells its form; None where it must be read again as lines."""
    first, end = next(lines, (b"", 0))
    first = first.removeprefix(BOM)
    _make_room(file, first, room)
    parsed = _parsed_object(first)
    second = next(lines, None) if parsed is not None else None
    if second is not None:
        return ItemFile(None, _ndjson(itertools.chain([(first, end), second], lines), file.base, room))
    return _document(file, first, lines, parsed, room)


def _document(
    file: _Origin, first: bytes, lines: Iterator[tuple[bytes, int]], parsed: dict[str, Any] | None, room: DocumentRoom
) -> ItemFile | None:
    """Reads a file that is one JSON document; None where it is none, but has lines that are Items."""
    if first.lstrip(_AROUND)[:1] not in {b"{", b"["}:
        what = "HTML" if first.lstrip(_AROUND)[:1] == b"<" else "not JSON"
        raise BadMessage(
            f"{file} is {what}; it must be a STAC Item, an ItemCollection or newline-delimited Items.",
            code=ErrorCode.HREF_NOT_STAC,
        )
    if parsed is None:
        content = _joined(file, first, lines, room)
        _make_room(file, content, room)
        parsed = _parsed_object(content)
        entries = content.split(_separator_of(content)) if parsed is None and _parsed(content) is None else []
        if any(_is_item(_parsed(entry)) for entry in entries):
            return None
    if parsed is None:
        raise BadMessage(
            f"{file} is neither a JSON object nor newline-delimited JSON; it must be a STAC Item, an ItemCollection or "
            "newline-delimited Items.",
            code=ErrorCode.HREF_NOT_STAC,
        )
    if parsed.get("type") == "FeatureCollection":
        return ItemFile.of_collection(parsed, file.base)
    return _single(file, parsed)


def _joined(file: _Origin, first: bytes, lines: Iterator[tuple[bytes, int]], room: DocumentRoom) -> bytes:
    content = bytearray(first)
    for line, _ in lines:
        content += line
        room.grow_to(len(content))
        if len(content) > MAX_COLLECTION_BYTES:
            raise BadMessage(
                f"{file} is one JSON document of more than {MAX_COLLECTION_BYTES:,} bytes; send "
                "newline-delimited Items, of which there may be any number.",
                code=ErrorCode.HREF_TOO_LARGE,
            )
    return bytes(content)


def _single(file: _Origin, parsed: dict[str, Any]) -> ItemFile:
    if parsed.get("type") != "Feature":
        kind = parsed.get("type")
        shown = f"of type {kind[:40]!r}" if isinstance(kind, str) else "without a type"
        raise BadMessage(
            f"{file} is a JSON object {shown}, not a STAC Item, an ItemCollection or newline-delimited Items.",
            code=ErrorCode.HREF_NOT_STAC,
        )
    return ItemFile(based_at(parsed, document_url=file.base), iter(()))


def _make_room(file: _Origin, text: bytes, room: DocumentRoom) -> None:
    if not room.hold(text):
        raise BadMessage(
            f"{file} is one JSON document of so many values that they do not fit into memory; send newline-delimited "
            "Items, of which there may be any number.",
            code=ErrorCode.HREF_TOO_LARGE,
        )


def _ndjson(
    lines: Iterator[tuple[bytes, int]], base: str | None, room: DocumentRoom, before: int = 0
) -> Iterator[FileEntry]:
    for number, (line, end) in enumerate(lines, before + 1):
        if not room.hold(line):
            yield FileEntry(line, None, f"Line {number} has so many values that they do not fit into memory.", end)
            continue
        try:
            entry = _entry_of(read_json(_json_text(line)), number, base, text=line, end=end)
        except ValueError as error:
            entry = FileEntry(line, None, f"Line {number} is not JSON: {error}.", end)
        yield entry


def _entry_of(value: object, number: int, base: str | None, *, text: bytes = b"", end: int | None = None) -> FileEntry:
    if isinstance(value, dict) and _is_item(value):
        return FileEntry(text, based_at(value, file_url=base), end=end)
    return FileEntry(text or write_json(value), None, f"Entry {number} is not a STAC Item.", end)


def _is_item(value: object) -> bool:
    return isinstance(value, dict) and value.get("type") == "Feature"


def _json_text(record: bytes) -> bytes:
    """Return an entry without record separators; without a copy where there are none."""
    has_separator = RECORD_SEPARATOR in (record[:1], record[-1:])
    return record.strip(_AROUND) if has_separator else record


def _parsed(text: bytes) -> object:
    try:
        value: object = read_json(_json_text(text))
    except ValueError:
        return None
    return value


def _parsed_object(text: bytes) -> dict[str, Any] | None:
    value = _parsed(text)
    return value if isinstance(value, dict) else None


def _lines(
    chunks: Iterator[bytes], room: DocumentRoom, position: int = 0, separator: bytes = b""
) -> Iterator[tuple[bytes, int]]:
    """Yields the lines that hold something, each with the byte it ends at; one longer than any document in pieces.

    Of a text sequence (RFC 8142) the records are yielded, which begin with a separator and may have line breaks.
    """
    rest = bytearray()
    for chunk in chunks:
        separator = separator or _separator_of(chunk)
        *whole, last = chunk.split(separator)
        for line in whole:
            rest += line + separator
            position += len(line) + 1
            room.grow_to(len(rest))
            if full := _emptied(rest):
                yield full, position
        rest += last
        position += len(last)
        room.grow_to(len(rest))
        if len(rest) > MAX_COLLECTION_BYTES and (full := _emptied(rest)):
            yield full, position
    if full := _emptied(rest):
        yield full, position


def _separator_of(beginning: bytes) -> bytes:
    return RECORD_SEPARATOR if beginning.removeprefix(BOM).lstrip().startswith(RECORD_SEPARATOR) else b"\n"


def _emptied(line: bytearray) -> bytes:
    """Returns what a buffer held, of which nothing is kept; nothing where it held white space only."""
    is_blank = line.isspace() or (len(line) <= _MAX_BLANK and not line.removeprefix(BOM).strip(_AROUND))
    held = b"" if is_blank else bytes(line)
    line.clear()
    return held


def _taken_from(values: list[object]) -> Iterator[object]:
    """Yields the values of a list and removes them, so that their memory is free for what is made of them."""
    values.reverse()
    while values:
        yield values.pop()
