"""Removes rows of finished items and dead letters that are older than STATUS_RETENTION, where that is set."""

import itertools
import json
import logging
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode

from shared.clients import Clients
from shared.records.status_rows import INDEXES, ITEM_PREFIX, TERMINAL
from shared.records.status_store import MAX_TRANSACTION
from shared.storage.group_commit import Conflict
from shared.storage.tables import PACING, Table
from shared.storage.transactions import Write

log = logging.getLogger(__name__)

# With as long again for dead letters well within functionTimeout (5 minutes). What is left is for the next run, an hour
# later, which goes on where this one stopped: looking through millions of rows takes longer than one run may.
_BUDGET = timedelta(minutes=2)
# An item has a row and at most one in an index.
_ITEMS_AT_ONCE = MAX_TRANSACTION // 2
# Where a run stopped for want of time, in a table whose partitions are not collections.
_STOPPED_AT = {"PartitionKey": "retention", "RowKey": "stopped_at"}


def remove_expired(app: Clients, *, budget: timedelta = _BUDGET) -> int:
    """Removes what is older than STATUS_RETENTION, as far as the time allows.

    Content whose row is gone is no longer known: sent again, it is ingested again.

    Args:
        app: the clients.
        budget: how long that may take for dead letters, and again for items; some are removed in any case.

    Returns:
        How many rows of items and dead letters were removed; 0 where STATUS_RETENTION is not set.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    retention = app.settings.status_retention
    if retention is None:
        return 0
    cutoff = app.now() - retention
    removed = app.deadletters.remove_before(cutoff, end=time.monotonic() + budget.total_seconds())
    places = Table(app.storage.tables, PACING)
    first, after = _stopped_at(places)
    end = time.monotonic() + budget.total_seconds()
    is_begun = False
    for collection in itertools.dropwhile(lambda name: name < first, app.status.partitions()):
        after = after if collection == first else None
        while True:
            if is_begun and time.monotonic() > end:
                _stop_at(places, collection, after)
                log.info("%s rows older than %s removed so far", removed, cutoff)
                return removed
            is_begun = True
            rows, after = app.status.finished_before(collection, cutoff, after)
            removed += _remove_page(rows, app)
            if not after:
                break
    _stop_at(places, "", None)
    log.info("%s rows older than %s removed", removed, cutoff)
    return removed


def _stopped_at(places: Table) -> tuple[str, Any]:
    """Returns the collection that the last run stopped at and what leads to its next page."""
    try:
        found = places.run(lambda client: client.get_entity(_STOPPED_AT["PartitionKey"], _STOPPED_AT["RowKey"]))
    except ResourceNotFoundError:
        return "", None
    return str(found["collection"]), json.loads(found["after"])


def _stop_at(places: Table, collection: str, after: Any) -> None:  # noqa: ANN401 - the SDK's
    entity = {**_STOPPED_AT, "collection": collection, "after": json.dumps(after)}
    places.run(lambda client: client.upsert_entity(entity, mode=UpdateMode.REPLACE))


def _remove_page(rows: Sequence[Any], app: Clients) -> int:
    finished = [row for row in rows if row["status"] in TERMINAL]
    starts = range(0, len(finished), _ITEMS_AT_ONCE)
    # One transaction after the other: side by side they would take the partition's pace from the items under way.
    return sum(remove_rows(finished[start : start + _ITEMS_AT_ONCE], app) for start in starts)


def remove_rows(rows: Sequence[Any], app: Clients) -> int:
    """Removes rows of finished items of one collection, with their entries in the indexes.

    Args:
        rows: entities as they were read, up to 50; one to which something has happened since stays.
        app: the clients.

    Returns:
        How many were removed.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    try:
        app.status.transact([write for row in rows for write in _removal(row)])
    except Conflict:
        return sum(remove_rows([row], app) for row in rows) if len(rows) > 1 else 0
    return len(rows)


def _removal(row: Any) -> Iterator[Write]:  # noqa: ANN401 - an entity, whose metadata holds its etag
    keys = {"PartitionKey": row["PartitionKey"], "RowKey": row["RowKey"]}
    yield ("delete", keys, {"etag": row.metadata["etag"], "match_condition": MatchConditions.IfNotModified})
    if row["status"] in INDEXES:
        entry = INDEXES[row["status"]] + str(keys["RowKey"]).removeprefix(ITEM_PREFIX)
        yield ("delete", {"PartitionKey": keys["PartitionKey"], "RowKey": entry})
