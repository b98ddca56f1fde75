"""Blob triggers with Event Grid as their source: events go to a queue of the host, from which functions run."""

import codecs
import concurrent.futures
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobProperties, BlobServiceClient
from azure.storage.queue import QueueClient, QueueMessage

from local.host.functions import BlobTrigger, DataType, Function
from local.host.host_json import BlobOptions
from local.host.trigger_data import apply_body_members
from local.host.worker_process import Invocation, Metadata

_logger = logging.getLogger("Host.Blobs")

POISON_QUEUE = "webjobs-blobtrigger-poison"
_MOST_AT_ONCE = 32
_PARAMETER = re.compile(r"\{(\w+)\}")

# .NET's reader of text recognises these marks; without one it reads UTF-8.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class BlobFunction:
    """A blob-triggered function with what it needs at run time.

    Attributes:
        function: The function.
        trigger: Its trigger, with the path's settings resolved.
        blobs: Client for the account of its connection.
        poison_queue: Where messages about blobs it fails on end.
    """

    function: Function
    trigger: BlobTrigger
    blobs: BlobServiceClient
    poison_queue: QueueClient


def internal_queue_name(host_id: str) -> str:
    """The queue on which the hosts of one app keep the events of all blob functions."""
    return f"azure-webjobs-blobtrigger-{host_id}"


def concurrency(options: BlobOptions) -> tuple[int, int]:
    """Batch size and new-batch threshold of the internal queue's listener."""
    most = options.max_degree_of_parallelism
    batch_size = min(_MOST_AT_ONCE, most // 2 + 1)
    return batch_size, max(0, most - batch_size)


class BlobRunner:
    """Runs functions for the messages of the internal queue."""

    def __init__(
        self,
        functions: dict[str, BlobFunction],
        fallback_poison_queue: QueueClient,
        run: Callable[[Invocation], "concurrent.futures.Future[bool]"],
    ) -> None:
        """Make a runner.

        Args:
            functions: The functions by full name.
            fallback_poison_queue: Poison queue of messages that name no function.
            run: Starts an invocation.
        """
        self._functions = functions
        self._fallback_poison_queue = fallback_poison_queue
        self._run = run

    def process(self, message: QueueMessage, body: bytes) -> "concurrent.futures.Future[bool]":
        """Start the function that a message is for; one for an unknown function or a deleted blob is dropped.

        Raises:
            ValueError: The message cannot be read.
        """
        document = json.loads(body)
        found = self._functions.get(document["FunctionId"])
        if found is None:
            _logger.warning("Message %s is for the function %s, which is unknown.", message.id, document["FunctionId"])
            return _dropped()
        blob = found.blobs.get_blob_client(document["ContainerName"], document["BlobName"])
        invocation = blob_invocation(found, blob, f"New blob detected(EventGrid): {document['BlobName']}")
        if invocation is None:
            _logger.info("Blob %s is gone; message %s is dropped.", document["BlobName"], message.id)
            return _dropped()
        return self._run(invocation)

    def poison_queue(self, body: bytes | None) -> QueueClient:
        """The poison queue for a message: in the account of the blob where that is known."""
        try:
            found = self._functions.get(json.loads(body or b"")["FunctionId"])
        except (ValueError, KeyError, TypeError):
            found = None
        return found.poison_queue if found else self._fallback_poison_queue


def blob_invocation(found: BlobFunction, blob: BlobClient, reason: str) -> Invocation | None:
    """Read a blob and make the invocation of a function for it; None if the blob is gone."""
    try:
        download = blob.download_blob()
        content = download.readall()
    except ResourceNotFoundError:
        return None
    path = f"{blob.container_name}/{blob.blob_name}"
    metadata: Metadata = {
        "BlobTrigger": ("string", path),
        "Uri": ("json", json.dumps(blob.url)),
        "Properties": ("json", json.dumps(_properties(download.properties))),
        "Metadata": ("json", json.dumps(download.properties.metadata or {})),
    }
    for name, value in path_parameters(found.trigger.path, path).items():
        metadata[name] = ("string", value)
    if found.trigger.data_type is DataType.BINARY:
        return Invocation(found.function, "bytes", content, metadata, reason)
    text = _decode(content)
    apply_body_members(metadata, text)
    return Invocation(found.function, "string", text.encode(), metadata, reason)


def path_parameters(pattern: str, path: str) -> dict[str, str]:
    """The values of a pattern's parameters, such as `{"name": "a.json"}` for `incoming/{name}`."""
    parts = _PARAMETER.split(pattern)
    expression = "".join(re.escape(part) if index % 2 == 0 else f"(?P<{part}>.+)" for index, part in enumerate(parts))
    match = re.fullmatch(expression, path, flags=re.DOTALL)
    return match.groupdict() if match else {}


def _dropped() -> "concurrent.futures.Future[bool]":
    future: concurrent.futures.Future[bool] = concurrent.futures.Future()
    future.set_result(True)
    return future


def _decode(content: bytes) -> str:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8")
    return content.decode(encoding, errors="replace")


def _properties(properties: BlobProperties) -> dict[str, Any]:
    settings = properties.content_settings
    return {
        "LastModified": properties.last_modified.isoformat(),
        "CreatedOn": properties.creation_time.isoformat() if properties.creation_time else None,
        "ContentLength": properties.size,
        "ContentType": settings.content_type,
        "ContentEncoding": settings.content_encoding,
        "ContentLanguage": settings.content_language,
        "ContentDisposition": settings.content_disposition,
        "CacheControl": settings.cache_control,
        "ETag": properties.etag,
    }
