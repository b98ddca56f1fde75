"""Ends the work of a message on an item: announces the outcome, then closes the item's row."""

import logging
from typing import Any

from shared.items.services import ItemServices
from shared.items.work import Work
from shared.messages.results import Outcome
from shared.records.status_rows import ItemRow, ItemStatus
from shared.storage.group_commit import Conflict

log = logging.getLogger(__name__)


def announce(
    work: Work, outcome: Outcome, services: ItemServices, *, operation_id: str | None = None,
    error_code: str | None = None, error_message: str | None = None,
) -> None:  # fmt: skip
    """Announce the outcome of a message that changes nothing of its item.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    log.info("Item %s/%s: %s", work.collection, work.item_id, outcome)
    services.delivery.announce(
        outcome,
        collection=work.collection,
        item_id=work.item_id,
        operation_id=operation_id,
        error_code=error_code,
        error_message=error_message,
        correlation_id=work.envelope.correlation_id,
    )


def close(row: ItemRow, status: ItemStatus, outcome: Outcome, services: ItemServices, **columns: Any) -> None:
    """Announce an item's outcome, then write its terminal state.

    Args:
        row: the item's row, which the caller has claimed.
        status: the state.
        outcome: what is announced.
        services: what the path works with.
        columns: what else is written, such as `error_code`.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    now = services.now()
    services.delivery.announce(
        outcome,
        collection=row.collection,
        item_id=row.item_id,
        error_code=columns.get("error_code"),
        error_message=columns.get("error_message"),
        correlation_id=row.correlation_id,
    )
    if status is not ItemStatus.FAILED:
        log.info("Item %s/%s: %s", row.collection, row.item_id, outcome)
        columns["message"] = b""
        is_stored = status is ItemStatus.SUCCEEDED
        columns["stored_hash"] = columns.get("content_hash", row.content_hash) if is_stored else ""
    after = row.changed(status, now, finished_at=now, claimed_by=None, claimed_until=None, **columns)
    try:
        services.status.update(row, after)
    except Conflict:
        log.info("Item %s/%s was claimed by another message before it could be closed", row.collection, row.item_id)
