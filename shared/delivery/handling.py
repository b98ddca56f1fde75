"""What every queue function does around its own work: decoding, dead letters, and trying again later."""

from collections.abc import Callable
from datetime import datetime

from shared.basics.errors import BadMessage, IngestionError
from shared.delivery.delivery import Delivery
from shared.messages.decoding import decode_body
from shared.messages.envelope import Envelope, read_envelope
from shared.messages.models import QueueName


def handle(
    queue: QueueName, raw: bytes, enqueued_at: datetime, work: Callable[[Envelope], None], delivery: Delivery
) -> None:
    """Do the work of one message, and with the message what the table of errors says.

    Args:
        queue: the queue the message was on.
        raw: the body as it lay on the queue: JSON, or base64 of JSON.
        enqueued_at: when it was put there.
        work: does the work; it settles faults of items and collections itself, so what it raises concerns the message
            as a whole.
        delivery: sends again, announces and rejects.

    Raises:
        IngestionError: a fault of our own set-up, such as a missing setting: the host gives the message again.
        azure.core.exceptions.AzureError: the storage could not be written: the host gives the message again.
    """
    try:
        body = decode_body(raw)
    except BadMessage as error:
        delivery.reject(queue, raw, error)
        return
    handle_body(queue, body, enqueued_at, work, delivery)


def handle_body(
    queue: QueueName, body: bytes, enqueued_at: datetime, work: Callable[[Envelope], None], delivery: Delivery
) -> None:
    """Do the work of one decoded message; arguments and errors are those of handle."""
    try:
        envelope = read_envelope(queue, body, enqueued_at)
    except BadMessage as error:
        delivery.reject(queue, body, error)
        return
    try:
        work(envelope)
    except IngestionError as error:
        delivery.settle(envelope, error)
