import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient, QueueServiceClient

from local import azurite as module
from local.azurite import Azurite, AzuriteError, PortTakenError, install, start


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"not within {seconds} s: {what}"
        time.sleep(0.05)


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
    with start(tmp_path) as azurite:
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


def test_a_killed_one_keeps_what_it_had_saved(tmp_path: Path) -> None:
    def saved(message_id: str) -> bool:
        """Whether the message is on disk, with the extent that holds its text."""
        messages = (tmp_path / "__azurite_db_queue__.json").read_text()
        extents = (tmp_path / "__azurite_db_queue_extent__.json").read_text()
        if message_id not in messages:
            return False
        collections = {part["name"]: part["data"] for part in json.loads(messages)["collections"]}
        (row,) = (row for row in collections["$MESSAGES_COLLECTION$"] if row["messageId"] == message_id)
        return row["persistency"]["id"] in extents

    with (
        start(tmp_path) as azurite,
        QueueClient.from_connection_string(azurite.connection_string(), "kept") as queue,
    ):
        queue.create_queue()
        sent = queue.send_message("before the power cut")
        wait_until(lambda: saved(sent.id), "the message is on disk")
        azurite.kill()
        assert azurite.pid is None
        assert not answers(azurite.queue_endpoint())
        azurite.start()
        message = queue.receive_message()
        assert message is not None
        assert message.content == "before the power cut"


def test_a_taken_port_is_named(azurite: Azurite, tmp_path: Path) -> None:
    port = int(azurite.queue_endpoint().split(":")[2].split("/")[0])
    with pytest.raises(PortTakenError, match=f"port {port} on 127.0.0.1 is already taken"):
        start(tmp_path, queue_port=port)


def test_an_early_end_shows_what_azurite_said(tmp_path: Path) -> None:
    with pytest.raises(AzuriteError, match=r"options.port should be"):
        start(tmp_path, blob_port=99_999)


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AzuriteError, match=r"cannot keep its data in .*file"):
        start(tmp_path / "file")


def test_an_unknown_account_is_named(azurite: Azurite) -> None:
    with pytest.raises(AzuriteError, match="no account 'nobody'"):
        azurite.blob_endpoint("nobody")


def test_a_missing_azurite_says_to_run_the_setup(tmp_path: Path) -> None:
    program = f"import sys; sys.prefix = {str(tmp_path)!r}; from local.azurite import main; sys.exit(main())"
    result = subprocess.run(
        [sys.executable, "-c", program, "--data", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == f"Azurite {module.AZURITE_VERSION} is not installed; run `make setup`.\n"


def test_installing_what_is_there_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    install()
    assert capsys.readouterr() == ("", "")


def test_installing_without_a_registry_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(AzuriteError, match=r"npm could not install azurite(.|\n)*ECONNREFUSED"):
        install(tmp_path / "azurite")
    assert module.installed_version(tmp_path / "azurite") is None


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_command_leaves_nothing_behind(how: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.azurite", "--data", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            endpoints = process.stdout.readline().removeprefix("Azurite listening on ").split()
            assert len(endpoints) == 3
            assert all(answers(endpoint) for endpoint in endpoints)
            process.send_signal(how)
            assert process.wait(30) == (-signal.SIGKILL if how is signal.SIGKILL else 0)
        finally:
            process.kill()
    wait_until(lambda: not any(answers(endpoint) for endpoint in endpoints), "Azurite has ended")
