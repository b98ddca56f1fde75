"""Sends claimed items to GeoCatalog, and records the operations that it names."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared import telemetry
from shared.basics.errors import ItemExists, LostResponse, Unavailable
from shared.items.claiming import Claim
from shared.items.endings import close
from shared.items.services import ItemServices
from shared.items.stored import was_stored_since
from shared.items.work import Work
from shared.messages.models import IfExists
from shared.messages.results import Outcome
from shared.records.status_rows import ItemStatus, OperationKind, OperationRow
from shared.storage.group_commit import Conflict

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Submission:
    """An item that GeoCatalog has accepted.

    Attributes:
        claim: the item.
        kind: what the operation does.
        operation_id: the service's id.
        asked_at: the moment before the call: what GeoCatalog stores for it is never older, however quick it is.
    """

    claim: Claim
    kind: OperationKind
    operation_id: str
    asked_at: datetime


def submit(claims: Sequence[Claim], services: ItemServices) -> list[Submission]:
    """Send claimed items to GeoCatalog.

    An item that needs no operation is closed here: nothing was to be deleted, or what is stored is what was sent.

    Args:
        claims: the items, all of one collection.
        services: what the path works with.

    Returns:
        The items that GeoCatalog accepted.

    Raises:
        IngestionError: GeoCatalog did not accept an item, or gave no answer.
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    submissions = [_submit(claimed, services) for claimed in claims]
    return [submission for submission in submissions if submission]


def record(submissions: Sequence[Submission], services: ItemServices) -> None:
    """Write that GeoCatalog accepted items: the row of each together with that of its operation.

    Args:
        submissions: what GeoCatalog accepted.
        services: what the path works with.

    Raises:
        LostResponse: another message claimed the item while GeoCatalog was asked.
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    for submission in submissions:
        _record(submission, services)


def _submit(claimed: Claim, services: ItemServices) -> Submission | None:
    row, work = claimed.row, claimed.work
    if row.in_catalog and work.if_exists is IfExists.FAIL and not work.is_deletion:
        raise _exists_already(work)
    asked_at = services.now()
    if asked_at > (row.claimed_at or asked_at) + services.timings.call_budget:
        raise Unavailable("The claim grew old before GeoCatalog could be asked.")
    try:
        operation = _send(claimed, services)
        services.pause.answered()
    except ItemExists:
        services.pause.answered()
        operation = _send_over(claimed, services)
        if operation is None:
            return None
    if operation is None:
        close(row, ItemStatus.DELETED, Outcome.DELETED, services, in_catalog=False)
        return None
    return Submission(claimed, *operation, asked_at)


def _send(claimed: Claim, services: ItemServices) -> tuple[OperationKind, str] | None:
    """Make the call; None where there was nothing to delete."""
    catalog, work = services.geocatalog, claimed.work
    if work.prepared is None:
        deletion = catalog.delete_item(work.collection, work.item_id)
        return (OperationKind.DELETE_ITEM, deletion) if deletion else None
    if claimed.row.in_catalog:
        update = catalog.put_item(work.collection, work.item_id, work.prepared.body)
        if update:
            return OperationKind.UPDATE_ITEM, update
    return OperationKind.ADD_ITEM, catalog.post_item(work.collection, work.prepared.body)


def _send_over(claimed: Claim, services: ItemServices) -> tuple[OperationKind, str] | None:
    """Do what the message says of an item that is there already; None where that ends it without a call."""
    row, work = claimed.row, claimed.work
    uncertain_since = row.uncertain_since
    if uncertain_since and was_stored_since(work.collection, work.item_id, uncertain_since, services.geocatalog):
        # An earlier write of ours, whose answer was lost, is what GeoCatalog holds.
        close(row, ItemStatus.SUCCEEDED, Outcome.INGESTED, services, in_catalog=True)
        return None
    if work.if_exists is IfExists.SKIP:
        close(row, ItemStatus.SUCCEEDED, Outcome.SKIPPED, services, in_catalog=True, content_hash="")
        return None
    if work.if_exists is IfExists.FAIL or work.prepared is None:
        raise _exists_already(work)
    update = services.geocatalog.put_item(work.collection, work.item_id, work.prepared.body)
    if update is None:
        raise Unavailable("GeoCatalog says of the item both that it is there and that it is not.")
    return OperationKind.UPDATE_ITEM, update


def _exists_already(work: Work) -> ItemExists:
    return ItemExists(
        f"Item {work.item_id} is in collection {work.collection} already and the message says if_exists=fail."
    )


def _record(submission: Submission, services: ItemServices) -> None:
    row, operation_id = submission.claim.row, submission.operation_id
    submitted = row.changed(
        ItemStatus.SUBMITTED,
        services.now(),
        operation_id=operation_id,
        submitted_at=submission.asked_at,
        claimed_by=None,
        claimed_until=None,
        quiet_until=None,
    )
    operation = OperationRow(
        collection=row.collection,
        operation_id=operation_id,
        kind=submission.kind,
        item_id=row.item_id,
        submitted_at=submission.asked_at,
        correlation_id=row.correlation_id,
        traceparent=row.traceparent,
        content_hash="" if row.is_deletion else row.content_hash,
        history=submitted.history,
    )
    try:
        services.status.submit(row, submitted, operation)
    except Conflict:
        found = services.status.get(row.collection, row.item_id)
        if found is None or found.operation_id != operation_id:
            raise LostResponse("Another message claimed the item while GeoCatalog was asked.") from None
    telemetry.note(operation_id=operation_id)
    log.info("Item %s/%s: operation %s (%s)", row.collection, row.item_id, operation_id, submission.kind)
