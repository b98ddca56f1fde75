"""Collections: their documents, their managed assets, their place in managed storage."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from local.geocatalog import timestamps
from local.geocatalog.collections.configurations import Configuration
from local.geocatalog.errors import bad_request, not_found

# Links that the service writes itself, whatever a document says.
_OWN_LINKS = frozenset({"items", "parent", "root", "self", "http://www.opengis.net/def/rel/ogc/1.0/queryables"})


@dataclass(slots=True)
class CollectionAsset:
    """A file of the collection: what it shows in `assets`, and the name of its blob."""

    document: dict[str, Any]
    blob: str


@dataclass(slots=True)
class Collection:
    """One collection; the document is kept without the service's links, assets and times."""

    document: dict[str, Any]
    configuration: Configuration
    container: str
    created: int = field(default_factory=timestamps.now)
    updated: int = field(default_factory=timestamps.now)
    assets: dict[str, CollectionAsset] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The collection's id."""
        return str(self.document["id"])

    def touch(self) -> None:
        """Note that the collection was changed."""
        self.updated = timestamps.now()

    def to_dict(self, origin: str) -> dict[str, Any]:
        """Give the collection as the service shows it.

        Args:
            origin: The address the client used.

        Returns:
            The document, unsigned.
        """
        root = f"{origin}/stac"
        here = f"{root}/collections/{self.id}"
        links = [
            {"rel": "items", "type": "application/geo+json", "href": f"{here}/items"},
            {"rel": "parent", "type": "application/json", "href": f"{root}/"},
            {"rel": "root", "type": "application/json", "href": f"{root}/"},
            {"rel": "self", "type": "application/json", "href": here},
            {
                "rel": "http://www.opengis.net/def/rel/ogc/1.0/queryables",
                "type": "application/schema+json",
                "title": "Queryables",
                "href": f"{here}/queryables",
            },
            *self.document["links"],
        ]
        document = {
            **self.document,
            "links": links,
            "msft:_created": timestamps.six_digits(self.created),
            "msft:_updated": timestamps.six_digits(self.updated),
        }
        if self.assets:
            document["assets"] = {key: asset.document for key, asset in self.assets.items()}
        return document


class Collections:
    """All collections, by id."""

    def __init__(self) -> None:
        self._by_id: dict[str, Collection] = {}
        self._deleted: dict[str, int] = {}
        self._coming: set[str] = set()

    def list(self) -> list[Collection]:
        """Give all collections, in the order they were made."""
        return [*self._by_id.values()]

    def has(self, collection_id: str) -> bool:
        """Tell whether a collection is there."""
        return collection_id in self._by_id

    def is_taken(self, collection_id: str) -> bool:
        """Tell whether a collection is there or being made."""
        return collection_id in self._by_id or collection_id in self._coming

    @contextmanager
    def making(self, collection_id: str) -> Iterator[None]:
        """Take an id while its collection is made."""
        self._coming.add(collection_id)
        try:
            yield
        finally:
            self._coming.discard(collection_id)

    def is_current(self, collection: Collection) -> bool:
        """Tell whether this very collection is there: not deleted, and no later one of its id."""
        return self._by_id.get(collection.id) is collection

    def get(self, collection_id: str) -> Collection:
        """Give one collection.

        Raises:
            RequestError: 404.
        """
        collection = self._by_id.get(collection_id)
        if collection is None:
            raise not_found(f"Collection '{collection_id}' not found. Please verify the collection ID and try again.")
        return collection

    def put(self, collection: Collection) -> None:
        """Add a collection."""
        self._by_id[collection.id] = collection

    def remove(self, collection_id: str) -> None:
        """Remove a collection and note when."""
        del self._by_id[collection_id]
        self._deleted[collection_id] = timestamps.now()

    def seconds_since_delete(self, collection_id: str) -> float | None:
        """Give how long ago a collection of this id was deleted, or None."""
        deleted = self._deleted.get(collection_id)
        return None if deleted is None else (timestamps.now() - deleted) / 1_000_000_000

    def container_owner(self, href: str, container_url_of: Callable[[str], str]) -> Collection | None:
        """Give the collection in whose container an address lies, or None."""
        for collection in self._by_id.values():
            if href.startswith(f"{container_url_of(collection.container)}/"):
                return collection
        return None


def new_container_name(collection_id: str) -> str:
    """Make the name of a collection's container: its id, as far as containers can spell it, and 8 hex digits."""
    # Container names: 3 to 63 of a-z, 0-9 and single hyphens (Azure Storage naming rules).
    letters = "".join(one if one.isascii() and one.isalnum() else "-" for one in collection_id.lower())
    words = "-".join(word for word in letters.split("-") if word)[:50].strip("-") or "collection"
    return f"{words}-{uuid.uuid4().hex[:8]}"


def stored_document(body: dict[str, Any]) -> dict[str, Any]:
    """Give what is kept of a posted collection: everything but what the service writes itself."""
    links = [link for link in body["links"] if not _is_own_link(link)]
    skipped = ("assets", "links", "msft:_created", "msft:_updated")
    return {**{key: value for key, value in body.items() if key not in skipped}, "links": links}


def _is_own_link(link: object) -> bool:
    return not isinstance(link, dict) or link.get("rel") in _OWN_LINKS


def check_assets_for_create(body: dict[str, Any]) -> None:
    """Refuse assets in a new collection: they have a route of their own.

    Raises:
        RequestError: 400.
    """
    if body.get("assets"):
        raise bad_request(
            "Collection assets are not supported when creating a collection. Please remove the 'assets' field and "
            "add the assets using the Collection Asset API."
        )


def check_assets_for_replace(collection: Collection, body: dict[str, Any]) -> None:
    """Check that a replacement repeats the managed assets, and no others.

    Raises:
        RequestError: 400.
    """
    echoed = body.get("assets") or {}
    if not isinstance(echoed, dict):
        raise bad_request("The field 'assets' must be an object.")
    missing = sorted(set(collection.assets) - set(echoed))
    if missing:
        raise bad_request(
            f"The collection assets {', '.join(missing)} are missing. Collection assets must be removed using the "
            "Collection Asset API."
        )
    unknown = sorted(set(echoed) - set(collection.assets))
    if unknown:
        raise bad_request(
            f"The collection assets {', '.join(unknown)} are not known. Collection assets must be added using the "
            "Collection Asset API."
        )


def asset_blob_name(key: str, file_name: str) -> str:
    """Give the blob name of a collection asset: its key's folder, then the name of the uploaded file."""
    name = PurePosixPath(file_name.replace("\\", "/")).name or "file"
    return f"collection-assets/{key}/{name}"
