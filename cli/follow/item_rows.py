"""Reads the rows of items, and writes them for people and programs."""

import datetime as dt
import heapq
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.follow.counts import current_items
from shared.clients import Clients
from shared.records.collection_rows import ITEM_MOMENTS, collection_born, is_current
from shared.records.status_rows import INDEXES, ITEM_PREFIX, ItemStatus

# Columns for people and programs; the others are the app's own bookkeeping, or the message itself.
COLUMNS = (
    "status",
    "in_catalog",
    "error_code",
    "error_message",
    "attempt",
    "operation_id",
    "first_enqueued",
    "submitted_at",
    "finished_at",
    "next_attempt",
    "version",
    "correlation_id",
    "datetime",
    "bbox",
)
# With them, what a filter looks at.
_READ = tuple(sorted({"PartitionKey", "RowKey", *COLUMNS, *ITEM_MOMENTS}))


@dataclass(frozen=True)
class ItemFilter:
    """Which items to show.

    Attributes:
        collections: ids of collections; empty for all.
        ids: ids of items; empty for all.
        states: states; empty for all.
        error_code: only those whose last fault has this code.
        correlation_id: only those with this mark.
        older_than: only those that changed last before this moment.
        newer_than: only those that changed last after this moment.
    """

    collections: tuple[str, ...] = ()
    ids: frozenset[str] = frozenset()
    states: tuple[str, ...] = ()
    error_code: str | None = None
    correlation_id: str | None = None
    older_than: dt.datetime | None = None
    newer_than: dt.datetime | None = None

    def takes(self, entity: Mapping[str, Any]) -> bool:
        """Tells whether an item's row is wanted."""
        if self.ids and item_id_of(entity) not in self.ids:
            return False
        if self.states and entity.get("status") not in self.states:
            return False
        if self.error_code and str(entity.get("error_code") or "").casefold() != self.error_code.casefold():
            return False
        if self.correlation_id and entity.get("correlation_id") != self.correlation_id:
            return False
        changed = last_change(entity)
        if self.older_than and (changed is None or changed > self.older_than):
            return False
        return not (self.newer_than and (changed is None or changed < self.newer_than))


def last_change(entity: Mapping[str, Any]) -> dt.datetime | None:
    """Returns when an item's row changed last."""
    moments = (entity.get(name) for name in ("finished_at", "submitted_at", "claimed_at"))
    return max((moment for moment in moments if moment), default=None)


def find_items(wanted: ItemFilter, app: Clients) -> Iterator[Mapping[str, Any]]:
    """Reads the rows of the items that a filter takes, collection by collection, in the order of their ids.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    collections = wanted.collections or tuple(app.status.partitions())
    rows = itertools.chain.from_iterable(_rows(collection, wanted, app) for collection in collections)
    return filter(wanted.takes, rows)


def find_keys(wanted: ItemFilter, app: Clients) -> Iterator[tuple[str, str]]:
    """Reads collection and id of the items that a filter may take by their states and ids, and nothing else of them.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    states = {ItemStatus(state) for state in wanted.states}
    for collection in wanted.collections or tuple(app.status.partitions()):
        for item_id in _ids(collection, states, app):
            if not wanted.ids or item_id in wanted.ids:
                yield collection, item_id


def _ids(collection: str, states: set[ItemStatus], app: Clients) -> Iterator[str]:
    if _have_indexes(states):
        return _indexed_ids(collection, states, app)
    rows = app.status.query_prefix(collection, ITEM_PREFIX, select=["RowKey"], states=states)
    return map(item_id_of, rows)


def _rows(collection: str, wanted: ItemFilter, app: Clients) -> Iterator[Mapping[str, Any]]:
    states = {ItemStatus(state) for state in wanted.states}
    if not _have_indexes(states):
        yield from current_items(collection, app, select=COLUMNS, states=states)
        return
    born = collection_born(app.status.get_collection(collection))
    for item_id in _indexed_ids(collection, states, app):
        row = app.status.read(collection, ITEM_PREFIX + item_id, select=_READ)
        if row is not None and is_current(row, born):
            yield row


def _have_indexes(states: set[ItemStatus]) -> bool:
    return bool(states) and states <= INDEXES.keys()


def _indexed_ids(collection: str, states: set[ItemStatus], app: Clients) -> Iterator[str]:
    """Yields the ids of items in states that have an index, so that not all of a collection is gone through."""
    indexes = (_ids_in_index(collection, INDEXES[state], app) for state in states)
    return heapq.merge(*indexes)


def _ids_in_index(collection: str, prefix: str, app: Clients) -> Iterator[str]:
    for entry in app.status.query_prefix(collection, prefix, select=["RowKey"]):
        yield str(entry["RowKey"]).removeprefix(prefix)


def item_id_of(entity: Mapping[str, Any]) -> str:
    """Returns the id of the item that a row is of."""
    return str(entity["RowKey"]).removeprefix(ITEM_PREFIX)


def item_fields(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an item's row as JSON types."""
    fields: dict[str, Any] = {"collection": str(entity["PartitionKey"]), "id": item_id_of(entity)}
    for name in COLUMNS:
        value = entity.get(name)
        fields[name] = None if value in ("", b"") else value
    fields["bbox"] = json.loads(fields["bbox"]) if fields["bbox"] else None
    return fields


_FULL_BBOX = 6


def footprint(bbox: list[float] | None) -> dict[str, Any] | None:
    """Returns the outline of a bounding box as GeoJSON; in two parts where it crosses the antimeridian."""
    if not bbox:
        return None
    west, south, east, north = (*bbox[:2], *bbox[3:5]) if len(bbox) == _FULL_BBOX else bbox[:4]

    def ring(left: float, right: float) -> list[list[list[float]]]:
        return [[[left, south], [right, south], [right, north], [left, north], [left, south]]]

    if west <= east:
        return {"type": "Polygon", "coordinates": ring(west, east)}
    return {"type": "MultiPolygon", "coordinates": [ring(west, 180.0), ring(-180.0, east)]}


def item_feature(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an item's row as a GeoJSON feature with its bounding box as the outline."""
    fields = item_fields(entity)
    return {
        "type": "Feature",
        "id": fields["id"],
        "geometry": footprint(fields["bbox"]),
        "properties": {name: value for name, value in fields.items() if name not in {"bbox", "id"}}
        | {"id": fields["id"]},
    }
