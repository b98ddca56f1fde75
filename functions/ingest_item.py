"""Queue `items`: ingests an item, or makes one message per item of a multi-item file."""

from datetime import datetime

import azure.functions as func

from functions.triggers import BODY, CONNECTION, run_message

bp = func.Blueprint()


@bp.queue_trigger(arg_name="message", queue_name="items", connection=CONNECTION, data_type=BODY)
async def ingest_item(message: func.QueueMessage, context: func.Context) -> None:
    """Ingest what one message of queue `items` names."""
    await run_message(_ingest, message, context)


def _ingest(body: bytes, enqueued_at: datetime) -> None:
    from shared.clients import get_clients
    from shared.items.ingestion import ingest_message

    ingest_message(body, enqueued_at, get_clients())
