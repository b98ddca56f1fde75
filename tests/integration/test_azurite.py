import re
import socket
from pathlib import Path

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient, QueueServiceClient

from local import azurite_install
from local.azurite import Azurite, PortTakenError
from local.azurite_install import AzuriteError


def answers(url: str) -> bool:
    host, port = re.fullmatch(r"https?://([\d.]+):(\d+)/.*", url).groups()  # type: ignore[union-attr]
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_each_account_has_blobs_queues_and_tables(azurite: Azurite) -> None:
    assert set(azurite.accounts) >= {"devstoreaccount1", "managedstorage", "sentinel2l2a01"}
    for account in azurite.accounts:
        connection = azurite.connection_string(account)
        with BlobServiceClient.from_connection_string(connection) as blobs:
            assert blobs.url.rstrip("/") == azurite.blob_endpoint(account)
            blobs.create_container("azurite-test")
        with QueueServiceClient.from_connection_string(connection) as queues:
            assert queues.url.rstrip("/") == azurite.queue_endpoint(account)
            queues.create_queue("azurite-test")
        with TableServiceClient.from_connection_string(connection) as tables:
            assert tables.url.rstrip("/") == azurite.table_endpoint(account)
            tables.create_table("azuritetest")


def test_a_restart_keeps_messages_and_ports(tmp_path: Path) -> None:
    with Azurite(tmp_path) as azurite:
        connection = azurite.connection_string()
        with QueueClient.from_connection_string(connection, "kept") as queue:
            queue.create_queue()
            queue.send_message("before the restart")
            azurite.stop()
            assert not answers(azurite.queue_endpoint())
            azurite.start()
            assert azurite.connection_string() == connection
            message = queue.receive_message()
            assert message is not None
            assert message.content == "before the restart"


def test_a_taken_port_is_named(azurite: Azurite, tmp_path: Path) -> None:
    port = int(azurite.queue_endpoint().split(":")[2].split("/")[0])
    with pytest.raises(PortTakenError, match=f"port {port} on 127.0.0.1 is already taken"):
        Azurite(tmp_path, queue_port=port).start()


def test_an_early_end_shows_what_azurite_said(tmp_path: Path) -> None:
    with pytest.raises(AzuriteError, match=r"options.port should be"):
        Azurite(tmp_path, blob_port=99_999).start()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AzuriteError, match=r"cannot keep its data in .*file"):
        Azurite(tmp_path / "file").start()


def test_an_unknown_account_is_named(azurite: Azurite) -> None:
    with pytest.raises(AzuriteError, match="no account 'nobody'"):
        azurite.blob_endpoint("nobody")


def test_a_missing_azurite_says_to_run_the_setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.azurite.AZURITE_FOLDER", tmp_path)
    with pytest.raises(AzuriteError, match=r"Azurite [\d.]+ is not installed; run `make setup`."):
        Azurite(tmp_path / "data").start()


def test_installing_what_is_there_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    azurite_install.install()
    assert capsys.readouterr() == ("", "")


def test_installing_without_a_registry_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(AzuriteError, match=r"npm could not install azurite(.|\n)*ECONNREFUSED"):
        azurite_install.install(tmp_path / "azurite")
    assert azurite_install.installed_version(tmp_path / "azurite") is None
