"""What every queue function does around its own work: decoding, dead letters, and trying again later."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from shared import telemetry
from shared.basics import deadline
from shared.basics.clock import format_timestamp, parse_timestamp
from shared.basics.errors import BadMessage, Disposition, IngestionError, Throttled, disposition_of
from shared.basics.redact import redact
from shared.clients import Clients
from shared.items.item_work import retry_delay
from shared.messages.models import Outcome, QueueName, Result, decode_body, next_attempt, read_object, wrapped

log = logging.getLogger(__name__)


def handle(queue: str, raw: bytes, enqueued_at: datetime, work: Callable[[bytes], None], app: Clients) -> None:
    """Runs the work of one message and does with the message what the table of errors says.

    Args:
        queue: the queue the message was on.
        raw: the body as it lay on the queue.
        enqueued_at: when it was put there.
        work: does the work, given the body as JSON text; it settles faults of items and collections itself, so what
            it raises concerns the message as a whole.
        app: the clients.

    Raises:
        IngestionError: a fault of our own set-up, such as a missing setting: the host gives the message again.
    """
    try:
        body = decode_body(raw)
    except BadMessage as error:
        reject(queue, raw, error, app)
        return
    handle_body(queue, body, enqueued_at, work, app)


def handle_body(queue: str, body: bytes, enqueued_at: datetime, work: Callable[[bytes], None], app: Clients) -> None:
    """Do the work of one decoded message, and with the message what the table of errors says.

    Args:
        queue: see handle.
        body: the message as JSON text.
        enqueued_at: see handle.
        work: see handle.
        app: the clients.

    Raises:
        IngestionError: see handle.
    """
    try:
        work(body)
    except IngestionError as error:
        disposition = disposition_of(error)
        if disposition is Disposition.RAISE:
            raise
        with deadline.settling():
            if disposition in {Disposition.DELAY, Disposition.HOLD} and not _is_over(body, app):
                _send_back(queue, body, enqueued_at, error, app)
            else:
                reject(queue, body, error, app)


def reject(queue: str, body: bytes, error: IngestionError, app: Clients, *, correlation_id: str | None = None) -> None:
    """Records a dead letter and announces that the message was rejected.

    Args:
        queue: the queue it was on.
        body: the message, or the part of it that is at fault.
        error: what is wrong with it.
        app: the clients.
        correlation_id: that of the message, where the body does not carry it.
    """
    log.warning("Message of queue %s rejected: %s %s", queue, error.code, error.message)
    fields = _fields(body)
    if queue == QueueName.BLOB_EVENTS:
        fields = wrapped(queue, fields)  # the id of a bare event is its own, not that of an item
    mark = correlation_id or _text(fields.get("correlation_id"))
    app.deadletters.record(queue, body, error, correlation_id=mark)
    app.queues.send_result(
        Result(
            collection=_text(fields.get("collection")),
            id=_text(fields.get("id")),
            outcome=Outcome.REJECTED,
            error_code=str(error.code),
            error_message=error.message,
            correlation_id=mark,
            finished_at=app.now(),
        )
    )


def _is_over(body: bytes, app: Clients) -> bool:
    since = _text(_fields(body).get("retry_since"))
    try:
        return since is not None and app.now() - parse_timestamp(since) > app.settings.retry_max_age
    except ValueError:
        return True


def _send_back(queue: str, body: bytes, enqueued_at: datetime, error: IngestionError, app: Clients) -> None:
    fields = wrapped(queue, read_object(body))
    attempt = fields.get("attempt") or 0
    delay = retry_delay(attempt, error, app)
    if isinstance(error, Throttled):
        app.pause.pause(error.retry_after)
    log.warning("Message of queue %s delayed for %s: %s %s", queue, delay, error.code, error.message)
    is_held = disposition_of(error) is Disposition.HOLD
    telemetry.count_retry(telemetry.Retry.HELD if is_held else telemetry.Retry.DELAYED, error.code)
    kept = {
        "attempt": next_attempt(attempt),
        "first_enqueued": fields.get("first_enqueued") or format_timestamp(enqueued_at),
        "retry_since": fields.get("retry_since") or format_timestamp(app.now()),
    }
    app.queues.send(queue, fields | kept, delay=max(delay, timedelta(seconds=1)))


def _fields(body: bytes) -> dict[str, Any]:
    try:
        return read_object(body)
    except BadMessage:
        return {}


def _text(value: object) -> str | None:
    return redact(value)[:500] if isinstance(value, str) else None
