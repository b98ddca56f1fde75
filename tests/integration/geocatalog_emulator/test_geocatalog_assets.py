"""Assets are really read, with the source that matches, and really copied."""

import datetime as dt
import http.server
import socket
import threading
import time
import uuid
from collections.abc import Iterator

import pytest
import requests
from azure.storage.blob import BlobServiceClient, ContainerClient, ContainerSasPermissions, generate_container_sas

from local.azurite import Azurite
from local.geocatalog.catalog import DEFAULT_MANAGED_IDENTITY
from local.geocatalog.storage.access_policies import AccessPolicies

from .emulator_client import EmulatorClient, item

ACCOUNT = "sentinel2l2a01"
CONTENT = b"II*\x00 some pixels"
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def container(azurite: Azurite) -> Iterator[ContainerClient]:
    """A private container with one blob, `folder/a.tif`."""
    with BlobServiceClient.from_connection_string(azurite.connection_string(ACCOUNT)) as service:
        made = service.create_container(f"scenes-{uuid.uuid4().hex}")
        made.upload_blob("folder/a.tif", CONTENT)
        yield made


def sas(azurite: Azurite, container: str, life: dt.timedelta = HOUR) -> str:
    now = dt.datetime.now(dt.UTC)
    return generate_container_sas(
        ACCOUNT,
        container,
        account_key=azurite.accounts[ACCOUNT],
        permission=ContainerSasPermissions(read=True, list=True),
        start=now - HOUR,
        expiry=now + life,
    )


def add_source(client: EmulatorClient, container_url: str, token: str) -> str:
    body = {"kind": "SasToken", "connectionInfo": {"containerUrl": container_url, "sasToken": token}}
    response = client.send("POST", "/inma/ingestion-sources", json=body)
    assert response.status_code == 201, response.text
    source_id: str = response.json()["id"]
    return source_id


def stored_href(client: EmulatorClient, item_id: str, **parameters: object) -> str:
    href: str = client.json(f"{client.items}/{item_id}", **parameters)["assets"]["image"]["href"]
    return href


def test_a_sas_source_opens_its_container(
    copying: EmulatorClient, azurite: Azurite, container: ContainerClient
) -> None:
    href = f"{container.url}/folder/a.tif"
    assert copying.outcome(copying.post(item("early", href))) == "PublicAccessRestricted"
    add_source(copying, container.url, sas(azurite, container.container_name))
    assert copying.outcome(copying.post(item("scene", href))) == "Succeeded"
    managed = stored_href(copying, "scene")
    assert managed.startswith(f"{azurite.blob_endpoint('managedstorage')}/{copying.collection_id}-")
    assert managed.endswith("/scene/image.tif")
    assert requests.get(managed, timeout=10).status_code != 200
    assert requests.get(stored_href(copying, "scene", sign="true"), timeout=10).content == CONTENT


def test_a_renewed_source_helps_at_once(copying: EmulatorClient, azurite: Azurite, container: ContainerClient) -> None:
    href = f"{container.url}/folder/a.tif"
    expired = sas(azurite, container.container_name, -dt.timedelta(minutes=1))
    source_id = add_source(copying, container.url, expired)
    assert copying.outcome(copying.post(item("scene", href))) == "IngestionResourceForbidden"
    connection = {"containerUrl": container.url, "sasToken": sas(azurite, container.container_name)}
    body = {"id": source_id, "kind": "SasToken", "connectionInfo": connection}
    assert copying.send("PUT", f"/inma/ingestion-sources/{source_id}", json=body).status_code == 200
    assert copying.outcome(copying.post(item("scene", href))) == "Succeeded"


def test_a_wrong_signature_is_forbidden(copying: EmulatorClient, azurite: Azurite, container: ContainerClient) -> None:
    wrong = sas(azurite, container.container_name).partition("&sig=")[0] + "&sig=d3Jvbmc%3D"
    add_source(copying, container.url, wrong)
    operation = copying.ended(copying.post(item("scene", f"{container.url}/folder/a.tif")))
    assert operation["error"]["error"]["code"] == "IngestionResourceForbidden"
    assert operation["additionalInformation"]["TotalFailedItems"] == "1"
    assert "sig=" not in str(operation)


def test_a_source_of_another_container_does_not_help(
    copying: EmulatorClient, azurite: Azurite, container: ContainerClient
) -> None:
    add_source(copying, container.url[:-1], sas(azurite, container.container_name))
    assert copying.outcome(copying.post(item("scene", f"{container.url}/folder/a.tif"))) == "PublicAccessRestricted"


def test_an_address_with_its_own_signature_needs_no_source(
    copying: EmulatorClient, azurite: Azurite, container: ContainerClient
) -> None:
    href = f"{container.url}/folder/a.tif?{sas(azurite, container.container_name)}"
    assert copying.outcome(copying.post(item("scene", href))) == "Succeeded"
    assert "sig=" not in stored_href(copying, "scene")


