"""Answers that are not known of the service are chosen, and can be switched."""

from typing import Any

import pytest

from .emulator_client import EmulatorClient, collection, error_of, item

UNKNOWN = "/stac/collections/unknown/items"


def test_a_collection_that_is_there_already(trusting: EmulatorClient) -> None:
    body = collection(trusting.collection_id)
    assert error_of(trusting.send("POST", "/stac/collections", json=body)) == (409, "ResourceExists")
    trusting.behave(decisions={"duplicate_collection": "operation"})
    assert trusting.outcome(trusting.send("POST", "/stac/collections", json=body)) == "GenericIngestionError"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", UNKNOWN, item("x")),
        ("PUT", f"{UNKNOWN}/x", item("x")),
        ("PATCH", f"{UNKNOWN}/x", {}),
        ("DELETE", f"{UNKNOWN}/x", None),
    ],
)
def test_an_item_of_an_unknown_collection(trusting: EmulatorClient, method: str, path: str, body: object) -> None:
    assert error_of(trusting.send(method, path, json=body)) == (404, "ResourceNotFound")
    trusting.behave(decisions={"unknown_collection": "operation"})
    assert trusting.outcome(trusting.send(method, path, json=body)) == "CollectionDoesNotExist"


BATCH: dict[str, Any] = {"type": "FeatureCollection", "features": [item("a"), item("b c"), item("d")]}


@pytest.mark.parametrize(
    ("decision", "status", "stored"),
    [("failed", "Failed", {"a", "d"}), ("succeeded", "Succeeded", {"a", "d"}), ("nothing_stored", "Failed", set())],
)
def test_a_batch_with_one_bad_member(trusting: EmulatorClient, decision: str, status: str, stored: set[str]) -> None:
    trusting.behave(decisions={"bad_batch_member": decision})
    operation = trusting.ended(trusting.post(BATCH))
    assert operation["status"] == status
    assert operation["additionalInformation"] == {
        "TotalItems": "3",
        "TotalPendingItems": "0",
        "TotalSuccessfulItems": str(len(stored)),
        "TotalFailedItems": str(3 - len(stored)),
    }
    assert operation["statusHistory"][-1].get("errorCode") == ("ErrorsInBatchOperation" if status == "Failed" else None)
    assert {one["id"] for one in trusting.json(trusting.items)["features"]} == stored


def test_a_good_batch_is_one_operation(trusting: EmulatorClient) -> None:
    batch = {"type": "FeatureCollection", "features": [item(f"scene-{number}") for number in range(4)]}
    operation = trusting.ended(trusting.post(batch))
    assert operation["additionalInformation"]["TotalSuccessfulItems"] == "4"
    assert error_of(trusting.post({"type": "FeatureCollection", "features": []})) == (400, "BadRequest")
    many = {"type": "FeatureCollection", "features": [{}] * 10_001}
    assert trusting.outcome(trusting.post(many)) == "PostItemCollectionSizeExceeded"


def test_the_default_mosaic(trusting: EmulatorClient) -> None:
    path = "/stac/collections/{}/configurations/mosaics"
    assert trusting.json(path.format(trusting.collection_id)) == []
    trusting.behave(decisions={"default_mosaic": True})
    trusting.collection_id += "-again"
    trusting.make_collection()
    assert [one["id"] for one in trusting.json(path.format(trusting.collection_id))] == ["default"]
