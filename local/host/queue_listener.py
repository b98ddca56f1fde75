"""Polling of one queue by the rules of the Storage Queues extension: batches, renewal, poison, back-off."""

import concurrent.futures
import logging
import sched
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage

from local.host.backoff import RandomizedExponentialBackoff
from local.host.deadlines import Deadlines
from local.host.host_json import MessageEncoding
from local.host.message_encoding import UndecodableMessageError, decode
from local.host.queues import MessageLostError, guard_ownership, send_creating
from local.host.storage_errors import one_line

_logger = logging.getLogger("Host.Queues")

# Storage calls of one queue that may be under way at once; each takes milliseconds.
_STORAGE_THREADS = 8


@dataclass(frozen=True)
class ListenerOptions:
    """How a queue is polled; times in seconds.

    Attributes:
        batch_size: Most messages received at once.
        new_batch_threshold: The next batch is received when no more than this many are being processed.
        max_dequeue_count: Deliveries after which a message that failed goes to the poison queue.
        visibility_timeout: How long a message that failed stays invisible.
        max_polling_interval: Longest pause while the queue is empty.
        message_encoding: How bodies are encoded.
        receive_visibility: How long a received message is invisible unless it is renewed, as it is at half of it.
    """

    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int
    visibility_timeout: float
    max_polling_interval: float
    message_encoding: MessageEncoding
    receive_visibility: float


#: Starts the processing of a message with its decoded body; the future says whether it succeeded.
Process = Callable[[QueueMessage, bytes], "concurrent.futures.Future[bool]"]


