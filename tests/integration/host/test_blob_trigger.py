"""Blob triggers with Event Grid as their source: webhook, what functions receive, poison; and Event Grid's stand-in."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import requests
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueServiceClient

from local.azurite import Azurite
from local.host.blob_trigger import path_parameters
from tests.integration.host.host_under_test import (
    ROOT,
    RunningHost,
    eventually,
    make_app,
    storage_settings,
    unique_name,
)

KEY = "key-of-the-tests"
BINARY = bytes(range(256))


@pytest.fixture(scope="module")
def container(azurite: Azurite) -> Iterator[ContainerClient]:
    with BlobServiceClient.from_connection_string(azurite.connection_string()) as service:
        yield service.create_container(unique_name("incoming"))


@pytest.fixture(scope="module")
def queues(azurite: Azurite) -> Iterator[QueueServiceClient]:
    with QueueServiceClient.from_connection_string(azurite.connection_string()) as service:
        yield service


@pytest.fixture(scope="module")
def host(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    options = {
        "queues": {"maxPollingInterval": "00:00:00.500", "messageEncoding": "none"},
        "blobs": {"poisonBlobThreshold": 2},
    }
    app = make_app(tmp_path_factory.mktemp("blobs"), "blob_app", {"extensions": options})
    with RunningHost(app, {**storage_settings(azurite), "LOCAL_HOST_BLOBS_EXTENSION_KEY": KEY}) as running:
        yield running


def post(
    host: RunningHost, document: object, *, function: str = "as_bytes", event: str = "Notification", key: str = KEY
) -> requests.Response:
    return requests.post(
        f"{host.url}/runtime/webhooks/blobs",
        params={"functionName": f"Host.Functions.{function}", "code": key},
        headers={"aeg-event-type": event},
        json=document,
        timeout=10,
    )


def event_of(url: str) -> dict[str, Any]:
    return {
        "eventType": "Microsoft.Storage.BlobCreated",
        "data": {"url": url, "eTag": "0x1", "blobType": "BlockBlob"},
    }


def internal_queue(host: RunningHost) -> str:
    return f"azure-webjobs-blobtrigger-{host.host_id}"


def test_handshake_in_both_schemas(host: RunningHost) -> None:
    event_grid = [{"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "a1"}}]
    answer = post(host, event_grid, event="SubscriptionValidation")
    assert (answer.status_code, answer.json()) == (200, {"validationResponse": "a1"})
    cloud_event = {"specversion": "1.0", "data": json.dumps({"validationCode": "b2"})}
    answer = post(host, cloud_event, event="SubscriptionValidation")
    assert (answer.status_code, answer.json()) == (200, {"validationResponse": "b2"})


def test_webhook_refuses_what_it_does_not_know(host: RunningHost) -> None:
    assert post(host, [], key="wrong").status_code == 401
    assert post(host, [], event="Other").status_code == 400
    assert post(host, [], event="Unsubscribe").status_code == 202
    assert "not about a blob" in post(host, [{"data": {}}]).json()["message"]


def test_event_runs_the_function_with_the_blob(host: RunningHost, container: ContainerClient) -> None:
    blob = container.upload_blob("a folder/é.bin", BINARY, metadata={"origin": "test"})
    assert post(host, [event_of(blob.url)]).status_code == 202
    path = f"{container.container_name}/a folder/é.bin"
    [received] = host.eventually_records(function="as_bytes", name=path)
    assert bytes.fromhex(received["content"]) == BINARY
    assert received["uri"] == blob.url
    assert received["length"] == len(BINARY)
    assert received["properties"]["ContentLength"] == len(BINARY)
    assert received["metadata"] == {"origin": "test"}


def test_cloud_event_alone_runs_the_function(host: RunningHost, container: ContainerClient) -> None:
    blob = container.upload_blob("cloud.json", b"{}")
    cloud_event = {"specversion": "1.0", "type": "Microsoft.Storage.BlobCreated", "data": event_of(blob.url)["data"]}
    assert post(host, cloud_event).status_code == 202
    host.eventually_records(function="as_bytes", name=f"{container.container_name}/cloud.json")


def test_without_a_data_type_bytes_become_text_and_json_members_replace_the_metadata(
    host: RunningHost, container: ContainerClient
) -> None:
    binary = container.upload_blob("text.bin", b"a\xff")
    item = container.upload_blob("item.json", b'\xef\xbb\xbf{"properties": {"eo:cloud_cover": 1}, "uri": "mine"}')
    assert post(host, [event_of(binary.url), event_of(item.url)], function="as_text").status_code == 202
    [received] = host.eventually_records(function="as_text", name=f"{container.container_name}/text.bin")
    assert bytes.fromhex(received["content"]).decode() == "a\N{REPLACEMENT CHARACTER}"
    [received] = host.eventually_records(function="as_text", name=f"{container.container_name}/item.json")
    assert received["properties"] == {"eo:cloud_cover": 1}
    assert received["length"] is None
    assert received["uri"] == "mine"
    assert bytes.fromhex(received["content"]).startswith(b"{")


def test_events_of_deleted_blobs_and_unknown_functions_are_dropped(
    host: RunningHost, container: ContainerClient, queues: QueueServiceClient
) -> None:
    gone = f"{container.url}/gone.json"
    there = container.upload_blob("there.json", b"{}")
    assert post(host, [event_of(gone)]).status_code == 202
    assert post(host, [event_of(there.url)], function="renamed").status_code == 202
    queue = queues.get_queue_client(internal_queue(host))
    eventually(lambda: queue.get_queue_properties().approximate_message_count == 0)
    eventually(lambda: "renamed, which is unknown" in host.log and "gone.json is gone" in host.log)


def test_failing_blob_ends_on_the_poison_queue_of_blobs(
    host: RunningHost, container: ContainerClient, queues: QueueServiceClient
) -> None:
    blob = container.upload_blob("bad.json", b"[1]")
    post(host, [event_of(blob.url)], function="failing")
    poison_queue = queues.get_queue_client("webjobs-blobtrigger-poison")
    host.eventually_records(2, function="failing")
    [poisoned] = eventually(lambda: list(poison_queue.receive_messages()) if "has been moved" in host.log else [])
    document = json.loads(poisoned.content)
    assert document == {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.failing",
        "BlobType": "BlockBlob",
        "ContainerName": container.container_name,
        "BlobName": "bad.json",
        "ETag": '"0x1"',
    }
    assert len(host.records(function="failing")) == 2
    poison_queue.delete_message(poisoned)


def test_path_parameters() -> None:
    assert path_parameters("incoming/{name}", "incoming/a/b.json") == {"name": "a/b.json"}
    assert path_parameters("incoming/{name}.{extension}", "incoming/a.b.json") == {"name": "a.b", "extension": "json"}
    assert path_parameters("incoming/{name}.tif", "incoming/a.json") == {}


class EventGrid:
    """A running `python -m local.event_grid`."""

    def __init__(self, azurite: Azurite, container: str, host: RunningHost, state: Path) -> None:
        endpoint = f"{host.url}/runtime/webhooks/blobs?functionName=Host.Functions.as_bytes&code={KEY}"
        command = [sys.executable, "-m", "local.event_grid", "--storage", azurite.connection_string()]
        command += ["--container", container, "--endpoint", endpoint, "--state", str(state)]
        self.process = subprocess.Popen(command, cwd=ROOT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        assert self.process.wait(20) == 0


def test_event_grid_delivers_each_version_of_each_blob_and_remembers_it(
    host: RunningHost, azurite: Azurite, tmp_path: Path
) -> None:
    name, state = unique_name("incoming"), tmp_path / "state.json"
    with BlobServiceClient.from_connection_string(azurite.connection_string()) as service:
        with EventGrid(azurite, name, host, state):
            container = service.create_container(name)
            container.upload_blob("first.json", b"1")
            host.eventually_records(function="as_bytes", name=f"{name}/first.json")
            container.upload_blob("first.json", b"2", overwrite=True)
            versions = host.eventually_records(2, function="as_bytes", name=f"{name}/first.json")
            assert [bytes.fromhex(version["content"]) for version in versions] == [b"1", b"2"]
        container.upload_blob("while it was down.json", b"3")
        with EventGrid(azurite, name, host, state):
            host.eventually_records(function="as_bytes", name=f"{name}/while it was down.json")
            assert len(host.records(function="as_bytes", name=f"{name}/first.json")) == 2


def test_host_and_its_default_encoding_understand_each_other(azurite: Azurite, tmp_path: Path) -> None:
    """With the default messageEncoding the internal queue holds base64, written and read alike."""
    app = make_app(tmp_path, "blob_app", {"extensions": {"queues": {"maxPollingInterval": "00:00:00.500"}}})
    with BlobServiceClient.from_connection_string(azurite.connection_string()) as service:
        container = service.create_container(unique_name("incoming"))
        blob = container.upload_blob("plain.json", b"{}")
        settings = {**storage_settings(azurite), "LOCAL_HOST_BLOBS_EXTENSION_KEY": KEY}
        with (
            RunningHost(app, settings) as host,
            QueueServiceClient.from_connection_string(azurite.connection_string()) as queues,
        ):
            queue = queues.create_queue(internal_queue(host))
            message = {"Type": "BlobTrigger", "FunctionId": "Host.Functions.as_bytes", "BlobType": "BlockBlob"}
            message |= {"ContainerName": container.container_name, "BlobName": "plain.json", "ETag": '"0x1"'}
            queue.send_message(base64.b64encode(json.dumps(message).encode()).decode())
            host.eventually_records(function="as_bytes")
            assert post(host, [event_of(blob.url)]).status_code == 202
            host.eventually_records(2, function="as_bytes")
