"""Carries out what one message wants done to one item: claim, write to GeoCatalog, record.

The order of steps is what keeps the guarantees. A claim is written before the call, so that the same content is not
sent twice. A delay sends the copy first and writes the row second, so that a crash in between doubles the message and
never loses it. A result is sent before the row is closed, so that it is announced at least once.
"""

import logging
import random
import uuid
import zlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from azure.core.exceptions import AzureError

from shared import telemetry
from shared.basics import deadline
from shared.basics.errors import (
    BadContent,
    Disposition,
    ErrorCode,
    IngestionError,
    ItemExists,
    LostResponse,
    RateLimited,
    Throttled,
    Unavailable,
    disposition_of,
)
from shared.basics.json_codec import read_json
from shared.clients import Clients
from shared.items.stored import was_stored_since
from shared.items.work import Decision, Work, decide, is_same_content
from shared.messages.models import IfExists, Outcome, Result, next_attempt
from shared.records.status_rows import (
    TERMINAL,
    ItemRow,
    ItemStatus,
    OperationKind,
    OperationRow,
    collection_born,
    is_current,
)
from shared.storage.group_commit import Conflict
from shared.storage.transactions import Write

log = logging.getLogger(__name__)

# How often a message reads the row again after someone else changed it, before it steps back and waits.
_MAX_CONFLICTS = 5


def carry_out(work: Work, app: Clients) -> None:
    """Does to an item what a message wants, or sends the message back to be tried later.

    Args:
        work: what the message wants.
        app: the clients.

    Raises:
        azure.core.exceptions.AzureError: neither the table nor the queue could be written: the host gives the message
            again.
    """
    claimed: ItemRow | None = None
    try:
        if work.fault is None:
            app.pause.respect()
        claimed = _claim(work, app)
        if claimed is None:
            return
        if work.fault is not None:
            raise work.fault
        _write(claimed, work, app)
    except AzureError as error:
        log.warning("Storage did not take a write for %s/%s: %s", work.collection, work.item_id, type(error).__name__)
        with deadline.settling():
            _settle(_storage_fault(error, claimed), claimed, work, app)
    except IngestionError as error:
        with deadline.settling():
            _settle(error, claimed, work, app)


def _storage_fault(error: AzureError, claimed: ItemRow | None) -> Unavailable:
    said = f"The storage account did not answer ({type(error).__name__})"
    if claimed is None:
        return Unavailable(f"{said}.", code=ErrorCode.STORAGE_UNAVAILABLE)
    # GeoCatalog may have accepted the item before its operation could be recorded.
    return LostResponse(f"{said} while the item was being submitted.")


# Claiming


def _claim(work: Work, app: Clients) -> ItemRow | None:
    """Claims the item, or ends or sends back the message where the item's row says so (then None)."""
    owner = uuid.uuid4().hex
    for _ in range(_MAX_CONFLICTS):
        fresh = _claimed_row(None, work, app, owner)
        inserted = app.status.insert(fresh)
        if inserted:
            return inserted
        row = app.status.get(work.collection, work.item_id)
        if row is None:
            continue
        if row.claimed_by == owner:
            return row  # the write was ours, repeated by the SDK after a lost answer
        try:
            if not is_current(vars(row), collection_born(app.status.get_collection(row.collection))):
                return app.status.update(row, fresh, _detachment(row, app))
            decision = decide(row, work, app.now(), operation_stalled=_is_stalled(row, app))
            if decision is Decision.CLAIM:
                return app.status.update(row, _claimed_row(row, work, app, owner), _detachment(row, app))
            _end_or_wait(decision, row, work, app)
        except Conflict:
            continue
        return None
    raise Unavailable(f"The row of item {work.item_id} kept changing.", code=ErrorCode.STORAGE_UNAVAILABLE)


