"""The container `payloads`: bodies that do not fit a queue, kept under the hash of their content."""

import hashlib

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContentSettings

PAYLOADS = "payloads"
INCOMING = "incoming"


class Payloads:
    """Stores bodies in the container `payloads`.

    Args:
        service: client of the storage account's blobs.
    """

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service

    def store(self, body: bytes) -> str:
        """Stores a body once and returns its URL, which is the same for the same bytes.

        Raises:
            azure.core.exceptions.AzureError: the storage could not be reached or refused.
        """
        name = f"{hashlib.sha256(body).hexdigest()}.json"
        blob = self._service.get_blob_client(PAYLOADS, name)
        settings = ContentSettings(content_type="application/json")
        try:
            # Written anew even if it is there: the container's lifecycle rule counts from the last write.
            blob.upload_blob(body, overwrite=True, content_settings=settings)
        except ResourceNotFoundError:
            create_container(self._service, PAYLOADS)
            blob.upload_blob(body, overwrite=True, content_settings=settings)
        return str(blob.url)


def create_container(service: BlobServiceClient, name: str) -> None:
    """Creates a container that may exist already."""
    try:
        service.create_container(name)
    except ResourceExistsError:
        return
