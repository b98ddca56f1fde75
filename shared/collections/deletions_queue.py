"""Handles a message of queue `deletions`: deletes one item, or a whole collection where `confirm` repeats its id."""

from datetime import datetime

from shared import telemetry
from shared.clients import Clients
from shared.collections.deletion import delete_collection
from shared.delivery.handling import handle
from shared.items.item_work import carry_out
from shared.items.work import Work
from shared.messages.models import (
    DeletionMessage,
    QueueName,
    correlation_id_of,
    parse_message,
    read_object,
)
from shared.stac.ids import check_collection_id, check_item_id


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
    first_enqueued = message.first_enqueued or enqueued_at
    if message.id is None:
        delete_collection(message, first_enqueued, app)
        return
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
