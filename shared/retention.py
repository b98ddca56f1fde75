"""Removes rows of finished items and dead letters that are older than STATUS_RETENTION, where that is set."""

import itertools
import logging
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from azure.core import MatchConditions

from shared.clients import Clients
from shared.group_commit import Conflict
from shared.status_rows import INDEXES, ITEM_PREFIX, TERMINAL, ItemStatus
from shared.table_transactions import Write

log = logging.getLogger(__name__)

# Well within functionTimeout (5 minutes); what is left is removed the next day.
_BUDGET = timedelta(minutes=3)


def remove_expired(app: Clients) -> int:
    """Removes what is older than STATUS_RETENTION.

    Content whose row is gone is no longer known: sent again, it is ingested again.

    Args:
        app: the clients.

    Returns:
        How many rows of items and dead letters were removed; 0 where STATUS_RETENTION is not set.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    retention = app.settings.status_retention
    if retention is None:
        return 0
    cutoff = app.now() - retention
    end = time.monotonic() + _BUDGET.total_seconds()
    removed = app.deadletters.remove_before(cutoff)
    for collection in app.status.partitions():
        finished = app.status.finished_before(collection, ITEM_PREFIX, cutoff)
        for row in itertools.takewhile(lambda _: time.monotonic() < end, finished):
            removed += _remove(row, app)
    log.info("%s rows older than %s removed", removed, cutoff)
    return removed


def _remove(row: Any, app: Clients) -> int:  # noqa: ANN401 - an entity, whose metadata holds its etag
    status = ItemStatus(str(row["status"]))
    if status not in TERMINAL:
        return 0
    keys = {"PartitionKey": row["PartitionKey"], "RowKey": row["RowKey"]}
    condition = {"etag": row.metadata["etag"], "match_condition": MatchConditions.IfNotModified}
    writes: list[Write] = [("delete", keys, condition), *_index_entries(keys, status)]
    try:
        app.status.transact(writes)
    except Conflict:
        return 0  # something new has happened to the item meanwhile
    return 1


def _index_entries(keys: dict[str, Any], status: ItemStatus) -> Iterable[Write]:
    if status in INDEXES:
        key = INDEXES[status] + str(keys["RowKey"]).removeprefix(ITEM_PREFIX)
        yield ("delete", {"PartitionKey": keys["PartitionKey"], "RowKey": key})
