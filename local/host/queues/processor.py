"""What becomes of one received message: its function runs, then it is deleted, released or moved to the poison queue.

Source: QueueProcessor and QueueListener of Microsoft.Azure.WebJobs.Extensions.Storage.Queues 5.3.10, as recorded.
"""

import concurrent.futures
import logging
from collections.abc import Callable

from azure.core.exceptions import AzureError
from azure.storage.queue import QueueClient, QueueMessage

from local.host.configuration.durations import Durations
from local.host.configuration.host_json import QueueOptions
from local.host.deadlines import Deadlines
from local.host.queues.encoding import UndecodableMessageError, decode, encode
from local.host.queues.operations import MessageLostError, guard_ownership, send_creating
from local.host.queues.renewal import Renewal

_logger = logging.getLogger("Host.Queues")

#: Starts the function for a message with its decoded body; the future says whether it succeeded.
Process = Callable[[QueueMessage, bytes], "concurrent.futures.Future[bool]"]


class MessageProcessor:
    """Sees the messages of one queue to their end."""

    def __init__(
        self,
        queue: QueueClient,
        poison_queue: QueueClient | None,
        options: QueueOptions,
        durations: Durations,
        deadlines: Deadlines,
        *,
        process: Process,
        poisoned: Callable[[QueueClient], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Make a processor.

        Args:
            queue: The queue.
            poison_queue: Where messages go that failed too often; None where the name allows no poison queue.
            options: `extensions.queues` of host.json.
            durations: The host's durations.
            deadlines: What runs renewals at their time.
            process: Starts the function.
            poisoned: Called with the poison queue after a message was put on it.
            failed: Called with an error of storage that stops the host.
        """
        self._queue = queue
        self._poison_queue = poison_queue
        self._options = options
        self._durations = durations
        self._deadlines = deadlines
        self._process = process
        self._poisoned = poisoned
        self._failed = failed

    def decoded(self, messages: list[QueueMessage]) -> list[tuple[QueueMessage, bytes]]:
        """Return the messages with their bodies; one that cannot be decoded goes to the poison queue at once.

        Raises:
            AzureError: The poison queue does not take a message; none of the batch may start then.
        """
        readable = []
        for message in messages:
            try:
                readable.append((message, decode(message.content, self._options.message_encoding)))
            except UndecodableMessageError:
                _logger.warning("Message decoding has failed! Check MessageEncoding settings. MessageId=%s", message.id)
                self._move_to_poison(message, str(message.pop_receipt), message.content)
        return readable

    def run(self, message: QueueMessage, body: bytes) -> None:
        """Run the function for a message and complete the message; returns when both are done.

        An error of storage that stops the host is told to `failed`: the message then stays invisible for the rest of
        its time.
        """
        try:
            if self._poison_queue is not None and (message.dequeue_count or 0) > self._options.max_dequeue_count:
                self._move_to_poison(message, str(message.pop_receipt), encode(body, self._options.message_encoding))
                return
            renewal = Renewal(self._queue, message, self._durations, self._deadlines, failed=self._failed)
            renewal.start()
            succeeded = self._call(message, body)
            renewal.end()
            if succeeded:
                self._delete(message, renewal.pop_receipt)
            else:
                self._after_failure(message, renewal.pop_receipt, body)
        except AzureError as error:
            self._failed(error)

    def _call(self, message: QueueMessage, body: bytes) -> bool:
        try:
            return self._process(message, body).result()
        except Exception:
            # Whatever goes wrong before the function runs counts as its failure.
            _logger.exception("Message %s of queue %s failed.", message.id, self._queue.queue_name)
            return False

    def _after_failure(self, message: QueueMessage, pop_receipt: str, body: bytes) -> None:
        if self._poison_queue is None:
            # No call: the message stays invisible until its time is up, then the function is called again, without end.
            return
        if (message.dequeue_count or 0) >= self._options.max_dequeue_count:
            self._move_to_poison(message, pop_receipt, encode(body, self._options.message_encoding))
            return
        pause = self._durations.visibility_timeout(self._options.visibility_timeout)
        self._ignoring_loss(
            message, lambda: self._queue.update_message(message.id, pop_receipt, visibility_timeout=pause)
        )

    def _move_to_poison(self, message: QueueMessage, pop_receipt: str, text: str) -> None:
        if self._poison_queue is None:
            return
        _logger.warning(
            "Message has reached MaxDequeueCount of %s. Moving message to queue '%s'.",
            self._options.max_dequeue_count,
            self._poison_queue.queue_name,
        )
        send_creating(self._poison_queue, text)
        self._poisoned(self._poison_queue)
        self._delete(message, pop_receipt)

    def _delete(self, message: QueueMessage, pop_receipt: str) -> None:
        self._ignoring_loss(message, lambda: self._queue.delete_message(message.id, pop_receipt))

    def _ignoring_loss(self, message: QueueMessage, operation: Callable[[], object]) -> None:
        try:
            guard_ownership(operation)
        except MessageLostError as lost:
            _logger.debug("Message %s of queue %s may run again (%s).", message.id, self._queue.queue_name, lost)
