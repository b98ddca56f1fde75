"""Handles a message of queue `deletions`: deletes one item, or a whole collection where `confirm` repeats its id."""

from datetime import datetime

from shared.clients import Clients
from shared.collections.deletion import delete_collection
from shared.delivery.handling import handle
from shared.items.path import carry_out
from shared.items.services import item_services
from shared.items.work import Work
from shared.messages.envelope import Envelope
from shared.messages.models import DeletionMessage, QueueName
from shared.messages.reading import parse_message
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
    handle(QueueName.DELETIONS, raw, enqueued_at, lambda envelope: _delete(envelope, app), app.delivery)


def _delete(envelope: Envelope, app: Clients) -> None:
    message = parse_message(DeletionMessage, dict(envelope.fields))
    collection = check_collection_id(message.collection)
    if message.id is None:
        delete_collection(message, envelope, app)
        return
    work = Work(collection=collection, item_id=check_item_id(message.id), envelope=envelope.marked())
    carry_out([work], item_services(app))
