"""The poison queues: a last try, then the reason where people look. A function has one trigger only, hence four."""

from datetime import datetime
from functools import partial

import azure.functions as func

from functions.triggers import BODY, CONNECTION, run_message

bp = func.Blueprint()


@bp.queue_trigger(arg_name="message", queue_name="items-poison", connection=CONNECTION, data_type=BODY)
async def record_items_poison(message: func.QueueMessage, context: func.Context) -> None:
    """Handle a message of queue `items` that crashed its function again and again."""
    await run_message(partial(_record, "items"), message, context)


@bp.queue_trigger(arg_name="message", queue_name="collections-poison", connection=CONNECTION, data_type=BODY)
async def record_collections_poison(message: func.QueueMessage, context: func.Context) -> None:
    """Handle a message of queue `collections` that crashed its function again and again."""
    await run_message(partial(_record, "collections"), message, context)


@bp.queue_trigger(arg_name="message", queue_name="deletions-poison", connection=CONNECTION, data_type=BODY)
async def record_deletions_poison(message: func.QueueMessage, context: func.Context) -> None:
    """Handle a message of queue `deletions` that crashed its function again and again."""
    await run_message(partial(_record, "deletions"), message, context)


@bp.queue_trigger(arg_name="message", queue_name="blob-events-poison", connection=CONNECTION, data_type=BODY)
async def record_blob_events_poison(message: func.QueueMessage, context: func.Context) -> None:
    """Handle an event of queue `blob-events` that crashed its function again and again."""
    await run_message(partial(_record, "blob-events"), message, context)


def _record(queue: str, body: bytes, enqueued_at: datetime) -> None:
    from shared.clients import get_clients
    from shared.delivery.poison import PoisonDesk, record_poison
    from shared.messages.models import QueueName

    app = get_clients()
    desk = PoisonDesk(app.delivery, app.status, app.hrefs, app.settings.time_scale)
    record_poison(QueueName(queue), body, enqueued_at, desk)