def _claimed_row(row: ItemRow | None, work: Work, app: Clients, owner: str) -> ItemRow:
    now = app.now()
    columns: dict[str, Any] = {
        "queue": work.queue,
        "first_enqueued": work.first_enqueued,
        "version": work.version,
        "content_hash": work.content_hash,
        "attempt": work.attempt,
        "retry_since": work.retry_since,
        "if_exists": work.if_exists.value,
        "correlation_id": work.correlation_id,
        "traceparent": work.traceparent,
        "message": zlib.compress(work.message, level=1),
        "datetime": work.prepared.datetime if work.prepared else None,
        "bbox": work.prepared.bbox if work.prepared else None,
        "claimed_by": owner,
        "claimed_at": now,
        "claimed_until": now + app.timings.claim,
        "next_attempt": None,
        "error_code": None,
        "error_message": None,
        "operation_id": None,
        "submitted_at": None,
        "finished_at": None,
    }
    blank = ItemRow(work.collection, work.item_id, ItemStatus.SUBMITTING, work.queue, work.first_enqueued)
    if row is None:
        return blank.changed(ItemStatus.SUBMITTING, now, **columns)
    if is_same_content(row, work):
        columns["first_enqueued"] = max(row.first_enqueued, work.first_enqueued)
        columns["uncertain_since"] = row.uncertain_since
        if row.status is ItemStatus.SUBMITTING and not row.uncertain_since:
            columns["uncertain_since"] = row.claimed_at  # its owner died and may have written
        if row.status in TERMINAL:
            columns["operation_failures"] = 0
    else:
        columns["uncertain_since"] = None
        columns["quiet_until"] = None
        columns["operation_failures"] = 0
    return row.changed(ItemStatus.SUBMITTING, now, **columns)


def _detachment(row: ItemRow, app: Clients) -> list[Write]:
    """Returns what parts a row from its open operation, if it has one, so that its end no longer changes the row."""
    if row.status is not ItemStatus.SUBMITTED or not row.operation_id:
        return []
    return [app.status.detachment(row.collection, row.operation_id)]


def _is_stalled(row: ItemRow, app: Clients) -> bool:
    if row.status is not ItemStatus.SUBMITTED or not row.operation_id or not row.submitted_at:
        return False
    return app.now() - row.submitted_at > app.settings.operation_deadline


def _end_or_wait(decision: Decision, row: ItemRow, work: Work, app: Clients) -> None:
    now = app.now()
    match decision:
        case Decision.STALE_COPY:
            # Or the same content sent twice within a second, which looks just so: each message gets a result.
            log.info("Item %s/%s: an earlier copy of a message in progress", work.collection, work.item_id)
            _announce(work, Outcome.UNCHANGED, app, operation_id=row.operation_id)
        case Decision.UNCHANGED:
            if work.first_enqueued > row.first_enqueued:
                # Known to be current at this later moment: what was enqueued in between is older.
                app.status.update(row, replace(row, first_enqueued=work.first_enqueued))
            _announce(work, Outcome.UNCHANGED, app, operation_id=row.operation_id)
        case Decision.SUPERSEDED:
            _announce(work, Outcome.SUPERSEDED, app)
        case Decision.SKIPPED:
            _announce(work, Outcome.SKIPPED, app)
        case Decision.WAIT_FOR_CLAIM:
            _send_back(work, app, (row.claimed_until or now) - now)
        case Decision.WAIT_FOR_QUIET:
            _send_back(work, app, (row.quiet_until or now) - now)
        case _:
            _send_back(work, app, operation_wait(now - (row.submitted_at or now), app))


def operation_wait(age: timedelta, app: Clients) -> timedelta:
    """Returns the wait behind an open operation: the longer it is open, the longer, since many may wait behind many.

    Args:
        age: how long it has been open.
        app: the clients.
    """
    wait = min(max(app.timings.operation_check, age / 4), app.timings.longest_delay)
    return wait * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, guards nothing


# Writing


def _write(claimed: ItemRow, work: Work, app: Clients) -> None:
    if claimed.in_catalog and work.if_exists is IfExists.FAIL and not work.is_deletion:
        raise _exists_already(work)
    if app.now() > (claimed.claimed_at or app.now()) + app.timings.call_budget:
        raise Unavailable("The claim grew old before GeoCatalog could be asked.")
    asked_at = app.now()
    try:
        operation = _send(claimed, work, app)
        app.pause.answered()
    except ItemExists:
        app.pause.answered()
        operation = _send_over(claimed, work, app)
        if operation is None:
            return
    if operation is None:
        _close(claimed, ItemStatus.DELETED, Outcome.DELETED, app, in_catalog=False)
    else:
        _record_submission(claimed, operation[1], operation[0], asked_at, app)


