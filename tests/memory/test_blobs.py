"""What the app and its tests rely on of blobs holds in memory as on Azurite."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import ContainerClient, ContentSettings

from tests.memory.conftest import Storage

pytestmark = pytest.mark.both_storages

NAMES = ["a b/ü.json", "100%.json", "%41.json", "a#b?c+d&e=f;g.json", "日" * 300, "~'\"()!$*,:@[]{}|^`"]


@pytest.fixture
def container(storage: Storage) -> Iterator[ContainerClient]:
    """Make an empty container."""
    made = storage.clients.blobs.create_container(f"contract-{uuid.uuid4().hex}")
    yield made
    made.delete_container()


def if_unchanged(etag: str) -> dict[str, Any]:
    return {"overwrite": True, "etag": etag, "match_condition": MatchConditions.IfNotModified}


@pytest.mark.parametrize("name", NAMES)
def test_a_blob_of_any_name_is_read_as_it_was_written(container: ContainerClient, name: str) -> None:
    content = bytes(range(256)) * 5
    blob = container.upload_blob(name, content, content_settings=ContentSettings(content_type="application/json"))

    found = blob.download_blob()

    assert found.readall() == content
    assert found.properties.content_settings.content_type == "application/json"
    assert blob.get_blob_properties().size == len(content)
    assert blob.exists()
    assert [one.name for one in container.list_blobs()] == [name]
    blob.delete_blob()
    assert not blob.exists()


@pytest.mark.parametrize(
    "content", [b"", b"hello", bytes(range(256)) * 10_000], ids=["empty", "small", "several reads"]
)
def test_a_blob_is_read_from_a_byte_on(container: ContainerClient, content: bytes) -> None:
    blob = container.upload_blob("x", content)
    assert blob.download_blob(max_concurrency=1).readall() == content
    for start in {0, 1, 3, len(content) // 2, max(len(content) - 1, 0)}:
        if start < len(content):
            assert blob.download_blob(offset=start).readall() == content[start:]
            assert blob.download_blob(offset=start, length=2).readall() == content[start : start + 2]
    with pytest.raises(HttpResponseError) as refused:
        blob.download_blob(offset=len(content) + 10).readall()
    assert refused.value.status_code == 416


def test_a_conditional_write_needs_the_version_that_stands(container: ContainerClient) -> None:
    blob = container.get_blob_client("x")
    stale = blob.upload_blob(b"1", overwrite=False)["etag"]
    with pytest.raises(ResourceExistsError):
        blob.upload_blob(b"2", overwrite=False)
    current = blob.upload_blob(b"2", **if_unchanged(stale))["etag"]
    assert current != stale
    with pytest.raises(ResourceModifiedError):
        blob.upload_blob(b"3", **if_unchanged(stale))
    download = blob.download_blob()
    assert (download.readall(), download.properties.etag) == (b"2", current)
    assert blob.upload_blob(b"3", overwrite=True)["etag"] != current


def test_what_is_not_there(storage: Storage, container: ContainerClient) -> None:
    blob = container.get_blob_client("nothing")
    nowhere = storage.clients.blobs.get_blob_client("nowhere", "x")
    for call, code in (
        (blob.download_blob, "BlobNotFound"),
        (blob.delete_blob, "BlobNotFound"),
        (nowhere.download_blob, "ContainerNotFound"),
        (lambda: nowhere.upload_blob(b"x"), "ContainerNotFound"),
    ):
        with pytest.raises(ResourceNotFoundError) as missing:
            call()
        assert missing.value.error_code == code  # type: ignore[attr-defined]
    assert not storage.clients.blobs.get_container_client("nowhere").exists()
    with pytest.raises(ResourceExistsError):
        storage.clients.blobs.create_container(container.container_name)
