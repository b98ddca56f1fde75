"""The emulator can be told to misbehave while it runs."""

import time

import pytest
import requests

from .emulator_client import EmulatorClient, error_of, item

ITEMS = "/stac/collections/*/items"


def test_a_status_fault_strikes_as_often_as_it_says(trusting: EmulatorClient) -> None:
    fault = {"method": "POST", "path": ITEMS, "kind": "status", "status": 429, "retry_after": 2, "count": 2}
    trusting.behave(faults=[fault])
    answers = [trusting.post(item(f"scene-{number}")) for number in range(3)]
    assert [one.status_code for one in answers] == [429, 429, 202]
    assert error_of(answers[0]) == (429, "TooManyRequests")
    assert answers[0].headers["Retry-After"] == "2"
    assert trusting.send("GET", trusting.items).status_code == 200
    assert trusting.control("GET", "behavior").json()["faults"][0]["count"] == 0


def test_a_reset_connection_leaves_nothing_behind(trusting: EmulatorClient) -> None:
    trusting.behave(faults=[{"method": "POST", "path": ITEMS, "kind": "reset", "count": 1}])
    with pytest.raises(requests.ConnectionError):
        trusting.post(item("scene"))
    assert trusting.send("GET", f"{trusting.items}/scene").status_code == 404
    assert trusting.outcome(trusting.post(item("scene"))) == "Succeeded"


def test_a_lost_response_leaves_its_work_behind(trusting: EmulatorClient) -> None:
    trusting.behave(faults=[{"method": "POST", "path": ITEMS, "kind": "lose_response", "count": 1}])
    with pytest.raises(requests.ConnectionError):
        trusting.post(item("scene"))
    assert trusting.outcome(trusting.post(item("scene"))) == "ItemAlreadyExistsInCollection"


def test_a_hanging_request_is_never_answered(trusting: EmulatorClient) -> None:
    trusting.behave(faults=[{"method": "POST", "path": ITEMS, "kind": "hang", "count": 1}])
    with pytest.raises(requests.ReadTimeout):
        trusting.send("POST", trusting.items, json=item("scene"), timeout=0.3)
    asked = [one for one in trusting.control("GET", "requests").json() if one["method"] == "POST"]
    assert asked[-1]["status"] is None
    assert trusting.send("GET", f"{trusting.items}/scene").status_code == 404


def test_a_fault_with_a_probability_strikes_some(trusting: EmulatorClient) -> None:
    trusting.behave(faults=[{"path": "/inma/*", "status": 503, "probability": 0.5}])
    answers = {trusting.send("GET", "/inma/ingestion-sources").status_code for _ in range(100)}
    assert answers == {200, 503}


def test_operations_fail_with_the_code_that_was_asked_for(trusting: EmulatorClient) -> None:
    trusting.behave(operation_failures=[{"code": "InternalError", "types": ["AddItem"], "count": 1}])
    assert trusting.outcome(trusting.send("DELETE", f"{trusting.items}/nothing")) == "NoRecordsToDelete"
    assert trusting.outcome(trusting.post(item("scene"))) == "InternalError"
    assert trusting.outcome(trusting.post(item("scene"))) == "Succeeded"


def test_latency_delays_answers_but_not_control(trusting: EmulatorClient) -> None:
    trusting.behave(latency_ms=2_000)
    start = time.monotonic()
    trusting.json("/stac/conformance")
    assert time.monotonic() - start >= 2
    start = time.monotonic()
    trusting.control("GET", "behavior")
    assert time.monotonic() - start < 2


def test_requests_are_listed_until_the_reset(trusting: EmulatorClient) -> None:
    trusting.control("POST", "reset")
    trusting.send("GET", "/stac/collections/nothing?sign=true")
    (asked,) = trusting.control("GET", "requests").json()
    assert (asked["method"], asked["path"], asked["status"]) == ("GET", "/stac/collections/nothing", 404)
    assert asked["time"].endswith("Z")
    trusting.behave(latency_ms=1)
    assert trusting.control("POST", "reset").ok
    assert trusting.control("GET", "requests").json() == []
    assert trusting.control("GET", "behavior").json() == {
        "latency_ms": 0,
        "ingest_seconds": [0.2, 1.0],
        "recreate_after_delete_seconds": 0,
        "asset_timeout_seconds": 30,
        "forget_operations": False,
        "faults": [],
        "operation_failures": [],
        "decisions": {
            "api_version": "required",
            "duplicate_collection": 409,
            "new_collection": "at_once",
            "unknown_collection": 404,
            "item_operations_start": "running",
            "bad_batch_member": "failed",
            "s3_href": "failed",
            "max_item_bytes": 1_048_576,
            "search_fields": "honored",
            "default_mosaic": False,
            "rewritten_configuration": False,
        },
    }
    assert trusting.json(f"/stac/collections/{trusting.collection_id}")["id"], "data outlives a reset"


def test_what_is_not_named_stays(trusting: EmulatorClient) -> None:
    trusting.behave(latency_ms=2)
    trusting.behave(decisions={"unknown_collection": "operation"})
    shown = trusting.control("GET", "behavior").json()
    assert shown["latency_ms"] == 2
    assert shown["decisions"]["duplicate_collection"] == 409
    assert shown["decisions"]["unknown_collection"] == "operation"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"latency": 1}, "latency"),
        ({"faults": [{"kind": "explode"}]}, "faults.0.kind"),
        ({"faults": [{"probability": 2}]}, "faults.0.probability"),
        ({"ingest_seconds": [2, 1]}, "ingest_seconds"),
        ({"decisions": {"duplicate_collection": 500}}, "decisions.duplicate_collection"),
        ([], "object"),
    ],
)
def test_a_wrong_behavior_is_refused_by_name(trusting: EmulatorClient, wrong: object, named: str) -> None:
    before = trusting.control("GET", "behavior").json()
    response = trusting.control("PUT", "behavior", json=wrong)
    assert error_of(response) == (400, "BadRequest")
    assert named in response.json()["error"]["message"]
    assert trusting.control("GET", "behavior").json() == before
