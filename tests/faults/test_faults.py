"""Faults on the real stack: afterwards every item is in one right state, nothing is lost, nothing is left over."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.faulty_stack import FaultyStack, faulty_stack, jittered
from tests.running_stack import small_item, wait_for

COUNT = 300
COLLECTION = "faults"
ITEMS = "/stac/collections/*/items*"


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[FaultyStack]:
    with faulty_stack(tmp_path, request.node.name) as running:
        running.create_collection(COLLECTION)
        yield running


def check_all_ingested(stack: FaultyStack, items: dict[str, dict[str, object]]) -> None:
    stack.wait_settled(COLLECTION, {"Succeeded": len(items)})
    stack.behave(faults=[], operation_failures=[])
    stack.wait_queues_empty()
    stack.check_catalog(COLLECTION, items)
    stack.check_poison()
    stack.figures["doubled"] = stack.succeeded_writes() - len(items)


def test_host_killed_ten_times(stack: FaultyStack) -> None:
    stack.start_host()
    items = stack.send_items(COLLECTION, COUNT)
    for _ in range(10):
        time.sleep(jittered(0.05, 1.2))
        stack.kill_host()
        stack.start_host()
    check_all_ingested(stack, items)
    assert stack.figures["hosts killed"] == 10


def test_throttling_and_server_errors(stack: FaultyStack) -> None:
    stack.behave(
        faults=[
            {"method": "POST", "path": ITEMS, "kind": "status", "status": 429, "retry_after": 1, "probability": 0.05},
            {"method": "POST", "path": ITEMS, "kind": "status", "status": 500, "probability": 0.1},
            {"method": "POST", "path": ITEMS, "kind": "status", "status": 503, "probability": 0.05},
            {"method": "GET", "path": "/inma/operations*", "kind": "status", "status": 500, "probability": 0.3},
        ]
    )
    stack.start_host()
    items = stack.send_items(COLLECTION, COUNT)
    check_all_ingested(stack, items)
    assert stack.figures["doubled"] == 0


def test_hanging_reset_and_lost_responses(stack: FaultyStack) -> None:
    stack.behave(
        faults=[
            {"method": "POST", "path": ITEMS, "kind": "hang", "probability": 0.03},
            {"method": "POST", "path": ITEMS, "kind": "reset", "probability": 0.1},
            {"method": "POST", "path": ITEMS, "kind": "lose_response", "probability": 0.2},
        ]
    )
    stack.start_host()
    items = stack.send_items(COLLECTION, COUNT)
    check_all_ingested(stack, items)
    assert stack.figures["doubled"] == 0


def test_an_outage_delays_and_buries_nothing(stack: FaultyStack) -> None:
    # Ten minutes at a fiftieth of their length.
    stack.behave(faults=[{"kind": "status", "status": 503, "probability": 1.0}])
    stack.start_host()
    items = stack.send_items(COLLECTION, COUNT)
    time.sleep(12)
    stack.behave(faults=[])
    check_all_ingested(stack, items)
    assert stack.figures["doubled"] == 0


def test_storage_stopped_and_started_on_its_data(stack: FaultyStack) -> None:
    stack.start_host()
    items = stack.send_items(COLLECTION, COUNT)
    for _ in range(3):
        time.sleep(jittered(0.2, 0.8))
        stack.azurite.stop()
        stack.figures["storage stopped"] += 1
        stack.azurite.start()
    check_all_ingested(stack, items)


def test_duplicates_and_reordering(stack: FaultyStack) -> None:
    versions = [
        small_item(COLLECTION, f"item-{number}", updated=f"2024-05-0{version}T00:00:00Z", note=f"version {version}")
        for number in range(COUNT // 3)
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
            stack.catalog(COLLECTION).keys() == newest.keys()
            and all(held["properties"]["note"] == "version 3" for held in stack.catalog(COLLECTION).values())
        ),
        "the newest version of every item",
        seconds=150,
    )
    check_all_ingested(stack, newest)
    # Whatever came in between was newer at its time; beyond the three versions of an item nothing may be ingested.
    stack.figures["older versions on the way"] = stack.figures.pop("doubled")
    assert stack.figures["older versions on the way"] <= 2 * len(newest)
    outcomes = stack.outcomes()
    assert sum(outcomes.values()) >= len(messages)
    assert outcomes["failed"] == 0


def test_operations_that_fail(stack: FaultyStack) -> None:
    stack.behave(
        operation_failures=[
            {"code": "InternalError", "probability": 0.15},
            {"code": "IngestionResourceTimeout", "probability": 0.15},
        ]
    )
    stack.start_host()
    items = stack.send_items(COLLECTION, COUNT)
    check_all_ingested(stack, items)
    assert stack.figures["doubled"] == 0


def test_operations_that_fail_for_good(stack: FaultyStack) -> None:
    stack.behave(operation_failures=[{"code": "CogTransformationError", "probability": 1.0, "count": 40}])
    stack.start_host()
    stack.send_items(COLLECTION, COUNT)
    stack.wait_settled(COLLECTION, {"Succeeded": COUNT - 40, "Failed": 40})
    stack.wait_queues_empty()
    stack.check_poison()
    failed = list(stack.clients.status.query_prefix(COLLECTION, "failed~"))
    assert {str(row["error_code"]) for row in failed} == {"CogTransformationError"}
    assert len(failed) == 40
    assert len(stack.catalog(COLLECTION)) == COUNT - 40


def test_operations_that_the_service_forgets(stack: FaultyStack) -> None:
    stack.start_host()
    items = stack.send_items(COLLECTION, COUNT)
    for _ in range(4):
        time.sleep(jittered(0.2, 0.6))
        stack.behave(forget_operations=True)
        stack.figures["times forgotten"] += 1
        time.sleep(0.3)
        stack.behave(forget_operations=False)
    check_all_ingested(stack, items)


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
    items = stack.send_items(COLLECTION, COUNT)
    for number in range(5):
        time.sleep(jittered(0.3, 1.5))
        stack.kill_host()
        if number == 2:
            stack.azurite.stop()
            stack.azurite.start()
        stack.start_host()
    check_all_ingested(stack, items)
