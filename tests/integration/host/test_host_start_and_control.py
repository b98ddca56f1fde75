"""Starting the host stand-in, what it says when it cannot, and its admin routes."""

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.storage.queue import QueueClient, QueueServiceClient

from local.azurite import Azurite
from local.host.configuration.app_settings import AppSettings
from local.host.configuration.host_json import MessageEncoding, QueueOptions, load_host_json
from local.host.configuration.options import load_options
from local.host.faults import HostFault
from tests.integration.host.host_under_test import (
    RunningHost,
    eventually,
    has_ended,
    make_app,
    storage_settings,
    unique_name,
)

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
        ("mixed_app", NO_STORAGE_NEEDED, "Function hello has a binding of type httpTrigger"),
    ],
)
def test_host_that_cannot_start_says_why(tmp_path: Path, sample: str, settings: dict[str, str], sentence: str) -> None:
    log = refusal(make_app(tmp_path, sample, {}), settings)
    assert sentence in log
    assert "Traceback" not in log


def test_app_that_cannot_be_imported_leaves_a_host_without_functions(tmp_path: Path) -> None:
    with RunningHost(make_app(tmp_path, "missing_module_app", {}), NO_STORAGE_NEEDED) as host:
        status = requests.get(f"{host.url}/admin/host/status", timeout=30).json()
        assert status["state"] == "Running"
        assert "No module named 'a_module_that_is_not_installed'" in status["errors"]["*"]
        assert requests.get(f"{host.url}/admin/functions", timeout=30).json() == []
        # The app's own error is shown whole.
        assert "Worker failed to index functions" in host.log
        assert "Traceback" in host.log
        assert host.stop() == 0


def test_unsupported_and_misnamed_functions_are_left_out(
    azurite: Azurite, queues: QueueServiceClient, tmp_path: Path
) -> None:
    queue = queues.create_queue(unique_name("work"))
    settings = {**storage_settings(azurite), "WORK_QUEUE": queue.queue_name}
    app = make_app(tmp_path, "mixed_app", {"extensions": {"queues": {"messageEncoding": "none"}}})
    with RunningHost(app, settings, "--skip-unsupported") as host:
        errors = requests.get(f"{host.url}/admin/host/status", timeout=30).json()["errors"]
        assert "httpTrigger" in errors["hello"]
        assert "The binding name a_b is invalid" in errors["misnamed"]
        queue.send_message("text")
        host.eventually_records(body="text")


@pytest.mark.parametrize(
    ("setting", "disabled"),
    [
        ({"AzureWebJobs.work.Disabled": "true"}, True),
        ({"AzureWebJobs_work_Disabled": "1"}, True),
        ({"AzureWebJobs__work__Disabled": "true"}, False),
        ({"AzureWebJobs.work.Disabled": "yes"}, False),
    ],
)
def test_settings_that_disable_a_function(setting: dict[str, str], disabled: bool) -> None:
    assert AppSettings(setting).is_disabled("work") is disabled


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
    assert load_options(AppSettings({})).durations.receive_visibility == 600
    with pytest.raises(HostFault, match="LOCAL_HOST_TIMER_LOCK is '5'; it must be a whole number of seconds, 15 to 60"):
        load_options(AppSettings({"LOCAL_HOST_TIMER_LOCK": "5"}))


def test_folder_without_an_app(tmp_path: Path) -> None:
    assert "There is no function_app.py in" in refusal(tmp_path, NO_STORAGE_NEEDED)


def test_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        log = refusal(make_app(tmp_path, "queue_app", {}), NO_STORAGE_NEEDED, "--port", port)
    assert f"cannot listen on 127.0.0.1 port {port}" in log
    assert "Traceback" not in log


def test_settings_and_status(azurite: Azurite, queues: QueueServiceClient, tmp_path: Path) -> None:
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


def test_storage_that_refuses_the_host_stops_it(azurite: Azurite, tmp_path: Path) -> None:
    refused = azurite.connection_string().replace("AccountKey=", "AccountKey=AAAA")
    settings = {"AzureWebJobsStorage": refused, "INGEST_STORAGE": refused, "WORK_QUEUE": "work", "BINARY_QUEUE": "b"}
    host = RunningHost(make_app(tmp_path, "queue_app", {}), settings)
    # As the Functions host: the platform is told nothing but that the process has ended.
    assert host.process.wait(60) == 0
    assert "stopped by itself: An unhandled exception has occurred. Host is shutting down." in host.log.splitlines()[-1]


def stopping_app(azurite: Azurite, queue: QueueClient, folder: Path) -> tuple[Path, dict[str, str]]:
    options = {"messageEncoding": "none", "maxPollingInterval": "00:00:00.200"}
    app = make_app(folder, "queue_app", {"extensions": {"queues": options}})
    return app, {**storage_settings(azurite), "WORK_QUEUE": queue.queue_name, "BINARY_QUEUE": "unused-queue"}


@pytest.mark.parametrize("drains", [False, True])
def test_stop_receives_on_while_functions_run_unless_it_drains(
    azurite: Azurite, queues: QueueServiceClient, tmp_path: Path, drains: bool
) -> None:
    queue = queues.create_queue(unique_name("work"))
    app, settings = stopping_app(azurite, queue, tmp_path)
    with RunningHost(app, {**settings, "FUNCTIONS_ENABLE_DRAIN_ON_APP_STOPPING": str(drains)}) as host:
        running = json.dumps({"do": "sleep", "seconds": 4})
        queue.send_message(running)
        host.eventually_records(event="work", body=running)
        host.process.send_signal(signal.SIGTERM)
        eventually(lambda: "Host is shutting down; 1 invocations are running." in host.log)
        queue.send_message("after the signal")
        assert host.process.wait(20) == 0
        # What ran is seen to its end either way.
        assert host.records(event="done", body=running)
        assert bool(host.records(event="work", body="after the signal")) is not drains
        left = [message.content for message in queue.peek_messages(max_messages=32)]
        assert left == (["after the signal"] if drains else [])


def test_what_outlasts_the_grace_is_killed_and_its_message_stays_invisible(
    azurite: Azurite, queues: QueueServiceClient, tmp_path: Path
) -> None:
    queue = queues.create_queue(unique_name("work"))
    app, settings = stopping_app(azurite, queue, tmp_path)
    with RunningHost(app, {**settings, "LOCAL_HOST_SHUTDOWN_LIMIT": "1"}) as host:
        queue.send_message(json.dumps({"do": "sleep", "seconds": 60}))
        [running] = host.eventually_records(event="work")
        assert host.stop() == 0
        assert "Host did not shutdown within its allotted time." in host.log
        eventually(lambda: has_ended(running["pid"]))
        assert not host.records(event="done")
    assert not queue.peek_messages()
    assert queue.get_queue_properties().approximate_message_count == 1
