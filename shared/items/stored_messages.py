"""Turns an item's row back into the message it came from, to send it again."""

import zlib

from shared.items.work import Work
from shared.messages.models import IfExists
from shared.records.status_rows import ItemRow


def work_of_row(row: ItemRow) -> Work:
    """Returns what the row's message wanted, from the copy that the row keeps.

    Raises:
        ValueError: the row keeps none (it was cleared on success).
    """
    if not row.message:
        raise ValueError(f"the row of item {row.item_id} keeps no message")
    return Work(
        collection=row.collection,
        item_id=row.item_id,
        queue=row.queue,
        first_enqueued=row.first_enqueued,
        message=zlib.decompress(row.message),
        content_hash=row.content_hash,
        version=row.version,
        attempt=row.attempt,
        retry_since=row.retry_since,
        if_exists=IfExists(row.if_exists),
        correlation_id=row.correlation_id,
        traceparent=row.traceparent,
    )
