"""Carries out what messages want done to items of one collection: claim, write to GeoCatalog, record.

The order of steps is what keeps the guarantees. A claim is written before the call, so that the same content is not
sent twice. A delay sends the copy first and writes the row second, so that a crash in between doubles the message and
never loses it. A result is sent before the row is closed, so that it is announced at least once.
"""

import logging
from collections.abc import Sequence
from typing import Any

from azure.core.exceptions import AzureError

from shared import telemetry
from shared.basics.errors import ErrorCode, IngestionError, LostResponse, Unavailable
from shared.delivery.delivery import Retry
from shared.items.claiming import Claim, claim
from shared.items.endings import close
from shared.items.services import ItemServices
from shared.items.submitting import record, submit
from shared.items.work import Work
from shared.messages.results import Outcome
from shared.records.status_rows import ItemStatus
from shared.storage.group_commit import Conflict

log = logging.getLogger(__name__)


def carry_out(works: Sequence[Work], services: ItemServices) -> None:
    """Do to items what messages want, or send a message back to be tried later.

    Args:
        works: what each message wants, all of one collection and each of another item.
        services: what the path works with.

    Raises:
        azure.core.exceptions.AzureError: neither the table nor the queue could be written: the host gives the message
            again.
    """
    for work in works:
        envelope = work.envelope
        with telemetry.message_span(
            envelope.queue,
            envelope.traceparent,
            collection=work.collection,
            item=work.item_id,
            correlation_id=envelope.correlation_id,
            attempt=envelope.attempt,
        ):
            _carry_out(work, services)


def _carry_out(work: Work, services: ItemServices) -> None:
    claimed: Claim | None = None
    try:
        if work.fault is None:
            services.pause.respect()
        claimed = next(iter(claim([work], services)), None)
        if claimed is None:
            return
        if work.fault is not None:
            raise work.fault
        record(submit([claimed], services), services)
    except AzureError as error:
        log.warning("Storage did not take a write for %s/%s: %s", work.collection, work.item_id, type(error).__name__)
        _settle(_storage_fault(error, claimed), claimed, work, services)
    except IngestionError as error:
        _settle(error, claimed, work, services)


def _storage_fault(error: AzureError, claimed: Claim | None) -> Unavailable:
    said = f"The storage account did not answer ({type(error).__name__})"
    if claimed is None:
        return Unavailable(f"{said}.", code=ErrorCode.STORAGE_UNAVAILABLE)
    # GeoCatalog may have accepted the item before its operation could be recorded.
    return LostResponse(f"{said} while the item was being submitted.")


def _settle(error: IngestionError, claimed: Claim | None, work: Work, services: ItemServices) -> None:
    """Do with the message what the table of errors says, and write it to the row of an item that was claimed."""

    def fail(fault: IngestionError) -> None:
        own = claimed or next(iter(claim([work], services)), None)
        if own is None:
            return
        log.warning("Item %s/%s failed: %s %s", work.collection, work.item_id, fault.code, fault.message)
        columns = {"error_code": str(fault.code), "error_message": fault.message}
        close(own.row, ItemStatus.FAILED, Outcome.FAILED, services, **columns)

    def wait(retry: Retry) -> None:
        if claimed is not None:
            _write_wait(retry, claimed, services)

    services.delivery.settle(work.envelope, error, subject=work.subject, fail=fail, record=wait)


def _write_wait(retry: Retry, claimed: Claim, services: ItemServices) -> None:
    now, row, error = services.now(), claimed.row, retry.error
    columns: dict[str, Any] = {
        "attempt": retry.envelope.attempt,
        "retry_since": retry.envelope.retry_since,
        "next_attempt": now + retry.delay,
        "error_code": str(error.code) if error else None,
        "error_message": error.message if error else None,
        "claimed_by": None,
        "claimed_until": None,
    }
    if isinstance(error, LostResponse):
        columns["quiet_until"] = now + services.timings.quiet
        columns["uncertain_since"] = row.uncertain_since or row.claimed_at
    after = row.changed(ItemStatus.HELD if retry.is_held else ItemStatus.WAITING, now, **columns)
    try:
        services.status.update(row, after)
    except (Conflict, AzureError) as fault:
        # The copy is on the queue, so nothing is lost: it finds the claim, which runs out.
        log.warning("Item %s/%s: its row was not updated: %s", row.collection, row.item_id, type(fault).__name__)
