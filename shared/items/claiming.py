"""Claims items before anything is sent: a conditional write of the item's row, which one message alone can make."""

import logging
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from shared.basics.errors import ErrorCode, NotYet, Unavailable
from shared.delivery.delays import operation_wait
from shared.items.endings import announce
from shared.items.services import ItemServices
from shared.items.work import Decision, Work, decide, is_same_content
from shared.messages.results import Outcome
from shared.records.collection_rows import collection_born, is_current
from shared.records.status_rows import TERMINAL, ItemRow, ItemStatus
from shared.storage.group_commit import Conflict
from shared.storage.transactions import Write

log = logging.getLogger(__name__)

# How often a message reads the row again after someone else changed it, before it steps back and waits.
_MAX_CONFLICTS = 5


@dataclass(frozen=True)
class Claim:
    """An item that a message owns until its claim ends.

    Attributes:
        work: what the message wants.
        row: the item's row, with the claim.
    """

    work: Work
    row: ItemRow


def claim(works: Sequence[Work], services: ItemServices) -> list[Claim]:
    """Claim the items that messages want something done to.

    A message whose item's row says that nothing is to be done ends here.

    Args:
        works: what each message wants, all of one collection and each of another item.
        services: what the path works with.

    Returns:
        The items that were claimed.

    Raises:
        NotYet: the item belongs to another message, or its operation is open.
        Unavailable: the row kept changing.
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    rows = [(work, _claim(work, services)) for work in works]
    return [Claim(work, row) for work, row in rows if row]


def _claim(work: Work, services: ItemServices) -> ItemRow | None:
    owner = uuid.uuid4().hex
    for _ in range(_MAX_CONFLICTS):
        now = services.now()
        fresh = claimed_row(None, work, owner, now, services.timings.claim)
        inserted = services.status.insert(fresh)
        if inserted:
            return inserted
        row = services.status.get(work.collection, work.item_id)
        if row is None:
            continue
        if row.claimed_by == owner:
            return row  # the write was ours, repeated by the SDK after a lost answer
        try:
            if not is_current(vars(row), collection_born(services.status.get_collection(row.collection))):
                return services.status.update(row, fresh, _detachment(row, services))
            is_stalled = _is_stalled(row, services)
            decision = decide(row, work, services.now(), operation_stalled=is_stalled)
            if decision is Decision.CLAIM:
                claimed = claimed_row(row, work, owner, services.now(), services.timings.claim)
                return services.status.update(row, claimed, _detachment(row, services))
            _end_or_wait(decision, row, work, services)
        except Conflict:
            continue
        return None
    raise Unavailable(f"The row of item {work.item_id} kept changing.", code=ErrorCode.STORAGE_UNAVAILABLE)


def claimed_row(row: ItemRow | None, work: Work, owner: str, now: datetime, life: timedelta) -> ItemRow:
    """Return the row of an item that a message has claimed.

    Args:
        row: the item's row as it was; None where it has none, or one of a collection that is gone.
        work: what the message wants.
        owner: names the claim.
        now: the present moment.
        life: how long the claim lasts.
    """
    envelope = work.envelope
    columns: dict[str, Any] = {
        "queue": envelope.queue.value,
        "first_enqueued": envelope.first_enqueued,
        "version": work.version,
        "version_is_naive": work.version_is_naive or None,
        "content_hash": work.content_hash,
        "hash_version": work.hash_version,
        # What was deleted is known later: a feed sends it again only when it has changed since.
        "deleted_hash": (row.content_hash or row.deleted_hash) if row and work.is_deletion else "",
        "source": work.source or (row.source if row else None),
        "conversions": (*work.prepared.conversions, *work.prepared.warnings) if work.prepared else (),
        "attempt": envelope.attempt,
        "retry_since": envelope.retry_since,
        "if_exists": work.if_exists.value,
        "correlation_id": envelope.correlation_id,
        "traceparent": envelope.traceparent,
        "message": zlib.compress(envelope.body, level=1),
        "datetime": work.prepared.datetime if work.prepared else None,
        "bbox": work.prepared.bbox if work.prepared else None,
        "claimed_by": owner,
        "claimed_at": now,
        "claimed_until": now + life,
        "next_attempt": None,
        "error_code": None,
        "error_message": None,
        "operation_id": None,
        "submitted_at": None,
        "finished_at": None,
    }
    blank = ItemRow(work.collection, work.item_id, ItemStatus.SUBMITTING, envelope.queue.value, envelope.first_enqueued)
    if row is None:
        return blank.changed(ItemStatus.SUBMITTING, now, **columns)
    if is_same_content(row, work):
        columns["first_enqueued"] = max(row.first_enqueued, envelope.first_enqueued)
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


def _detachment(row: ItemRow, services: ItemServices) -> list[Write]:
    """Return what parts a row from its open operation, if it has one, so that its end no longer changes the row."""
    if row.status is not ItemStatus.SUBMITTED or not row.operation_id:
        return []
    return [services.status.detachment(row.collection, row.operation_id)]


def _is_stalled(row: ItemRow, services: ItemServices) -> bool:
    if row.status is not ItemStatus.SUBMITTED or not row.operation_id or not row.submitted_at:
        return False
    return services.now() - row.submitted_at > services.operation_deadline


def _end_or_wait(decision: Decision, row: ItemRow, work: Work, services: ItemServices) -> None:
    now = services.now()
    match decision:
        case Decision.STALE_COPY:
            # Or the same content sent twice within a second, which looks just so: each message gets a result.
            log.info("Item %s/%s: an earlier copy of a message in progress", work.collection, work.item_id)
            announce(work, Outcome.UNCHANGED, services, operation_id=row.operation_id)
        case Decision.UNCHANGED:
            if work.envelope.first_enqueued > row.first_enqueued:
                # Known to be current at this later moment: what was enqueued in between is older.
                moved = replace(row, first_enqueued=work.envelope.first_enqueued)
                rehashed = replace(moved, content_hash=work.content_hash, hash_version=work.hash_version)
                services.status.update(row, rehashed)
            announce(work, Outcome.UNCHANGED, services, operation_id=row.operation_id)
        case Decision.SUPERSEDED:
            announce(work, Outcome.SUPERSEDED, services)
        case Decision.COLLISION:
            _note_collision(row, work, services)
        case Decision.SKIPPED:
            announce(work, Outcome.SKIPPED, services)
        case Decision.WAIT_FOR_CLAIM:
            raise NotYet("Another message works on the item.", retry_after=(row.claimed_until or now) - now)
        case Decision.WAIT_FOR_QUIET:
            raise NotYet("A write of the item is uncertain.", retry_after=(row.quiet_until or now) - now)
        case _:
            wait = operation_wait(now - (row.submitted_at or now), services.timings)
            raise NotYet("An operation of the item is open.", retry_after=wait)


def _note_collision(row: ItemRow, work: Work, services: ItemServices) -> None:
    """Announce that an item's id belongs to another one, and write that to the row, which stays that of the other.

    Raises:
        NotYet: the other is under way; its row changes with its own message.
    """
    if row.rival == work.source:
        log.info("Item %s/%s: %s collides with it again", work.collection, work.item_id, work.source)
        return
    if row.status not in TERMINAL:
        raise NotYet("Another item of this id is under way.", retry_after=services.timings.operation_check)
    message = (
        f"Item {work.item_id} of {work.source} has the id of an item of {row.source}, which collection "
        f"{work.collection} keeps; give each feed a collection of its own, or change what they find."
    )
    columns = {"error_code": str(ErrorCode.ID_COLLISION), "error_message": message}
    announce(work, Outcome.FAILED, services, **columns)
    now = services.now()
    failed = row.changed(ItemStatus.FAILED, now, finished_at=now, rival=work.source, **columns)
    services.status.update(row, failed)
