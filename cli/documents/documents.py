"""Reads the STAC documents of one file or stream: an object, an ItemCollection, a list, or one object per line."""

import io
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from shared.basics.json_codec import read_json
from shared.messages.decoding import BOM, RECORD_SEPARATOR
from shared.stac.collections import is_collection

# One JSON document is held in memory whole, and parsed JSON takes several times its text; one object per line has no
# limit. The app has the same limit for a file that it fetches.
MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
_TOO_LARGE = (
    f"It is one JSON document of more than {MAX_DOCUMENT_BYTES:,} bytes; write one Item per line (NDJSON), of which "
    "there may be any number."
)
# By these links of an ItemCollection it is known for a page of a STAC API.
_RELS_OF_PAGES = frozenset({"next", "prev", "root", "parent", "collection", "search"})
_GZIP = b"\x1f\x8b"


class Kind(StrEnum):
    """What a JSON object is, by its `type`."""

    ITEM = "Feature"
    COLLECTION = "Collection"
    CATALOG = "Catalog"
    OTHER = "other"


@dataclass(frozen=True)
class Document:
    """One JSON object.

    Attributes:
        origin: where it stands, for people: a path or URL, with line or entry.
        kind: what it is.
        body: the object.
        size: bytes of input it took, for progress.
        folder: the folder of its file; None for what came from elsewhere.
        is_alone: whether it is all that its file or stream holds.
        is_paged: whether it came on a page of a STAC API that names a next one.
        is_of_api: whether it came on a page of a STAC API, whose URL says nothing of where an item lies.
    """

    origin: str
    kind: Kind
    body: dict[str, Any]
    size: int = 0
    folder: Path | None = None
    is_alone: bool = False
    is_paged: bool = False
    is_of_api: bool = False


@dataclass(frozen=True)
class Unreadable:
    """A piece of input that holds no JSON object.

    Attributes:
        origin: where it stands.
        reason: why it is none, in a sentence.
        size: bytes of input it took.
    """

    origin: str
    reason: str
    size: int = 0


Read = Document | Unreadable


def read_documents(lines: Iterable[bytes], origin: str) -> Iterator[Read]:
    """Reads what stands in a file or stream; one object per line is read as it comes.

    Args:
        lines: the lines, with their ends.
        origin: name of the file or stream, for people.
    """
    numbered = enumerate(_records(lines), 1)
    filled = ((number, line) for number, line in numbered if line.strip())
    first = next(filled, None)
    if first is None:
        yield Unreadable(origin, "It is empty.")
        return
    value = _parsed(first[1])
    if value is None:
        yield from _of_document(*first, numbered, origin)
        return
    second = next(filled, None)
    if second is not None:
        yield from _of_lines(itertools.chain([first, second], numbered), origin)
        return
    yield from _of_value(value, origin, len(first[1]))


def _records(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines; of a text sequence (RFC 8142) the records, which begin with a separator and may have line breaks."""
    rest = iter(lines)
    first = next(rest, b"")
    if not first.removeprefix(BOM).lstrip().startswith(RECORD_SEPARATOR):
        yield from itertools.chain([first], rest) if first else ()
        return
    record = b""
    for line in itertools.chain([first.removeprefix(BOM)], rest):
        *ended, begun = line.split(RECORD_SEPARATOR)
        for piece in ended:
            yield record + piece
            record = b""
        record += begun
    yield record


def _of_lines(lines: Iterable[tuple[int, bytes]], origin: str) -> Iterator[Read]:
    for number, line in lines:
        if not line.strip():
            continue
        where = f"{origin}:{number}"
        value = _parsed(line)
        if isinstance(value, dict):
            yield Document(where, kind_of(value), value, len(line))
        else:
            yield Unreadable(where, _why_no_object(line), len(line))


def _of_document(number: int, first: bytes, rest: Iterator[tuple[int, bytes]], origin: str) -> Iterator[Read]:
    """Reads one document of many lines; or one object per line behind a broken first one, if a later one is an Item."""
    if first.startswith(_GZIP):
        yield Unreadable(
            origin, "It is compressed; unpack it first: gunzip -c FILE | geocatalog enqueue -.", len(first)
        )
        return
    if first.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in {b"{", b"["}:
        yield Unreadable(origin, "It is not JSON.", len(first))
        return
    content = bytearray(first)
    for _, line in rest:
        content += line
        if len(content) > MAX_DOCUMENT_BYTES:
            break
    fault = _TOO_LARGE
    if len(content) <= MAX_DOCUMENT_BYTES:
        try:
            value = read_json(bytes(content).removeprefix(BOM))
        except ValueError as error:
            fault = f"It is not JSON: {error}."
        else:
            yield from _of_value(value, origin, len(content))
            return
    if any(_is_item(_parsed(line)) for line in io.BytesIO(content)):
        yield from _of_lines(itertools.chain(enumerate(io.BytesIO(content), number), rest), origin)
    else:
        yield Unreadable(origin, fault, len(content))


def _of_value(value: object, origin: str, size: int) -> Iterator[Read]:
    is_paged = is_of_api = False
    if isinstance(value, dict) and value.get("type") == "FeatureCollection":
        is_paged, is_of_api = "next" in _rels(value), not _RELS_OF_PAGES.isdisjoint(_rels(value))
        value = value.get("features")
    if isinstance(value, list):
        if not value:
            yield Unreadable(origin, "It is a collection of no items.", size)
        for number, entry in enumerate(value, 1):
            where, share = f"{origin}#{number}", size // len(value)
            if isinstance(entry, dict):
                yield Document(where, kind_of(entry), entry, share, is_paged=is_paged, is_of_api=is_of_api)
            else:
                yield Unreadable(where, "The entry is not a JSON object.", share)
        return
    if isinstance(value, dict):
        yield Document(origin, kind_of(value), value, size, is_alone=True)
        return
    yield Unreadable(origin, "It is JSON, but not an object.", size)


def _why_no_object(line: bytes) -> str:
    try:
        read_json(line.strip().removeprefix(BOM))
    except ValueError as error:
        return f"The line is not JSON: {error}."
    return "The line is not a JSON object."


def kind_of(body: dict[str, Any]) -> Kind:
    """Return what a JSON object is, by its `type`, or by its fields where it is a Collection of before STAC 1.0."""
    if is_collection(body):
        return Kind.COLLECTION
    kind = body.get("type")
    return Kind(kind) if isinstance(kind, str) and kind in set(Kind) else Kind.OTHER


def _is_item(value: object) -> bool:
    return isinstance(value, dict) and value.get("type") == Kind.ITEM


def _parsed(line: bytes) -> object:
    try:
        value: object = read_json(line.strip().removeprefix(BOM))
    except ValueError:
        return None
    return value


def has_item_links(body: dict[str, Any]) -> bool:
    """Tells whether a catalog or collection leads to items or other catalogs by links."""
    return not _rels(body).isdisjoint({"item", "child"})


def _rels(body: dict[str, Any]) -> set[str]:
    links = body.get("links")
    return {str(link.get("rel")) for link in links if isinstance(link, dict)} if isinstance(links, list) else set()
