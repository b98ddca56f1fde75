"""What becomes of a message after its work: announced, sent again, or recorded as a dead letter.

This is the one place where the table of errors (`shared/basics/errors.py`) is applied. A copy is sent before a row is
written, so that a crash in between doubles the message and never loses it.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from azure.core.exceptions import AzureError

from shared import telemetry
from shared.basics import deadline
from shared.basics.errors import (
    Disposition,
    GaveUp,
    IngestionError,
    MustWait,
    NotYet,
    Paused,
    Throttled,
    disposition_of,
)
from shared.basics.redact import redact
from shared.delivery.delays import SHORTEST, pause_delay, retry_delay
from shared.messages.decoding import read_object
from shared.messages.envelope import Envelope
from shared.messages.models import QueueName
from shared.messages.reading import wrapped
from shared.messages.results import Outcome, Result
from shared.records.deadletters import DeadLetters
from shared.records.shared_pause import SharedPause
from shared.storage.queues import Queues
from shared.timings import Timings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retry:
    """A message that is sent again.

    Attributes:
        envelope: that of the copy.
        delay: how long the copy stays invisible.
        error: why; None where nothing failed.
        is_held: whether an operator must fix the cause.
    """

    envelope: Envelope
    delay: timedelta
    error: IngestionError | None = None
    is_held: bool = False

    @property
    def kind(self) -> telemetry.Retry:
        """The word of metrics for it."""
        return telemetry.Retry.HELD if self.is_held else telemetry.Retry.DELAYED


@dataclass(frozen=True)
class Delivery:
    """Sends messages again, announces outcomes and records dead letters.

    Attributes:
        queues: sends messages.
        deadletters: table `deadletters`.
        pause: the pause that every instance keeps.
        timings: the first and the longest delay.
        retry_max_age: how long a message may keep being delayed.
        now: tells the present moment.
    """

    queues: Queues
    deadletters: DeadLetters
    pause: SharedPause
    timings: Timings
    retry_max_age: timedelta
    now: Callable[[], datetime]

    def settle(
        self,
        envelope: Envelope,
        error: IngestionError,
        *,
        subject: str | None = None,
        fail: Callable[[IngestionError], None] | None = None,
        record: Callable[[Retry], None] | None = None,
    ) -> None:
        """Do with a message what the table of errors says.

        Args:
            envelope: the message.
            error: what its work ended with.
            subject: what it is about, for the log; default: the message itself.
            fail: writes that it failed for good; default: a dead letter.
            record: writes that it waits, after the copy was sent.

        Raises:
            IngestionError: a fault of our own set-up, such as a missing setting: the host gives the message again.
            azure.core.exceptions.AzureError: the storage could not be written: the host gives the message again.
        """
        disposition = disposition_of(error)
        if disposition is Disposition.RAISE:
            raise error
        with deadline.settling():
            if disposition in {Disposition.DELAY, Disposition.HOLD}:
                self._keep_pause(error)
                if self._is_to_come_back(envelope, error):
                    self._delay(envelope, error, subject or f"Message of queue {envelope.queue}", record)
                    return
                error, disposition = GaveUp(error, self.retry_max_age), Disposition.FAIL
            if disposition is Disposition.FAIL and fail is not None:
                fail(error)
                return
            fields, mark = envelope.fields, envelope.correlation_id
            self.reject(envelope.queue, envelope.body, error, fields=fields, correlation_id=mark)

    def send_again(self, retry: Retry, record: Callable[[Retry], None] | None = None) -> None:
        """Send the copy of a message, then write its row.

        Raises:
            BadMessage: the copy is too large for a queue.
            azure.core.exceptions.AzureError: the storage could not be written.
        """
        self.queues.send(retry.envelope.queue, retry.envelope.again(), delay=retry.delay)
        if retry.error:
            telemetry.count_retry(retry.kind, str(retry.error.code))
        if record:
            record(retry)

    def announce(
        self,
        outcome: Outcome,
        *,
        collection: str | None,
        item_id: str | None = None,
        correlation_id: str | None = None,
        operation_id: str | None = None,
        error_code: str | None = None,
        error_message: str | None = None,
        submitted_at: datetime | None = None,
    ) -> None:
        """Send one outcome to the results queue; see Result for what each argument means.

        Raises:
            azure.core.exceptions.AzureError: the storage could not be written.
        """
        self.queues.send_result(
            Result(
                collection=collection,
                id=item_id,
                outcome=outcome,
                operation_id=operation_id,
                error_code=error_code,
                error_message=error_message,
                correlation_id=correlation_id,
                submitted_at=submitted_at,
                finished_at=self.now(),
            )
        )

    def reject(
        self,
        queue: QueueName,
        body: bytes,
        error: IngestionError,
        *,
        fields: Mapping[str, Any] | None = None,
        correlation_id: str | None = None,
    ) -> None:
        """Record a dead letter and announce that the message was rejected.

        Args:
            queue: the queue it was on.
            body: the message, or the part of it that is at fault.
            error: what is wrong with it.
            fields: the fields of the message, where they could be read.
            correlation_id: that of the message.

        Raises:
            azure.core.exceptions.AzureError: the storage could not be written.
        """
        log.warning("Message of queue %s rejected: %s %s", queue, error.code, error.message)
        found = _fields(queue, body) if fields is None else fields
        mark = correlation_id or _text(found.get("correlation_id"))
        self.deadletters.record(queue, body, error, correlation_id=mark)
        self.announce(
            Outcome.REJECTED,
            collection=_text(found.get("collection")),
            item_id=_text(found.get("id")),
            error_code=str(error.code),
            error_message=error.message,
            correlation_id=mark,
        )

    def _is_to_come_back(self, envelope: Envelope, error: IngestionError) -> bool:
        # What only waits in line, which takes a million items hours, is never given up.
        now = self.now()
        return isinstance(error, MustWait) or now - (envelope.retry_since or now) <= self.retry_max_age

    def _delay(
        self, envelope: Envelope, error: IngestionError, subject: str, record: Callable[[Retry], None] | None
    ) -> None:
        is_held = disposition_of(error) is Disposition.HOLD
        if isinstance(error, Throttled | Paused):
            delay = pause_delay(max(self._remaining(), error.retry_after or SHORTEST))
        else:
            delay = retry_delay(envelope.attempt, error, self.timings)
        copy = envelope if isinstance(error, MustWait) else envelope.counted(self.now())
        told = None if isinstance(error, NotYet) else error
        self.send_again(Retry(copy, delay, told, is_held), record)
        if told is None:
            log.info("%s waits for %s: %s", subject, delay, error.message)
        else:
            state = "held" if is_held else "delayed"
            log.warning("%s %s for %s: %s %s", subject, state, delay, error.code, error.message)

    def _keep_pause(self, error: IngestionError) -> None:
        """Make every instance wait where GeoCatalog asked for it; the delay of this message then follows the pause."""
        if not isinstance(error, Throttled):
            return
        try:
            self.pause.pause(error.retry_after)
        except AzureError as fault:
            log.warning("The shared pause could not be written: %s", type(fault).__name__)

    def _remaining(self) -> timedelta:
        try:
            return self.pause.remaining()
        except AzureError:
            return timedelta(0)  # the error's own retry_after then decides


def _fields(queue: QueueName, body: bytes) -> Mapping[str, Any]:
    try:
        return wrapped(queue, read_object(body))
    except IngestionError:
        return {}


def _text(value: object) -> str | None:
    return redact(value)[:500] if isinstance(value, str) else None
