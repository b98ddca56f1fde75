"""The rules of queue triggers, seen from the queues and from what the functions received."""

import itertools
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueServiceClient

from local.azurite import Azurite
from tests.integration.host.host_under_test import (
    RunningHost,
    eventually,
    has_ended,
    make_app,
    storage_settings,
    unique_name,
)

QUEUE_OPTIONS = {
    "batchSize": 2,
    "newBatchThreshold": 2,
    "maxDequeueCount": 3,
    "visibilityTimeout": "00:00:01",
    "maxPollingInterval": "00:00:00.500",
    "messageEncoding": "none",
}


@pytest.fixture(scope="module")
def queues(azurite: Azurite) -> Iterator[QueueServiceClient]:
    with QueueServiceClient.from_connection_string(azurite.connection_string()) as service:
        yield service


@pytest.fixture(scope="module")
def work_queue(queues: QueueServiceClient) -> QueueClient:
    return queues.get_queue_client(unique_name("work"))


@pytest.fixture(scope="module")
def poison_queue(queues: QueueServiceClient, work_queue: QueueClient) -> QueueClient:
    return queues.get_queue_client(f"{work_queue.queue_name}-poison")


@pytest.fixture(scope="module")
def host(azurite: Azurite, work_queue: QueueClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """One host for most rules; its queues do not exist when it starts."""
    app = make_app(
        tmp_path_factory.mktemp("queues"),
        "queue_app",
        {"extensions": {"queues": QUEUE_OPTIONS}, "logging": {"logLevel": {"default": "Information"}}},
    )
    settings = {
        "WORK_QUEUE": work_queue.queue_name,
        "BINARY_QUEUE": f"{work_queue.queue_name}-bytes",
        "PYTHON_THREADPOOL_THREAD_COUNT": "16",
    }
    with RunningHost(app, {**storage_settings(azurite), **settings}) as running:
        work_queue.create_queue()
        yield running


def remaining(queue: QueueClient) -> int:
    try:
        return queue.get_queue_properties().approximate_message_count or 0
    except ResourceNotFoundError:
        return 0


def test_message_on_a_queue_made_later_is_processed_and_deleted(host: RunningHost, work_queue: QueueClient) -> None:
    sent = work_queue.send_message("plain text")
    [received] = host.eventually_records(event="work", body="plain text")
    assert received["id"] == sent.id
    assert received["dequeue_count"] == 1
    assert received["function"] == "work"
    assert received["pop_receipt"]
    inserted, expires, visible = (
        datetime.fromisoformat(received[name]) for name in ("insertion_time", "expiration_time", "time_next_visible")
    )
    assert expires - inserted == timedelta(days=7)
    assert visible - inserted >= timedelta(minutes=9)
    eventually(lambda: remaining(work_queue) == 0)


def test_failing_message_comes_back_after_the_visibility_timeout_and_ends_on_the_poison_queue(
    host: RunningHost, work_queue: QueueClient
) -> None:
    body = json.dumps({"do": "fail", "with": unique_name("body")})
    sent = work_queue.send_message(body)
    [poisoned] = host.eventually_records(event="poison", body=body)
    tries = host.records(event="work", body=body)
    assert [record["dequeue_count"] for record in tries] == [1, 2, 3]
    assert all(record["id"] == sent.id for record in tries)
    # visibilityTimeout, with a little slack for clocks of one second's resolution.
    assert all(later["time"] - earlier["time"] > 0.9 for earlier, later in itertools.pairwise(tries))
    assert poisoned["id"] != sent.id
    assert poisoned["dequeue_count"] == 1
    assert "ValueError: asked to fail" in host.log
    eventually(lambda: remaining(work_queue) == 0)


def test_members_of_a_json_body_replace_the_metadata(host: RunningHost, work_queue: QueueClient) -> None:
    body = json.dumps({"ID": "S2A_item", "dequeuecount": 40, "insertionTime": "2024-02-04T00:00:00Z", "links": []})
    work_queue.send_message(body)
    [received] = host.eventually_records(event="work", body=body)
    assert received["id"] == "S2A_item"
    assert received["dequeue_count"] == 40
    assert received["insertion_time"] == "2024-02-04T00:00:00+00:00"


def test_body_member_that_breaks_the_metadata_fails_before_the_function(
    host: RunningHost, work_queue: QueueClient, poison_queue: QueueClient
) -> None:
    body = json.dumps({"dequeueCount": "many"})
    work_queue.send_message(body)
    eventually(lambda: remaining(work_queue) == 0 and remaining(poison_queue) == 1)
    assert not host.records(event="work", body=body)
    poison_queue.clear_messages()


def test_no_more_run_at_once_than_batch_and_threshold(host: RunningHost, work_queue: QueueClient) -> None:
    most = 4  # batchSize and newBatchThreshold together
    for number in range(2 * most):
        work_queue.send_message(json.dumps({"do": "gather", "number": most, "message": number}))
    gathered = host.eventually_records(2 * most, event="gathered")
    assert max(record["active"] for record in gathered) == most


def test_bytes_reach_a_function_with_binary_data_type(
    host: RunningHost, queues: QueueServiceClient, work_queue: QueueClient
) -> None:
    queue = queues.create_queue(f"{work_queue.queue_name}-bytes")
    sent = queue.send_message('{"id": "x"}')
    [received] = host.eventually_records(event="bytes")
    assert bytes.fromhex(received["body"]) == b'{"id": "x"}'
    # Only text is looked into for metadata.
    assert received["id"] == sent.id


def test_log_lines_carry_time_level_function_and_invocation(host: RunningHost, work_queue: QueueClient) -> None:
    text = unique_name("text")
    body = json.dumps({"do": "log", "text": text})
    work_queue.send_message(body)
    host.eventually_records(event="done", body=body)
    [received] = host.records(event="work", body=body)

    def both() -> list[str] | None:
        found = [line for line in host.log.splitlines() if line.endswith(text)]
        return found if len(found) > 1 else None

    lines = eventually(both)
    assert [line.split(" ", 1)[1] for line in lines] == [
        f"Information work {received['invocation']} information {text}",
        f"Warning work {received['invocation']} warning {text}",
    ]
    assert datetime.fromisoformat(lines[0].split(" ", 1)[0]).tzinfo is not None


def test_base64_is_decoded_and_what_is_not_goes_to_the_poison_queue_as_it_is(
    azurite: Azurite, queues: QueueServiceClient, tmp_path: Path
) -> None:
    name = unique_name("work")
    queue = queues.create_queue(name)
    app = make_app(tmp_path, "queue_app", {"extensions": {"queues": {"maxPollingInterval": "00:00:00.500"}}})
    settings = {**storage_settings(azurite), "WORK_QUEUE": name, "BINARY_QUEUE": f"{name}-bytes"}
    # The poison queue's own listener would take the text away before it can be looked at.
    settings["AzureWebJobs.record_poison.Disabled"] = "true"
    with RunningHost(app, settings) as host:
        queue.send_message("SGFsbMOz")
        host.eventually_records(event="work", body="Halló")
        queue.send_message("not base64!")
        poison_queue = queues.get_queue_client(f"{name}-poison")
        eventually(lambda: remaining(poison_queue) == 1)
        [poisoned] = poison_queue.receive_messages()
        assert poisoned.content == "not base64!"
        assert poisoned.dequeue_count == 1
        assert "Message decoding has failed!" in host.log
        assert len(host.records(event="work")) == 1
        eventually(lambda: remaining(queue) == 0)


@pytest.fixture
def short_lived(
    azurite: Azurite, queues: QueueServiceClient, tmp_path: Path
) -> tuple[QueueClient, Path, dict[str, str]]:
    """An app whose host makes received messages invisible for two seconds only."""
    queue = queues.create_queue(unique_name("work"))
    options = {"messageEncoding": "none", "maxPollingInterval": "00:00:00.500", "maxDequeueCount": 3}
    app = make_app(tmp_path, "queue_app", {"extensions": {"queues": options}})
    settings = {
        **storage_settings(azurite),
        "WORK_QUEUE": queue.queue_name,
        "BINARY_QUEUE": f"{queue.queue_name}-bytes",
        "LOCAL_HOST_RECEIVE_VISIBILITY": "2",
        "LOCAL_HOST_SHUTDOWN_LIMIT": "0",
    }
    return queue, app, settings


def test_renewal_keeps_a_long_message_from_being_delivered_again(
    short_lived: tuple[QueueClient, Path, dict[str, str]],
) -> None:
    queue, app, settings = short_lived
    body = json.dumps({"do": "sleep", "seconds": 10})
    queue.send_message(body)
    with RunningHost(app, {**settings, "LOCAL_HOST_RECEIVE_VISIBILITY": "8"}) as host:
        host.eventually_records(event="done")
        eventually(lambda: remaining(queue) == 0)
        assert [record["dequeue_count"] for record in host.records(event="work")] == [1]


def test_message_whose_renewal_was_lost_runs_twice(short_lived: tuple[QueueClient, Path, dict[str, str]]) -> None:
    queue, app, settings = short_lived
    queue.send_message(json.dumps({"do": "sleep", "seconds": 2.5, "deliveries": 1}))
    # Long enough that no renewal changes the receipt meanwhile.
    with RunningHost(app, settings | {"LOCAL_HOST_RECEIVE_VISIBILITY": "60"}) as host:
        [first] = host.eventually_records(event="work")
        # As another host does that received the message after this one failed to renew it.
        queue.update_message(first["id"], first["pop_receipt"], visibility_timeout=0)
        first, second = host.eventually_records(2, event="work")
        assert (first["dequeue_count"], second["dequeue_count"]) == (1, 2)
        host.eventually_records(event="done")
        eventually(lambda: remaining(queue) == 0)


def test_message_of_a_killed_host_comes_back_and_its_worker_ends_with_it(
    short_lived: tuple[QueueClient, Path, dict[str, str]],
) -> None:
    queue, app, settings = short_lived
    queue.send_message(json.dumps({"do": "sleep", "seconds": 60, "deliveries": 1}))
    with RunningHost(app, settings) as host:
        [first] = host.eventually_records(event="work")
        host.kill()
        eventually(lambda: has_ended(first["pid"]))
    with RunningHost(app, settings) as host:
        [second] = host.eventually_records(event="work")
        assert second["dequeue_count"] == 2
        eventually(lambda: remaining(queue) == 0)


def test_message_delivered_too_often_goes_to_the_poison_queue_without_a_call(
    short_lived: tuple[QueueClient, Path, dict[str, str]],
) -> None:
    queue, app, settings = short_lived
    queue.send_message("left over by hosts that died")
    for _ in range(3):
        [message] = queue.receive_messages(max_messages=1)
        queue.update_message(message.id, message.pop_receipt, visibility_timeout=0)
    with RunningHost(app, settings) as host:
        [poisoned] = host.eventually_records(event="poison")
        assert poisoned["body"] == "left over by hosts that died"
        assert not host.records(event="work")
        eventually(lambda: remaining(queue) == 0)


def test_function_of_a_poison_queue_is_called_again_and_again(
    short_lived: tuple[QueueClient, Path, dict[str, str]], queues: QueueServiceClient
) -> None:
    queue, app, settings = short_lived
    poison_queue = queues.create_queue(f"{queue.queue_name}-poison")
    sent = poison_queue.send_message("fail again")
    with RunningHost(app, settings) as host:
        # Beyond maxDequeueCount, which is 3; never deleted, never moved.
        calls = host.eventually_records(5, event="poison")
    assert [(call["id"], call["dequeue_count"]) for call in calls[:5]] == [(sent.id, count) for count in range(1, 6)]
    # Not after visibilityTimeout (0), but when the receive's invisibility is over.
    assert all(later["time"] - earlier["time"] > 1.8 for earlier, later in itertools.pairwise(calls))
    assert remaining(poison_queue) == 1
    assert [found.name for found in queues.list_queues(name_starts_with=poison_queue.queue_name)] == [
        poison_queue.queue_name
    ]


def test_text_function_fails_on_bytes_that_are_no_utf8(
    short_lived: tuple[QueueClient, Path, dict[str, str]],
) -> None:
    queue, app, settings = short_lived
    # With a line break, which base64 may have; the copy on the poison queue is encoded anew.
    queue.send_message("//79\nAA==")
    override = {"AzureFunctionsJobHost__extensions__queues__messageEncoding": "base64"}
    poison = f"{queue.queue_name}-poison"
    with RunningHost(app, {**settings, **override, "AzureWebJobs_record_poison_Disabled": "1"}) as host:
        eventually(lambda: remaining(queue) == 0)
        assert not host.records()
        assert host.log.count("UnicodeDecodeError") == 3
    with QueueClient.from_connection_string(settings["INGEST_STORAGE"], poison) as client:
        assert [message.content for message in client.peek_messages()] == ["//79AA=="]
