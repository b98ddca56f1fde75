"""Tells apart what a message href leads to: one STAC Item, an ItemCollection, or newline-delimited Items."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from shared.basics.errors import BadContent, BadMessage, ErrorCode
from shared.basics.json_codec import memory_of, read_json, write_json
from shared.basics.redact import redact
from shared.files.hrefs import HrefReader
from shared.files.json_stream import MAX_HELD_BYTES, MAX_HELD_MEMORY, document_head, features, with_odd_numbers
from shared.messages.decoding import BOM, RECORD_SEPARATOR
from shared.stac.bases import based_at
from shared.stac.items import MAX_ITEM_BYTES

# Each run reads an ItemCollection from its start, so the longer it is, the more each run costs. Newline-delimited
# files have no limit.
MAX_COLLECTION_BYTES = 64 * 1024 * 1024
# What is kept of a line that is too long to be an item: as much as a dead letter can hold.
_KEPT_OF_LONG_LINE = 64 * 1024
# What may stand around the JSON text of an entry.
_AROUND = b" \t\r\n" + RECORD_SEPARATOR
# A line of only that is never longer, so that large ones need not be copied to see it.
_MAX_BLANK = 16


@dataclass(frozen=True)
class FileEntry:
    """One entry of a multi-item file.

    Attributes:
        text: its JSON text, as it stands in the file; of an item in an ItemCollection nothing.
        item: the STAC Item; None where the entry is none.
        reason: why it is none.
        end: the byte of the file after it, where a file has one item a line.
        memory: how many bytes of memory it takes at most, where it is not a part of a document that is held anyway.
    """

    text: bytes
    item: dict[str, Any] | None
    reason: str = ""
    end: int | None = None
    memory: int = 0


@dataclass(frozen=True)
class _Origin:
    """Where a file lies: what people are shown of its URL, and what relative hrefs in it are relative to."""

    name: str
    base: str | None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class _Line:
    """A line that holds something; of a text sequence (RFC 8142) a record, which may have line breaks.

    Attributes:
        text: the line with its end; the beginning of one that is longer than any item.
        end: the byte of the file after it.
        is_whole: whether `text` is all of it.
    """

    text: bytes
    end: int
    is_whole: bool = True


@dataclass(frozen=True)
class ItemFile:
    """What an href leads to: one item, or the entries of a multi-item file, read as they come.

    Attributes:
        single: the one STAC Item.
        entries: the entries of a multi-item file.
        fault: why the one STAC Item can never be ingested; `single` then holds its type, id and collection only.
    """

    single: dict[str, Any] | None
    entries: Iterator[FileEntry]
    fault: BadContent | None = None

    @staticmethod
    def of_collection(fields: dict[str, Any], base: str | None = None) -> "ItemFile":
        """Make a file of several items of an ItemCollection.

        Args:
            fields: the ItemCollection.
            base: the URL of its file, if it has one that hrefs can be relative to.

        Raises:
            BadMessage: it has no list of features.
        """
        found = fields.get("features")
        if not isinstance(found, list):
            raise BadMessage("The ItemCollection has no list of features.", code=ErrorCode.HREF_NOT_STAC)
        return ItemFile(None, (_entry_of(feature, number, base) for number, feature in enumerate(found, 1)))


@contextmanager
def open_item_file(href: str, hrefs: HrefReader, *, skip: int = 0) -> Iterator[ItemFile]:
    """Open what an href leads to.

    Args:
        href: the URL of a message.
        hrefs: fetches it.
        skip: how many entries of a multi-item file to leave out, since they were read already.

    Yields:
        The one item, or the entries of a multi-item file.

    Raises:
        BadMessage: it may not be fetched, is too large, or is not STAC.
        Unavailable: its host does not answer.
    """
    origin = _Origin(f"The file at {redact(href)}", _base_of(href, hrefs))
    with hrefs.open(href) as chunks:
        file = _read(origin, _lines(chunks))
        if file is not None:
            yield replace(file, entries=itertools.islice(file.entries, skip, None))
            return
    # A document of many lines, or of one long one. Who read entries of it already knows its form.
    head = {"type": "FeatureCollection"} if skip else _head(href, origin, hrefs)
    if head is None:
        with hrefs.open(href) as chunks:  # newline-delimited behind a first line that is no JSON
            yield ItemFile(None, _ndjson(_lines(chunks), origin.base))
    elif head.get("type") == "Feature":
        yield ItemFile(head, iter(()), _too_large(origin))
    else:
        yield ItemFile(None, _streamed(href, origin, skip, hrefs))


@contextmanager
def open_lines(href: str, hrefs: HrefReader, *, start: int = 0, number: int = 0) -> Iterator[Iterator[FileEntry]]:
    """Open a file of one entry a line or record, whatever the first may be, behind those that were read already.

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
    with hrefs.open(href, start=max(start - 1, 0)) as chunks:
        end, rest = _behind_line_end(chunks, number) if start else (b"", chunks)
        yield _ndjson(_lines(rest, start, end), _base_of(href, hrefs), number)


