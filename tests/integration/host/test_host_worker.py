"""What becomes of invocations when a function takes too long, never answers, or the worker process ends."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.storage.queue import QueueClient, QueueServiceClient

from local.azurite import Azurite
from tests.integration.host.host_under_test import RunningHost, eventually, make_app, storage_settings, unique_name


@pytest.fixture
def queue(azurite: Azurite) -> Iterator[QueueClient]:
    with QueueServiceClient.from_connection_string(azurite.connection_string()) as service:
        yield service.create_queue(unique_name("work"))


def app_and_settings(
    azurite: Azurite, queue: QueueClient, folder: Path, function_timeout: str, **settings: str
) -> tuple[Path, dict[str, str]]:
    options: dict[str, Any] = {
        "messageEncoding": "none",
        "maxPollingInterval": "00:00:00.500",
        "visibilityTimeout": "00:00:01",
        "maxDequeueCount": 100,
    }
    app = make_app(folder, "queue_app", {"functionTimeout": function_timeout, "extensions": {"queues": options}})
    names = {"WORK_QUEUE": queue.queue_name, "BINARY_QUEUE": f"{queue.queue_name}-bytes"}
    return app, {**storage_settings(azurite), **names, **settings}


def order(do: str, **details: object) -> str:
    return json.dumps({"do": do, "deliveries": 1, **details})


def test_time_out_kills_the_worker_and_its_other_invocations_hang_until_their_own(
    azurite: Azurite, queue: QueueClient, tmp_path: Path
) -> None:
    app, settings = app_and_settings(azurite, queue, tmp_path, "00:00:05", LOCAL_HOST_THREADS="4")
    with RunningHost(app, settings) as host:
        endless, neighbor = order("sleep", seconds=60), order("sleep", seconds=50)
        queue.send_message(endless)
        eventually(lambda: "Timeout value of 5 s exceeded by function: Host.Functions.work" in host.log)
        # Two seconds pass until the worker is killed; what starts now runs on it.
        queue.send_message(neighbor)
        first, second = host.eventually_records(2, event="work", body=endless)
        assert (first["dequeue_count"], second["dequeue_count"]) == (1, 2)
        first, second = host.eventually_records(2, event="work", body=neighbor)
        assert (first["dequeue_count"], second["dequeue_count"]) == (1, 2)
        assert first["pid"] != second["pid"]
        # Killed within 2 s, but failed only when its own 5 s were over.
        assert second["time"] - first["time"] > 5
        assert host.log.count("Timeout value of 5 s exceeded") == 2
        eventually(lambda: queue.get_queue_properties().approximate_message_count == 0)
        # Neither was a death of the worker: it was the host that killed it.
        assert "The Python worker ended" not in host.log

        with QueueClient.from_connection_string(
            settings["INGEST_STORAGE"], f"{queue.queue_name}-poison"
        ) as poison_queue:
            poison_queue.create_queue()
            poison_queue.send_message("cancel")
            host.eventually_records(event="poison")
            # The runtime catches Exception alone, so asyncio.CancelledError leaves the host without an answer.
            eventually(lambda: "Timeout value of 5 s exceeded by function: Host.Functions.record_poison" in host.log)
            poison_queue.clear_messages()
        assert host.stop() == 0


def test_dead_worker_fails_what_it_ran_and_the_third_death_ends_the_host(
    azurite: Azurite, queue: QueueClient, tmp_path: Path
) -> None:
    app, settings = app_and_settings(azurite, queue, tmp_path, "00:05:00", LOCAL_HOST_RECEIVE_VISIBILITY="60")
    with RunningHost(app, settings) as host:
        neighbor = order("sleep", seconds=60)
        queue.send_message(neighbor)
        host.eventually_records(event="work", body=neighbor)
        crash = order("end process", number=1)
        queue.send_message(crash)
        for body in (neighbor, crash):
            before, after, *_ = host.eventually_records(2, event="work", body=body)
            assert before["pid"] != after["pid"]
        eventually(lambda: queue.get_queue_properties().approximate_message_count == 0)

        # A tenth of the host's 10 s pass before the second restart.
        queue.send_message(order("end process", number=2))
        host.eventually_records(3, event="work", dequeue_count=2)
        queue.send_message(order("end process", number=3))
        assert host.process.wait(60) == 0
        assert host.log.count("The Python worker ended (exit code 7).") >= 3
        assert host.log.splitlines()[-1].startswith(
            "host stand-in stopped by itself: Exceeded language worker restart retry count"
        )
