"""Signing addresses of managed storage."""

from dataclasses import dataclass
from typing import Any

from local.geocatalog.collections.collections import Collections
from local.geocatalog.errors import bad_request
from local.geocatalog.storage.storage import ManagedStorage
from local.geocatalog.threads import Threads

# The service's tokens live about a day where no duration is asked for.
DEFAULT_MINUTES = 24 * 60

# No upper limit is published; more digits would not fit a date.
_MAX_MINUTES_DIGITS = 8


@dataclass(slots=True)
class SignedAddress:
    """An address, and until when it opens; `expiry` is None where it was not signed."""

    href: str
    expiry: str | None


class Signer:
    """Makes tokens and signed addresses.

    Args:
        collections: Whose containers there are.
        storage: Managed storage.
        threads: Where tokens are made, since storage may have to be asked.
    """

    def __init__(self, collections: Collections, storage: ManagedStorage, threads: Threads) -> None:
        self._threads = threads
        self._collections = collections
        self._storage = storage

    async def token(self, collection_id: str, minutes: int) -> tuple[str, str]:
        """Make a token of a collection's container.

        Args:
            collection_id: The collection.
            minutes: How long it is valid.

        Returns:
            The token and its expiry.

        Raises:
            RequestError: 404.
        """
        container = self._collections.get(collection_id).container
        token, expiry = await self._threads.run(self._storage.token, container, minutes)
        return token, expiry.strftime("%Y-%m-%dT%H:%M:%SZ")

    async def sign(self, href: str, minutes: int) -> SignedAddress:
        """Sign an address; one that is not in managed storage comes back as it is."""
        address = href.partition("?")[0]
        owner = self._collections.container_owner(address, self._storage.container_url)
        if owner is None:
            return SignedAddress(href, None)
        token, expiry = await self._threads.run(self._storage.token, owner.container, minutes)
        return SignedAddress(f"{address}?{token}", expiry.strftime("%Y-%m-%dT%H:%M:%SZ"))

    async def sign_assets(self, documents: list[dict[str, Any]], collection_ids: list[str], minutes: int) -> None:
        """Sign the assets of items or collections in place, with one token per container.

        Args:
            documents: Items or collections.
            collection_ids: The collection of each.
            minutes: How long the tokens are valid.
        """
        tokens: dict[str, str] = {}
        for document, collection_id in zip(documents, collection_ids, strict=True):
            if not self._collections.has(collection_id) or not isinstance(document.get("assets"), dict):
                continue
            container = self._collections.get(collection_id).container
            if container not in tokens:
                tokens[container], _ = await self._threads.run(self._storage.token, container, minutes)
            prefix = f"{self._storage.container_url(container)}/"
            document["assets"] = {
                key: _signed(asset, prefix, tokens[container]) for key, asset in document["assets"].items()
            }


def _signed(asset: dict[str, Any], prefix: str, token: str) -> dict[str, Any]:
    href = str(asset.get("href", ""))
    return {**asset, "href": f"{href}?{token}"} if href.startswith(prefix) else asset


def parse_minutes(text: str | None) -> int:
    """Read the query parameter `duration`.

    Raises:
        RequestError: 400.
    """
    if text is None:
        return DEFAULT_MINUTES
    if not text.isascii() or not text.isdigit() or not 0 < len(text) <= _MAX_MINUTES_DIGITS or int(text) == 0:
        raise bad_request("The query parameter 'duration' must be a positive number of minutes.")
    return int(text)


def parse_sign(text: str | None) -> bool:
    """Read the query parameter `sign`.

    Raises:
        RequestError: 400.
    """
    if text is None or text.lower() == "false":
        return False
    if text.lower() == "true":
        return True
    raise bad_request("The query parameter 'sign' must be 'true' or 'false'.")
