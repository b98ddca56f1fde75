"""Ends operations: writes the outcome of many in few transactions, and sends back what is to be tried again.

While an operation's row stands, the item's row belongs to it. Closing deletes the one under its etag and writes the
other in the same transaction, so of two trackers that see the same end only one writes it.
"""

import json
import logging
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.data.tables import UpdateMode

from shared import telemetry
from shared.basics.clock import format_timestamp
from shared.basics.errors import ErrorCode, Held, Unavailable
from shared.basics.parallel import run_all
from shared.clients import Clients
from shared.collections.deletion import deletion_columns, is_still_there
from shared.delivery.delays import SHORTEST, grown_delay
from shared.delivery.delivery import Retry
from shared.items.resume import resume_item
from shared.items.stored import was_stored_since
from shared.items.stored_messages import envelope_of_row
from shared.messages.models import IfExists, Outcome
from shared.operations.access_faults import explain_access, was_opened_since
from shared.records.status_rows import (
    COLLECTION_KEY,
    COUNT_PREFIX,
    ITEM_PREFIX,
    OPERATION_PREFIX,
    ItemRow,
    ItemStatus,
    OperationKind,
    OperationRow,
    appended,
)
from shared.records.status_store import MAX_TRANSACTION, index_entry
from shared.services.operation_states import ACCESS_CODES, OperationOutcome, OperationState, Remedy
from shared.storage.group_commit import Conflict
from shared.storage.transactions import Write

log = logging.getLogger(__name__)

# Rows of a transaction that closing an operation takes: its own and the item's, of a failure its index too.
_ROWS = 2
_ROWS_OF_FAILURE = 3

# How often an item is sent again after its operation failed with a code that may pass.
MAX_OPERATION_RETRIES = 10

_SUCCESS: dict[OperationKind, tuple[ItemStatus, Outcome]] = {
    OperationKind.ADD_ITEM: (ItemStatus.SUCCEEDED, Outcome.INGESTED),
    OperationKind.UPDATE_ITEM: (ItemStatus.SUCCEEDED, Outcome.REPLACED),
    OperationKind.DELETE_ITEM: (ItemStatus.DELETED, Outcome.DELETED),
    OperationKind.DELETE_COLLECTION: (ItemStatus.DELETED, Outcome.DELETED),
}


_DELETIONS = frozenset({OperationKind.DELETE_ITEM, OperationKind.DELETE_COLLECTION})


@dataclass(frozen=True)
class Ending:
    """How an operation ends for its item.

    Attributes:
        operation: the operation's row.
        status: the item's status from now on.
        outcome: what is announced.
        in_catalog: whether GeoCatalog holds the item from now on; None where that is not known.
        code: the error's code.
        message: the error in a sentence.
        keeps_hash: whether what GeoCatalog holds is the content of the row.
    """

    operation: OperationRow
    status: ItemStatus
    outcome: Outcome
    in_catalog: bool | None = None
    code: str | None = None
    message: str | None = None
    keeps_hash: bool = True


def resolve(operation: OperationRow, found: OperationOutcome, app: Clients) -> Ending | None:
    """Says how an operation that has ended ends for its item, or sends the item back to be tried again.

    Returns:
        How to close it; None where it was sent back, or is no longer open.
    """
    if found.state is OperationState.SUCCEEDED:
        is_deletion = operation.kind is OperationKind.DELETE_COLLECTION
        if is_deletion and is_still_there(operation.collection, operation.submitted_at, app):
            return None  # looked at again in the next pass
        return success(operation)
    if found.state is OperationState.CANCELED:
        message = "The operation was canceled; replay the item to ingest it."
        code = ErrorCode.OPERATION_CANCELED.value
        return Ending(operation, ItemStatus.CANCELED, Outcome.CANCELED, None, code, message)
    if operation.kind in _DELETIONS and (found.remedy is Remedy.ABSENT or found.code == ErrorCode.NO_COLLECTION):
        return success(operation)
    if found.remedy is Remedy.FAIL or operation.detached or operation.kind is OperationKind.DELETE_COLLECTION:
        return failure(operation, found)
    return _second_look(operation, found, app)


def success(operation: OperationRow) -> Ending:
    """Returns the ending of an operation that did what it was to do."""
    status, outcome = _SUCCESS[operation.kind]
    return Ending(operation, status, outcome, in_catalog=status is ItemStatus.SUCCEEDED)


def failure(operation: OperationRow, found: OperationOutcome) -> Ending:
    """Returns the ending of an operation that failed for good."""
    # A failed update leaves the earlier version in GeoCatalog; a failed first post leaves nothing.
    in_catalog = operation.kind is not OperationKind.ADD_ITEM
    return Ending(operation, ItemStatus.FAILED, Outcome.FAILED, in_catalog, found.code, found.message)


