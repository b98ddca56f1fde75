"""Queue `items`: posts an item to GeoCatalog, or makes one message per item of a file of many."""

import azure.functions as func

from functions.triggers import BODY, CONNECTION, enqueued_at, reports_failures

bp = func.Blueprint()


@bp.queue_trigger(arg_name="message", queue_name="items", connection=CONNECTION, data_type=BODY)
@reports_failures
def ingest_item(message: func.QueueMessage) -> None:
    """Ingests what one message of queue `items` names."""
    from shared.clients import get_clients
    from shared.items.ingestion import ingest_message

    ingest_message(message.get_body(), enqueued_at(message), get_clients())
