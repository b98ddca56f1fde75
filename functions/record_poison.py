"""The poison queues: a last try, then the reason where people look. A function has one trigger only, hence four."""

import azure.functions as func

from functions.triggers import BODY, CONNECTION, enqueued_at, reports_failures

bp = func.Blueprint()


@bp.queue_trigger(arg_name="message", queue_name="items-poison", connection=CONNECTION, data_type=BODY)
@reports_failures
def record_items_poison(message: func.QueueMessage) -> None:
    """Looks after a message of queue `items` that crashed its function again and again."""
    _record("items", message)


@bp.queue_trigger(arg_name="message", queue_name="collections-poison", connection=CONNECTION, data_type=BODY)
@reports_failures
def record_collections_poison(message: func.QueueMessage) -> None:
    """Looks after a message of queue `collections` that crashed its function again and again."""
    _record("collections", message)


@bp.queue_trigger(arg_name="message", queue_name="deletions-poison", connection=CONNECTION, data_type=BODY)
@reports_failures
def record_deletions_poison(message: func.QueueMessage) -> None:
    """Looks after a message of queue `deletions` that crashed its function again and again."""
    _record("deletions", message)


@bp.queue_trigger(arg_name="message", queue_name="blob-events-poison", connection=CONNECTION, data_type=BODY)
@reports_failures
def record_blob_events_poison(message: func.QueueMessage) -> None:
    """Handle an event of queue `blob-events` that crashed its function again and again."""
    _record("blob-events", message)


def _record(queue: str, message: func.QueueMessage) -> None:
    from shared.clients import get_clients
    from shared.delivery.poison import record_poison
    from shared.messages.models import QueueName

    record_poison(QueueName(queue), message.get_body(), enqueued_at(message), get_clients())
