"""Decides how an operation that has ended ends for its item, and sends back what is to be tried again."""

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from shared import telemetry
from shared.basics.clock import parse_timestamp
from shared.basics.errors import ErrorCode, Held, Unavailable
from shared.clients import Clients
from shared.delivery.delays import SHORTEST, grown_delay
from shared.delivery.delivery import Retry
from shared.items.resume import resume_item
from shared.items.stored import was_stored_since
from shared.messages.models import IfExists
from shared.messages.results import Outcome
from shared.operations.access_faults import explain_access, was_opened_since
from shared.records.status_rows import (
    ItemRow,
    ItemStatus,
    OperationKind,
    OperationRow,
)
from shared.records.status_store import deletion_of
from shared.services.operation_states import ACCESS_CODES, OperationOutcome, OperationState, Remedy
from shared.storage.group_commit import Conflict

log = logging.getLogger(__name__)

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
        if is_deletion and _is_still_there(operation, app):
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
    retry = Retry(row.envelope().counted(now), max(delay, SHORTEST), fault, is_held=held)
    after = row.changed(
        ItemStatus.HELD if held else ItemStatus.WAITING, now,
        attempt=retry.envelope.attempt, retry_since=retry.envelope.retry_since, next_attempt=now + delay,
        in_catalog=in_catalog, operation_failures=row.operation_failures + (not held),
        error_code=found.code, error_message=found.message, operation_id=None,
    )  # fmt: skip
    with span_of(operation, retry.kind, found.code):
        app.delivery.send_again(retry)
        log.warning(
            "Item %s/%s: operation %s failed with %s; tried again in %s",
            row.collection, row.item_id, operation.operation_id, found.code, delay,
        )  # fmt: skip
    try:
        app.status.update(row, after, also=[deletion_of(operation)])
    except Conflict:
        log.info("Operation %s was closed by someone else", operation.operation_id)
        return
    # Looked at after the row says Held: whoever renews the source after this look finds the item held.
    if is_closed and was_opened_since(found.message, row, operation.submitted_at, app.sources):
        resume_item(row.collection, row.item_id, app)


def span_of(
    operation: OperationRow, outcome: Outcome | telemetry.Retry, code: str | None
) -> AbstractContextManager[object]:
    """Span an operation from its submission to now, in the trace of the item it belongs to."""
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


def _is_still_there(operation: OperationRow, app: Clients) -> bool:
    """Tell whether GeoCatalog still shows a collection after its deletion, which it does for some seconds."""
    live = app.geocatalog.get_collection(operation.collection)
    if live is None:
        return False
    try:
        return parse_timestamp(str(live.get("msft:_created"))) < operation.submitted_at  # one created since is another
    except ValueError:
        return True