def test_an_identity_source_opens_its_container(copying: EmulatorClient, container: ContainerClient) -> None:
    for object_id, expected in (
        ("00000000-0000-0000-0000-00000000abcd", "ManagedIdentityInfoNotFound"),
        (DEFAULT_MANAGED_IDENTITY, "Succeeded"),
    ):
        connection = {"containerUrl": container.url, "objectId": object_id}
        body = {"kind": "BlobManagedIdentity", "connectionInfo": connection}
        source = copying.send("POST", "/inma/ingestion-sources", json=body)
        assert source.status_code == 201, source.text
        assert copying.outcome(copying.post(item("scene", f"{container.url}/folder/a.tif"))) == expected
        copying.send("DELETE", f"/inma/ingestion-sources/{source.json()['id']}")


def test_public_missing_and_empty_assets(copying: EmulatorClient, container: ContainerClient) -> None:
    container.set_container_access_policy(signed_identifiers={}, public_access="blob")
    container.upload_blob("empty.tif", b"")
    assert copying.outcome(copying.post(item("public", f"{container.url}/folder/a.tif"))) == "Succeeded"
    missing = copying.post(item("missing", f"{container.url}/nothing.tif"))
    assert copying.outcome(missing) == "IngestionResourceUriNotFound"
    assert copying.outcome(copying.post(item("empty", f"{container.url}/empty.tif"))) == "EmptyAsset"


def test_an_unreachable_and_a_silent_host(copying: EmulatorClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        copying.behave(asset_timeout_seconds=0.2)
        late = copying.post(item("late", f"http://127.0.0.1:{port}/a.tif"))
        assert copying.outcome(late) == "IngestionResourceTimeout"
    gone = copying.post(item("gone", f"http://127.0.0.1:{port}/a.tif"))
    assert copying.outcome(gone) == "IngestionResourceConnectionFailed"


def test_a_host_that_fails_and_one_that_forbids(copying: EmulatorClient) -> None:
    class Host(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(self.path.strip("/")))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{host.server_port}"
        assert copying.outcome(copying.post(item("broken", f"{url}/500"))) == "GenericHttpIngestionError"
        assert copying.outcome(copying.post(item("closed", f"{url}/403"))) == "PublicAccessRestricted"
        host.shutdown()


def test_an_item_read_back_cannot_be_put_as_it_is(copying: EmulatorClient, container: ContainerClient) -> None:
    container.set_container_access_policy(signed_identifiers={}, public_access="blob")
    assert copying.outcome(copying.post(item("scene", f"{container.url}/folder/a.tif"))) == "Succeeded"
    stored = copying.json(f"{copying.items}/scene")
    put = copying.send("PUT", f"{copying.items}/scene", json=stored)
    assert copying.outcome(put) == "PublicAccessRestricted"
    patch = copying.send("PATCH", f"{copying.items}/scene", json={"properties": {"platform": "patched"}})
    assert copying.outcome(patch) == "Succeeded", "assets that a patch does not name stay as they are"


def test_a_deleted_item_takes_its_blobs_along(copying: EmulatorClient, container: ContainerClient) -> None:
    container.set_container_access_policy(signed_identifiers={}, public_access="blob")
    copying.outcome(copying.post(item("scene", f"{container.url}/folder/a.tif")))
    signed = stored_href(copying, "scene", sign="true")
    assert requests.get(signed, timeout=10).content == CONTENT
    assert copying.outcome(copying.send("DELETE", f"{copying.items}/scene")) == "Succeeded"
    assert requests.get(signed, timeout=10).status_code == 404


def test_a_token_closes_when_it_expires(azurite: Azurite, container: ContainerClient) -> None:
    policies = AccessPolicies(azurite.blob_endpoint(ACCOUNT), ACCOUNT, azurite.accounts[ACCOUNT])
    end = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=8)
    policy, _ = policies.policy_until(container.container_name, end)
    other, _ = policies.policy_until(container.container_name, end + HOUR)
    assert policy != other
    addresses = [
        f"{container.url}/folder/a.tif?"
        + generate_container_sas(
            ACCOUNT, container.container_name, account_key=azurite.accounts[ACCOUNT], policy_id=one
        )
        for one in (policy, other)
    ]
    short, long = addresses
    assert requests.get(short, timeout=10).status_code == 200
    while requests.get(short, timeout=10).status_code == 200:
        assert dt.datetime.now(dt.UTC) < end + dt.timedelta(seconds=30)
        time.sleep(0.05)
    assert dt.datetime.now(dt.UTC) > end - dt.timedelta(seconds=2)
    assert requests.get(long, timeout=10).status_code == 200
    policies.remove_all()
    assert requests.get(long, timeout=10).status_code == 403
