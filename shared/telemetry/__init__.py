"""What the app tells of itself by OpenTelemetry: one trace per item, metrics, and its log lines.

On where APPLICATIONINSIGHTS_CONNECTION_STRING or OTEL_EXPORTER_OTLP_ENDPOINT is set. Otherwise every function here does
nothing, and nothing of OpenTelemetry is imported. Telemetry never fails what it tells of, and never waits for its
receiver: it is handed to threads of its own, which drop what they cannot send.
"""

import contextvars
import logging
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.basics.redact import redact

if TYPE_CHECKING:
    from shared.telemetry.sdk import Sdk

log = logging.getLogger(__name__)

_sdk: "Sdk | None" = None


class Retry(StrEnum):
    """Why an item or a message comes back: it is tried again soon, or waits for an operator."""

    DELAYED = "delayed"
    HELD = "held"


class Gauge(StrEnum):
    """What the timers measure."""

    OLDEST_OPERATION = "geocatalog.operations.oldest_age"
    SOURCE_TIME_LEFT = "geocatalog.sources.time_left"
    QUEUE_MESSAGES = "geocatalog.queue.messages"
    QUEUE_OLDEST = "geocatalog.queue.oldest_age"
    FEED_UNREAD = "geocatalog.feeds.unread"


def start() -> None:
    """Turns telemetry on where a setting names its receiver; a fault of it is logged and leaves it off."""
    global _sdk  # noqa: PLW0603 - one per process, made once when the app is loaded
    connection_string = os.environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING", "")
    otlp_endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    if _sdk is not None or not (connection_string or otlp_endpoint):
        return
    from shared.telemetry.sdk import Sdk  # noqa: PLC0415 - imported only where telemetry is on

    try:
        _sdk = Sdk(connection_string=connection_string, otlp=bool(otlp_endpoint))
    except (ValueError, OSError) as error:
        # The value itself is not shown: a connection string holds a key.
        log.error(  # noqa: TRY400 - the sentence says it all
            "Telemetry stays off (%s): check APPLICATIONINSIGHTS_CONNECTION_STRING and the OTEL_… settings.",
            type(error).__name__,
        )


def is_on() -> bool:
    """Tells whether anything is sent, so that what costs a call need not be looked at in vain."""
    return _sdk is not None


# Traces


def traceparent_of(given: str | None, own_id: str) -> str | None:
    """Returns the trace that a message belongs to.

    Args:
        given: the message's own `traceparent`, if it has one.
        own_id: 32 hex digits that are the same each time the queue hands the message out; the id of a trace of its own.

    Returns:
        The message's own where it is well-formed, else a new one; while telemetry is off, what was given.
    """
    return _sdk.traceparent_of(given, own_id) if _sdk else given


def message_span(
    queue: str, traceparent: str | None, *, collection: str, item: str, correlation_id: str, attempt: int
) -> AbstractContextManager[object]:
    """Span the handling of one item's message, in the item's trace."""
    if _sdk is None:
        return nullcontext()
    attributes: dict[str, str | int] = {
        "geocatalog.collection": collection,
        "geocatalog.item": item,
        "geocatalog.correlation_id": correlation_id,
        "geocatalog.attempt": attempt,
    }
    return _sdk.message_span(queue, traceparent, attributes)


def request_span(method: str, url: str) -> AbstractContextManager[object]:
    """Spans a request to another service, where it is made for an item; of the URL no query is kept."""
    return _sdk.request_span(method, url) if _sdk else nullcontext()


