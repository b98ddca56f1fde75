"""The stand-in for Event Grid puts an event on a queue for each version of each blob, as Event Grid does."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient, QueueServiceClient

from local.azurite import Azurite
from tests.integration.host.host_under_test import ROOT, eventually, unique_name


class EventGrid:
    """A running `python -m local.event_grid`."""

    def __init__(self, azurite: Azurite, name: str, state: Path) -> None:
        command = [sys.executable, "-m", "local.event_grid", "--storage", azurite.connection_string()]
        self.process = subprocess.Popen([*command, "--container", name, "--queue", name, "--state", state], cwd=ROOT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        assert self.process.wait(20) == 0


def take(queue: QueueClient, count: int) -> list[dict[str, Any]]:
    """Wait for events, remove them, and give them in the order of their subjects."""
    events: list[dict[str, Any]] = []

    def enough() -> bool:
        for message in queue.receive_messages():
            assert message.expires_on is not None
            assert message.expires_on.year == 9999  # never
            events.append(json.loads(base64.b64decode(message.content, validate=True)))
            queue.delete_message(message)
        return len(events) >= count

    eventually(enough)
    assert len(events) == count
    return sorted(events, key=lambda event: str(event["subject"]))


@pytest.mark.filterwarnings("error")
def test_each_version_of_each_blob_is_delivered_once_and_remembered(azurite: Azurite, tmp_path: Path) -> None:
    name, state = unique_name("incoming"), tmp_path / "state.json"
    with (
        BlobServiceClient.from_connection_string(azurite.connection_string()) as blobs,
        QueueServiceClient.from_connection_string(azurite.connection_string()) as queues,
    ):
        queue = queues.get_queue_client(name)
        with EventGrid(azurite, name, state):
            container = blobs.create_container(name)
            blob = container.upload_blob("a folder/é 100%.json", b"1")
            eventually(lambda: name in {made.name for made in queues.list_queues()} or queue.create_queue())
            [event] = take(queue, 1)
            assert event["eventType"] == "Microsoft.Storage.BlobCreated"
            assert event["subject"] == f"/blobServices/default/containers/{name}/blobs/a folder/é 100%.json"
            assert event["data"]["url"] == blob.url
            assert event["data"]["eTag"] == blob.get_blob_properties().etag.strip('"')
            container.upload_blob("a folder/é 100%.json", b"2", overwrite=True)
            [second] = take(queue, 1)
            assert second["data"]["eTag"] != event["data"]["eTag"]
        container.upload_blob("while it was down.json", b"3")
        with EventGrid(azurite, name, state):
            [third] = take(queue, 1)
            assert third["subject"].endswith("/while it was down.json")
