"""Answers that are not known of the service are chosen, and can be switched."""

import json
from typing import Any

import pytest
import requests

from .emulator_client import EmulatorClient, bearer, collection, error_of, item

QUEUED = {"ingest_seconds": [600, 600]}
UNKNOWN = "/stac/collections/unknown/items"


def test_a_request_without_an_api_version(trusting: EmulatorClient) -> None:
    answer = requests.get(f"{trusting.url}/stac", headers=bearer(), timeout=10)
    assert error_of(answer) == (400, "MissingApiVersionParameter")
    trusting.behave(decisions={"api_version": "optional"})
    page = requests.get(f"{trusting.url}/stac", headers=bearer(), timeout=10).json()
    links = {link["rel"]: link["href"] for link in page["links"]}
    assert links["child"].endswith("?api-version=2026-04-15")
    unknown = requests.get(f"{trusting.url}/stac?api-version=2024-01-31-preview", headers=bearer(), timeout=10)
    assert error_of(unknown) == (400, "UnsupportedApiVersionValue")


def test_a_collection_that_is_there_already(trusting: EmulatorClient) -> None:
    body = collection(trusting.collection_id)
    assert error_of(trusting.send("POST", "/stac/collections", json=body)) == (409, "ResourceExists")
    trusting.behave(decisions={"duplicate_collection": "operation"})
    assert trusting.outcome(trusting.send("POST", "/stac/collections", json=body)) == "GenericIngestionError"


def test_a_new_collection_is_there_at_once(trusting: EmulatorClient) -> None:
    trusting.behave(**QUEUED)
    accepted = trusting.send("POST", "/stac/collections", json=collection("at-once"))
    assert (accepted.status_code, accepted.json()["status"]) == (202, "Pending")
    assert trusting.json("/stac/collections/at-once")["id"] == "at-once"
    again = trusting.send("POST", "/stac/collections", json=collection("at-once"))
    assert error_of(again) == (409, "ResourceExists")
    # Whoever cancels its operation has no collection in the end.
    assert trusting.send("DELETE", f"/inma/operations/{accepted.json()['id']}").status_code == 204
    assert trusting.outcome(accepted) == "CanceledOperation"
    assert trusting.send("GET", "/stac/collections/at-once").status_code == 404


def test_a_new_collection_whose_operation_fails_is_gone(trusting: EmulatorClient) -> None:
    trusting.behave(operation_failures=[{"code": "InternalError", "types": ["AddCollection"], "count": 1}])
    assert trusting.outcome(trusting.send("POST", "/stac/collections", json=collection("failing"))) == "InternalError"
    assert trusting.send("GET", "/stac/collections/failing").status_code == 404
    assert trusting.outcome(trusting.send("POST", "/stac/collections", json=collection("failing"))) == "Succeeded"
    assert trusting.json("/stac/collections/failing")["id"] == "failing"


def test_a_new_collection_is_there_after_its_operation(trusting: EmulatorClient) -> None:
    trusting.behave(**QUEUED, decisions={"new_collection": "operation"})
    accepted = trusting.send("POST", "/stac/collections", json=collection("later"))
    assert accepted.status_code == 202
    assert trusting.send("GET", "/stac/collections/later").status_code == 404
    assert error_of(trusting.send("POST", "/stac/collections", json=collection("later"))) == (409, "ResourceExists")
    trusting.send("DELETE", f"/inma/operations/{accepted.json()['id']}")
    trusting.behave(ingest_seconds=[0, 0])
    assert trusting.outcome(trusting.send("POST", "/stac/collections", json=collection("later"))) == "Succeeded"
    assert trusting.json("/stac/collections/later")["id"] == "later"


def test_a_new_collection_is_made_with_201(trusting: EmulatorClient) -> None:
    trusting.behave(decisions={"new_collection": 201, "duplicate_collection": "operation"})
    made = trusting.send("POST", "/stac/collections", json=collection("made"))
    assert made.status_code == 201
    assert "operation-location" not in made.headers
    assert made.json() == trusting.json(made.headers["Location"].removeprefix(trusting.url))
    assert error_of(trusting.send("POST", "/stac/collections", json=collection("made"))) == (409, "ResourceExists")


def test_item_operations_run_or_wait_when_they_are_first_read(trusting: EmulatorClient) -> None:
    trusting.behave(**QUEUED)
    for start in ("running", "pending"):
        trusting.behave(decisions={"item_operations_start": start})
        for accepted in (trusting.post(item("a")), trusting.send("DELETE", f"{trusting.items}/a")):
            assert accepted.json()["status"] == "Pending"
            assert trusting.json(f"/inma/operations/{accepted.json()['id']}")["status"] == start.title()
    listed = trusting.json("/inma/operations", status="Running", collectionId=trusting.collection_id)["value"]
    assert len(listed) == 2


def test_an_s3_href_fails_or_is_kept(trusting: EmulatorClient) -> None:
    scene = item("scene", "s3://bucket/folder/a.tif")
    failed = trusting.ended(trusting.post(scene))
    assert failed["error"]["error"]["code"] == "InvalidAssetHref"
    assert "s3" in failed["error"]["error"]["message"]
    trusting.behave(decisions={"s3_href": "kept"})
    assert trusting.outcome(trusting.post(scene)) == "Succeeded"
    assert trusting.json(f"{trusting.items}/scene")["assets"]["image"]["href"] == "s3://bucket/folder/a.tif"


def item_of(item_id: str, size: int) -> bytes:
    """Make the body of an item with this many bytes, some of whose letters take two."""
    body = json.dumps(item(item_id, title="ä" * 1000), ensure_ascii=False).encode()
    return body[:-1] + b"," + b'"filler":"' + b"x" * (size - len(body) - 12) + b'"}'


@pytest.mark.parametrize("limit", [1_048_576, 1_000_000])
def test_the_size_limit_counts_the_bytes_that_were_sent(trusting: EmulatorClient, limit: int) -> None:
    trusting.behave(decisions={"max_item_bytes": limit})
    for item_id, size, outcome in (("fits", limit, "Succeeded"), ("large", limit + 1, "ItemSizeExceeded")):
        body = item_of(item_id, size)
        assert len(body) == size
        assert trusting.outcome(trusting.send("POST", trusting.items, data=body)) == outcome


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
