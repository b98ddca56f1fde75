"""Managed storage that goes away is a fault the emulator answers for, and gets over."""

from pathlib import Path

from local.azurite import Azurite

from .conftest import running
from .emulator_client import EmulatorClient, error_of, item


def test_an_outage_of_storage_is_survived(tmp_path: Path) -> None:
    with Azurite(tmp_path / "azurite") as storage:
        arguments = ["--assets", "trust", "--storage", storage.connection_string("managedstorage")]
        for url in running(arguments, tmp_path, {}):
            with EmulatorClient(url) as client:
                client.behave(ingest_seconds=[0, 0])
                client.make_collection()
                storage.stop()
                token = f"/sas/token/{client.collection_id}"
                assert error_of(client.send("GET", token)) == (503, "ServiceUnavailable")
                assert client.outcome(client.post(item("scene"))) == "Succeeded", "items are trusted"
                storage.start()
                assert client.send("GET", token).status_code == 200
    assert "Traceback" not in (tmp_path / "log").read_text()
