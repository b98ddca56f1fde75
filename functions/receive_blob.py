"""Queue `blob-events`: sends the URL of each dropped blob that Event Grid tells of to queue `items`."""

from datetime import datetime

import azure.functions as func

from functions.triggers import BODY, CONNECTION, run_message

bp = func.Blueprint()


@bp.queue_trigger(arg_name="message", queue_name="blob-events", connection=CONNECTION, data_type=BODY)
async def receive_blob(message: func.QueueMessage, context: func.Context) -> None:
    """Handle one message of queue `blob-events`, as Event Grid puts it there."""
    await run_message(_receive, message, context)


def _receive(body: bytes, enqueued_at: datetime) -> None:
    from shared.clients import get_clients
    from shared.delivery.blob_events import receive_events

    app = get_clients()
    receive_events(body, enqueued_at, app.delivery, app.storage.blobs)
