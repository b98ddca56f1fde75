"""Reads the fields of a message into its model, and writes them back."""

from typing import Any, TypeVar

from pydantic import (
    ValidationError,
)

from shared.basics.errors import BadMessage
from shared.basics.json_codec import write_json
from shared.messages.faults import faults_of
from shared.messages.models import BlobEventMessage, CollectionMessage, DeletionMessage, ItemMessage, Message, QueueName
from shared.messages.sizes import MAX_FIELDS_BYTES, split_message

M = TypeVar("M", bound=Message)


_QUEUES: dict[type[Message], QueueName] = {
    ItemMessage: QueueName.ITEMS,
    CollectionMessage: QueueName.COLLECTIONS,
    DeletionMessage: QueueName.DELETIONS,
    BlobEventMessage: QueueName.BLOB_EVENTS,
}


def wrapped(queue: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return a bare STAC Item or event as a field of a message, which has room for the app's own fields beside it.

    Args:
        queue: name of the queue.
        fields: the parsed body; one that is not bare is returned as it is.
    """
    if queue == QueueName.ITEMS and fields.get("type") == "Feature":
        return {"item": fields}
    if queue == QueueName.BLOB_EVENTS and "event" not in fields:
        return {"event": fields}
    return fields


def parse_message(kind: type[M], fields: dict[str, Any]) -> M:
    """Checks the fields of a message.

    Args:
        kind: the model of the queue.
        fields: the parsed JSON object.

    Raises:
        BadMessage: fields are missing, unknown or wrong; its sentence names each.
    """
    if "attempt" in fields:
        # Sent again by an instance of the app, perhaps of a newer version: unknown fields are not a fault.
        known = {info.alias or name for name, info in kind.model_fields.items()}
        fields = {name: value for name, value in fields.items() if name in known}
    fields = _without_nulls(kind, fields)
    _check_size(kind, fields)
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise BadMessage("The message has wrong fields: " + "; ".join(faults_of(kind, error)) + ".") from None


def _without_nulls(kind: type[Message], fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields without known ones that are null: many serializers write null for what is not given."""
    known = {info.alias or name for name, info in kind.model_fields.items()}
    return {name: value for name, value in fields.items() if value is not None or name not in known}


def _check_size(kind: type[Message], fields: dict[str, Any]) -> None:
    size = len(write_json(split_message(_QUEUES[kind], fields)[0]))
    if size > MAX_FIELDS_BYTES:
        raise BadMessage(
            f"The message has {size:,} bytes besides what can be kept apart, which is more than could be sent again "
            f"({MAX_FIELDS_BYTES:,}); shorten its other fields."
        )


def with_payload(message: CollectionMessage, content: dict[str, Any]) -> CollectionMessage:
    """Returns the whole message of which a part was kept apart; what stayed in it wins.

    Args:
        message: what stayed, with the href.
        content: what the href leads to.

    Raises:
        BadMessage: the two together are no message.
    """
    stayed, _ = split_message(QueueName.COLLECTIONS, dump_message(message))
    return parse_message(CollectionMessage, {**content, **stayed})


def parse_item_message(fields: dict[str, Any]) -> ItemMessage:
    """Reads a message of queue `items`, which a bare STAC Item is too.

    Raises:
        BadMessage: see parse_message.
    """
    if fields.get("type") == "Feature":
        return ItemMessage(item=fields)
    if not fields.keys() & {"item", "href"}:
        raise BadMessage(
            "The message is neither a STAC Item nor an ItemCollection, and has no item or href; see docs/messages.md."
        )
    message = parse_message(ItemMessage, fields)
    if message.item is not None and message.item.get("type") == "FeatureCollection":
        raise BadMessage(
            "The field item holds an ItemCollection; send that as the message itself, or a file's URL as href."
        )
    return message


def dump_message(message: Message) -> dict[str, Any]:
    """Returns the fields of a message as JSON types, without those that were not given."""
    return message.model_dump(mode="json", exclude_none=True, exclude_defaults=True, by_alias=True)
