"""A message in flight: its JSON, parsed once, and what the app keeps in it from one try to the next."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from shared import telemetry
from shared.basics.clock import format_timestamp
from shared.messages.decoding import read_object
from shared.messages.models import MAX_NUMBER, Message, QueueName
from shared.messages.reading import wrapped

# How far ahead of its queue a message's first_enqueued is believed: clocks differ, and the items of one file are
# numbered by microseconds. One from further ahead would supersede all that follows.
_CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Envelope:
    """One message of a queue, as every function of the app takes it.

    Attributes:
        queue: the queue it belongs to.
        body: the message as JSON text, as it was read.
        fields: the same, parsed; a bare item or event stands in its field.
        first_enqueued: when the first message of this work came: it orders contents.
        attempt: how often it was sent again.
        retry_since: start of the retry window, where that has begun.
        crashes: how often it came back from the poison queue.
        correlation_id: what the sender gave, or an id of its own; the same each time the queue hands the message out.
        traceparent: the trace that the sender gave, or one of its own; None while telemetry is off and none was given.
    """

    queue: QueueName
    body: bytes
    fields: Mapping[str, Any] = field(repr=False)
    first_enqueued: datetime
    attempt: int = 0
    retry_since: datetime | None = None
    crashes: int = 0
    correlation_id: str = ""
    traceparent: str | None = None

    def counted(self, now: datetime, *, retry_since: datetime | None = None) -> "Envelope":
        """Return the envelope of the next try.

        Args:
            now: the present moment, at which the retry window begins if it has not.
            retry_since: a new start of the retry window.
        """
        return replace(self, attempt=next_attempt(self.attempt), retry_since=retry_since or self.retry_since or now)

    def carrying(self, body: bytes) -> "Envelope":
        """Return the same message with another body, such as the item itself in place of its URL."""
        return replace(self, body=body, fields=wrapped(self.queue, read_object(body)))

    def marked(self) -> "Envelope":
        """Return the envelope of one item's message, whose copies are known as such by their correlation id.

        A multi-item file's message is not marked: each of its items has an id and a trace of its own.
        """
        marks = {"correlation_id": self.correlation_id, "traceparent": self.traceparent}
        return replace(self, fields={**self.fields, **{name: mark for name, mark in marks.items() if mark}})

    def again(self) -> dict[str, Any]:
        """Return the message to send: the original's fields, and what the app keeps in it."""
        kept = {
            "attempt": self.attempt,
            "first_enqueued": format_timestamp(self.first_enqueued),
            "retry_since": format_timestamp(self.retry_since) if self.retry_since else None,
            "crashes": self.crashes or None,
        }
        return {**self.fields, **{name: value for name, value in kept.items() if value is not None}}


def read_envelope(queue: QueueName, body: bytes, enqueued_at: datetime) -> Envelope:
    """Read a decoded message.

    What the app keeps in it is believed only where all of it is well-formed; the check of the message's fields names
    what is not.

    Args:
        queue: the queue it belongs to.
        body: the message as JSON text.
        enqueued_at: when it was put on the queue; for one from a poison queue, when it was wanted at the latest.

    Raises:
        BadMessage: it is not a JSON object.
    """
    fields = wrapped(queue, read_object(body))
    try:
        kept = Message.model_validate({name: fields[name] for name in Message.model_fields if name in fields})
    except ValidationError:
        kept = Message()
    first_enqueued = kept.first_enqueued or enqueued_at
    if first_enqueued > enqueued_at + _CLOCK_TOLERANCE:
        first_enqueued = enqueued_at
    own_id = correlation_id_of(body, first_enqueued)
    return Envelope(
        queue=queue,
        body=body,
        fields=fields,
        first_enqueued=first_enqueued,
        attempt=kept.attempt or 0,
        retry_since=kept.retry_since,
        crashes=kept.crashes or 0,
        correlation_id=kept.correlation_id or own_id,
        traceparent=telemetry.traceparent_of(kept.traceparent, own_id),
    )


def next_attempt(attempt: int) -> int:
    """Returns the number of the try after this one; the largest stays what it is, since no column holds more."""
    return min(attempt + 1, MAX_NUMBER)


def correlation_id_of(body: bytes, first_enqueued: datetime) -> str:
    """Makes a correlation id for a message that brought none: the same each time the queue hands the message out."""
    return hashlib.sha256(body + first_enqueued.isoformat().encode()).hexdigest()[:32]
