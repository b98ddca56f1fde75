"""Turns a blob that was dropped in container `incoming` into a message of queue `items`."""

from datetime import datetime

from azure.core.exceptions import ResourceNotFoundError

from shared.basics.clock import format_timestamp
from shared.clients import Clients
from shared.messages.models import QueueName
from shared.storage.payloads import INCOMING


def receive_blob(name: str, app: Clients) -> None:
    """Sends the URL of a dropped blob as a message; what is in it is read when that message is handled.

    Args:
        name: name of the blob in container `incoming`.
        app: the clients.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached: the host gives the event again.
    """
    blob = app.storage.blobs.get_blob_client(INCOMING, name)
    try:
        properties = blob.get_blob_properties()
    except ResourceNotFoundError:
        return  # deleted since: there is nothing to ingest
    # The blob's own last change orders its versions: the events of two changes may come in any order. Its ETag tells
    # apart two changes within one second, and makes the same message of an event that comes twice.
    modified: datetime = properties.last_modified
    message = {
        "href": blob.url.partition("?")[0],
        "correlation_id": str(properties.etag).strip('"'),
        "attempt": 0,
        "first_enqueued": format_timestamp(modified),
    }
    app.queues.send(QueueName.ITEMS, message)
