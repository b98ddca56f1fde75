"""The GeoCatalog's own managed storage: where ingested assets end up, and the SAS tokens that open them."""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import parse_qsl, quote, urlencode

import requests
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import (
    BlobServiceClient,
    ContainerSasPermissions,
    ContentSettings,
    generate_container_sas,
)

from local.geocatalog import timestamps
from local.geocatalog.storage.access_policies import AccessPolicies

# How long a call to storage may take, in seconds: connecting, and waiting for bytes.
_CONNECT_SECONDS = 5
_READ_SECONDS = 30

# What calls to storage raise when it cannot be reached or refuses them.
STORAGE_FAULTS = (AzureError, requests.RequestException)

# A token is valid from a little before it is made, so that a clock that is behind takes it.
_BACKDATE = timedelta(minutes=5)

# Names that stand in an address as they are.
_PLAIN = re.compile(r"[A-Za-z0-9\-_+,().;/]+")

# The order in which the service writes a token's parts.
_TOKEN_PARTS = ("st", "se", "sp", "sv", "sr", "si", "sig")


class ManagedStorage(Protocol):
    """What the emulator needs of managed storage. Calls that touch the network are made in threads."""

    def container_url(self, container: str) -> str:
        """Give a container's URL."""

    def owns(self, href: str) -> bool:
        """Tell whether an address lies in this storage."""

    def create_container(self, container: str) -> None:
        """Create a container."""

    def delete_container(self, container: str) -> None:
        """Delete a container; one that is not there is no fault."""

    def upload(self, container: str, blob: str, data: bytes | Iterator[bytes], media_type: str) -> None:
        """Write a blob, replacing one of this name."""

    def download(self, container: str, blob: str) -> bytes | None:
        """Give a blob's content, or None."""

    def delete_folder(self, container: str, folder: str) -> None:
        """Delete the blobs whose names start with the folder and a slash."""

    def token(self, container: str, minutes: int) -> tuple[str, datetime]:
        """Make a token to read and list a container, and give it with its expiry."""

    def revoke(self) -> None:
        """Close every token made so far."""


class AzureManagedStorage:
    """Managed storage in a storage account of Azurite.

    Tokens name a stored access policy. Revoking removes the policies, so that the storage itself refuses them.

    Args:
        connection_string: Of the storage account; it must hold the account's key.

    Raises:
        ValueError: The connection string is not one, or holds no key.
    """

    def __init__(self, connection_string: str) -> None:
        self._client = BlobServiceClient.from_connection_string(
            connection_string,
            connection_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retry_total=2,
            retry_backoff_factor=0.2,
        )
        credential = self._client.credential
        self._key = getattr(credential, "account_key", None)
        if self._key is None:
            raise ValueError("it holds no AccountKey")
        self._account = credential.account_name
        self._endpoint = self._client.url.rstrip("/")
        self._prefix = f"{self._endpoint.lower()}/"
        self._policies = AccessPolicies(self._endpoint, self._account, self._key)

    def container_url(self, container: str) -> str:
        """Give a container's URL."""
        return f"{self._endpoint}/{container}"

    def owns(self, href: str) -> bool:
        """Tell whether an address lies in this storage."""
        return href.lower().startswith(self._prefix)

    def create_container(self, container: str) -> None:
        """Create a container."""
        self._client.create_container(container)

    def delete_container(self, container: str) -> None:
        """Delete a container; one that is not there is no fault."""
        self._policies.forget(container)
        try:
            self._client.delete_container(container)
        except ResourceNotFoundError:
            return

    def upload(self, container: str, blob: str, data: bytes | Iterator[bytes], media_type: str) -> None:
        """Write a blob, replacing one of this name."""
        self._client.get_blob_client(container, blob).upload_blob(
            data, overwrite=True, content_settings=ContentSettings(content_type=media_type)
        )

    def download(self, container: str, blob: str) -> bytes | None:
        """Give a blob's content, or None."""
        try:
            return self._client.get_blob_client(container, blob).download_blob().readall()
        except ResourceNotFoundError:
            return None

    def delete_folder(self, container: str, folder: str) -> None:
        """Delete the blobs whose names start with the folder and a slash."""
        client = self._client.get_container_client(container)
        try:
            names = list(client.list_blob_names(name_starts_with=f"{folder}/"))
            for name in names:
                client.delete_blob(name)
        except ResourceNotFoundError:
            return

    def token(self, container: str, minutes: int) -> tuple[str, datetime]:
        """Make a token to read and list a container, and give it with its expiry."""
        start, wanted = _validity(minutes)
        policy, expiry = self._policies.policy_until(container, wanted)
        token = generate_container_sas(
            self._account,
            container,
            account_key=self._key,
            permission=ContainerSasPermissions(read=True, list=True),
            start=start,
            expiry=expiry,
            policy_id=policy,
        )
        return _ordered(token), expiry

    def revoke(self) -> None:
        """Close every token made so far."""
        self._policies.remove_all()


