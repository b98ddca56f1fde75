"""Turns an item's row back into the message it came from, to send it again."""

import zlib

from shared.basics.json_codec import read_json
from shared.messages.envelope import Envelope
from shared.messages.models import QueueName, wrapped
from shared.records.status_rows import ItemRow


def envelope_of_row(row: ItemRow) -> Envelope:
    """Return the message that an item's row keeps, with what the row knows of its tries.

    Raises:
        ValueError: the row keeps none (it was cleared on success).
    """
    if not row.message:
        raise ValueError(f"the row of item {row.item_id} keeps no message")
    queue, body = QueueName(row.queue), zlib.decompress(row.message)
    envelope = Envelope(
        queue=queue,
        body=body,
        fields=wrapped(queue, read_json(body)),
        first_enqueued=row.first_enqueued,
        attempt=row.attempt,
        retry_since=row.retry_since,
        correlation_id=row.correlation_id or "",
        traceparent=row.traceparent,
    )
    return envelope.marked()