def _send(claimed: ItemRow, work: Work, app: Clients) -> tuple[OperationKind, str] | None:
    """Makes the call; None where there was nothing to delete."""
    catalog = app.geocatalog
    if work.prepared is None:
        deletion = catalog.delete_item(work.collection, work.item_id)
        return (OperationKind.DELETE_ITEM, deletion) if deletion else None
    if claimed.in_catalog:
        update = catalog.put_item(work.collection, work.item_id, work.prepared.body)
        if update:
            return OperationKind.UPDATE_ITEM, update
    return OperationKind.ADD_ITEM, catalog.post_item(work.collection, work.prepared.body)


def _send_over(claimed: ItemRow, work: Work, app: Clients) -> tuple[OperationKind, str] | None:
    """Does what the message says of an item that is there already; None where that ends it without a call."""
    if claimed.uncertain_since and was_stored_since(work.collection, work.item_id, claimed.uncertain_since, app):
        # An earlier write of ours, whose answer was lost, is what GeoCatalog holds.
        _close(claimed, ItemStatus.SUCCEEDED, Outcome.INGESTED, app, in_catalog=True)
        return None
    if work.if_exists is IfExists.SKIP:
        _close(claimed, ItemStatus.SUCCEEDED, Outcome.SKIPPED, app, in_catalog=True, content_hash="")
        return None
    if work.if_exists is IfExists.FAIL or work.prepared is None:
        raise _exists_already(work)
    update = app.geocatalog.put_item(work.collection, work.item_id, work.prepared.body)
    if update is None:
        raise Unavailable("GeoCatalog says of the item both that it is there and that it is not.")
    return OperationKind.UPDATE_ITEM, update


def _exists_already(work: Work) -> ItemExists:
    return ItemExists(
        f"Item {work.item_id} is in collection {work.collection} already and the message says if_exists=fail."
    )


def _record_submission(
    claimed: ItemRow, operation_id: str, kind: OperationKind, asked_at: datetime, app: Clients
) -> None:
    # The moment before the call: what GeoCatalog stores for it is never older, however quick it is.
    submitted = claimed.changed(
        ItemStatus.SUBMITTED, app.now(),
        operation_id=operation_id, submitted_at=asked_at, claimed_by=None, claimed_until=None, quiet_until=None,
    )  # fmt: skip
    operation = OperationRow(
        collection=claimed.collection,
        operation_id=operation_id,
        kind=kind,
        item_id=claimed.item_id,
        submitted_at=asked_at,
        correlation_id=claimed.correlation_id,
        traceparent=claimed.traceparent,
        history=submitted.history,
    )
    try:
        app.status.submit(claimed, submitted, operation)
    except Conflict:
        row = app.status.get(claimed.collection, claimed.item_id)
        if row is None or row.operation_id != operation_id:
            raise LostResponse("The claim was taken over while GeoCatalog was asked.") from None
    telemetry.note(operation_id=operation_id)
    log.info("Item %s/%s: operation %s (%s)", claimed.collection, claimed.item_id, operation_id, kind)


# Ending


def _settle(error: IngestionError, claimed: ItemRow | None, work: Work, app: Clients) -> None:
    """Does with the message what the table of errors says."""
    if isinstance(error, Throttled) and claimed:
        _pause_all(error, app)
    disposition = disposition_of(error)
    if disposition in {Disposition.DELAY, Disposition.HOLD}:
        if app.now() - (work.retry_since or app.now()) < app.settings.retry_max_age:
            _try_later(error, disposition, claimed, work, app)
            return
        error = BadContent(
            f"Given up after {app.settings.retry_max_age}: {error.message}", code=error.code or ErrorCode.GAVE_UP
        )
        disposition = Disposition.FAIL
    if disposition is not Disposition.FAIL:
        raise error
    if claimed is None:
        claimed = _claim(work, app)
        if claimed is None:
            return
    log.warning("Item %s/%s failed: %s %s", work.collection, work.item_id, error.code, error.message)
    _close(claimed, ItemStatus.FAILED, Outcome.FAILED, app, error_code=str(error.code), error_message=error.message)


def _pause_all(error: Throttled, app: Clients) -> None:
    try:
        app.pause.pause(error.retry_after)
    except AzureError as fault:
        log.warning("The shared pause could not be written: %s", type(fault).__name__)


