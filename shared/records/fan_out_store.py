"""How far the fan-out of a file has come, kept in container `payloads` and removed by its lifecycle rule."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from shared.basics.errors import Unavailable
from shared.basics.json_codec import write_json
from shared.storage.payloads import PAYLOADS, create_container

T = TypeVar("T")

_FOLDER = "fan-out"


@dataclass(frozen=True)
class Progress:
    """How far the items of a file were sent.

    Attributes:
        sent: how many of its entries.
        position: the byte after the last of them, where the file has one item a line.
        etag: version of the record; empty where there is none yet.
    """

    sent: int = 0
    position: int | None = None
    etag: str = ""


class FanOutStore:
    """Keeps the progress of one file, under a name that is the same each time its message is given.

    Args:
        blobs: client of the storage account's blobs.
        name: tells the file and what is to be done with it from others.
    """

    def __init__(self, blobs: BlobServiceClient, name: str) -> None:
        self._blobs = blobs
        self._record = blobs.get_blob_client(PAYLOADS, f"{_FOLDER}/{name}.json")

    def read(self) -> Progress:
        """Returns how far the file was sent.

        Raises:
            azure.core.exceptions.AzureError: the storage could not be reached.
        """
        try:
            download = self._record.download_blob(max_concurrency=1)
        except ResourceNotFoundError:
            return Progress()
        return Progress(**json.loads(download.readall()), etag=str(download.properties.etag))

    def write(self, progress: Progress) -> Progress:
        """Writes how far the file was sent; returns it with its new version.

        Raises:
            Unavailable: another run of the same message wrote meanwhile; this one is to look again later.
            azure.core.exceptions.AzureError: the storage could not be reached.
        """
        content = write_json({"sent": progress.sent, "position": progress.position})
        condition = (
            {"overwrite": True, "etag": progress.etag, "match_condition": MatchConditions.IfNotModified}
            if progress.etag
            else {"overwrite": False}
        )
        try:
            made = self._in_container(lambda: self._record.upload_blob(content, **condition))
        except (ResourceExistsError, ResourceModifiedError):
            raise Unavailable("Another run of this message sends the items of the same file.") from None
        return replace(progress, etag=str(made["etag"]))

    def _in_container(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except ResourceNotFoundError:
            create_container(self._blobs, PAYLOADS)
        return call()
