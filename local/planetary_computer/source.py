"""Where the catalogue's content comes from: the scenes, and the container that holds their files."""

from dataclasses import dataclass
from typing import Any

from azure.storage.blob import ContainerClient

from local.planetary_computer.collection import CONTAINER, STORAGE_ACCOUNT, make_collection
from local.planetary_computer.items import make_item
from local.planetary_computer.scenes import SCENES


@dataclass(frozen=True)
class Source:
    """The scenes and their container.

    Attributes:
        container: The container with their files, or None where there is no storage: hrefs then lead to Azure.
    """

    container: ContainerClient | None

    @property
    def container_url(self) -> str:
        """URL of the container, without a trailing slash."""
        if self.container is None:
            return f"https://{STORAGE_ACCOUNT}.blob.core.windows.net/{CONTAINER}"
        return str(self.container.url)

    @property
    def storage_account(self) -> str:
        """What the collection calls its storage account.

        In Azure its name; here its blob endpoint, because a name alone would lead to Azure.
        """
        if self.container is None:
            return STORAGE_ACCOUNT
        return self.container_url.removesuffix(f"/{CONTAINER}")

    def collection(self, base_url: str) -> dict[str, Any]:
        """Return the STAC Collection.

        Args:
            base_url: The emulator's own URL, without a trailing slash.
        """
        return make_collection(base_url=base_url, storage_account=self.storage_account)

    def items(self, base_url: str) -> list[dict[str, Any]]:
        """Return the STAC Items of all scenes.

        Args:
            base_url: The emulator's own URL, without a trailing slash.
        """
        return [make_item(scene, base_url=base_url, container_url=self.container_url) for scene in SCENES]
