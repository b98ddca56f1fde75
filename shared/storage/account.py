"""Clients of the ingestion storage, built from either form of INGEST_STORAGE over one pooled HTTP session."""

from dataclasses import dataclass
from typing import Any

import requests
from azure.core.credentials import TokenCredential
from azure.data.tables import TableServiceClient
from azure.storage import blob, queue
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from shared.basics import deadline
from shared.http.azure_transport import CONNECT_SECONDS, READ_SECONDS, azure_transport
from shared.http.sessions import PooledAdapter, pooled_session, use_proxies
from shared.settings import StorageConnection
from shared.storage.queue_models import complete_queue_models

# Files are read in pieces of this size, the first of which the SDK holds in memory whole (32 MiB otherwise).
_READ_BYTES = 1024 * 1024
_READ_OPTIONS: dict[str, Any] = {"max_single_get_size": _READ_BYTES, "max_chunk_get_size": _READ_BYTES}

# With these, the longest call ends in well under the call budget of a function (2 minutes): 3 tries of at most 20 s and
# waits of at most 3 s.
_CALL_OPTIONS: dict[str, Any] = {"connection_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
_RETRIES: dict[str, Any] = {"retry_total": 2, "initial_backoff": 0.4, "increment_base": 2, "random_jitter_range": 0.3}
_TABLE_OPTIONS: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.4, "retry_backoff_max": 3}


class _BoundedWait:
    """Waits between two tries no longer than the invocation has time."""

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        usual: float = super().get_backoff_time(settings)  # type: ignore[misc]  # of the class beside it
        return min(usual, deadline.remaining())


class _BlobRetry(_BoundedWait, blob.ExponentialRetry):
    pass


class _QueueRetry(_BoundedWait, queue.ExponentialRetry):
    pass


def blob_retries() -> blob.ExponentialRetry:
    """Return how a call to a blob service is repeated."""
    return _BlobRetry(**_RETRIES)


# A policy belongs to one client: azure-core links each policy to the next of its pipeline, so that requests of a client
# whose policy went into a second one too would leave through the second one's transport.
def _blob_options() -> dict[str, Any]:
    return {"retry_policy": blob_retries(), **_READ_OPTIONS}


def _queue_options() -> dict[str, Any]:
    return {"retry_policy": _QueueRetry(**_RETRIES)}


@dataclass(frozen=True)
class StorageClients:
    """The three service clients of the ingestion storage account."""

    queues: QueueServiceClient
    blobs: BlobServiceClient
    tables: TableServiceClient


def connect_storage(connection: StorageConnection, credential: TokenCredential | None) -> StorageClients:
    """Builds the clients; nothing is sent yet.

    Args:
        connection: the connection string, or one URI per service.
        credential: the identity to use with URIs; a connection string needs none.

    Raises:
        ValueError: the connection string is malformed (its text is not shown).
    """
    session = pooled_session(PooledAdapter())
    clients = clients_over(session, connection, credential)
    use_proxies(session, clients.queues.url, clients.blobs.url, clients.tables.url)
    return clients


def clients_over(
    session: requests.Session, connection: StorageConnection, credential: TokenCredential | None
) -> StorageClients:
    """Build the clients over a session of one's own; nothing is sent yet.

    Args:
        session: what sends their requests.
        connection: the connection string, or one URI per service.
        credential: the identity to use with URIs; a connection string needs none.

    Raises:
        ValueError: the connection string is malformed (its text is not shown).
    """
    complete_queue_models()

    def options(of_service: dict[str, Any]) -> dict[str, Any]:
        return {"transport": azure_transport(session), **_CALL_OPTIONS, **of_service}

    if connection.connection_string is not None:
        text = connection.connection_string
        try:
            return StorageClients(
                queues=QueueServiceClient.from_connection_string(text, **options(_queue_options())),
                blobs=BlobServiceClient.from_connection_string(text, **options(_blob_options())),
                tables=TableServiceClient.from_connection_string(text, **options(_TABLE_OPTIONS)),
            )
        except ValueError:
            raise ValueError("INGEST_STORAGE is not a connection string of a storage account") from None
    return StorageClients(
        queues=QueueServiceClient(str(connection.queue_uri), credential=credential, **options(_queue_options())),
        blobs=BlobServiceClient(
            str(connection.blob_uri),
            credential=credential,
            **options(_blob_options()),
        ),
        tables=TableServiceClient(endpoint=str(connection.table_uri), credential=credential, **options(_TABLE_OPTIONS)),
    )
