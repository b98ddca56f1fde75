"""The catalogue's content: collections, scenes and their items, and the container that holds their files."""

from typing import Any

from azure.storage.blob import ContainerClient

from local.basics.database import open_database
from local.basics.json_text import parse_json
from local.planetary_computer.collection import COLLECTIONS, CONTAINER, STORAGE_ACCOUNT, CollectionSpec, make_collection
from local.planetary_computer.items import make_item, with_addresses
from local.planetary_computer.scenes import Scene
from local.stac_search.item_store import Item, ItemStore


class Catalogue:
    """All that the emulator serves.

    Args:
        container: The container with the files, or None where there is no storage: hrefs then lead to Azure.
    """

    def __init__(self, container: ContainerClient | None) -> None:
        self.container = container
        self.items = ItemStore(open_database())
        self.scenes: dict[tuple[str, str], Scene] = {}
        self.reset()

    @property
    def container_url(self) -> str:
        """URL of the container, without a trailing slash."""
        if self.container is None:
            return f"https://{STORAGE_ACCOUNT}.blob.core.windows.net/{CONTAINER}"
        return str(self.container.url)

    @property
    def storage_account(self) -> str:
        """What the collections call their storage account.

        In Azure its name; here its blob endpoint, because a name alone would lead to Azure.
        """
        if self.container is None:
            return STORAGE_ACCOUNT
        return self.container_url.removesuffix(f"/{CONTAINER}")

    def reset(self) -> None:
        """Go back to the scenes that the emulator starts with."""
        self.scenes.clear()
        for spec in COLLECTIONS.values():
            self.items.remove_all(spec.id)
            for scene in spec.scenes:
                self.add(spec.id, scene)

    def add(
        self, collection: str, scene: Scene, *, files_of: Scene | None = None, properties: dict[str, Any] | None = None
    ) -> None:
        """Add a scene, or replace the one of its id; its files are uploaded elsewhere.

        Args:
            collection: Id of the collection.
            scene: The scene.
            files_of: The scene whose files are its assets; None for its own.
            properties: Properties of its item, besides its own or in place of them.

        Raises:
            ValueError: A time among the properties is not one.
        """
        item = make_item(scene, collection=collection, container_url=self.container_url, files_of=files_of)
        item["properties"] |= properties or {}
        self.items.put(item)
        self.scenes[collection, scene.id] = scene

    def remove(self, collection: str, scene_id: str) -> None:
        """Remove a scene's item; its files stay."""
        self.items.remove(collection, scene_id)
        del self.scenes[collection, scene_id]

    def find(self, collection: str, item_id: str) -> Item | None:
        """Return a stored item, without addresses of the emulator, or None."""
        document = self.items.find(collection, item_id)
        return None if document is None else parse_json(document.encode())

    def item(self, collection: str, item_id: str, base_url: str) -> Item | None:
        """Return a whole item, or None.

        Args:
            collection: Id of its collection.
            item_id: Its id.
            base_url: The emulator's own URL, without a trailing slash.
        """
        found = self.find(collection, item_id)
        return None if found is None else with_addresses(found, base_url)

    def collection(self, spec: CollectionSpec, base_url: str) -> dict[str, Any]:
        """Return a STAC Collection.

        Args:
            spec: Which one.
            base_url: The emulator's own URL, without a trailing slash.
        """
        return make_collection(spec, base_url=base_url, storage_account=self.storage_account)
