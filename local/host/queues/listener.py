"""Polling of one queue by the rules of the Storage Queues extension: existence, batches, back-off."""

import logging
import threading
from collections.abc import Callable

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage

from local.host.configuration.durations import Durations
from local.host.configuration.host_json import QueueOptions
from local.host.queues.backoff import RandomizedExponentialBackoff
from local.host.queues.operations import is_passing
from local.host.queues.processor import MessageProcessor
from local.host.storage.errors import one_line

_logger = logging.getLogger("Host.Queues")


class QueueListener:
    """Receives the messages of one queue and has each of them processed on a thread of its own."""

    def __init__(
        self,
        queue: QueueClient,
        options: QueueOptions,
        durations: Durations,
        processor: MessageProcessor,
        *,
        failed: Callable[[Exception], None],
    ) -> None:
        """Make a listener; `start` begins to poll.

        Args:
            queue: The queue.
            options: `extensions.queues` of host.json.
            durations: The host's durations.
            processor: What sees a message to its end.
            failed: Called with an error that ends the polling for good and stops the host.
        """
        self._queue = queue
        self._options = options
        self._durations = durations
        self._processor = processor
        self._failed = failed
        self._backoff = RandomizedExponentialBackoff(options.max_polling_interval)
        self._awake = threading.Event()
        self._exists = False
        self._stopping = False
        self._in_flight = 0
        self._fewer = threading.Condition()

    @property
    def url(self) -> str:
        """The queue's URL."""
        return self._queue.url

    def start(self) -> None:
        """Begin to poll."""
        threading.Thread(target=self._poll, name=f"poll-{self._queue.queue_name}", daemon=True).start()

    def wake(self) -> None:
        """Poll at once, because something was put on the queue."""
        self._awake.set()

    def stop_receiving(self) -> None:
        """Receive no more; messages that were received are processed to their end.

        The answer of a receive that is under way is thrown away: its messages stay invisible for their time.
        """
        with self._fewer:
            self._stopping = True
            self._fewer.notify_all()
        self._awake.set()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait, after `stop_receiving`, until no message is being processed; False when time is up first."""
        with self._fewer:
            return self._fewer.wait_for(lambda: self._in_flight == 0, seconds)

    def _poll(self) -> None:
        found_something = False
        while not self._stopping:
            self._awake.clear()
            try:
                received = self._receive()
                if received:
                    found_something = True
                    self._begin(received)
                    continue
            except Exception as error:  # noqa: BLE001 - whatever ends the polling must be told
                self._failed(error)
                return
            self._awake.wait(self._backoff.next_pause(found_something=found_something))
            found_something = False

    def _receive(self) -> list[QueueMessage]:
        try:
            if not self._exists:
                self._queue.get_queue_properties()
                self._exists = True
            batch = self._options.batch_size
            pages = self._queue.receive_messages(
                messages_per_page=batch, visibility_timeout=self._durations.receive_visibility
            ).by_page()
            return list(next(pages, []))
        except AzureError as error:
            # Whatever happened, the next round asks first whether the queue exists.
            missing = isinstance(error, ResourceNotFoundError) and not self._exists
            self._exists = False
            if not is_passing(error):
                raise
            # A queue that does not exist (yet) is an empty one.
            if not missing:
                _logger.debug("A poll of queue %s failed: %s", self._queue.queue_name, one_line(error))
            return []

    def _begin(self, received: list[QueueMessage]) -> None:
        with self._fewer:
            if self._stopping:
                return
            self._in_flight += len(received)
        try:
            readable = self._processor.decoded(received)
        except AzureError:
            self._ended(len(received))
            raise
        self._ended(len(received) - len(readable))
        for message, body in readable:
            threading.Thread(target=self._process, args=(message, body), name=message.id, daemon=True).start()
        with self._fewer:
            self._fewer.wait_for(lambda: self._in_flight <= self._options.new_batch_threshold or self._stopping)

    def _process(self, message: QueueMessage, body: bytes) -> None:
        try:
            self._processor.run(message, body)
        finally:
            self._ended(1)

    def _ended(self, count: int) -> None:
        with self._fewer:
            self._in_flight -= count
            self._fewer.notify_all()