def _close(row: ItemRow, status: ItemStatus, outcome: Outcome, app: Clients, **columns: Any) -> None:
    now = app.now()
    result = Result(
        collection=row.collection,
        id=row.item_id,
        outcome=outcome,
        error_code=columns.get("error_code"),
        error_message=columns.get("error_message"),
        correlation_id=row.correlation_id,
        finished_at=now,
    )
    app.queues.send_result(result)
    if status is not ItemStatus.FAILED:
        log.info("Item %s/%s: %s", row.collection, row.item_id, outcome)
        columns["message"] = b""
    after = row.changed(status, now, finished_at=now, claimed_by=None, claimed_until=None, **columns)
    try:
        app.status.update(row, after)
    except Conflict:
        log.info("Item %s/%s was taken over before it could be closed", row.collection, row.item_id)


def _announce(work: Work, outcome: Outcome, app: Clients, *, operation_id: str | None = None) -> None:
    log.info("Item %s/%s: %s", work.collection, work.item_id, outcome)
    app.queues.send_result(
        Result(
            collection=work.collection,
            id=work.item_id,
            outcome=outcome,
            operation_id=operation_id,
            correlation_id=work.correlation_id,
            finished_at=app.now(),
        )
    )


# Waiting


def _try_later(
    error: IngestionError, disposition: Disposition, claimed: ItemRow | None, work: Work, app: Clients
) -> None:
    is_held = disposition is Disposition.HOLD
    delay = retry_delay(work.attempt, error, app)
    # To keep a pause or the own rate is no attempt: GeoCatalog was not asked. What only waits in line, which takes a
    # million items hours, is not given up for it.
    is_asked = not isinstance(error, RateLimited) and not (isinstance(error, Throttled) and claimed is None)
    later = work
    if is_asked:
        later = replace(work, attempt=next_attempt(work.attempt), retry_since=work.retry_since or app.now())
    _send_back(later, app, delay)
    log.warning(
        "Item %s/%s %s for %s: %s %s",
        work.collection, work.item_id, "held" if is_held else "delayed", delay, error.code, error.message,
    )  # fmt: skip
    telemetry.count_retry(telemetry.Retry.HELD if is_held else telemetry.Retry.DELAYED, error.code)
    if claimed is None:
        return
    now = app.now()
    columns: dict[str, Any] = {
        "attempt": later.attempt,
        "retry_since": later.retry_since,
        "next_attempt": now + delay,
        "error_code": str(error.code),
        "error_message": error.message,
        "claimed_by": None,
        "claimed_until": None,
    }
    if isinstance(error, LostResponse):
        columns["quiet_until"] = now + app.timings.quiet
        columns["uncertain_since"] = claimed.uncertain_since or claimed.claimed_at
    after = claimed.changed(ItemStatus.HELD if is_held else ItemStatus.WAITING, now, **columns)
    try:
        app.status.update(claimed, after)
    except (Conflict, AzureError) as fault:
        # The copy is on the queue, so nothing is lost: it finds the claim, which runs out.
        log.warning("Item %s/%s: its row was not updated: %s", work.collection, work.item_id, type(fault).__name__)


def retry_delay(attempt: int, error: IngestionError | None, app: Clients) -> timedelta:
    """Returns the wait before the next try.

    Where GeoCatalog asked for patience it is the rest of the pause that all instances keep, spread by a third;
    otherwise it grows with each attempt, spread by a fifth.
    """
    if isinstance(error, Throttled):
        return max(app.pause.remaining(), timedelta(seconds=1)) * random.uniform(1.0, 1.3)  # noqa: S311 - spreads load
    doublings = int(2 ** min(attempt, 16))
    grown = min(app.timings.first_delay * doublings, app.timings.longest_delay)
    spread = grown * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, guards nothing
    asked = error.retry_after if isinstance(error, Unavailable) else None
    return max(spread, asked) if asked else spread


def _send_back(work: Work, app: Clients, delay: timedelta) -> None:
    app.queues.send(work.queue, copy_of(work), delay=max(delay, timedelta(seconds=1)))


def copy_of(work: Work) -> dict[str, Any]:
    """Returns the message to send again, with what the app keeps in it."""
    original: dict[str, Any] = read_json(work.message)
    if original.get("type") == "Feature":
        original = {"item": original}
    kept = {
        "attempt": work.attempt,
        "first_enqueued": work.first_enqueued.isoformat(),
        "retry_since": work.retry_since.isoformat() if work.retry_since else None,
        "correlation_id": work.correlation_id,
        "traceparent": work.traceparent,
    }
    return original | {name: value for name, value in kept.items() if value is not None}
