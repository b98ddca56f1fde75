"""The blobs in which hosts of one app keep their locks and timer records."""

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

_CONTAINER = "azure-webjobs-hosts"


class HostBlob:
    """One small text blob of the host; its container is created with the first one that is written."""

    def __init__(self, service: BlobServiceClient, path: str) -> None:
        self.path = path
        self.client = service.get_blob_client(_CONTAINER, path)
        self._container = service.get_container_client(_CONTAINER)

    def read(self) -> str | None:
        """The content, or None if the blob is not there."""
        try:
            return self.client.download_blob(encoding="utf-8").readall()
        except ResourceNotFoundError:
            return None

    def write(self, text: str) -> None:
        """Create or replace the blob."""
        try:
            self.client.upload_blob(text.encode(), overwrite=True)
        except ResourceNotFoundError:
            self._create_container()
            self.client.upload_blob(text.encode(), overwrite=True)

    def create_empty(self) -> None:
        """Create the blob; one that is there stays as it is."""
        self._create_container()
        try:
            self.client.upload_blob(b"", overwrite=False)
        except ResourceExistsError:
            # Another host was quicker.
            return

    def _create_container(self) -> None:
        try:
            self._container.create_container()
        except ResourceExistsError:
            return


def lock_blob(service: BlobServiceClient, host_id: str, function: str) -> HostBlob:
    """The blob whose lease is the lock of a function's listener."""
    return HostBlob(service, f"locks/{host_id}/{function}.Listener")


def timer_status_blob(service: BlobServiceClient, host_id: str, function: str) -> HostBlob:
    """The blob that holds when a timer ran last and is due next."""
    return HostBlob(service, f"timers/{host_id}/{function}/status")
