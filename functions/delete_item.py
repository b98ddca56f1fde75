"""Queue `deletions`: deletes an item, or a whole collection."""

from datetime import datetime

import azure.functions as func

from functions.triggers import BODY, CONNECTION, run_message

bp = func.Blueprint()


@bp.queue_trigger(arg_name="message", queue_name="deletions", connection=CONNECTION, data_type=BODY)
async def delete_item(message: func.QueueMessage, context: func.Context) -> None:
    """Delete what one message of queue `deletions` names."""
    await run_message(_delete, message, context)


def _delete(body: bytes, enqueued_at: datetime) -> None:
    from shared.clients import get_clients
    from shared.collections.deletions_queue import delete_message

    delete_message(body, enqueued_at, get_clients())