class ImaginaryManagedStorage:
    """Managed storage that exists in addresses only, for `--assets trust` without a storage account.

    Collection assets, which are uploaded in requests, are kept in memory; tokens open nothing.
    """

    _ENDPOINT = "https://managedstorage.blob.core.windows.net"

    def __init__(self) -> None:
        self._blobs: dict[tuple[str, str], bytes] = {}

    def container_url(self, container: str) -> str:
        """Give the URL a container would have."""
        return f"{self._ENDPOINT}/{container}"

    def owns(self, href: str) -> bool:
        """Tell whether an address lies in this storage."""
        return href.lower().startswith(f"{self._ENDPOINT}/")

    def create_container(self, container: str) -> None:
        """Do nothing: containers need no making here."""

    def delete_container(self, container: str) -> None:
        """Forget a container's blobs."""
        for key in [key for key in self._blobs if key[0] == container]:
            del self._blobs[key]

    def upload(self, container: str, blob: str, data: bytes | Iterator[bytes], media_type: str) -> None:  # noqa: ARG002
        """Keep a blob in memory."""
        self._blobs[container, blob] = data if isinstance(data, bytes) else b"".join(data)

    def download(self, container: str, blob: str) -> bytes | None:
        """Give a blob's content, or None."""
        return self._blobs.get((container, blob))

    def delete_folder(self, container: str, folder: str) -> None:
        """Forget the blobs whose names start with the folder and a slash."""
        for key in [key for key in self._blobs if key[0] == container and key[1].startswith(f"{folder}/")]:
            del self._blobs[key]

    def token(self, container: str, minutes: int) -> tuple[str, datetime]:
        """Make a token of the right form."""
        start, expiry = _validity(minutes)
        parts = {
            "st": timestamps.seconds_only(start),
            "se": timestamps.seconds_only(expiry),
            "sp": "rl",
            "sv": "2025-07-05",
            "sr": "c",
            "sig": uuid.uuid5(uuid.NAMESPACE_URL, f"{container}/{expiry}").hex,
        }
        return urlencode(parts), expiry

    def revoke(self) -> None:
        """Do nothing: the tokens never opened anything."""


def blob_url(storage: ManagedStorage, container: str, blob: str) -> str:
    """Give the address of a blob of managed storage."""
    return f"{storage.container_url(container)}/{blob if _PLAIN.fullmatch(blob) else quote(blob)}"


def _validity(minutes: int) -> tuple[datetime, datetime]:
    now = datetime.now(UTC).replace(microsecond=0)
    return now - _BACKDATE, now + timedelta(minutes=minutes)


def _ordered(token: str) -> str:
    parts = dict(parse_qsl(token, keep_blank_values=True))
    names = [*(name for name in _TOKEN_PARTS if name in parts), *(set(parts) - set(_TOKEN_PARTS))]
    return urlencode({name: parts[name] for name in names}, quote_via=quote)
