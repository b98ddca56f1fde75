"""Every call that a function makes ends with its deadline, though the service hangs or sends a byte now and then.

The server of these tests never ends an answer: a call that has another limit than one for each byte only comes back.
"""

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import AzureError

from local.certificates import make_certificate
from shared.basics import deadline
from shared.basics.errors import Held, IngestionError, Unavailable
from shared.clients import Clients, build_clients
from shared.services.planetary_computer import SasToken
from shared.services.tokens import TokenSource, make_credential
from shared.settings import read_settings
from shared.sources.sas_checks import check_sas
from shared.sources.sas_issuers import issue_sas
from shared.sources.specs import Sas, SourceSpec
from tests.properties.apps import AnyToken
from tests.slow_server import Slowness, SlowServer, slow_server

SECONDS = 0.3
CONTAINER = "http://127.0.0.1:1/account/container"


@pytest.fixture(scope="module")
def server() -> Iterator[SlowServer]:
    with slow_server() as running:
        yield running


@pytest.fixture(scope="module")
def app(server: SlowServer) -> Clients:
    account = f"{server.url}/account"
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    storage = (
        f"AccountName=account;AccountKey={key};BlobEndpoint={account};QueueEndpoint={account};TableEndpoint={account}"
    )
    return build_clients(
        read_settings(
            {
                "GEOCATALOG_URL": server.url,
                "INGEST_STORAGE": storage,
                "PLANETARY_COMPUTER_URL": server.url,
                "ALLOWED_HREF_HOSTS": server.url.removeprefix("http://"),
            }
        ),
        credential=AnyToken(),
    )


def sas_of(**issuer: Any) -> SourceSpec:
    return SourceSpec(container_url=CONTAINER, sas=Sas(**issuer))


def listed(app: Clients) -> None:
    expires = datetime.now(UTC) + timedelta(hours=1)
    spec = SourceSpec(container_url=f"{app.settings.geocatalog_url}/account/container", sas=Sas(setting="X"))
    token = SasToken(f"se={expires:%Y-%m-%dT%H:%M:%SZ}&sp=rl&sr=c&sig=x", expires)
    check_sas(token, spec, live_expiry=None, now=datetime.now(UTC))
    raise Unavailable("A container that cannot be asked is not said to refuse.")


CALLS: dict[str, Callable[[Clients], object]] = {
    "a read of GeoCatalog": lambda app: app.geocatalog.get_item("c", "i"),
    "a write to GeoCatalog": lambda app: app.geocatalog.post_item("c", b"{}"),
    "an upload to GeoCatalog": lambda app: app.geocatalog.put_collection_asset(
        "c", "k", fields="{}", name="n", content=b"x", media_type="image/png", exists=False
    ),
    "a table": lambda app: app.status.get("c", "i"),
    "a transaction": lambda app: app.status.transact([("create", {"PartitionKey": "c", "RowKey": "r"})]),
    "a queue": lambda app: app.queues.send("items", {"item": {}}),
    "a payload": lambda app: app.queues.send("items", {"item": {"x": "y" * 100_000}}),
    "a blob of the app's own": lambda app: app.hrefs.read_all(f"{app.storage.blobs.url}payloads/x", limit=10**10),
    "an href": lambda app: app.hrefs.read_all(f"{app.settings.geocatalog_url}/file.json", limit=10**10),
    "the Planetary Computer's SAS": lambda app: issue_sas(sas_of(planetary_computer="c"), app),
    "a container that is asked about its SAS": listed,
}


@pytest.mark.parametrize("slowness", Slowness)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_ends_with_its_deadline(
    app: Clients, server: SlowServer, slowness: Slowness, call: Callable[[Clients], object]
) -> None:
    server.slowness = slowness
    before = server.asked
    with deadline.limit(SECONDS), pytest.raises((IngestionError, AzureError)):
        call(app)
    assert server.asked > before
    with deadline.limit(0), pytest.raises((IngestionError, AzureError)):
        call(app)  # at once, and without asking


@pytest.mark.parametrize("slowness", Slowness)
def test_so_does_one_over_tls(slowness: Slowness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make_certificate(certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with slow_server(context) as server:
        server.slowness = slowness
        spec = SourceSpec(
            container_url=f"{server.url}/account/container",
            sas=Sas.model_validate({"user_delegation": {"lifetime": "P1D"}}),
        )
        app = build_clients(
            read_settings({"GEOCATALOG_URL": server.url, "INGEST_STORAGE": "UseDevelopmentStorage=true"}),
            credential=AnyToken(),
        )
        calls: list[Callable[[], object]] = [lambda: issue_sas(spec, app), lambda: app.geocatalog.get_item("c", "i")]
        for number, call in enumerate(calls, 1):
            with deadline.limit(SECONDS), pytest.raises(Unavailable):
                call()
            assert server.asked == number


@pytest.mark.parametrize("slowness", Slowness)
def test_so_does_a_token(server: SlowServer, slowness: Slowness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    server.slowness = slowness
    tokens = TokenSource(make_credential(), "https://example.com/.default")
    before = server.asked
    with deadline.limit(SECONDS), pytest.raises((Held, Unavailable)):
        tokens.token()
    assert server.asked > before
