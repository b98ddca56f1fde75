"""The container with the assets: fill it, and sign for it."""

import datetime as dt
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import (
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    ContentSettings,
    LinearRetry,
    generate_container_sas,
)

from local.planetary_computer.bands import asset_definitions
from local.planetary_computer.collection import CONTAINER
from local.planetary_computer.files import asset_file
from local.planetary_computer.items import blob_paths
from local.planetary_computer.scenes import Scene

UPLOADS_AT_ONCE = 8


def open_container(connection_string: str) -> ContainerClient:
    """Open the container of the assets.

    Args:
        connection_string: Connection string, with a key, of the storage account.

    Returns:
        Its client.

    Raises:
        ValueError: The connection string is malformed or has no account key.
    """
    service = BlobServiceClient.from_connection_string(
        connection_string,
        retry_policy=LinearRetry(backoff=1, retry_total=2),
        connection_timeout=5,
        read_timeout=30,
    )
    if not getattr(service.credential, "account_key", None):
        raise ValueError("Connection string has no AccountKey.")
    return service.get_container_client(CONTAINER)


def upload_scenes(container: ContainerClient, scenes: Iterable[Scene]) -> int:
    """Upload the files of scenes that are not there yet into a private container, which is made when missing.

    Args:
        container: The container.
        scenes: The scenes.

    Returns:
        How many files were uploaded.
    """
    try:
        container.create_container()
    except ResourceExistsError:
        present = set(container.list_blob_names())
    else:
        present = set()
    definitions = asset_definitions()
    missing = [(scene, key, path) for scene in scenes for key, path in blob_paths(scene).items() if path not in present]

    def upload(scene: Scene, key: str, path: str) -> None:
        settings = ContentSettings(content_type=definitions[key]["type"])
        container.upload_blob(path, asset_file(scene, key), overwrite=True, content_settings=settings)

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        uploads = [pool.submit(upload, *each) for each in missing]
    for done in uploads:
        done.result()
    return len(missing)


def make_sas(container: ContainerClient, *, start: dt.datetime, expiry: dt.datetime, name: str | None = None) -> str:
    """Make a SAS to read and list the container.

    Args:
        container: The container, opened with its account's key.
        start: When it begins.
        expiry: When it runs out.
        name: Name of another container of the account to sign for.

    Returns:
        The SAS, without a question mark.
    """
    token: str = generate_container_sas(
        str(container.account_name),
        name or container.container_name,
        account_key=container.credential.account_key,
        permission=ContainerSasPermissions(read=True, list=True),
        start=start,
        expiry=expiry,
    )
    return token
