"""A GeoCatalog that throttles, fails, hangs and forgets: nothing is lost, nothing is left over."""

import time
from collections.abc import Iterator

import pytest

from tests.faults.faulty_stack import COUNT, ITEMS, FaultyStack, check_all_ingested, faulty_stack, jittered


@pytest.fixture(scope="module")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyStack]:
    """One stack with a host for all tests here, which hurt GeoCatalog only."""
    with faulty_stack(tmp_path_factory.mktemp("stack")) as running:
        running.start_host()
        yield running


@pytest.fixture
def stack(shared_stack: FaultyStack, request: pytest.FixtureRequest) -> Iterator[FaultyStack]:
    """The shared stack with a collection of the test's own."""
    shared_stack.begin(request.node.name.replace("_", "-"))
    yield shared_stack
    shared_stack.report(request.node.name)


def test_throttling_and_server_errors(stack: FaultyStack) -> None:
    stack.behave(
        faults=[
            {"method": "POST", "path": ITEMS, "kind": "status", "status": 429, "retry_after": 1, "probability": 0.05},
            {"method": "POST", "path": ITEMS, "kind": "status", "status": 500, "probability": 0.1},
            {"method": "POST", "path": ITEMS, "kind": "status", "status": 503, "probability": 0.05},
            {"method": "GET", "path": "/inma/operations*", "kind": "status", "status": 500, "probability": 0.3},
        ]
    )
    items = stack.send_items(stack.collection, COUNT)
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
    items = stack.send_items(stack.collection, COUNT)
    check_all_ingested(stack, items)
    assert stack.figures["doubled"] == 0


def test_an_outage_delays_and_buries_nothing(stack: FaultyStack) -> None:
    # Ten minutes at a fiftieth of their length.
    stack.behave(faults=[{"kind": "status", "status": 503, "probability": 1.0}])
    items = stack.send_items(stack.collection, COUNT)
    time.sleep(12)
    stack.behave(faults=[])
    check_all_ingested(stack, items)
    assert stack.figures["doubled"] == 0


def test_operations_that_fail(stack: FaultyStack) -> None:
    stack.behave(
        operation_failures=[
            {"code": "InternalError", "probability": 0.15},
            {"code": "IngestionResourceTimeout", "probability": 0.15},
        ]
    )
    items = stack.send_items(stack.collection, COUNT)
    check_all_ingested(stack, items)
    assert stack.figures["doubled"] == 0


def test_operations_that_fail_for_good(stack: FaultyStack) -> None:
    stack.behave(operation_failures=[{"code": "CogTransformationError", "probability": 1.0, "count": 40}])
    stack.send_items(stack.collection, COUNT)
    stack.wait_settled(stack.collection, {"Succeeded": COUNT - 40, "Failed": 40})
    stack.wait_queues_empty()
    stack.check_poison()
    failed = list(stack.clients.status.query_prefix(stack.collection, "failed~"))
    assert {str(row["error_code"]) for row in failed} == {"CogTransformationError"}
    assert len(failed) == 40
    assert len(stack.catalog(stack.collection)) == COUNT - 40


def test_operations_that_the_service_forgets(stack: FaultyStack) -> None:
    items = stack.send_items(stack.collection, COUNT)
    for _ in range(4):
        time.sleep(jittered(0.2, 0.6))
        stack.behave(forget_operations=True)
        stack.figures["times forgotten"] += 1
        time.sleep(0.3)
        stack.behave(forget_operations=False)
    check_all_ingested(stack, items)
