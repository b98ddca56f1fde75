"""Events of Event Grid about blobs, in both of its schemas, each made new by each call."""

from typing import Any
from urllib.parse import quote

BLOB_CREATED = "Microsoft.Storage.BlobCreated"
# Another account than the tests': whose blob it is, the app does not read.
ENDPOINT = "https://ours.blob.core.windows.net"


def event_grid_event(
    name: str, container: str = "incoming", kind: str = BLOB_CREATED, **changes: Any
) -> dict[str, Any]:
    """Make an event in Event Grid's own schema; `changes` replace its top-level fields."""
    return {
        "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/ours",
        "subject": f"/blobServices/default/containers/{container}/blobs/{name}",
        "eventType": kind,
        "eventTime": "2026-04-16T10:00:00.1234567Z",
        "id": "831e1650-001e-001b-66ab-eeb76e069631",
        "data": _data(name, container),
        "dataVersion": "",
        "metadataVersion": "1",
        **changes,
    }


def cloud_event(name: str, container: str = "incoming", kind: str = BLOB_CREATED, **changes: Any) -> dict[str, Any]:
    """Make a CloudEvent 1.0; `changes` replace its top-level fields."""
    return {
        "specversion": "1.0",
        "source": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/ours",
        "subject": f"/blobServices/default/containers/{container}/blobs/{name}",
        "type": kind,
        "time": "2026-04-16T10:00:00.1234567Z",
        "id": "831e1650-001e-001b-66ab-eeb76e069631",
        "data": _data(name, container),
        **changes,
    }


def _data(name: str, container: str) -> dict[str, Any]:
    return {
        "api": "PutBlob",
        "requestId": "831e1650-001e-001b-66ab-eeb76e000000",
        "eTag": "0x8D4BCC2E4835CD0",
        "contentType": "application/json",
        "contentLength": 524,
        "blobType": "BlockBlob",
        "url": f"{ENDPOINT}/{container}/{quote(name)}",
        "sequencer": "00000000000004420000000000028963",
        "storageDiagnostics": {"batchId": "b68529f3-68cd-4744-baa4-3c0498ec19f0"},
    }
