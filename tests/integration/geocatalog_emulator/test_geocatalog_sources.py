"""Ingestion sources: how their fields may be spelt, and which URLs are those of containers."""

import uuid

import pytest

from .emulator_client import EmulatorClient, error_of

SOURCES = "/inma/ingestion-sources"
SAS = "st=2024-01-01T00:00:00Z&se=2099-01-01T00:00:00Z&sig=x"


@pytest.mark.parametrize(
    ("kind", "value", "rest"),
    [
        ("kind", "SasToken", ("connectionInfo", "containerUrl", "sasToken")),
        ("Kind", "SasToken", ("ConnectionInfo", "ContainerUrl", "SasToken")),
        ("KIND", "sastoken", ("connectioninfo", "containerurl", "sastoken")),
    ],
)
def test_fields_are_read_in_any_case(
    trusting: EmulatorClient, kind: str, value: str, rest: tuple[str, str, str]
) -> None:
    info, url, token = rest
    container = f"https://partner.blob.core.windows.net/{uuid.uuid4()}"
    made = trusting.send("POST", SOURCES, json={kind: value, info: {url: container, token: SAS}})
    assert made.status_code == 201, made.text
    assert made.json()["kind"] == "SasToken"
    assert made.json()["connectionInfo"] == {"containerUrl": container, "expiration": "2099-01-01T00:00:00.0000000Z"}


@pytest.mark.parametrize(
    "url",
    [
        "https://partner.blob.core.windows.net/cogs-{}",
        "https://partner.z01.blob.storage.azure.net/cogs-{}/",
        "https://data.example.org/cogs-{}",
        "http://127.0.0.1:10000/devstoreaccount1/cogs-{}",
        "http://azurite:10000/devstoreaccount1/cogs-{}",
        "http://[::1]:10000/devstoreaccount1/cogs-{}",
    ],
)
def test_a_container_url_is_taken(trusting: EmulatorClient, url: str) -> None:
    connection = {"containerUrl": url.format(uuid.uuid4().hex), "sasToken": SAS}
    assert trusting.send("POST", SOURCES, json={"kind": "SasToken", "connectionInfo": connection}).status_code == 201


@pytest.mark.parametrize(
    "url",
    [
        "",
        "partner.blob.core.windows.net/cogs",
        "s3://bucket/cogs",
        "https://partner.blob.core.windows.net",
        "https://partner.blob.core.windows.net/",
        "https://partner.blob.core.windows.net//cogs",
        "https://partner.blob.core.windows.net/cogs/folder",
        "https://partner.blob.core.windows.net/cogs/a.tif",
        "https://partner.blob.core.windows.net/COGS",
        "https://partner.blob.core.windows.net/cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
        "https://partner.blob.core.windows.net/co--gs",
        "https://partner.blob.core.windows.net/cogs?sv=1",
        "https://me:secret@partner.blob.core.windows.net/cogs",
        "https://{account}.blob.core.windows.net/cogs",
        # A blob endpoint where the name of an account was expected.
        "https://http://127.0.0.1:10000/sentinel2l2a01.blob.core.windows.net/cogs",
        "http://127.0.0.1:10000/cogs",
        "http://127.0.0.1:99999/devstoreaccount1/cogs",
    ],
)
def test_what_is_no_container_url_is_refused(trusting: EmulatorClient, url: str) -> None:
    for connection in ({"sasToken": SAS}, {"objectId": str(uuid.uuid4())}):
        kind = "SasToken" if "sasToken" in connection else "BlobManagedIdentity"
        body = {"kind": kind, "connectionInfo": {"containerUrl": url, **connection}}
        refused = trusting.send("POST", SOURCES, json=body)
        assert error_of(refused) == (400, "BadRequest")
        assert "containerUrl" in refused.json()["error"]["message"]
