"""Sends messages: base64 of compact UTF-8, never expiring, with bodies too large for a queue kept as payloads."""

import base64
import threading
from datetime import timedelta
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueServiceClient

from shared import telemetry
from shared.basics.errors import BadMessage
from shared.basics.json_codec import write_json
from shared.messages.results import Result
from shared.messages.sizes import MAX_BODY_BYTES, MAX_FIELDS_BYTES, split_message
from shared.storage.payloads import Payloads

# Work must never expire (-1); the service's own default is 7 days
# (learn.microsoft.com/rest/api/storageservices/put-message).
NEVER_EXPIRES = -1
RESULT_LIFE = timedelta(days=7)
# The longest time a message may stay invisible (same page).
MAX_VISIBILITY_DELAY = timedelta(days=7) - timedelta(minutes=1)


class Queues:
    """Sends to the queues of the ingestion storage.

    Args:
        service: client of the storage account's queues.
        payloads: keeps the bodies that do not fit a queue.
        results_queue: name of the queue for outcomes; empty turns them off.
    """

    def __init__(self, service: QueueServiceClient, payloads: Payloads, *, results_queue: str) -> None:
        self._service = service
        self._payloads = payloads
        self._results_queue = results_queue
        self._clients: dict[str, QueueClient] = {}
        self._lock = threading.Lock()

    def client(self, queue: str) -> QueueClient:
        """Returns the one client of a queue, which sends and receives bodies as they are."""
        with self._lock:
            if queue not in self._clients:
                self._clients[queue] = self._service.get_queue_client(queue)
            return self._clients[queue]

    def send(self, queue: str, message: dict[str, Any], *, delay: timedelta = timedelta(0)) -> None:
        """Sends a work message, which never expires.

        Args:
            queue: name of the queue; it is created if it does not exist.
            message: the fields as JSON types. Where the body is too large for a queue, its item, or all that it says of
                a collection, goes to the container `payloads` and the message names it by `href`.
            delay: how long the message stays invisible, up to 7 days.

        Raises:
            BadMessage: it is too large, and nothing of it can be kept apart.
            azure.core.exceptions.AzureError: the storage could not be reached or refused.
        """
        self._put(queue, self.fitted(queue, message), delay=min(delay, MAX_VISIBILITY_DELAY), life=NEVER_EXPIRES)

    def fitted(self, queue: str, message: dict[str, Any]) -> bytes:
        """Returns a work message as it is sent: one that is too large with what it says kept apart.

        Args:
            queue: name of the queue it is for.
            message: the fields as JSON types.

        Raises:
            BadMessage: it is too large, and nothing of it can be kept apart.
            azure.core.exceptions.AzureError: the storage could not be reached or refused.
        """
        body = write_json(message)
        if len(body) <= MAX_BODY_BYTES:
            return body
        kept, apart = split_message(queue, message)
        if apart is None or len(write_json(kept)) > MAX_FIELDS_BYTES:
            raise BadMessage(f"The message has {len(body):,} bytes and does not fit a queue; shorten its fields.")
        return write_json({**kept, "href": self._payloads.store(write_json(apart))})

    def send_result(self, result: Result) -> None:
        """Announces an outcome on the results queue, where it stays for 7 days.

        Raises:
            azure.core.exceptions.AzureError: the storage could not be reached or refused.
        """
        if self._results_queue:
            body = write_json(result.model_dump(mode="json"))
            self._put(self._results_queue, body, delay=timedelta(0), life=int(RESULT_LIFE.total_seconds()))
        telemetry.count_outcome(
            result.outcome.value,
            collection=result.collection,
            operation_id=result.operation_id,
            error_code=result.error_code,
        )

    def _put(self, queue: str, body: bytes, *, delay: timedelta, life: int) -> None:
        text = base64.b64encode(body).decode("ascii")
        client = self.client(queue)
        seconds = round(delay.total_seconds())
        try:
            client.send_message(text, visibility_timeout=seconds or None, time_to_live=life)
        except ResourceNotFoundError:
            create_queue(client)
            client.send_message(text, visibility_timeout=seconds or None, time_to_live=life)


def create_queue(client: QueueClient) -> None:
    """Creates a queue that may exist already."""
    try:
        client.create_queue()
    except ResourceExistsError:
        return  # the SDK raises this for 204 too: the queue is there, which is all that is wanted
