"""Handles a message of queue `deletions`: deletes one item, or a whole collection where `confirm` repeats its id."""

import logging
from datetime import datetime
from typing import Any

from shared import telemetry
from shared.clients import Clients
from shared.clock import parse_timestamp
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
    own_id = correlation_id_of(body, first_enqueued)
    work = Work(
        collection=collection,
        item_id=check_item_id(message.id),
        queue=QueueName.DELETIONS.value,
        first_enqueued=first_enqueued,
        message=body,
        attempt=message.attempt or 0,
        retry_since=message.retry_since,
        correlation_id=message.correlation_id or own_id,
        traceparent=telemetry.traceparent_of(message.traceparent, own_id),
    )
    with telemetry.work_span(work):
        carry_out(work, app)


def _delete_collection(collection: str, message: DeletionMessage, app: Clients) -> None:
    if message.confirm != collection:
        raise BadMessage(
            f"To delete all of collection {collection}, confirm must repeat its id; nothing was deleted.",
            code=ErrorCode.NOT_CONFIRMED,
        )
    app.pause.respect()
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
        app.status.merge_collection(collection, deletion_columns(now, None, None, message.correlation_id))
        return
    operation = OperationRow(
        collection=collection,
        operation_id=operation_id,
        kind=OperationKind.DELETE_COLLECTION,
        submitted_at=now,
        correlation_id=message.correlation_id,
        traceparent=message.traceparent,
    )
    app.status.open(operation)
    app.status.merge_collection(collection, {"deleting_operation": operation_id})
    log.info("Collection %s: operation %s (%s)", collection, operation_id, operation.kind)


def deletion_columns(
    now: datetime, code: str | None, message: str | None, correlation_id: str | None
) -> dict[str, Any]:
    """Returns what the collection's row says after its deletion.

    Args:
        now: when it ended.
        code: the error's code; None where the collection is gone.
        message: the error in a sentence.
        correlation_id: of the message that wanted the deletion.
    """
    columns: dict[str, Any] = {
        "deleting_operation": "",
        "deletion_error_code": code or "",
        "deletion_error_message": message or "",
        "deletion_correlation_id": correlation_id or "",
    }
    # What was known of the collection that is gone counts no more.
    return columns if code else {**columns, "deleted_at": now, "creating_operation": "", "fingerprints": "{}"}


def is_still_there(collection: str, since: datetime, app: Clients) -> bool:
    """Tells whether GeoCatalog still shows a collection after its deletion, which it does for some seconds.

    Args:
        collection: id of the collection.
        since: when it was to be deleted; one that was created after that is another.
        app: the clients.
    """
    live = app.geocatalog.get_collection(collection)
    if live is None:
        return False
    try:
        return parse_timestamp(str(live.get("msft:_created"))) < since
    except ValueError:
        return True
