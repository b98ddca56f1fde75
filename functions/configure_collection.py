"""Queue `collections`: makes a collection as its configuration says."""

from datetime import datetime

import azure.functions as func

from functions.triggers import BODY, CONNECTION, run_message

bp = func.Blueprint()


@bp.queue_trigger(arg_name="message", queue_name="collections", connection=CONNECTION, data_type=BODY)
async def configure_collection(message: func.QueueMessage, context: func.Context) -> None:
    """Configure the collection of one message of queue `collections`."""
    await run_message(_configure, message, context)


def _configure(body: bytes, enqueued_at: datetime) -> None:
    from shared.clients import get_clients
    from shared.collections.configure import configure_message

    configure_message(body, enqueued_at, get_clients())
