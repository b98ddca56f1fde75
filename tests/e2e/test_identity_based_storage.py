"""The app as in Azure: no key anywhere, storage by identity and over TLS."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from local.azurite import Azurite
from local.parts import Part
from local.stack import PROJECT, QUICK_SETTINGS
from shared.clients import Clients, build_clients
from shared.provision import create_storage
from shared.settings import read_settings
from tests.running_stack import small_collection, small_item, wait_for


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
        geocatalog = start("GeoCatalog emulator", "local.geocatalog", ["--assets", "trust"])
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
