"""Reads which items GeoCatalog holds and when it stored each: all of a collection by pages, or some by their ids."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from cli.catalog.search import next_token
from cli.output.faults import usage_error
from shared.basics.clock import format_timestamp, parse_timestamp
from shared.items.stored import stored_moment
from shared.services.geocatalog import GeoCatalog

# The most the service takes (azure-planetarycomputer 1.0.0, StacSearchParameters.limit).
PAGE = 1_000
# Ids of one search: about as many bytes as a small item, far below what an HTTP server takes.
_IDS = 500
# What a comparison reads of each item; a service that does not heed `fields` sends whole items.
_FIELDS = {"include": ["id", "collection", "_msft:ts", "properties._msft:ts"], "exclude": []}

Stored = tuple[str, datetime | None]


def pages_of(collection: str, geocatalog: GeoCatalog, progress: "Progress") -> Iterator[list[Stored]]:
    """Yield the items of a collection, page by page: the id of each and when GeoCatalog stored it.

    Args:
        collection: id of the collection.
        geocatalog: the GeoCatalog.
        progress: pages that an earlier run read come from there.

    Raises:
        IngestionError: GeoCatalog refused or did not answer.
    """
    yield from progress.pages(collection)
    token = progress.token(collection)
    while token is not None:
        query = {"collections": [collection], "limit": PAGE, "fields": _FIELDS} | ({"token": token} if token else {})
        page = geocatalog.search(query)
        items = _read(page)
        token = next_token(page) if items else None
        progress.add(collection, items, token)
        yield items


def items_by_id(collection: str, ids: Iterable[str], geocatalog: GeoCatalog) -> Iterator[list[Stored]]:
    """Yield those of some items that GeoCatalog holds, as pages_of does.

    Raises:
        IngestionError: GeoCatalog refused or did not answer.
    """
    rest = iter(ids)
    while some := list(islice(rest, _IDS)):
        query = {"collections": [collection], "ids": some, "limit": PAGE, "fields": _FIELDS}
        yield _read(geocatalog.search(query))


def _read(page: dict[str, Any]) -> list[Stored]:
    return [(str(item.get("id")), stored_moment(item)) for item in page.get("features") or []]


class Progress:
    """The pages that were read, kept in a file so that a comparison that was stopped continues after them.

    Args:
        path: the file; None keeps nothing.
        settings: what the comparison is of; a file of another one is refused.

    Raises:
        CommandError: the file cannot be read, or is of another comparison.
    """

    def __init__(self, path: Path | None, settings: dict[str, Any]) -> None:
        self._path = path
        self._pages: dict[str, list[list[Stored]]] = {}
        self._tokens: dict[str, str | None] = {}
        if path is None:
            return
        if path.exists():
            self._load(path, settings)
        else:
            self._write(settings)

    def pages(self, collection: str) -> list[list[Stored]]:
        """Return the pages that an earlier run read."""
        return self._pages.pop(collection, [])

    def token(self, collection: str) -> str | None:
        """Return what leads to the next page: empty for the first, None after the last."""
        return self._tokens.get(collection, "")

    def add(self, collection: str, items: list[Stored], token: str | None) -> None:
        """Keep a page."""
        told = [[item_id, format_timestamp(moment) if moment else None] for item_id, moment in items]
        self._write({"collection": collection, "items": told, "token": token})

    def end(self) -> None:
        """Remove the file: the comparison came to its end."""
        if self._path:
            self._path.unlink(missing_ok=True)

    def _write(self, line: dict[str, Any]) -> None:
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def _load(self, path: Path, settings: dict[str, Any]) -> None:
        *whole, cut = path.read_text(encoding="utf-8").split("\n")
        try:
            first, *pages = [json.loads(line) for line in whole]
            for page in pages:
                items = [(item_id, parse_timestamp(moment) if moment else None) for item_id, moment in page["items"]]
                self._pages.setdefault(page["collection"], []).append(items)
                self._tokens[page["collection"]] = page["token"]
        except (ValueError, KeyError, TypeError):
            raise usage_error(f"{path} is not a progress file of geocatalog verify; name another one.") from None
        if first != settings:
            raise usage_error(f"{path} is of a comparison of {first}; name another file, or delete it.")
        if cut:  # a run was killed while it wrote this line
            path.write_text("".join(f"{line}\n" for line in whole), encoding="utf-8")
