import base64
import datetime as dt
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.data.tables import TableServiceClient
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas
from azure.storage.queue import QueueServiceClient

from local.azurite import Azurite

HEADER = "a header for this test"
GEOCATALOG_SCOPE = "https://geocatalog.spatio.azure.com/.default"


@pytest.fixture
def identity_endpoint(start_part: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> str:
    url = start_part("local.identity", "--header", HEADER, "--object-id", "11111111-1111-1111-1111-111111111111")
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", HEADER)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "prod")
    return f"{url}/msi/token"


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return decoded


@pytest.mark.usefixtures("identity_endpoint")
def test_the_managed_identity_credential_gets_a_token() -> None:
    with ManagedIdentityCredential(client_id="22222222-2222-2222-2222-222222222222") as credential:
        token = credential.get_token(GEOCATALOG_SCOPE)
    seen = claims(token.token)
    assert seen["aud"] == "https://geocatalog.spatio.azure.com"
    assert seen["iss"].startswith("https://sts.windows.net/")
    assert seen["oid"] == "11111111-1111-1111-1111-111111111111"
    assert seen["appid"] == "22222222-2222-2222-2222-222222222222"
    assert seen["nbf"] <= time.time() < seen["exp"] == pytest.approx(token.expires_on, abs=2)
    assert seen["exp"] - seen["iat"] == 3600


def test_a_trailing_slash_of_the_resource_is_no_part_of_the_audience(identity_endpoint: str) -> None:
    answer = requests.get(
        identity_endpoint,
        params={"api-version": "2019-08-01", "resource": "https://storage.azure.com/"},
        headers={"X-IDENTITY-HEADER": HEADER},
        timeout=10,
    ).json()
    assert claims(answer["access_token"])["aud"] == "https://storage.azure.com"
    assert answer["token_type"] == "Bearer"
    assert int(answer["expires_on"]) > time.time() + 3500


def test_it_says_when_it_is_ready(start_part: Callable[..., str]) -> None:
    url = start_part("local.identity", "--header", HEADER)
    assert requests.get(f"{url}/_emulator/health", timeout=10).json() == {"status": "ready"}


def test_the_life_of_tokens_can_be_set(start_part: Callable[..., str]) -> None:
    url = start_part("local.identity", "--header", HEADER, "--token-life", "7")
    answer = requests.get(
        f"{url}/msi/token",
        params={"api-version": "2019-08-01", "resource": "https://storage.azure.com"},
        headers={"X-IDENTITY-HEADER": HEADER},
        timeout=10,
    ).json()
    seen = claims(answer["access_token"])
    assert seen["exp"] - seen["iat"] == 7


@pytest.mark.parametrize(
    ("header", "query", "status", "message"),
    [
        (None, {"api-version": "2019-08-01", "resource": "r"}, 401, "X-IDENTITY-HEADER"),
        ("wrong", {"api-version": "2019-08-01", "resource": "r"}, 401, "X-IDENTITY-HEADER"),
        (HEADER, {"api-version": "2019-08-01"}, 400, "resource"),
        (HEADER, {"resource": "r"}, 400, "api-version"),
    ],
)
def test_a_wrong_request_is_refused(
    identity_endpoint: str, header: str | None, query: dict[str, str], status: int, message: str
) -> None:
    headers = {} if header is None else {"X-IDENTITY-HEADER": header}
    answer = requests.get(identity_endpoint, params=query, headers=headers, timeout=10)
    assert answer.status_code == status
    body = answer.json()
    assert body["statusCode"] == status
    assert message in body["message"]


@pytest.mark.usefixtures("identity_endpoint")
def test_the_credential_reports_a_wrong_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    with ManagedIdentityCredential() as credential, pytest.raises(ClientAuthenticationError):
        credential.get_token(GEOCATALOG_SCOPE)


@pytest.mark.usefixtures("identity_endpoint")
def test_azurite_over_tls_takes_the_default_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Azurite(tmp_path / "data", tls=tmp_path / "tls") as azurite, DefaultAzureCredential() as credential:
        assert azurite.blob_endpoint().startswith("https://127.0.0.1:")
        assert (tmp_path / "tls" / "azurite-key.pem").stat().st_mode & 0o777 == 0o600
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azurite.certificate))
        with QueueServiceClient(azurite.queue_endpoint(), credential=credential) as queues:
            queue = queues.create_queue("items")
            queue.send_message("hello")
            message = queue.receive_message()
            assert message is not None
            assert message.content == "hello"
        with TableServiceClient(endpoint=azurite.table_endpoint(), credential=credential) as tables:
            tables.create_table("status")
            assert [table.name for table in tables.list_tables()] == ["status"]
        with BlobServiceClient(azurite.blob_endpoint(), credential=credential) as blobs:
            blobs.create_container("incoming").upload_blob("scene.json", b"{}")
            url = f"{azurite.blob_endpoint()}/incoming/scene.json"
            assert requests.get(f"{url}?{user_delegation_sas(blobs)}", timeout=10).content == b"{}"
            assert requests.get(url, timeout=10).status_code == 403


def user_delegation_sas(blobs: BlobServiceClient) -> str:
    now = dt.datetime.now(dt.UTC)
    start_time, expiry = now - dt.timedelta(minutes=5), now + dt.timedelta(hours=1)
    return generate_container_sas(
        str(blobs.account_name),
        "incoming",
        user_delegation_key=blobs.get_user_delegation_key(start_time, expiry),
        permission=ContainerSasPermissions(read=True),
        start=start_time,
        expiry=expiry,
    )


@pytest.mark.usefixtures("identity_endpoint")
def test_azurite_refuses_a_token_for_another_audience(tmp_path: Path) -> None:
    with Azurite(tmp_path / "data", tls=tmp_path / "tls") as azurite, ManagedIdentityCredential() as credential:
        token = credential.get_token(GEOCATALOG_SCOPE).token
        answer = requests.get(
            f"{azurite.blob_endpoint()}/?comp=list",
            headers={"Authorization": f"Bearer {token}", "x-ms-version": "2025-11-05"},
            verify=str(azurite.certificate),
            timeout=10,
        )
        assert answer.status_code == 403