def operation_span(
    kind: str,
    traceparent: str | None,
    submitted_at: datetime,
    *,
    collection: str,
    item: str | None,
    correlation_id: str | None,
    operation_id: str,
    outcome: str,
    code: str | None,
) -> AbstractContextManager[object]:
    """Span an operation from its submission to now, in the trace of the item it belongs to.

    Args:
        kind: what the operation does.
        traceparent: the item's trace.
        submitted_at: when GeoCatalog accepted it.
        collection: id of the collection.
        item: id of the item; None for an operation on the collection.
        correlation_id: that of the item's message.
        operation_id: the service's id.
        outcome: how it ended for its item, or that the item is tried again.
        code: the error's code, if it failed.
    """
    if _sdk is None:
        return nullcontext()
    attributes = {
        "geocatalog.collection": collection,
        "geocatalog.item": item,
        "geocatalog.correlation_id": correlation_id,
        "geocatalog.operation_id": operation_id,
        "geocatalog.outcome": outcome,
        "error.type": code,
    }
    return _sdk.operation_span(kind, traceparent, submitted_at, attributes)


def note(**attributes: str | int | None) -> None:
    """Adds attributes to the present span; their names are prefixed with `geocatalog.`."""
    if _sdk:
        _sdk.note({f"geocatalog.{name}": value for name, value in attributes.items()})


def note_response(status: int) -> None:
    """Adds the answer's status code to the span of a request."""
    if _sdk:
        _sdk.note_response(status)


# Metrics


def count_outcome(outcome: str, *, collection: str | None, operation_id: str | None, error_code: str | None) -> None:
    """Count an outcome, and note it in the present span."""
    if _sdk:
        _sdk.add("geocatalog.items.outcomes", {"outcome": outcome, "collection": collection})
        _sdk.note({"geocatalog.outcome": outcome, "geocatalog.operation_id": operation_id, "error.type": error_code})


def count_retry(retry: Retry, reason: str | None) -> None:
    """Counts that an item or a message comes back, by the code of the fault, and notes it in the present span."""
    if _sdk:
        _sdk.add("geocatalog.items.retries", {"kind": retry.value, "reason": reason})
        _sdk.note({"geocatalog.outcome": retry.value, "geocatalog.retry_reason": reason})


def count_dead_letter(queue: str, reason: str) -> None:
    """Counts a dead letter by the queue its message was on and by its reason."""
    if _sdk:
        _sdk.add("geocatalog.dead_letters", {"queue": queue, "reason": reason})


def measure(gauge: Gauge, value: float, **attributes: str) -> None:
    """Sends the present value of a gauge: seconds, or messages.

    Args:
        gauge: which one.
        value: its value.
        attributes: what tells its series apart, such as `queue`.
    """
    if _sdk:
        _sdk.measure(gauge, value, attributes)


def count_poison(queue: str) -> None:
    """Count a message that the host moved to a poison queue, by the queue it came from."""
    if _sdk:
        _sdk.add("geocatalog.poison.messages", {"queue": queue})


# Runs of functions


# The function and the invocation that the present work belongs to.
_invocation: contextvars.ContextVar[tuple[str, str] | None] = contextvars.ContextVar("invocation", default=None)


def present_invocation() -> tuple[str, str] | None:
    """Return the name of the present function and the id of its invocation; None outside of any."""
    return _invocation.get()


@contextmanager
def invocation(function: str, invocation_id: str) -> Iterator[None]:
    """Count and time the run of a function, and log the exception that it ends with, before the host gets it.

    Args:
        function: name of the function.
        invocation_id: the host's id of this run, which each log line sent from inside carries.
    """
    started = time.monotonic()
    token = _invocation.set((function, invocation_id))
    try:
        yield
    except Exception as error:
        if _sdk:
            _sdk.add("geocatalog.functions.failures", {"function": function, "reason": type(error).__name__})
            # Application Insights shows this sentence in place of the exception's own.
            log.exception("Function %s ended with %s: %s", function, type(error).__name__, redact(str(error)))  # noqa: TRY401
        _end_run(function, "failed", started)
        raise
    else:
        _end_run(function, "succeeded", started)
    finally:
        _invocation.reset(token)


def _end_run(function: str, outcome: str, started: float) -> None:
    if _sdk:
        _sdk.add("geocatalog.functions.runs", {"function": function, "outcome": outcome})
        _sdk.time(time.monotonic() - started, {"function": function})
