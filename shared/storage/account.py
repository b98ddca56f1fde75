"""Clients of the ingestion storage, built from either form of INGEST_STORAGE over one pooled HTTP session."""

from dataclasses import dataclass
from typing import Any

import requests
from azure.core.credentials import TokenCredential
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from shared.http.sessions import PooledAdapter, certificates, pooled_session, use_proxies
from shared.settings import StorageConnection
from shared.storage.queue_models import complete_queue_models

# Files are read in pieces of this size, the first of which the SDK holds in memory whole (32 MiB otherwise).
_READ_BYTES = 1024 * 1024
_READ_OPTIONS: dict[str, Any] = {"max_single_get_size": _READ_BYTES, "max_chunk_get_size": _READ_BYTES}

# A storage call either answers within a second or is in trouble. With these, the longest call ends in well under the
# call budget of a function (2 minutes): 3 tries of at most 20 s and waits of at most 3 s.
_CALL_OPTIONS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 20}
_RETRY_OPTIONS: dict[str, Any] = {
    "retry_total": 2,
    "initial_backoff": 0.4,
    "increment_base": 2,
    "random_jitter_range": 0.3,
}
_TABLE_RETRY_OPTIONS: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.4, "retry_backoff_max": 3}


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
    complete_queue_models()
    session = pooled_session(PooledAdapter())
    clients = _build(connection, credential, session)
    use_proxies(session, clients.queues.url, clients.blobs.url, clients.tables.url)
    return clients


def _build(
    connection: StorageConnection, credential: TokenCredential | None, session: requests.Session
) -> StorageClients:
    def options(retries: dict[str, Any]) -> dict[str, Any]:
        transport = RequestsTransport(
            session=session, session_owner=False, connection_verify=certificates(), **_CALL_OPTIONS
        )
        return {"transport": transport, **_CALL_OPTIONS, **retries}

    if connection.connection_string is not None:
        text = connection.connection_string
        try:
            return StorageClients(
                queues=QueueServiceClient.from_connection_string(text, **options(_RETRY_OPTIONS)),
                blobs=BlobServiceClient.from_connection_string(text, **options(_RETRY_OPTIONS | _READ_OPTIONS)),
                tables=TableServiceClient.from_connection_string(text, **options(_TABLE_RETRY_OPTIONS)),
            )
        except ValueError:
            raise ValueError("INGEST_STORAGE is not a connection string of a storage account") from None
    return StorageClients(
        queues=QueueServiceClient(str(connection.queue_uri), credential=credential, **options(_RETRY_OPTIONS)),
        blobs=BlobServiceClient(
            str(connection.blob_uri), credential=credential, **options(_RETRY_OPTIONS | _READ_OPTIONS)
        ),
        tables=TableServiceClient(
            endpoint=str(connection.table_uri), credential=credential, **options(_TABLE_RETRY_OPTIONS)
        ),
    )
