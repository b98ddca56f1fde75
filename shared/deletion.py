"""Handles a message of queue `deletions`: deletes one item, or a whole collection where `confirm` repeats its id."""

import logging
from datetime import datetime

from shared.clients import Clients
from shared.errors import BadMessage, ErrorCode
from shared.ids import check_collection_id, check_item_id
from shared.item_work import carry_out
from shared.message_handling import handle
from shared.messages import (
    DeletionMessage,
    Outcome,
    QueueName,
    Result,
    correlation_id_of,
    parse_message,
    read_object,
)
from shared.status_rows import OperationKind, OperationRow
from shared.versions import Work

log = logging.getLogger(__name__)


def delete_message(raw: bytes, enqueued_at: datetime, app: Clients) -> None:
    """Handles one message of queue `deletions`.

    Args:
        raw: the body as it lay on the queue: JSON, or base64 of JSON.
        enqueued_at: when it was put on the queue.
        app: the clients.

    Raises:
        SettingsError: a setting is missing or malformed.
        azure.core.exceptions.AzureError: the storage could not be written: the host gives the message again.
    """
    handle(QueueName.DELETIONS, raw, enqueued_at, lambda body: _delete(body, enqueued_at, app), app)


def _delete(body: bytes, enqueued_at: datetime, app: Clients) -> None:
    message = parse_message(DeletionMessage, read_object(body))
    collection = check_collection_id(message.collection)
    if message.id is None:
        _delete_collection(collection, message, app)
        return
    first_enqueued = message.first_enqueued or enqueued_at
    work = Work(
        collection=collection,
        item_id=check_item_id(message.id),
        queue=QueueName.DELETIONS.value,
        first_enqueued=first_enqueued,
        message=body,
        attempt=message.attempt or 0,
        retry_since=message.retry_since,
        correlation_id=message.correlation_id or correlation_id_of(body, first_enqueued),
        traceparent=message.traceparent,
    )
    carry_out(work, app)


def _delete_collection(collection: str, message: DeletionMessage, app: Clients) -> None:
    if message.confirm != collection:
        raise BadMessage(
            f"To delete all of collection {collection}, confirm must repeat its id; nothing was deleted.",
            code=ErrorCode.NOT_CONFIRMED,
        )
    operation_id = app.geocatalog.delete_collection(collection)
    now = app.now()
    if operation_id is None:
        app.queues.send_result(
            Result(
                collection=collection,
                id=None,
                outcome=Outcome.DELETED,
                correlation_id=message.correlation_id,
                finished_at=now,
            )
        )
        app.status.merge_collection(collection, {"deleted_at": now})
        return
    operation = OperationRow(
        collection=collection,
        operation_id=operation_id,
        kind=OperationKind.DELETE_COLLECTION,
        submitted_at=now,
        correlation_id=message.correlation_id,
    )
    app.status.open(operation)
    log.info("Collection %s: operation %s (%s)", collection, operation_id, operation.kind)
