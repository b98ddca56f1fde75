"""Queue `collections`: makes a collection as its configuration says."""

import azure.functions as func

from functions.triggers import BODY, CONNECTION, enqueued_at
from shared.clients import get_clients
from shared.configuration import configure_message

bp = func.Blueprint()


@bp.queue_trigger(arg_name="message", queue_name="collections", connection=CONNECTION, data_type=BODY)
def configure_collection(message: func.QueueMessage) -> None:
    """Configures the collection of one message of queue `collections`."""
    configure_message(message.get_body(), enqueued_at(message), get_clients())
