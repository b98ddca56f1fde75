"""Starting the host stand-in, what it says when it cannot, and its admin routes."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.storage.queue import QueueServiceClient

from local.azurite import Azurite
from local.host.app_settings import AppSettings
from local.host.faults import HostFault
from local.host.host_json import MessageEncoding, QueueOptions, load_host_json
from local.host.options import load_options
from tests.integration.host.host_under_test import RunningHost, eventually, make_app, storage_settings, unique_name

NO_STORAGE_NEEDED = {"AzureWebJobsStorage": "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;"}


@pytest.fixture
def queues(azurite: Azurite) -> Iterator[QueueServiceClient]:
    with QueueServiceClient.from_connection_string(azurite.connection_string()) as service:
        yield service


def refusal(app: Path, settings: Mapping[str, str], *arguments: str) -> str:
    """Start a host that ends by itself, and return what it said."""
    host = RunningHost(app, settings, *arguments)
    try:
        assert host.process.wait(120) == 1
    except subprocess.TimeoutExpired:
        host.kill()
        raise
    return host.log


@pytest.mark.parametrize(
    ("sample", "settings", "sentence"),
    [
        ("queue_app", {}, "The host needs storage of its own. The storage connection 'AzureWebJobsStorage'"),
        ("missing_module_app", NO_STORAGE_NEEDED, "No module named 'a_module_that_is_not_installed'"),
        ("http_app", NO_STORAGE_NEEDED, "Function hello has a binding of type httpTrigger"),
    ],
)
def test_host_that_cannot_start_says_why(tmp_path: Path, sample: str, settings: dict[str, str], sentence: str) -> None:
    log = refusal(make_app(tmp_path, sample, {}), settings)
    assert sentence in log
    # The app's own error is shown whole.
    assert ("Traceback" in log) == (sample == "missing_module_app")


@pytest.mark.parametrize(
    ("host_json", "sentence"),
    [
        ({"version": "1.0"}, 'must have "version": "2.0"'),
        (
            {"extensions": {"queues": {"batchSize": 33}}},
            "host.json: 'extensions.queues.batchSize' is 33; it must be 1 to 32.",
        ),
        (
            {"functionTimeout": "five minutes"},
            "host.json: 'functionTimeout' is 'five minutes'; it must be a time as hh:mm:ss.",
        ),
        (
            {"logging": {"logLevel": {"default": "Loud"}}},
            "host.json: 'logging.logLevel.default' is 'Loud'; it must be one of",
        ),
    ],
)
def test_host_json_that_cannot_be_followed(tmp_path: Path, host_json: dict[str, Any], sentence: str) -> None:
    with pytest.raises(HostFault, match=re.escape(sentence)):
        load_host_json(make_app(tmp_path, "queue_app", host_json), AppSettings({}))


def test_defaults_are_those_of_the_extensions(tmp_path: Path) -> None:
    host_json = load_host_json(make_app(tmp_path, "queue_app", {}), AppSettings({"WEBSITE_SKU": "Dynamic"}))
    assert host_json.queues == QueueOptions(
        batch_size=16,
        new_batch_threshold=8,
        max_dequeue_count=5,
        visibility_timeout=0,
        max_polling_interval=60,
        message_encoding=MessageEncoding.BASE64,
    )
    assert load_options(AppSettings({})).receive_visibility == 600
    with pytest.raises(HostFault, match="LOCAL_HOST_TIMER_LOCK is '5'; it must be a number of seconds, 15 to 60"):
        load_options(AppSettings({"LOCAL_HOST_TIMER_LOCK": "5"}))


def test_folder_without_an_app(tmp_path: Path) -> None:
    assert "There is no function_app.py in" in refusal(tmp_path, NO_STORAGE_NEEDED)


def test_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        log = refusal(make_app(tmp_path, "queue_app", {}), NO_STORAGE_NEEDED, "--port", port)
    assert f"cannot listen on 127.0.0.1 port {port}" in log
    assert "Traceback" not in log


def test_settings_status_hand_runs_and_drain(azurite: Azurite, queues: QueueServiceClient, tmp_path: Path) -> None:
    queue = queues.create_queue(unique_name("work"))
    app = make_app(tmp_path, "queue_app", {"extensions": {"queues": {"messageEncoding": "base64"}}})
    values = {**storage_settings(azurite), "WORK_QUEUE": "not this one"}
    (app / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    # The environment wins over local.settings.json, and over host.json by its prefix.
    settings = {
        "WORK_QUEUE": queue.queue_name,
        "AzureFunctionsJobHost__extensions__queues__messageEncoding": "none",
        "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.500",
    }
    with RunningHost(app, settings) as host:
        status = requests.get(f"{host.url}/admin/host/status", timeout=30).json()
        assert (status["state"], status["id"]) == ("Running", host.host_id)
        functions = requests.get(f"{host.url}/admin/functions", timeout=30).json()
        assert {function["name"] for function in functions} == {"work", "record_poison", "work_on_bytes"}
        # One function lacks a setting: it alone is in error.
        assert list(status["errors"]) == ["work_on_bytes"]
        assert "set the app setting BINARY_QUEUE" in status["errors"]["work_on_bytes"]
        queue.send_message("plain")
        host.eventually_records(event="work", body="plain")

        def run(name: str, body: object) -> int:
            return requests.post(f"{host.url}/admin/functions/{name}", json=body, timeout=30).status_code

        assert run("work", {"input": '{"by": "hand"}'}) == 202
        host.eventually_records(event="work", body='{"by": "hand"}')
        assert run("unknown", {"input": ""}) == 404
        assert run("work", ["no object"]) == 400
        assert run("work_on_bytes", {"input": ""}) == 400

        def drain_state() -> str:
            state: str = requests.get(f"{host.url}/admin/host/drain/status", timeout=30).json()["state"]
            return state

        assert drain_state() == "Disabled"
        body = json.dumps({"do": "sleep", "seconds": 6})
        queue.send_message(body)
        host.eventually_records(event="work", body=body)
        assert requests.post(f"{host.url}/admin/host/drain", timeout=30).status_code == 202
        assert drain_state() == "InProgress"
        eventually(lambda: drain_state() == "Completed")
        # What ran was seen to its end, and nothing new is taken.
        assert host.records(event="done", body=body)
        eventually(lambda: queue.get_queue_properties().approximate_message_count == 0)
        queue.send_message("after the drain")
        assert host.stop() == 0
        assert not host.records(event="work", body="after the drain")


def test_stop_waits_for_what_runs(azurite: Azurite, queues: QueueServiceClient, tmp_path: Path) -> None:
    queue = queues.create_queue(unique_name("work"))
    options = {"messageEncoding": "none", "maxPollingInterval": "00:00:00.500"}
    app = make_app(tmp_path, "queue_app", {"extensions": {"queues": options}})
    settings = {**storage_settings(azurite), "WORK_QUEUE": queue.queue_name, "BINARY_QUEUE": "unused-queue"}
    with RunningHost(app, settings) as host:
        body = json.dumps({"do": "sleep", "seconds": 1})
        queue.send_message(body)
        host.eventually_records(event="work", body=body)
        assert host.stop() == 0
        assert host.records(event="done", body=body)
        assert queue.get_queue_properties().approximate_message_count == 0
