"""Event Grid's part on one machine: puts an event on a queue for each blob that is written to a container.

Stands in for the system topic of a storage account and one event subscription with `Microsoft.Storage.BlobCreated`.
"""

import argparse
import base64
import contextlib
import json
import logging
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobProperties, BlobServiceClient, ContainerClient
from azure.storage.queue import QueueClient, QueueServiceClient
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from local.host.storage.errors import one_line
from local.stack.serve import HEALTH_ROUTE, serve

_NAME = "Event Grid stand-in"
_logger = logging.getLogger(_NAME)

_POLL_SECONDS = 0.5
# Azure waits 10 s, 30 s, 1 min and more; a developer does not want to.
_LONGEST_PAUSE = 5.0
_TIMEOUT_SECONDS = 30
# While many are delivered, the record is saved this often: a kill repeats no more than what was delivered since.
_SAVE_SECONDS = 1.0
_SCHEMA_VERSION = "1"
# As the subscription in infra/ has it: an event never expires.
_NEVER = -1


class DeliveredBlobs:
    """Which version of which blob has been delivered; kept in a file, so that a restart misses nothing."""

    def __init__(self, path: Path | None) -> None:
        """Read the file.

        Args:
            path: The file, which need not exist; None keeps the record in memory only.

        Raises:
            ValueError: The file is not such a record.
        """
        self._path = path
        self.etags: dict[str, str] = {}
        if path is not None and path.exists():
            document = json.loads(path.read_text(encoding="utf-8"))
            self.etags = {str(name): str(etag) for name, etag in dict(document).items()}

    def add(self, name: str, etag: str) -> None:
        """Record a delivery."""
        self.etags[name] = etag

    def keep_only(self, names: set[str]) -> bool:
        """Forget the blobs that are gone; returns whether there were any."""
        gone = self.etags.keys() - names
        for name in gone:
            del self.etags[name]
        return bool(gone)

    def save(self) -> None:
        """Replace the file in one step."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_name(self._path.name + ".new")
        scratch.write_text(json.dumps(self.etags), encoding="utf-8")
        scratch.replace(self._path)


class Subscription:
    """Delivers events to a storage queue, as Event Grid does: one event a message, as base64 of its JSON."""

    def __init__(self, queue: QueueClient, topic: str) -> None:
        self._queue = queue
        self._topic = topic

    def deliver(self, event: dict[str, Any]) -> None:
        """Put one event on the queue, where it stays until it is read.

        Raises:
            AzureError: The storage cannot be reached, or there is no such queue.
        """
        body = json.dumps({"topic": self._topic, **event}).encode()
        self._queue.send_message(base64.b64encode(body).decode(), time_to_live=_NEVER)


def make_event(event_type: str, subject: str, data: dict[str, Any], moment: datetime) -> dict[str, Any]:
    """An event in the Event Grid schema.

    Args:
        event_type: Such as `Microsoft.Storage.BlobCreated`.
        subject: What it is about.
        data: What is known of it.
        moment: When it happened.
    """
    return {
        "id": str(uuid.uuid4()),
        "eventType": event_type,
        "subject": subject,
        "eventTime": moment.isoformat(),
        "data": data,
        "dataVersion": "",
        "metadataVersion": _SCHEMA_VERSION,
    }


def blob_created(container_url: str, blob: BlobProperties) -> dict[str, Any]:
    """The event that a blob was written.

    Args:
        container_url: URL of the blob's container.
        blob: The blob, as the container lists it.
    """
    modified: datetime = blob.last_modified
    data = {
        "api": "PutBlob",
        "requestId": str(uuid.uuid4()),
        "eTag": blob.etag.strip('"'),
        "contentType": blob.content_settings.content_type,
        "contentLength": blob.size,
        "blobType": str(blob.blob_type.value),
        "url": f"{container_url}/{quote(blob.name)}",
        "sequencer": f"{int(modified.timestamp() * 1_000_000):032x}",
        "storageDiagnostics": {"batchId": str(uuid.uuid4())},
    }
    subject = f"/blobServices/default/containers/{blob.container}/blobs/{blob.name}"
    return make_event("Microsoft.Storage.BlobCreated", subject, data, modified)


class Watcher:
    """Looks at a container again and again, and delivers an event for each blob that is new or has changed."""

    def __init__(self, container: ContainerClient, subscription: Subscription, delivered: DeliveredBlobs) -> None:
        self._container = container
        self._subscription = subscription
        self._delivered = delivered
        self._pause = _POLL_SECONDS
        self._complaint = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the event that is being delivered."""
        self._stopping.set()
        self._thread.join(_TIMEOUT_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(self._pause):
            try:
                self._look()
                self._pause = _POLL_SECONDS
                self._complaint = ""
            except AzureError as error:
                self._complain(f"events cannot be delivered: {one_line(error)}")

    def _look(self) -> None:
        try:
            blobs = list(self._container.list_blobs())
        except ResourceNotFoundError:
            # Nothing has been written to a container that does not exist (yet).
            return
        changed = self._delivered.keep_only({blob.name for blob in blobs})
        saved = time.monotonic()
        try:
            for blob in self._undelivered(blobs):
                self._subscription.deliver(blob_created(self._container.url, blob))
                self._delivered.add(blob.name, blob.etag)
                changed = True
                if time.monotonic() - saved > _SAVE_SECONDS:
                    self._delivered.save()
                    saved = time.monotonic()
        finally:
            if changed:
                self._delivered.save()

    def _undelivered(self, blobs: list[BlobProperties]) -> Iterator[BlobProperties]:
        fresh = [blob for blob in blobs if self._delivered.etags.get(blob.name) != blob.etag]
        for blob in sorted(fresh, key=lambda blob: blob.last_modified):
            if self._stopping.is_set():
                return
            yield blob

    def _complain(self, sentence: str) -> None:
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        # Said once, not at each of the attempts that go on.
        if sentence != self._complaint:
            self._complaint = sentence
            _logger.warning("%s; trying again", sentence)


def create_app(watcher: Watcher) -> Starlette:
    """The Starlette app of the stand-in; it watches while it serves."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        watcher.start()
        yield
        await run_in_threadpool(watcher.stop)

    return Starlette(lifespan=lifespan, routes=[HEALTH_ROUTE])


def main() -> None:
    """Read the arguments, watch and serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m local.event_grid", description=__doc__)
    parser.add_argument("--storage", required=True, metavar="CONNECTION_STRING", help="the storage account")
    parser.add_argument("--container", default="incoming", help="the container to watch (default: incoming)")
    parser.add_argument("--queue", default="blob-events", help="where events are delivered (default: blob-events)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keeps what was delivered over a restart")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    logging.Formatter.converter = time.gmtime
    calls: dict[str, Any] = {"retry_total": 1, "connection_timeout": 5, "read_timeout": _TIMEOUT_SECONDS}
    try:
        blobs = BlobServiceClient.from_connection_string(arguments.storage, **calls)
        queues = QueueServiceClient.from_connection_string(arguments.storage, **calls)
    except ValueError as error:
        sys.exit(f"{_NAME}: --storage is no connection string: {error}")
    try:
        delivered = DeliveredBlobs(arguments.state)
    except (OSError, ValueError, TypeError) as error:
        sys.exit(f"{_NAME}: {arguments.state} cannot be read as a record of deliveries ({error}); remove it.")
    topic = f"/storageAccounts/{blobs.account_name}"
    subscription = Subscription(queues.get_queue_client(arguments.queue), topic)
    watcher = Watcher(blobs.get_container_client(arguments.container), subscription, delivered)
    serve(create_app(watcher), name=_NAME, host=arguments.host, port=arguments.port)


if __name__ == "__main__":
    main()
