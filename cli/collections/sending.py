"""Sends a message of queue `collections`, with a thumbnail too large for a queue kept as a payload."""

import base64
import binascii
from typing import TYPE_CHECKING, Any

from cli.output.faults import CommandError
from shared.messages.models import CollectionMessage, QueueName
from shared.messages.reading import parse_message
from shared.messages.sizes import MAX_BODY_BYTES
from shared.stac.ids import check_collection_id

if TYPE_CHECKING:  # only what sends needs the clients, which are slow to import
    from shared.clients import Clients

# A thumbnail of up to this much base64 stays in the message, where the rest of it still finds room.
_MAX_INLINE_THUMBNAIL = MAX_BODY_BYTES // 4


def checked_message(fields: dict[str, Any]) -> tuple[str, CollectionMessage]:
    """Checks the fields of a message, offline.

    Returns:
        The id of the collection it is for, and the message.

    Raises:
        BadMessage: fields are missing, unknown or wrong, or the id is not one GeoCatalog takes.
        CommandError: it does not say which collection it is for.
    """
    message = parse_message(CollectionMessage, fields)
    definition = message.definition or {}
    collection = message.collection or definition.get("id") or message.planetary_computer
    if collection is None:
        raise CommandError("The message takes its definition from an href; say under collection which id it is for.")
    return check_collection_id(collection), message


def send_configuration(fields: dict[str, Any], app: "Clients") -> None:
    """Sends a message of queue `collections`.

    Raises:
        CommandError: the thumbnail's data is not base64.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    from shared.storage.payloads import Payloads  # noqa: PLC0415 - see above

    thumbnail = fields.get("thumbnail") or {}
    data = str(thumbnail.get("data") or "")
    if len(data) > _MAX_INLINE_THUMBNAIL:
        try:
            content = base64.b64decode(data, validate=True)
        except binascii.Error:
            raise CommandError("The thumbnail's data is not base64; give the path of the image instead.") from None
        kept = {name: value for name, value in thumbnail.items() if name not in {"data", "media_type"}}
        fields = {**fields, "thumbnail": {**kept, "href": Payloads(app.storage.blobs).store(content)}}
    app.queues.send(QueueName.COLLECTIONS, fields)
