"""Kills, restarts and repeats on the real stack: nothing is lost, nothing is left over."""

import random
import time

from tests.faults.faulty_stack import (
    COUNT,
    COUNT_OF_KILLS,
    ITEMS,
    FaultyStack,
    check_all_ingested,
    jittered,
)
from tests.recordings.recording_proxy import Fault
from tests.running_stack import small_item, wait_for


def test_host_killed_ten_times(stack: FaultyStack) -> None:
    stack.start_host()
    items = stack.send_items(stack.collection, COUNT_OF_KILLS)
    for _ in range(10):
        time.sleep(jittered(0.05, 1.2))
        stack.kill_host()
        stack.start_host()
    check_all_ingested(stack, items)
    assert stack.figures["hosts killed"] == 10


def test_storage_stopped_and_started_on_its_data(stack: FaultyStack) -> None:
    stack.start_host()
    items = stack.send_items(stack.collection, COUNT)
    for _ in range(3):
        time.sleep(jittered(0.2, 0.8))
        stack.azurite.stop()
        stack.figures["storage stopped"] += 1
        stack.azurite.start()
    check_all_ingested(stack, items)
    # A host whose storage is gone stops; the platform starts it again.
    assert stack.hosts_restarted() > 0


def test_storage_that_forbids_receives_and_loses_the_answers_to_renewals(stack: FaultyStack) -> None:
    # Renewed after a second, which each call to GeoCatalog exceeds.
    proxy = stack.put_proxy_before_queues(LOCAL_HOST_RECEIVE_VISIBILITY="2")
    stack.behave(latency_ms=1300, ingest_seconds=[0.05, 0.3])
    lost = Fault("update", drop=True, after=True, times=10)
    forbidden = Fault("receive", status=403, code="AuthorizationFailure", times=0)
    proxy.faults["items"] = [lost, forbidden]
    items = stack.send_items(stack.collection, 20)
    stack.start_host()
    # The messages whose renewal was lost run twice: the first time until the end, without being deleted.
    wait_for(lambda: lost.times == 0, "renewals whose answers are lost")
    forbidden.times = 1
    wait_for(lambda: stack.hosts_restarted() > 0, "the host to stop and to be started again")
    stack.behave(latency_ms=0, ingest_seconds=[0.05, 0.3])
    check_all_ingested(stack, items)
    refused = [call for call in proxy.calls["items"] if call.operation == "delete" and call.status in {400, 404}]
    assert refused
    assert stack.figures["doubled"] == 0


def test_duplicates_and_reordering(stack: FaultyStack) -> None:
    versions = [
        small_item(
            stack.collection, f"item-{number}", updated=f"2024-05-0{version}T00:00:00Z", note=f"version {version}"
        )
        for number in range(60)
        for version in (1, 2, 3)
    ]
    messages = versions + versions
    random.shuffle(messages)
    for item in messages:
        stack.clients.queues.send("items", item)
    stack.figures["items"] += len(messages)
    stack.start_host()
    stack.start_host()
    newest = {item["id"]: item for item in versions if item["properties"]["note"] == "version 3"}
    wait_for(
        lambda: (
            stack.catalog(stack.collection).keys() == newest.keys()
            and all(held["properties"]["note"] == "version 3" for held in stack.catalog(stack.collection).values())
        ),
        "the newest version of every item",
        seconds=600,
    )
    check_all_ingested(stack, newest)
    # Whatever came in between was newer at its time; beyond the three versions of an item nothing may be ingested.
    stack.figures["older versions on the way"] = stack.figures.pop("doubled")
    assert stack.figures["older versions on the way"] <= 2 * len(newest)
    outcomes = stack.outcomes()
    assert sum(outcomes.values()) >= len(messages)
    assert outcomes["failed"] == 0


def test_all_of_it_together(stack: FaultyStack) -> None:
    stack.behave(
        faults=[
            {"method": "POST", "path": ITEMS, "kind": "status", "status": 429, "retry_after": 1, "probability": 0.03},
            {"method": "POST", "path": ITEMS, "kind": "status", "status": 500, "probability": 0.05},
            {"method": "POST", "path": ITEMS, "kind": "reset", "probability": 0.05},
            {"method": "POST", "path": ITEMS, "kind": "lose_response", "probability": 0.05},
            {"method": "GET", "path": "*", "kind": "status", "status": 503, "probability": 0.02},
        ],
        operation_failures=[{"code": "InternalIntermitentError", "probability": 0.05}],
    )
    stack.start_host()
    stack.start_host()
    items = stack.send_items(stack.collection, COUNT_OF_KILLS)
    for number in range(5):
        time.sleep(jittered(0.3, 1.5))
        stack.kill_host()
        if number == 2:
            stack.azurite.stop()
            stack.azurite.start()
        stack.start_host()
    check_all_ingested(stack, items)
