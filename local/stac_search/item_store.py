"""Stored items, with the few columns that searches narrow by."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from local.basics.database import create_tables
from local.basics.json_text import json_text
from local.basics.rfc3339 import parse_rfc3339, seconds_of
from local.stac_search.boxes import corners

Item = dict[str, Any]

_SCHEMA = """
CREATE TABLE items (
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    starts REAL,
    ends REAL,
    west REAL, south REAL, east REAL, north REAL,
    document TEXT NOT NULL,
    UNIQUE (collection, id)
);
CREATE INDEX items_by_time ON items (collection, starts DESC, id DESC);
"""


class ItemStore:
    """Items by collection and id; documents are kept without the service's links, which depend on the client's address.

    Args:
        database: The working store.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        create_tables(database, _SCHEMA)
        self._database = database

    def put(self, item: Item) -> None:
        """Store an item, replacing one of the same collection and id.

        Raises:
            ValueError: One of its times is not an RFC 3339 one.
        """
        starts, ends = times_of(item["properties"])
        self._database.execute(
            "INSERT OR REPLACE INTO items (collection, id, starts, ends, west, south, east, north, document)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (item["collection"], item["id"], starts, ends, *_box(item), json_text(item)),
        )

    def find(self, collection_id: str, item_id: str) -> str | None:
        """Give an item as JSON text, or None."""
        row = self._database.execute(
            "SELECT document FROM items WHERE collection = ? AND id = ?", (collection_id, item_id)
        ).fetchone()
        return None if row is None else row[0]

    def has(self, collection_id: str, item_id: str) -> bool:
        """Tell whether an item is stored."""
        query = "SELECT 1 FROM items WHERE collection = ? AND id = ?"
        return self._database.execute(query, (collection_id, item_id)).fetchone() is not None

    def has_any(self, collection_id: str) -> bool:
        """Tell whether a collection holds items."""
        query = "SELECT 1 FROM items WHERE collection = ? LIMIT 1"
        return self._database.execute(query, (collection_id,)).fetchone() is not None

    def remove(self, collection_id: str, item_id: str) -> None:
        """Remove an item."""
        self._database.execute("DELETE FROM items WHERE collection = ? AND id = ?", (collection_id, item_id))

    def remove_all(self, collection_id: str) -> None:
        """Remove all items of a collection."""
        self._database.execute("DELETE FROM items WHERE collection = ?", (collection_id,))

    def select(self, sql: str, parameters: Mapping[str, object] | Sequence[object]) -> list[Any]:
        """Run a query of the search over the table `items`."""
        return self._database.execute(sql, parameters).fetchall()


def times_of(properties: dict[str, Any]) -> tuple[float | None, float | None]:
    """Return when an item begins and ends, in seconds since 1970, or None where it does not say.

    Raises:
        ValueError: A time is not an RFC 3339 one.
    """
    moment = properties.get("datetime")
    starts = properties.get("start_datetime") or moment
    ends = properties.get("end_datetime") or moment
    return _seconds(starts), _seconds(ends)


def _seconds(text: str | None) -> float | None:
    return None if text is None else seconds_of(parse_rfc3339(text))


def _box(item: Item) -> tuple[float | None, float | None, float | None, float | None]:
    box = item.get("bbox")
    if item.get("geometry") is None or box is None:
        return None, None, None, None
    return corners(box)