def _base_of(href: str, hrefs: HrefReader) -> str | None:
    """Return what relative hrefs in a file are relative to; nothing for a payload, which the app put there itself."""
    return None if hrefs.is_payload(href) else href


def _behind_line_end(chunks: Iterator[bytes], number: int) -> tuple[bytes, Iterator[bytes]]:
    """Return the byte that ended the entry before, and what follows it."""
    first = next(chunks, b"")
    if first[:1] not in {b"\n", RECORD_SEPARATOR} and len(first) != 1:  # the last line may go without its end
        raise _changed(number)
    return first[:1], itertools.chain([first[1:]], chunks)


def _changed(number: int) -> BadMessage:
    return BadMessage(
        f"The file at the href was changed while its items were sent: {number:,} of its entries had been, and "
        "of the new one none; send a message for it.",
        code=ErrorCode.HREF_NOT_FOUND,
    )


def _read(file: _Origin, lines: Iterator[_Line]) -> ItemFile | None:
    """Read as much of a file as tells its form; None for a document that must be read as a stream, or as lines."""
    first = next(lines, _Line(b"", 0))
    text = first.text.removeprefix(BOM)
    parsed = _parsed_object(text) if first.is_whole and memory_of(text) <= MAX_HELD_MEMORY else None
    second = next(lines, None) if parsed is not None else None
    if second is not None:
        return ItemFile(None, _ndjson(itertools.chain([_Line(text, first.end), second], lines), file.base))
    beginning = text.lstrip(_AROUND)[:1]
    if beginning not in {b"{", b"["}:
        what = "HTML" if beginning == b"<" else "not JSON"
        raise BadMessage(
            f"{file} is {what}; it must be a STAC Item, an ItemCollection or newline-delimited Items.",
            code=ErrorCode.HREF_NOT_STAC,
        )
    if parsed is None:
        content = _joined(text, lines) if first.is_whole else None
        parsed = _parsed_object(content) if content else None
        if parsed is None and (content is None or _has_item_line(content)):
            return None
    if parsed is None:
        raise _neither(file)
    if parsed.get("type") == "FeatureCollection":
        return ItemFile.of_collection(parsed, file.base)
    return _single(file, parsed)


def _joined(first: bytes, lines: Iterator[_Line]) -> bytes | None:
    """Return all of a document of several lines; None where that is more than may be held."""
    content = bytearray(first)
    for line in lines:
        content += line.text
        if not line.is_whole or len(content) > MAX_HELD_BYTES:
            return None
    text = bytes(content)
    return text if memory_of(text) <= MAX_HELD_MEMORY else None


def _has_item_line(content: bytes) -> bool:
    is_document = _parsed(content) is not None
    return not is_document and any(_is_item(_parsed(entry)) for entry in content.split(_separator_of(content)))


def _head(href: str, file: _Origin, hrefs: HrefReader) -> dict[str, str] | None:
    """Return type, id and collection of one large document, by reading all of it; None where it is lines of items.

    Raises:
        BadMessage: it is neither an ItemCollection, nor a STAC Item, nor lines.
    """
    for reading in _READINGS:
        try:
            with hrefs.open(href) as chunks:
                head = document_head(reading(_limited(file, _without_mark(chunks))))
            break
        except ValueError:
            continue
    else:
        with hrefs.open(href) as chunks:
            if any(entry.item for entry in _ndjson(_lines(chunks), None)):
                return None
        raise _neither(file)
    if head is None:
        raise _neither(file)
    if head.get("type") not in {"Feature", "FeatureCollection"}:
        raise _of_other_type(file, head.get("type"))
    return head


def _too_large(file: _Origin) -> BadContent:
    return BadContent(
        f"{file} is a STAC Item of more than {MAX_HELD_BYTES:,} bytes, and GeoCatalog takes at most "
        f"{MAX_ITEM_BYTES:,}; move large properties into an asset.",
        code=ErrorCode.ITEM_TOO_LARGE,
    )


