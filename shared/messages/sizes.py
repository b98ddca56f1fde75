"""How large a message may be, and what of a larger one is kept apart in container `payloads`."""

from typing import Any

from shared.messages.models import Message, QueueName

# A queue message holds 64 KiB of text, which is 48 KiB of bytes before base64
# (learn.microsoft.com/rest/api/storageservices/put-message).
MAX_BODY_BYTES = 49_152


# What the app itself sends again must fit a queue too: room for the fields it adds, and for the URL of a payload.
MAX_FIELDS_BYTES = MAX_BODY_BYTES - 2_048


def split_message(queue: str, fields: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Parts what stays in a message that is too large for a queue from what its href then leads to.

    Args:
        queue: name of the queue.
        fields: the fields of the message.

    Returns:
        What stays, and what goes to the container `payloads`: the item, or all of a collection's configuration; None
        where nothing of it can.
    """
    if queue == QueueName.ITEMS:
        return {name: value for name, value in fields.items() if name != "item"}, fields.get("item")
    if queue != QueueName.COLLECTIONS:
        return fields, None
    kept = Message.model_fields.keys() | {"collection"}
    apart = {name: value for name, value in fields.items() if name not in kept}
    return {name: value for name, value in fields.items() if name in kept}, apart or None
