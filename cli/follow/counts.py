"""Counts items by state, open operations, queue depths and dead letters: the state of the ingestion at a glance."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from azure.core.exceptions import ResourceNotFoundError

from shared.clients import Clients
from shared.records.collection_rows import ITEM_MOMENTS, collection_born, is_current
from shared.records.status_rows import ITEM_PREFIX, ItemStatus
from shared.upkeep.provision import QUEUES


@dataclass
class CollectionCounts:
    """How the items of one collection stand.

    Attributes:
        items: number of items by state; every state is there.
        open_operations: operations that GeoCatalog works on.
        stalled: those of them that are past OPERATION_DEADLINE.
        oldest_open: when the oldest of them was submitted.
        newest_datetime: the latest datetime of an ingested item, RFC 3339.
    """

    items: dict[str, int] = field(default_factory=lambda: {status.value: 0 for status in ItemStatus})
    open_operations: int = 0
    stalled: int = 0
    oldest_open: dt.datetime | None = None
    newest_datetime: str | None = None


@dataclass
class Overview:
    """How everything stands.

    Attributes:
        collections: counts by collection.
        queues: approximate number of messages by queue, delayed ones included.
        deadletters: number of dead letters.
        elsewhere: number of items by state that were left out of the counts, of the states that were asked for.
    """

    collections: dict[str, CollectionCounts]
    queues: dict[str, int]
    deadletters: int
    elsewhere: Counter[str]

    @property
    def totals(self) -> dict[str, int]:
        """Number of items by state, of all collections."""
        total = {status.value: 0 for status in ItemStatus}
        for counts in self.collections.values():
            for state, count in counts.items.items():
                total[state] += count
        return total


def read_overview(
    app: Clients,
    *,
    collections: Iterable[str] | None = None,
    correlation_id: str | None = None,
    elsewhere: Iterable[ItemStatus] = (),
    before_page: Callable[[], None] | None = None,
) -> Overview:
    """Counts everything.

    Args:
        app: the clients.
        collections: ids of the collections to count; None for all.
        correlation_id: counts only what carries this mark; None for all.
        elsewhere: states of which the items that are left out, also those of other collections, are counted by
            themselves; empty for none.
        before_page: called before each page of items' rows; what it raises ends the reading.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    named = set(collections or ())
    counted = {name: CollectionCounts() for name in named}
    others = frozenset(elsewhere)
    left_out: Counter[str] = Counter()
    # The queues first: what leaves them while the rows are read is then seen in both, not in neither.
    queues = queue_depths(app)
    for name in app.status.partitions() if others or not named else sorted(named):
        if named and name not in named:
            rows = current_items(name, app, select=["status"], states=others, before_page=before_page)
            left_out.update(str(row["status"]) for row in rows)
            continue
        columns = ["status", "correlation_id", "datetime"]
        # Of what others sent, the service picks out the few that are asked for: finished rows may be millions.
        states = others if correlation_id else ()
        rows = current_items(
            name, app, select=columns, states=states, or_marked=correlation_id, before_page=before_page
        )
        counts = CollectionCounts()
        left_out += _count_items(rows, counts, correlation_id)
        _count_operations(name, counts, app, correlation_id)
        if named or _is_there(name, counts, app, correlation_id):
            counted[name] = counts
    return Overview(counted, queues, sum(1 for _ in app.deadletters.rows(select=["RowKey"])), left_out)


def queue_depths(app: Clients) -> dict[str, int]:
    """Returns the approximate number of messages of each queue, delayed ones included."""
    depths = {}
    names = [*QUEUES, app.settings.results_queue] if app.settings.results_queue else list(QUEUES)
    for name in dict.fromkeys(names):
        try:
            depths[name] = int(app.queues.client(name).get_queue_properties().approximate_message_count or 0)
        except ResourceNotFoundError:
            depths[name] = 0
    return depths


def current_items(
    collection: str, app: Clients, *, select: Iterable[str] | None = None, states: Iterable[ItemStatus] = (),
    or_marked: str | None = None, before_page: Callable[[], None] | None = None,
) -> Iterator[Mapping[str, Any]]:  # fmt: skip
    """Reads the rows of a collection's items, without those of an earlier collection of this id.

    Args:
        collection: id of the collection.
        app: the clients.
        select: the columns to read; None for all.
        states: only those in these states; empty for all.
        or_marked: with those, items that carry this mark, in whatever state; alone, only these.
        before_page: called before each page of rows; what it raises ends the reading.
    """
    born = collection_born(app.status.get_collection(collection))
    columns = sorted({*select, "PartitionKey", "RowKey", *ITEM_MOMENTS}) if select is not None else None
    rows = app.status.query_prefix(
        collection, ITEM_PREFIX, select=columns, states=states, or_marked=or_marked, before_page=before_page
    )
    for entity in rows:
        if is_current(entity, born):
            yield entity


def _count_items(
    rows: Iterable[Mapping[str, Any]], counts: CollectionCounts, correlation_id: str | None
) -> Counter[str]:
    """Counts the items of one collection.

    Returns:
        The number by state of those without the mark, which are not counted.
    """
    left_out: Counter[str] = Counter()
    for entity in rows:
        status = str(entity["status"])
        if correlation_id and entity.get("correlation_id") != correlation_id:
            left_out[status] += 1
            continue
        counts.items[status] += 1
        moment = entity.get("datetime")
        if status == ItemStatus.SUCCEEDED and moment:
            counts.newest_datetime = max(counts.newest_datetime or "", str(moment))
    return left_out


def _count_operations(collection: str, counts: CollectionCounts, app: Clients, correlation_id: str | None) -> None:
    for operation in app.status.open_operations(collection):
        if correlation_id and operation.correlation_id != correlation_id:
            continue
        counts.open_operations += 1
        counts.stalled += operation.stalled
        counts.oldest_open = min(counts.oldest_open or operation.submitted_at, operation.submitted_at)


def _is_there(collection: str, counts: CollectionCounts, app: Clients, correlation_id: str | None) -> bool:
    """Tells whether there is anything of a collection to show."""
    row = app.status.get_collection(collection)
    is_deleted = bool(row.get("deleted_at")) and row["deleted_at"] == collection_born(row)
    return any(counts.items.values()) or bool(counts.open_operations) or not (is_deleted or correlation_id)
