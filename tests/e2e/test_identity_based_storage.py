"""The app as in Azure: no key anywhere, storage by identity and over TLS."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import parse_qs

import pytest
import requests

from local.azurite import Azurite
from local.stack.parts import Part
from local.stack.stack import PROJECT, QUICK_SETTINGS
from shared.basics.clock import parse_timestamp
from shared.clients import Clients, build_clients
from shared.records.source_store import source_key
from shared.settings import read_settings
from shared.sources.sas_checks import check_sas
from shared.sources.sas_issuers import issue_sas
from shared.sources.specs import SourceSpec, parse_source
from shared.sources.wanted import want_source
from shared.upkeep.provision import create_storage
from tests.running_stack import DECISIONS, small_collection, small_item, wait_for


@pytest.fixture(scope="module")
def identity_based(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    folder = tmp_path_factory.mktemp("identity-based")
    with ExitStack() as resources, pytest.MonkeyPatch.context() as patch:
        azurite = resources.enter_context(Azurite(folder / "azurite", tls=folder))

        def start(name: str, module: str, arguments: list[str], environment: dict[str, str] | None = None) -> str:
            part = Part(name, module, arguments, log=folder / f"{module}.log", environment=environment or {})
            resources.callback(part.stop)
            part.wait_ready()
            return part.url

        identity = start("identity emulator", "local.identity", ["--header", "a header"])
        geocatalog = start("GeoCatalog emulator", "local.geocatalog", ["--assets", "trust", "--decisions", DECISIONS])
        environment = settings_by_identity(azurite, identity, geocatalog)
        for name, value in environment.items():
            patch.setenv(name, value)
        clients = build_clients(read_settings(environment))
        create_storage(clients.storage)
        start("Functions host stand-in", "local.host", ["--app", str(PROJECT)], environment)
        yield clients


def settings_by_identity(azurite: Azurite, identity: str, geocatalog: str) -> dict[str, str]:
    uris = {
        "queueServiceUri": azurite.queue_endpoint(),
        "blobServiceUri": azurite.blob_endpoint(),
        "tableServiceUri": azurite.table_endpoint(),
    }
    return {
        **QUICK_SETTINGS,
        **{
            f"{prefix}__{name}": uri
            for prefix in ("INGEST_STORAGE", "AzureWebJobsStorage")
            for name, uri in uris.items()
        },
        "INGEST_STORAGE__credential": "managedidentity",
        "AzureWebJobsStorage__credential": "managedidentity",
        "GEOCATALOG_URL": geocatalog,
        "IDENTITY_ENDPOINT": f"{identity}/msi/token",
        "IDENTITY_HEADER": "a header",
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "REQUESTS_CA_BUNDLE": str(azurite.certificate),
    }


def test_an_item_goes_from_queue_to_catalog_without_any_key(identity_based: Clients) -> None:
    clients = identity_based
    assert clients.settings.storage.connection_string is None
    clients.queues.send("collections", {"definition": small_collection("keyless")})
    wait_for(lambda: clients.geocatalog.get_collection("keyless"), "the collection")
    clients.queues.send("items", small_item("keyless", "one"))
    large = small_item("keyless", "too-large-for-a-queue", note="x" * 60_000)
    clients.queues.send("items", {"item": large})

    def both_succeeded() -> bool:
        rows = [clients.status.get("keyless", item_id) for item_id in ("one", "too-large-for-a-queue")]
        return all(row is not None and row.status == "Succeeded" for row in rows)

    wait_for(both_succeeded, "both items")
    stored = clients.geocatalog.get_item("keyless", "too-large-for-a-queue")
    assert stored is not None
    assert len(json.dumps(stored)) > 60_000


@pytest.fixture(scope="module")
def own_container(identity_based: Clients) -> str:
    """A private container with one file, signed for by the app's identity."""
    container = identity_based.storage.blobs.create_container("own-scenes")
    container.upload_blob("a.txt", b"content")
    return str(container.url)


def user_delegation(container_url: str, lifetime: str) -> SourceSpec:
    return parse_source({"container_url": container_url, "sas": {"user_delegation": {"lifetime": lifetime}}})


@pytest.mark.parametrize(("lifetime", "lives"), [("PT10M", timedelta(minutes=10)), ("P7D", timedelta(days=7))])
def test_the_app_signs_for_a_container_with_its_identity(
    identity_based: Clients, own_container: str, lifetime: str, lives: timedelta
) -> None:
    spec = user_delegation(own_container, lifetime)
    token = issue_sas(spec, identity_based)
    now = identity_based.now()
    fields = {name: values[0] for name, values in parse_qs(token.token).items()}
    start, expiry = parse_timestamp(fields["st"]), parse_timestamp(fields["se"])
    assert timedelta(minutes=4, seconds=30) < now - start < timedelta(minutes=6)
    assert expiry == token.expires
    assert lives - timedelta(minutes=6) < expiry - now <= lives
    assert expiry - start <= timedelta(days=7)
    assert (fields["sp"], fields["sr"], fields["spr"]) == ("rl", "c", "https")
    check_sas(token, spec, live_expiry=None, now=now)
    assert requests.get(f"{own_container}/a.txt?{token.token}", timeout=10).content == b"content"
    listed = requests.get(f"{own_container}?restype=container&comp=list&{token.token}", timeout=10)
    assert "a.txt" in listed.text
    written = requests.put(
        f"{own_container}/b.txt?{token.token}", data=b"x", headers={"x-ms-blob-type": "BlockBlob"}, timeout=10
    )
    assert written.status_code == 403


def test_a_source_signed_by_the_app_is_put_in_place(identity_based: Clients, own_container: str) -> None:
    spec = user_delegation(own_container, "P1D")
    want_source(spec, identity_based.sources)
    key = source_key(spec.url)
    wait_for(lambda: (identity_based.sources.get(key) or {}).get("renewed_at"), "the source")
    row = identity_based.sources.get(key) or {}
    assert row["error_message"] == ""
    live = identity_based.geocatalog.get_source(str(row["source_id"]))
    assert live is not None
    assert live["connectionInfo"]["containerUrl"] == own_container
