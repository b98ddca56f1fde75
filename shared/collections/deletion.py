"""Deletes a whole collection, once for each message, and says what its row holds afterwards."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.basics.errors import BadMessage, ErrorCode
from shared.clients import Clients
from shared.collections.claims import check_no_deletion
from shared.delivery.delivery import Delivery
from shared.messages.envelope import Envelope
from shared.messages.models import DeletionMessage
from shared.messages.results import Outcome
from shared.records.collection_rows import deletion_columns
from shared.records.status_rows import OperationKind, OperationRow

log = logging.getLogger(__name__)


def delete_collection(message: DeletionMessage, envelope: Envelope, app: Clients) -> None:
    """Has GeoCatalog delete the collection that a message means, and none that was made anew under its id since.

    Args:
        message: the fields of the message; `confirm` repeats the collection's id.
        envelope: the message.
        app: the clients.

    Raises:
        BadMessage: `confirm` does not repeat the id.
        Unavailable: another deletion of the collection is open: looked at again when that has ended.
        IngestionError: GeoCatalog did not answer, or refused.
    """
    collection, wanted_at = message.collection, envelope.first_enqueued
    if message.confirm != collection:
        raise BadMessage(
            f"To delete all of collection {collection}, confirm must repeat its id; nothing was deleted.",
            code=ErrorCode.NOT_CONFIRMED,
        )
    row = app.status.get_collection(collection)
    if _is_done(row, wanted_at):
        _announce(envelope, collection, app.delivery)
        return
    check_no_deletion(row, app.status)
    app.pause.respect()
    # Written first: if the message comes back after a crash, the collection may be another by then.
    asked = {"deletion_wanted_at": wanted_at.isoformat(), "deletion_asked_at": app.now()}
    app.status.merge_collection(collection, asked)
    operation_id = app.geocatalog.delete_collection(collection)
    now = app.now()
    if operation_id is None:
        _announce(envelope, collection, app.delivery)
        app.status.merge_collection(collection, deletion_columns(now, None, None, envelope.correlation_id))
        return
    operation = OperationRow(
        collection=collection,
        operation_id=operation_id,
        kind=OperationKind.DELETE_COLLECTION,
        submitted_at=now,
        correlation_id=envelope.correlation_id,
        traceparent=envelope.traceparent,
    )
    app.status.open_deletion(operation)
    log.info("Collection %s: operation %s (%s)", collection, operation_id, operation.kind)


def _is_done(row: Mapping[str, Any], wanted_at: datetime) -> bool:
    """Tells whether the collection that was to be deleted is gone: what stands under its id now is another."""
    deleted_at, asked_at, created_at = row.get("deleted_at"), row.get("deletion_asked_at"), row.get("created_at")
    if deleted_at and deleted_at > wanted_at:
        return True
    is_own = row.get("deletion_wanted_at") == wanted_at.isoformat()
    return bool(is_own and asked_at and created_at and created_at > asked_at)


def _announce(envelope: Envelope, collection: str, delivery: Delivery) -> None:
    delivery.announce(Outcome.DELETED, collection=collection, correlation_id=envelope.correlation_id)
