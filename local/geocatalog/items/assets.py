"""Reading what an href points to, as the service does: with the matching source, an own signature, or openly."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import requests
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from local.geocatalog.behavior import Behavior
from local.geocatalog.errors import IngestionError, IngestionErrorCode
from local.geocatalog.ingestions.sources import Source, SourceKind, Sources, container_key
from local.geocatalog.storage.storage import ManagedStorage

# How long connecting to a host may take, in seconds.
_CONNECT_SECONDS = 5

# How much of an asset is held in memory at a time.
_CHUNK_BYTES = 1 << 20

# Connections kept open per host: as many as assets are read at a time.
_POOL_SIZE = 16

# Answers that mean a host was busy or broken, not that the asset is at fault.
_FORBIDDEN = frozenset({401, 403})

# What storage says instead of "forbidden" to a reader it does not know.
_HIDDEN_CODES = frozenset(
    {"ResourceNotFound", "PublicAccessNotPermitted", "NoAuthenticationInformation", "AuthorizationFailure"}
)

# Azurite's own setting for its accounts, `name:key;name:key`; the emulated identity may read these.
ACCOUNTS_SETTING = "AZURITE_ACCOUNTS"


class AssetReader:
    """Reads assets and catalogues over HTTP.

    Args:
        sources: The registered sources, asked at the time of each reading.
        storage: Managed storage, which nothing is ingested from.
        behavior: Says how long a host may stay silent.
        identities: Object ids of the GeoCatalog's managed identities.
    """

    def __init__(self, sources: Sources, storage: ManagedStorage, behavior: Behavior, identities: list[str]) -> None:
        self._sources = sources
        self._storage = storage
        self._behavior = behavior
        self._identities = identities
        self._session = requests.Session()
        # Neither proxies nor .netrc: what is read on one machine must not depend on who runs it.
        self._session.trust_env = False
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=_POOL_SIZE)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    @contextmanager
    def open(self, href: str) -> Iterator[Iterator[bytes]]:
        """Open an asset.

        Args:
            href: Its absolute address.

        Yields:
            Its content in pieces; there is at least one.

        Raises:
            IngestionError: It cannot be read, or is empty.
        """
        if self._storage.owns(href):
            raise public_access_restricted(href)
        has_signature = "sig" in parse_qs(urlsplit(href).query)
        source = None if has_signature else self._sources.match(href)
        url = href if source is None else self._signed(href, source)
        is_signed = has_signature or source is not None
        timeout = (_CONNECT_SECONDS, self._behavior.settings.asset_timeout_seconds)
        try:
            with self._session.get(url, stream=True, timeout=timeout) as response:
                _check(response, href, is_signed=is_signed)
                pieces = response.iter_content(_CHUNK_BYTES)
                first = next(pieces, b"")
                if not first:
                    raise _failure(IngestionErrorCode.EMPTY_ASSET, "The asset is empty.", href)
                yield _chain(first, pieces)
        except requests.Timeout:
            raise _failure(
                IngestionErrorCode.INGESTION_RESOURCE_TIMEOUT, "The host did not answer in time.", href
            ) from None
        except requests.RequestException:
            raise _failure(
                IngestionErrorCode.INGESTION_RESOURCE_CONNECTION_FAILED, "The connection failed.", href
            ) from None

    def read(self, href: str) -> bytes:
        """Read a whole asset.

        Raises:
            IngestionError: It cannot be read, or is empty.
        """
        with self.open(href) as pieces:
            return b"".join(pieces)

    def _signed(self, href: str, source: Source) -> str:
        is_sas = source.kind is SourceKind.SAS_TOKEN
        token = source.sas_token if is_sas else self._identity_token(href, source)
        separator = "&" if urlsplit(href).query else "?"
        return f"{href}{separator}{token}"

    def _identity_token(self, href: str, source: Source) -> str:
        if source.object_id not in self._identities:
            raise _failure(
                IngestionErrorCode.MANAGED_IDENTITY_INFO_NOT_FOUND,
                f"The GeoCatalog has no managed identity '{source.object_id}'.",
                href,
            )
        account, container = _account_and_container(source.container_url)
        key = azurite_accounts().get(account)
        if key is None:
            raise _failure(
                IngestionErrorCode.INGESTION_AUTHENTICATION_FAILED,
                f"The managed identity may not read the storage account '{account}'.",
                href,
            )
        return generate_container_sas(
            account,
            container,
            account_key=key,
            permission=ContainerSasPermissions(read=True, list=True),
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )


def azurite_accounts() -> dict[str, str]:
    """Give the accounts of the setting `AZURITE_ACCOUNTS`, names to keys."""
    accounts: dict[str, str] = {}
    for entry in os.environ.get(ACCOUNTS_SETTING, "").split(";"):
        name, _, keys = entry.strip().partition(":")
        if name and keys:
            accounts[name] = keys.split(":")[0]
    return accounts


def public_access_restricted(href: str) -> IngestionError:
    """Make the failure of reading a private container without a source."""
    return _failure(
        IngestionErrorCode.PUBLIC_ACCESS_RESTRICTED,
        "Error retrieving content from public source. Reason: Public access is not permitted on this storage account.",
        href,
    )


def _account_and_container(container_url: str) -> tuple[str, str]:
    parts = urlsplit(container_key(container_url))
    path = parts.path.strip("/").split("/")
    if len(path) > 1:  # Azurite's path style: http://127.0.0.1:10000/account/container
        return path[0], path[1]
    return (parts.hostname or "").split(".")[0], path[0]


def _check(response: requests.Response, href: str, *, is_signed: bool) -> None:
    if response.ok:
        return
    status, code = response.status_code, response.headers.get("x-ms-error-code", "")
    if not is_signed and (status in _FORBIDDEN or code in _HIDDEN_CODES):
        raise public_access_restricted(href)
    if status in _FORBIDDEN:
        raise _failure(
            IngestionErrorCode.INGESTION_RESOURCE_FORBIDDEN,
            "Error retrieving content. Reason: The source refused the credentials of the ingestion source.",
            href,
        )
    if status in (404, 410):
        raise _failure(
            IngestionErrorCode.INGESTION_RESOURCE_URI_NOT_FOUND,
            "Error retrieving content. Reason: The resource was not found.",
            href,
        )
    raise _failure(
        IngestionErrorCode.GENERIC_HTTP_INGESTION_ERROR,
        f"Error retrieving content. Reason: The host answered with the status {status}.",
        href,
    )


def _failure(code: IngestionErrorCode, reason: str, href: str) -> IngestionError:
    # The service repeats the address in its messages; a signature in it is left out here.
    where = href.partition("?")[0]
    return IngestionError(code, f"Asset transformation exception. Reason: {reason} Source: {where}")


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
