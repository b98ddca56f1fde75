"""Tells apart what a message href leads to: one STAC Item, an ItemCollection, or newline-delimited Items."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shared.errors import BadMessage, ErrorCode
from shared.hrefs import HrefReader
from shared.json_codec import read_json, write_json
from shared.messages import BOM

# An ItemCollection is one JSON document and must be held in memory whole; the smallest instance has 512 MB and parsed
# JSON takes several times its text. Newline-delimited files have no limit.
MAX_COLLECTION_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class FileEntry:
    """One entry of a file of many.

    Attributes:
        text: its JSON text, as it stands in the file.
        item: the STAC Item; None where the entry is none.
        reason: why it is none.
    """

    text: bytes
    item: dict[str, Any] | None
    reason: str = ""


@dataclass(frozen=True)
class ItemFile:
    """What an href leads to: one item, or the entries of a file of many, read as they come.

    Attributes:
        single: the one STAC Item.
        entries: the entries of a file of many.
    """

    single: dict[str, Any] | None
    entries: Iterator[FileEntry]

    @staticmethod
    def of_collection(fields: dict[str, Any]) -> "ItemFile":
        """Makes a file of many of an ItemCollection.

        Raises:
            BadMessage: it has no list of features.
        """
        features = fields.get("features")
        if not isinstance(features, list):
            raise BadMessage("The ItemCollection has no list of features.", code=ErrorCode.HREF_NOT_STAC)
        return ItemFile(None, (_entry_of(feature, number) for number, feature in enumerate(features, 1)))


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
        Unavailable: its host does not answer.
    """
    with hrefs.open(href) as chunks:
        lines = _lines(chunks)
        first = next(lines, b"").removeprefix(BOM)
        parsed = _parsed_object(first)
        second = next(lines, None) if parsed is not None else None
        if second is None:
            yield _document(first, lines, parsed)
        else:
            yield ItemFile(None, _ndjson(first, second, lines))


def _document(first: bytes, lines: Iterator[bytes], parsed: dict[str, Any] | None) -> ItemFile:
    if first.lstrip()[:1] not in {b"{", b"["}:
        what = "HTML" if first.lstrip()[:1] == b"<" else "not JSON"
        raise BadMessage(
            f"What the href leads to is {what}; it must be a STAC Item, an ItemCollection or newline-delimited Items.",
            code=ErrorCode.HREF_NOT_STAC,
        )
    if parsed is None:
        parsed = _parsed_object(_joined(first, lines))
    if parsed is None:
        raise BadMessage(
            "What the href leads to is neither a JSON object nor newline-delimited JSON.", code=ErrorCode.HREF_NOT_STAC
        )
    return ItemFile.of_collection(parsed) if parsed.get("type") == "FeatureCollection" else _single(parsed)


def _joined(first: bytes, lines: Iterator[bytes]) -> bytes:
    content = bytearray(first)
    for line in lines:
        content += line
        if len(content) > MAX_COLLECTION_BYTES:
            raise BadMessage(
                f"The file at the href is one JSON document of more than {MAX_COLLECTION_BYTES:,} bytes; send "
                "newline-delimited Items, of which there may be any number.",
                code=ErrorCode.HREF_TOO_LARGE,
            )
    return bytes(content)


def _single(parsed: dict[str, Any]) -> ItemFile:
    if parsed.get("type") != "Feature":
        kind = parsed.get("type")
        shown = f"of type {kind[:40]!r}" if isinstance(kind, str) else "without a type"
        raise BadMessage(
            f"What the href leads to is a JSON object {shown}, not a STAC Item, an ItemCollection or newline-delimited "
            "Items.",
            code=ErrorCode.HREF_NOT_STAC,
        )
    return ItemFile(parsed, iter(()))


def _ndjson(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[FileEntry]:
    def lines() -> Iterator[bytes]:
        yield first
        yield second
        yield from rest

    for number, line in enumerate(lines(), 1):
        value = _parsed(line)
        yield (
            _entry_of(value, number, text=line)
            if value is not None
            else FileEntry(line, None, f"Line {number} is not JSON.")
        )


def _entry_of(value: object, number: int, *, text: bytes = b"") -> FileEntry:
    if isinstance(value, dict) and value.get("type") == "Feature":
        return FileEntry(text, value)
    return FileEntry(text or write_json(value), None, f"Entry {number} is not a STAC Item.")


def _parsed(text: bytes) -> object:
    try:
        value: object = read_json(text)
    except ValueError:
        return None
    return value


def _parsed_object(text: bytes) -> dict[str, Any] | None:
    value = _parsed(text)
    return value if isinstance(value, dict) else None


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yields the lines that hold something, with their ends; one longer than any document comes in pieces."""
    rest = bytearray()
    for chunk in chunks:
        *whole, last = chunk.split(b"\n")
        for line in whole:
            rest += line + b"\n"
            if rest.strip():
                yield bytes(rest)
            rest.clear()
        rest += last
        if len(rest) > MAX_COLLECTION_BYTES:
            yield bytes(rest)
            rest.clear()
    if rest.strip():
        yield bytes(rest)
