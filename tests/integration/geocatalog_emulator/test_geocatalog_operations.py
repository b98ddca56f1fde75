"""Operations: their life, their list, their cancelling."""

import re

import requests

from .emulator_client import EmulatorClient, collection, error_of, item

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")


def test_an_accepted_item_is_pending_with_two_addresses(trusting: EmulatorClient) -> None:
    accepted = trusting.post(item("scene"))
    body = accepted.json()
    assert accepted.status_code == 202
    where = f"{trusting.url}/inma/operations/{body['id']}?api-version=2026-04-15"
    assert accepted.headers["Location"] == accepted.headers["operation-location"] == where
    assert accepted.headers["api-supported-versions"] == "2025-04-30-preview, 2026-04-15"
    assert body.keys() == {"id", "status", "statusHistory", "type", "creationTime", "collectionId"}
    assert (body["status"], body["type"], body["collectionId"]) == ("Pending", "AddItem", trusting.collection_id)
    assert [one["status"] for one in body["statusHistory"]] == ["Pending"]
    assert TIMESTAMP.fullmatch(body["creationTime"])


def test_an_item_operation_ends_with_totals_in_strings(trusting: EmulatorClient) -> None:
    operation = trusting.ended(trusting.post(item("scene")))
    assert operation["status"] == "Succeeded"
    assert [one["status"] for one in operation["statusHistory"]] == ["Pending", "Running", "Finished"]
    assert operation["startTime"] == operation["creationTime"] < operation["finishTime"]
    assert operation["additionalInformation"] == {
        "TotalItems": "1",
        "TotalPendingItems": "0",
        "TotalSuccessfulItems": "1",
        "TotalFailedItems": "0",
    }


def test_a_collection_operation_has_no_totals(trusting: EmulatorClient) -> None:
    operation = trusting.ended(trusting.send("DELETE", f"/stac/collections/{trusting.collection_id}"))
    assert operation["type"] == "DeleteCollection"
    assert operation.keys() == {"id", "status", "statusHistory", "type", "creationTime", "collectionId"}


def test_a_failure_stands_twice_and_nested_twice(trusting: EmulatorClient) -> None:
    operation = trusting.ended(trusting.send("DELETE", f"{trusting.items}/nothing"))
    message = f"Item 'nothing' does not exist in collection '{trusting.collection_id}' to delete"
    assert operation["status"] == "Failed"
    assert operation["error"] == {"error": {"code": "NoRecordsToDelete", "message": message}}
    assert operation["statusHistory"][-1]["errorCode"] == "NoRecordsToDelete"
    assert operation["statusHistory"][-1]["errorMessage"] == message


def test_missing_items_fail_in_their_operation(trusting: EmulatorClient) -> None:
    put = trusting.send("PUT", f"{trusting.items}/nothing", json=item("nothing"))
    assert trusting.outcome(put) == "NoRecordsToUpdate"
    patch = trusting.send("PATCH", f"{trusting.items}/nothing", json={"properties": {}})
    assert trusting.outcome(patch) == "NoRecordsToPatch"


def test_a_pending_operation_is_cancelled_as_if_it_never_was(trusting: EmulatorClient) -> None:
    trusting.behave(ingest_seconds=[600, 600], decisions={"item_operations_start": "pending"})
    operation_id = trusting.post(item("scene")).json()["id"]
    assert trusting.send("DELETE", f"/inma/operations/{operation_id}").status_code == 204
    operation = trusting.json(f"/inma/operations/{operation_id}")
    assert operation["status"] == "Canceled"
    assert [one["status"] for one in operation["statusHistory"]] == ["Canceled"]
    assert operation["statusHistory"][0]["errorCode"] == "CanceledOperation"
    assert "startTime" not in operation
    assert "error" not in operation
    assert set(operation["additionalInformation"].values()) == {"0"}


def test_a_running_operation_is_cancelled_and_says_so(trusting: EmulatorClient) -> None:
    trusting.behave(ingest_seconds=[10, 10])
    operation_id = trusting.post(item("scene")).json()["id"]
    assert trusting.json(f"/inma/operations/{operation_id}")["status"] == "Running"
    assert trusting.send("DELETE", f"/inma/operations/{operation_id}").status_code == 204
    operation = trusting.wait_for(operation_id, {"Canceled"})
    assert [one["status"] for one in operation["statusHistory"]] == ["Pending", "Running", "Canceled"]
    assert operation["statusHistory"][-1]["errorCode"] == "CanceledOperation"
    assert "error" not in operation
    assert trusting.send("GET", f"{trusting.items}/scene").status_code == 404


