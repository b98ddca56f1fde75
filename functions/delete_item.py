"""Queue `deletions`: deletes an item, or a whole collection."""

import azure.functions as func

from functions.triggers import BODY, CONNECTION, enqueued_at, reports_failures

bp = func.Blueprint()


@bp.queue_trigger(arg_name="message", queue_name="deletions", connection=CONNECTION, data_type=BODY)
@reports_failures
def delete_item(message: func.QueueMessage) -> None:
    """Deletes what one message of queue `deletions` names."""
    from shared.clients import get_clients
    from shared.collections.deletions_queue import delete_message

    delete_message(message.get_body(), enqueued_at(message), get_clients())