def _second_look(operation: OperationRow, found: OperationOutcome, app: Clients) -> Ending | None:
    """Decides a failure that depends on the item's row: exists already, absent, may pass, or held."""
    row = app.status.get(operation.collection, operation.item_id)
    if row is None or row.operation_id != operation.operation_id:
        return failure(replace(operation, detached=True), found)
    started = row.retry_since or row.submitted_at or app.now()
    is_over = app.now() - started > app.settings.retry_max_age
    if found.remedy is Remedy.EXISTS:
        return _exists(operation, row, found, app, is_over=is_over)
    if is_over or (row.operation_failures >= MAX_OPERATION_RETRIES and found.remedy is Remedy.RETRY):
        return failure(operation, found)
    if found.remedy is Remedy.ABSENT:
        try_again(operation, row, found, app, in_catalog=False, at_once=True)
        return None
    try_again(operation, row, found, app, in_catalog=row.in_catalog)
    return None


def _exists(
    operation: OperationRow, row: ItemRow, found: OperationOutcome, app: Clients, *, is_over: bool
) -> Ending | None:
    if row.uncertain_since and was_stored_since(row.collection, row.item_id, row.uncertain_since, app.geocatalog):
        # An earlier write of ours, whose answer was lost, is what GeoCatalog holds.
        return success(operation)
    if row.if_exists == IfExists.SKIP:
        return Ending(operation, ItemStatus.SUCCEEDED, Outcome.SKIPPED, in_catalog=True, keeps_hash=False)
    if row.if_exists == IfExists.FAIL or is_over:
        return Ending(operation, ItemStatus.FAILED, Outcome.FAILED, True, found.code, found.message)
    try_again(operation, row, found, app, in_catalog=True, at_once=True)
    return None


def try_again(
    operation: OperationRow,
    row: ItemRow,
    found: OperationOutcome,
    app: Clients,
    *,
    in_catalog: bool | None,
    at_once: bool = False,
) -> None:
    """Sends an item's message again and closes its operation: the copy first, then the rows."""
    held = found.remedy is Remedy.HOLD
    is_closed = held and found.code in ACCESS_CODES
    if is_closed:
        found = explain_access(found, row, app)
    delay = app.timings.longest_delay if held else grown_delay(row.operation_failures, app.timings)
    if at_once and row.operation_failures < MAX_OPERATION_RETRIES:  # more often only if GeoCatalog contradicts itself
        delay = app.timings.first_delay / 15
    now = app.now()
    fault = (Held if held else Unavailable)(found.message or "", code=str(found.code))
    retry = Retry(envelope_of_row(row).counted(now), max(delay, SHORTEST), fault, is_held=held)
    after = row.changed(
        ItemStatus.HELD if held else ItemStatus.WAITING, now,
        attempt=retry.envelope.attempt, retry_since=retry.envelope.retry_since, next_attempt=now + delay,
        in_catalog=in_catalog, operation_failures=row.operation_failures + (not held),
        error_code=found.code, error_message=found.message, operation_id=None,
    )  # fmt: skip
    with _span(operation, retry.kind, found.code):
        app.delivery.send_again(retry)
        log.warning(
            "Item %s/%s: operation %s failed with %s; tried again in %s",
            row.collection, row.item_id, operation.operation_id, found.code, delay,
        )  # fmt: skip
    try:
        app.status.update(row, after, also=[_deletion(operation)])
    except Conflict:
        log.info("Operation %s was closed by someone else", operation.operation_id)
        return
    # Looked at after the row says Held: whoever renews the source after this look finds the item held.
    if is_closed and was_opened_since(found.message, row, operation.submitted_at, app):
        resume_item(row.collection, row.item_id, app)


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
            with _span(ending.operation, ending.outcome, ending.code):
                log.info("Item %s/%s: %s", collection, ending.operation.item_id, ending.outcome)
        return len(endings)
    return 0


def _read_again(operation: OperationRow, found: OperationRow, app: Clients) -> OperationRow:
    # Without its item's row, which an operator may have removed, only the operation's own is left to close.
    is_orphan = bool(found.item_id) and app.status.get(found.collection, found.item_id) is None
    return replace(found, detached=operation.detached or found.detached or is_orphan)


def _writes(ending: Ending, app: Clients) -> list[Write]:
    operation, now = ending.operation, app.now()
    writes: list[Write] = [_deletion(operation)]
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
    return ("update", entity, {"mode": UpdateMode.MERGE, **_if_match(str(metadata["etag"]))})


def _span(
    operation: OperationRow, outcome: Outcome | telemetry.Retry, code: str | None
) -> AbstractContextManager[object]:
    return telemetry.operation_span(
        operation.kind.value,
        operation.traceparent,
        operation.submitted_at,
        collection=operation.collection,
        item=operation.item_id or None,
        correlation_id=operation.correlation_id,
        operation_id=operation.operation_id,
        outcome=outcome.value,
        code=code,
    )


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


def _deletion(operation: OperationRow) -> Write:
    entity = {"PartitionKey": operation.collection, "RowKey": OPERATION_PREFIX + operation.operation_id}
    return ("delete", entity, _if_match(operation.etag))


def _if_match(etag: str) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}
