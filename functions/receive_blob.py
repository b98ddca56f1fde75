"""Queue `blob-events`: sends the URL of each blob that was dropped in container `incoming` to queue `items`."""

import azure.functions as func

from functions.triggers import BODY, CONNECTION, enqueued_at, reports_failures

bp = func.Blueprint()


@bp.queue_trigger(arg_name="message", queue_name="blob-events", connection=CONNECTION, data_type=BODY)
@reports_failures
def receive_blob(message: func.QueueMessage) -> None:
    """Handle one message of queue `blob-events`, as Event Grid puts it there."""
    from shared.clients import get_clients
    from shared.delivery.blob_events import receive_events

    receive_events(message.get_body(), enqueued_at(message), get_clients())
