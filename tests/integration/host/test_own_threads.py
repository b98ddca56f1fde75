"""The functions' own threads, in the host stand-in: their width, what they carry, and what does not end the worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.queue import QueueClient, QueueServiceClient

from local.azurite import Azurite
from tests.integration.host.host_under_test import RunningHost, eventually, make_app, storage_settings, unique_name

QUEUES = {"messageEncoding": "none", "batchSize": 16, "newBatchThreshold": 16, "maxPollingInterval": "00:00:00.200",
          "visibilityTimeout": "00:00:01", "maxDequeueCount": 2}  # fmt: skip


@pytest.fixture
def queue(azurite: Azurite) -> Iterator[QueueClient]:
    with QueueServiceClient.from_connection_string(azurite.connection_string()) as service:
        yield service.create_queue(unique_name("work"))


@pytest.fixture
def host(azurite: Azurite, queue: QueueClient, tmp_path: Path) -> Iterator[RunningHost]:
    app = make_app(tmp_path, "own_threads_app", {"functionTimeout": "00:01:00", "extensions": {"queues": QUEUES}})
    settings = {
        **storage_settings(azurite),
        "WORK_QUEUE": queue.queue_name,
        "GEOCATALOG_URL": "http://127.0.0.1:1",
        "LOCAL_HOST_THREADS": "5",
        "AzureFunctionsJobHost__functionTimeout": "00:00:10",  # overdue after 8 s
    }
    with RunningHost(app, settings) as running:
        yield running


def test_nothing_that_a_message_does_holds_up_or_ends_the_others(host: RunningHost, queue: QueueClient) -> None:
    for number in range(32):
        queue.send_message(f"gather {number}")
    gathered = host.eventually_records(32, event="gathered")
    assert max(record["active"] for record in gathered) == 32, "as many as host.json admits, on a worker's pool of 5"
    for record in host.records(event="work"):
        assert record["invocation"] == record["context"] == record["thread_local"]
        line = next(line for line in host.log.splitlines() if line.endswith(f"order {record['body']}"))
        assert record["invocation"] in line
    assert len({record["invocation"] for record in host.records(event="work")}) == 32

    faults = {"cancel": "CancelledError: cancelled by the test", "exit": "SystemExit: ended by the test",
              "stop": "StopIteration: stopped by the test"}  # fmt: skip
    for order in faults:
        queue.send_message(order)
    for order in faults:
        tries = host.eventually_records(2, event="work", body=order)
        assert {record["pid"] for record in tries} == {gathered[0]["pid"]}, "the worker lives on"
    eventually(lambda: queue.get_queue_properties().approximate_message_count == 0)
    for words in faults.values():
        assert f"Function work ended with {words}" in host.log

    for number in range(32):
        queue.send_message(f"hang {number}")
    eventually(lambda: len([r for r in host.records(event="work") if r["body"].startswith("hang")]) >= 32)
    ticks = len(host.records(event="tick"))
    host.eventually_records(ticks + 2, event="tick")
    # They are overdue before the host would kill the worker, and what comes next finds threads.
    eventually(lambda: "Function work did not end within 8 s of its receipt" in host.log, explain=lambda: host.log)
    queue.send_message("next")
    [after] = host.eventually_records(event="done", body="next")
    assert after["pid"] == gathered[0]["pid"]
    assert "Timeout value" not in host.log
    assert "Function work: up to 32 runs at once, each of at most 8 s" in host.log
    assert "Function tick: up to 1 runs at once" in host.log