@dataclass(eq=False)
class _Delivery:
    """One received message while it is ours."""

    message: QueueMessage
    pop_receipt: str
    renewal_interval: float
    renewal: sched.Event | None = None
    finished: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class QueueListener:
    """Receives the messages of one queue and sees each of them to its end."""

    def __init__(
        self,
        queue: QueueClient,
        options: ListenerOptions,
        deadlines: Deadlines,
        *,
        process: Process,
        poison_queue: QueueClient | None,
        poisoned: Callable[[QueueClient], None],
    ) -> None:
        self._queue = queue
        self._options = options
        self._deadlines = deadlines
        self._process = process
        self._poison_queue = poison_queue
        self._poisoned = poisoned
        self._backoff = RandomizedExponentialBackoff(options.max_polling_interval)
        self._pool = concurrent.futures.ThreadPoolExecutor(_STORAGE_THREADS, thread_name_prefix=queue.queue_name)
        self._thread = threading.Thread(target=self._poll, name=f"poll-{queue.queue_name}", daemon=True)
        self._awake = threading.Event()
        self._stopping = False
        self._unreadable = False
        self._in_flight = 0
        self._fewer = threading.Condition()

    @property
    def url(self) -> str:
        """The queue's URL."""
        return self._queue.url

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def wake(self) -> None:
        """Look at the queue at once, because something was put on it."""
        self._awake.set()

    def stop_receiving(self) -> None:
        """Receive no more; messages that were received are still processed to their end."""
        self._stopping = True
        self._awake.set()
        with self._fewer:
            self._fewer.notify_all()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait, after `stop_receiving`, until no message is being processed; False when time is up first."""
        self._thread.join(seconds)
        with self._fewer:
            return self._fewer.wait_for(lambda: self._in_flight == 0, seconds) and not self._thread.is_alive()

    def _poll(self) -> None:
        found_something = False
        while not self._stopping:
            self._awake.clear()
            messages = self._receive()
            if messages:
                found_something = True
                with self._fewer:
                    self._in_flight += len(messages)
                for message in messages:
                    self._pool.submit(self._begin, message)
                self._wait_for_capacity()
            else:
                self._awake.wait(self._backoff.next_pause(found_something=found_something))
                found_something = False

    def _receive(self) -> list[QueueMessage]:
        options = self._options
        try:
            pages = self._queue.receive_messages(
                messages_per_page=options.batch_size, visibility_timeout=int(options.receive_visibility)
            ).by_page()
            messages = list(next(pages))
        except (ResourceNotFoundError, StopIteration):
            # A queue that does not exist (yet) is an empty one.
            return []
        except AzureError as error:
            self._complain(one_line(error))
            return []
        except Exception:
            # Whatever a message does to the library, the queue has to be looked at again.
            _logger.exception("Queue %s cannot be read.", self._queue.queue_name)
            return []
        self._unreadable = False
        return messages

    def _complain(self, reason: str) -> None:
        # Said once for an outage, not at each look.
        if not self._unreadable:
            _logger.warning("Queue %s cannot be read: %s; trying on", self._queue.queue_name, reason)
        self._unreadable = True

    def _wait_for_capacity(self) -> None:
        with self._fewer:
            self._fewer.wait_for(lambda: self._in_flight <= self._options.new_batch_threshold or self._stopping)

    def _begin(self, message: QueueMessage) -> None:
        delivery = _Delivery(message, str(message.pop_receipt), self._options.receive_visibility / 2)
        self._renew_later(delivery)
        try:
            body = decode(message.content, self._options.message_encoding)
            if (message.dequeue_count or 0) > self._options.max_dequeue_count:
                self._finish(delivery, self._to_poison)
                return
            future = self._process(message, body)
        except UndecodableMessageError:
            _logger.warning("Message decoding has failed! Check MessageEncoding settings. MessageId=%s", message.id)
            self._finish(delivery, self._to_poison)
        except Exception:
            # Whatever goes wrong before the function runs counts as its failure.
            _logger.exception("Message %s of queue %s failed.", message.id, self._queue.queue_name)
            self._finish(delivery, self._after_failure)
        else:
            future.add_done_callback(lambda ended: self._pool.submit(self._complete, delivery, ended))

    def _complete(self, delivery: _Delivery, ended: "concurrent.futures.Future[bool]") -> None:
        self._finish(delivery, self._delete if ended.result() else self._after_failure)

    def _finish(self, delivery: _Delivery, last_step: Callable[[_Delivery], None]) -> None:
        with delivery.lock:
            delivery.finished = True
        self._deadlines.cancel(delivery.renewal)
        try:
            last_step(delivery)
        except MessageLostError as error:
            _logger.warning(
                "Message %s of queue %s is no longer this host's (%s); it may run again.",
                delivery.message.id,
                self._queue.queue_name,
                error,
            )
        except AzureError as error:
            _logger.error(  # noqa: TRY400 - the sentence says it all
                "Message %s of queue %s cannot be completed (%s); it will be visible again.",
                delivery.message.id,
                self._queue.queue_name,
                one_line(error),
            )
        finally:
            with self._fewer:
                self._in_flight -= 1
                self._fewer.notify_all()

    def _delete(self, delivery: _Delivery) -> None:
        guard_ownership(lambda: self._queue.delete_message(delivery.message.id, delivery.pop_receipt))

    def _after_failure(self, delivery: _Delivery) -> None:
        if self._poison_queue is None:
            # Left invisible for the rest of its time, so that it does not fail in a fast loop.
            return
        if (delivery.message.dequeue_count or 0) >= self._options.max_dequeue_count:
            self._to_poison(delivery)
            return
        guard_ownership(
            lambda: self._queue.update_message(
                delivery.message.id,
                delivery.pop_receipt,
                visibility_timeout=int(self._options.visibility_timeout),
            )
        )

    def _to_poison(self, delivery: _Delivery) -> None:
        if self._poison_queue is None:
            return
        send_creating(self._poison_queue, delivery.message.content)
        self._poisoned(self._poison_queue)
        _logger.error(
            "Message %s has been moved to queue %s after %s deliveries.",
            delivery.message.id,
            self._poison_queue.queue_name,
            delivery.message.dequeue_count,
        )
        self._delete(delivery)

    def _renew_later(self, delivery: _Delivery) -> None:
        delivery.renewal = self._deadlines.after(
            delivery.renewal_interval, lambda: _ignore(self._pool.submit(self._renew, delivery))
        )

    def _renew(self, delivery: _Delivery) -> None:
        normal = self._options.receive_visibility / 2
        with delivery.lock:
            if delivery.finished:
                return
            try:
                renewed = guard_ownership(
                    lambda: self._queue.update_message(
                        delivery.message.id,
                        delivery.pop_receipt,
                        visibility_timeout=int(self._options.receive_visibility),
                    )
                )
                delivery.pop_receipt = str(renewed.pop_receipt)
                delivery.renewal_interval = normal
            except MessageLostError as error:
                _logger.warning(
                    "Message %s of queue %s is no longer this host's (%s); its function runs on.",
                    delivery.message.id,
                    self._queue.queue_name,
                    error,
                )
                return
            except AzureError as error:
                # More often after a failure, down to a fifth: 5 minutes become 1 minute.
                delivery.renewal_interval = max(delivery.renewal_interval / 2, normal / 5)
                _logger.warning(
                    "Message %s of queue %s could not be renewed: %s",
                    delivery.message.id,
                    self._queue.queue_name,
                    one_line(error),
                )
            self._renew_later(delivery)


def _ignore(_future: object) -> None:
    """Deadlines take actions without a result."""
