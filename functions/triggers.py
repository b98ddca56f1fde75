"""What several triggers read in the same way."""

from datetime import datetime

import azure.functions as func

from shared.clock import utc_now

# The connection that triggers and SDK clients share.
CONNECTION = "INGEST_STORAGE"


def enqueued_at(message: func.QueueMessage) -> datetime:
    """Returns when a message was put on its queue.

    The host lets top-level members of a plain JSON body overwrite the trigger's metadata; what is then no moment with
    an offset, or lies ahead, is not believed.
    """
    now = utc_now()
    inserted = message.insertion_time
    if isinstance(inserted, datetime) and inserted.tzinfo is not None:
        return min(inserted, now)
    return now
