"""What several triggers read in the same way."""

from datetime import datetime

import azure.functions as func

from shared.clock import utc_now

# As bytes. Of a body that it hands over as a string the host lets top-level JSON members overwrite the trigger's own
# metadata, so that a STAC Item with a numeric id, say, would fail before any function is called.
BODY = func.DataType.BINARY

# The connection that triggers and SDK clients share.
CONNECTION = "INGEST_STORAGE"


def enqueued_at(message: func.QueueMessage) -> datetime:
    """Returns when a message was put on its queue, to the second: the queue's clock has no more."""
    return message.insertion_time or utc_now()
