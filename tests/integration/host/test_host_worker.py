"""What becomes of invocations when a function takes too long or the worker process ends."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.queue import QueueServiceClient

from local.azurite import Azurite
from tests.integration.host.host_under_test import RunningHost, eventually, make_app, storage_settings, unique_name


@pytest.fixture
def queues(azurite: Azurite) -> Iterator[QueueServiceClient]:
    with QueueServiceClient.from_connection_string(azurite.connection_string()) as service:
        yield service


def test_time_out_and_crash_fail_what_runs_and_start_a_new_worker(
    azurite: Azurite, queues: QueueServiceClient, tmp_path: Path
) -> None:
    queue = queues.create_queue(unique_name("work"))
    options = {
        "messageEncoding": "none",
        "maxPollingInterval": "00:00:00.500",
        "visibilityTimeout": "00:00:01",
        "maxDequeueCount": 100,
    }
    app = make_app(tmp_path, "queue_app", {"functionTimeout": "00:00:06", "extensions": {"queues": options}})
    settings = {
        **storage_settings(azurite),
        "WORK_QUEUE": queue.queue_name,
        "BINARY_QUEUE": f"{queue.queue_name}-bytes",
        "LOCAL_HOST_THREADS": "4",
    }
    with RunningHost(app, settings) as host:
        endless = json.dumps({"do": "sleep", "seconds": 60, "deliveries": 1})
        bystander = json.dumps({"do": "sleep", "seconds": 50, "deliveries": 1})
        queue.send_message(endless)
        host.eventually_records(event="work", body=endless)
        queue.send_message(bystander)
        for body in (endless, bystander):
            first, second, *_ = host.eventually_records(2, event="work", body=body)
            assert first["dequeue_count"] == 1 < second["dequeue_count"]
            assert first["pid"] != second["pid"]
        assert "Timeout value of 6 s exceeded by function: Host.Functions.work" in host.log
        assert "The Python worker ended (exit code -9)." in host.log

        crash = json.dumps({"do": "end process", "deliveries": 1})
        queue.send_message(crash)
        before, after, *_ = host.eventually_records(2, event="work", body=crash)
        assert before["pid"] != after["pid"]
        assert "The Python worker ended (exit code 7)." in host.log
        eventually(lambda: queue.get_queue_properties().approximate_message_count == 0)
        assert host.stop() == 0
