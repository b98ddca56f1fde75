"""Queue `collections`: makes a collection as its configuration says."""

import azure.functions as func

from functions.triggers import BODY, CONNECTION, enqueued_at, reports_failures

bp = func.Blueprint()


@bp.queue_trigger(arg_name="message", queue_name="collections", connection=CONNECTION, data_type=BODY)
@reports_failures
def configure_collection(message: func.QueueMessage) -> None:
    """Configures the collection of one message of queue `collections`."""
    from shared.clients import get_clients
    from shared.collections.configure import configure_message

    configure_message(message.get_body(), enqueued_at(message), get_clients())
