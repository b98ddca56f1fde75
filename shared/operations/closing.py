"""Closes operations: announces and writes the outcomes of many in few transactions.

While an operation's row stands, the item's row belongs to it. Closing deletes the one under its etag and writes the
other in the same transaction, so of two trackers that see the same end only one writes it.
"""

import json
import logging
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.data.tables import UpdateMode

from shared.basics.clock import format_timestamp
from shared.basics.parallel import run_all
from shared.clients import Clients
from shared.operations.endings import Ending, span_of
from shared.records.collection_rows import deletion_columns
from shared.records.status_rows import (
    COLLECTION_KEY,
    COUNT_PREFIX,
    ITEM_PREFIX,
    ItemStatus,
    OperationKind,
    OperationRow,
    appended,
)
from shared.records.status_store import MAX_TRANSACTION, deletion_of, if_match, index_entry
from shared.storage.group_commit import Conflict
from shared.storage.transactions import Write

log = logging.getLogger(__name__)

# Rows of a transaction that closing an operation takes: its own and the item's, of a failure its index too.
_ROWS = 2
_ROWS_OF_FAILURE = 3


def close(endings: Sequence[Ending], app: Clients, *, end: float = math.inf) -> int:
    """Announces how operations of one collection ended and closes them, as many at a time as fit one transaction.

    Args:
        endings: all of one collection.
        app: the clients.
        end: the moment of `time.monotonic()` after which no more are begun; they are found again.

    Returns:
        How many were closed; those someone else closed meanwhile are not counted.
    """
    closed = 0
    for some in _transactions(endings):
        if time.monotonic() > end:
            break
        run_all(lambda ending: _announce(ending, app), some)
        closed += _close_some(some, app)
    return closed


def _transactions(endings: Sequence[Ending]) -> Iterator[list[Ending]]:
    """Yields as many endings at a time as fit one transaction."""
    some: list[Ending] = []
    free = MAX_TRANSACTION - 1  # one row is the day's count
    for ending in endings:
        if ending.operation.kind is OperationKind.DELETE_COLLECTION:
            yield [ending]  # it writes the collection's row, which a transaction takes once
            continue
        rows = _ROWS_OF_FAILURE if ending.status is ItemStatus.FAILED else _ROWS
        if rows > free:
            yield some
            some, free = [], MAX_TRANSACTION - 1
        some.append(ending)
        free -= rows
    if some:
        yield some


def _close_some(endings: list[Ending], app: Clients) -> int:
    while endings:
        collection = endings[0].operation.collection
        writes = [write for ending in endings for write in _writes(ending, app)]
        try:
            app.status.transact([*writes, _count(collection, endings, app)])
        except Conflict:
            # Someone closed one of them, or counted meanwhile: leave out what is no longer open, and write again.
            still_open = {row.operation_id: row for row in app.status.open_operations(collection)}
            endings = [
                replace(ending, operation=_read_again(ending.operation, still_open[ending.operation.operation_id], app))
                for ending in endings
                if ending.operation.operation_id in still_open
            ]
            continue
        except HttpResponseError as error:
            if error.status_code != HTTPStatus.BAD_REQUEST or len(endings) == 1:
                raise
            # What the table refuses of one must not keep the others open.
            return sum(_close_some([ending], app) for ending in endings)
        for ending in endings:
            with span_of(ending.operation, ending.outcome, ending.code):
                log.info("Item %s/%s: %s", collection, ending.operation.item_id, ending.outcome)
        return len(endings)
    return 0


def _read_again(operation: OperationRow, found: OperationRow, app: Clients) -> OperationRow:
    # Without its item's row, which an operator may have removed, only the operation's own is left to close.
    is_orphan = bool(found.item_id) and app.status.get(found.collection, found.item_id) is None
    return replace(found, detached=operation.detached or found.detached or is_orphan)


def _writes(ending: Ending, app: Clients) -> list[Write]:
    operation, now = ending.operation, app.now()
    writes: list[Write] = [deletion_of(operation)]
    if operation.detached:
        return writes
    if operation.kind is OperationKind.DELETE_COLLECTION:
        code = None if ending.status is ItemStatus.DELETED else ending.code or ending.outcome.value
        columns = deletion_columns(now, code, ending.message, operation.correlation_id)
        entity = {"PartitionKey": operation.collection, "RowKey": COLLECTION_KEY, **columns}
        writes.append(("upsert", entity, {"mode": UpdateMode.MERGE}))
        return writes
    entry = {"at": format_timestamp(now), "status": ending.status.value}
    if ending.code:
        entry["error_code"] = ending.code
    item: dict[str, Any] = {
        "PartitionKey": operation.collection,
        "RowKey": ITEM_PREFIX + operation.item_id,
        "status": ending.status.value,
        "finished_at": now,
        "error_code": ending.code or "",
        "error_message": ending.message or "",
        "history": json.dumps(appended(operation.history, entry)),
    }
    if ending.in_catalog is not None:
        item["in_catalog"] = ending.in_catalog
    if not ending.keeps_hash or ending.status is ItemStatus.DELETED:
        item["content_hash"] = ""
    if ending.status is ItemStatus.SUCCEEDED:
        item["stored_hash"] = operation.content_hash if ending.keeps_hash else ""
    elif ending.in_catalog is False:
        item["stored_hash"] = ""
    if ending.status in {ItemStatus.SUCCEEDED, ItemStatus.DELETED}:
        item["message"] = b""
    writes.append(("update", item, {"mode": UpdateMode.MERGE}))
    if ending.status is ItemStatus.FAILED:
        writes.append(index_entry(ending.status, operation.collection, operation.item_id, ending.code, ending.message))
    return writes


def _count(collection: str, endings: Sequence[Ending], app: Clients) -> Write:
    """Returns the write that adds outcomes to the day's count, under the etag it was read with."""
    key = COUNT_PREFIX + app.now().date().isoformat()
    found = app.status.read(collection, key)
    counted = Counter(ending.outcome.value for ending in endings)
    columns = {outcome: int((found or {}).get(outcome, 0)) + number for outcome, number in counted.items()}
    entity = {"PartitionKey": collection, "RowKey": key, **columns}
    if found is None:
        return ("create", entity)
    metadata = getattr(found, "metadata", {})
    return ("update", entity, {"mode": UpdateMode.MERGE, **if_match(str(metadata["etag"]))})


def _announce(ending: Ending, app: Clients) -> None:
    app.delivery.announce(
        ending.outcome,
        collection=ending.operation.collection,
        item_id=ending.operation.item_id or None,
        operation_id=ending.operation.operation_id,
        error_code=ending.code,
        error_message=ending.message,
        correlation_id=ending.operation.correlation_id,
        submitted_at=ending.operation.submitted_at,
    )