def _limited(file: _Origin, chunks: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_COLLECTION_BYTES:
            raise BadMessage(
                f"{file} is one JSON document of more than {MAX_COLLECTION_BYTES:,} bytes; send "
                "newline-delimited Items, of which there may be any number.",
                code=ErrorCode.HREF_TOO_LARGE,
            )
        yield chunk


def _without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(chunks, b"")
    return itertools.chain([first.removeprefix(BOM).lstrip(_AROUND)], chunks)


# Numbers that JSON has not are looked for only where the document cannot be read without.
_READINGS: tuple[Callable[[Iterator[bytes]], Iterator[bytes]], ...] = (iter, with_odd_numbers)


def _streamed(href: str, file: _Origin, skip: int, hrefs: HrefReader) -> Iterator[FileEntry]:
    number = skip
    for reading in _READINGS:
        try:
            with hrefs.open(href) as chunks:
                for found in features(reading(_without_mark(chunks)), skip=number):
                    number = found.number
                    if found.fault:
                        place = write_json(f"{file.name}, entry {number}")
                        yield FileEntry(place, None, f"Entry {number} {found.fault}.")
                    else:
                        entry = _entry_of(found.value, number, file.base)
                        yield replace(entry, memory=found.memory)
        except ValueError:
            continue
        return
    raise _changed(number)


def _neither(file: _Origin) -> BadMessage:
    return BadMessage(
        f"{file} is neither a JSON object nor newline-delimited JSON; it must be a STAC Item, an ItemCollection or "
        "newline-delimited Items.",
        code=ErrorCode.HREF_NOT_STAC,
    )


def _of_other_type(file: _Origin, kind: object) -> BadMessage:
    shown = f"of type {kind[:40]!r}" if isinstance(kind, str) and kind else "without a type"
    return BadMessage(
        f"{file} is a JSON object {shown}, not a STAC Item, an ItemCollection or newline-delimited Items.",
        code=ErrorCode.HREF_NOT_STAC,
    )


def _single(file: _Origin, parsed: dict[str, Any]) -> ItemFile:
    if parsed.get("type") != "Feature":
        raise _of_other_type(file, parsed.get("type"))
    return ItemFile(based_at(parsed, document_url=file.base), iter(()))


def _ndjson(lines: Iterator[_Line], base: str | None, before: int = 0) -> Iterator[FileEntry]:
    for number, line in enumerate(lines, before + 1):
        memory = memory_of(line.text)
        if not line.is_whole:
            reason = f"Line {number} is longer than {MAX_HELD_BYTES:,} bytes; GeoCatalog takes items of up to 1 MB."
            yield FileEntry(line.text, None, reason, line.end)
        elif memory > MAX_HELD_MEMORY:
            reason = f"Line {number} has so many values that they do not fit into memory."
            yield FileEntry(line.text, None, reason, line.end, memory)
        else:
            try:
                entry = _entry_of(read_json(_json_text(line.text)), number, base, text=line.text)
            except ValueError as error:
                entry = FileEntry(line.text, None, f"Line {number} is not JSON: {error}.")
            yield replace(entry, end=line.end, memory=memory)


def _entry_of(value: object, number: int, base: str | None, *, text: bytes = b"") -> FileEntry:
    if isinstance(value, dict) and _is_item(value):
        return FileEntry(text, based_at(value, file_url=base))
    return FileEntry(text or write_json(value), None, f"Entry {number} is not a STAC Item.")


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


def _lines(chunks: Iterator[bytes], position: int = 0, separator: bytes = b"") -> Iterator[_Line]:
    """Yield the lines that hold something; of one that is longer than may be held its beginning."""
    line = bytearray()
    is_whole = True
    for chunk in chunks:
        separator = separator or _separator_of(chunk)
        for part in _cut(chunk, separator):
            position += len(part)
            line += part
            if len(line) > MAX_HELD_BYTES:
                del line[_KEPT_OF_LONG_LINE:]
                is_whole = False
            if part.endswith(separator):
                if not _is_blank(line):
                    yield _Line(bytes(line), position, is_whole)
                line.clear()
                is_whole = True
    if not _is_blank(line):
        yield _Line(bytes(line), position, is_whole)


def _cut(chunk: bytes, separator: bytes) -> Iterator[bytes]:
    """Yield the parts of a chunk that end with a separator, and what is left."""
    *whole, last = chunk.split(separator)
    yield from (part + separator for part in whole)
    if last:
        yield last


def _separator_of(beginning: bytes) -> bytes:
    return RECORD_SEPARATOR if beginning.removeprefix(BOM).lstrip().startswith(RECORD_SEPARATOR) else b"\n"


def _is_blank(line: bytearray) -> bool:
    return not line or line.isspace() or (len(line) <= _MAX_BLANK and not line.removeprefix(BOM).strip(_AROUND))