def test_all_open_operations_are_cancelled_and_ended_ones_stay(trusting: EmulatorClient) -> None:
    done = trusting.ended(trusting.post(item("done")))["id"]
    trusting.behave(ingest_seconds=[600, 600])
    waiting = [trusting.post(item(f"waiting-{number}")).json()["id"] for number in range(3)]
    assert trusting.send("DELETE", "/inma/operations").status_code == 204
    for one in waiting:
        trusting.wait_for(one, {"Canceled"})
    assert trusting.json(f"/inma/operations/{done}")["status"] == "Succeeded"
    assert trusting.send("DELETE", f"/inma/operations/{done}").status_code == 204


def test_the_list_is_paged_by_absolute_links_newest_first(trusting: EmulatorClient) -> None:
    ids = [trusting.post(item(f"scene-{number}")).json()["id"] for number in range(5)]
    page = trusting.json("/inma/operations", collectionId=trusting.collection_id, **{"$top": 2})
    listed = [one["id"] for one in page["value"]]
    while "nextLink" in page:
        assert page["nextLink"].startswith(f"{trusting.url}/inma/operations?$top=2&$skip=")
        page = trusting.session.get(page["nextLink"], timeout=10).json()
        listed += [one["id"] for one in page["value"]]
    assert listed[:5] == ids[::-1]
    assert len(listed) == 6, "the collection's own operation is the oldest"
    for one in ids:
        trusting.wait_for(one, {"Succeeded"})
    finished = trusting.json("/inma/operations", collectionId=trusting.collection_id, status="Succeeded")
    assert len(finished["value"]) == 6
    assert trusting.json("/inma/operations", collectionId=trusting.collection_id, status="Failed") == {"value": []}


def test_more_than_a_hundred_make_a_second_page(trusting: EmulatorClient) -> None:
    for number in range(101):
        trusting.post(item(f"scene-{number}"))
    page = trusting.json("/inma/operations")
    assert len(page["value"]) == 100
    assert page["nextLink"] == f"{trusting.url}/inma/operations?$top=100&$skip=100&api-version=2026-04-15"


def test_wrong_paging_is_refused(trusting: EmulatorClient) -> None:
    for wrong in ("$top=0", "$top=x", "$skip=-1", "status=Odd"):
        assert error_of(trusting.send("GET", f"/inma/operations?{wrong}")) == (400, "BadRequest")


def test_an_unknown_operation_is_not_found(trusting: EmulatorClient) -> None:
    path = "/inma/operations/00000000-0000-0000-0000-000000000000"
    assert error_of(trusting.send("GET", path)) == (404, "ResourceNotFound")
    assert error_of(trusting.send("DELETE", path)) == (404, "ResourceNotFound")


def test_operations_can_be_forgotten(trusting: EmulatorClient) -> None:
    operation_id = trusting.post(item("scene")).json()["id"]
    trusting.wait_for(operation_id, {"Succeeded"})
    for forgotten in (True, [operation_id]):
        trusting.behave(forget_operations=forgotten)
        assert trusting.send("GET", f"/inma/operations/{operation_id}").status_code == 404
        assert operation_id not in {one["id"] for one in trusting.json("/inma/operations")["value"]}
    trusting.behave(forget_operations=False)
    assert trusting.json(f"/inma/operations/{operation_id}")["status"] == "Succeeded"
    assert trusting.json(f"{trusting.items}/scene")["id"] == "scene"


def test_two_posts_of_one_item_store_it_once(trusting: EmulatorClient) -> None:
    accepted = [trusting.post(item("scene")) for _ in range(2)]
    assert sorted(trusting.outcome(one) for one in accepted) == ["ItemAlreadyExistsInCollection", "Succeeded"]


def test_a_deleted_collection_can_be_made_again_after_a_while(trusting: EmulatorClient) -> None:
    trusting.behave(recreate_after_delete_seconds=600)
    path = f"/stac/collections/{trusting.collection_id}"
    trusting.ended(trusting.send("DELETE", path))
    again: requests.Response = trusting.send("POST", "/stac/collections", json=collection(trusting.collection_id))
    assert again.status_code == 409
    trusting.behave(recreate_after_delete_seconds=0)
    trusting.make_collection()
    assert trusting.json(trusting.items)["features"] == []
