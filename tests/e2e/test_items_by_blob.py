"""Files dropped in container `incoming`: an Item, an ItemCollection, newline-delimited Items."""

import json

import pytest

from tests.running_stack import RunningStack, small_item

COLLECTION = "by-blob"


@pytest.fixture(scope="module", autouse=True)
def collection(stack: RunningStack) -> None:
    stack.create_collection(COLLECTION)


def drop(stack: RunningStack, name: str, text: str) -> None:
    stack.clients.storage.blobs.get_blob_client("incoming", name).upload_blob(text.encode(), overwrite=True)


def test_an_item_file_is_ingested(stack: RunningStack) -> None:
    drop(stack, "a folder/one item.json", json.dumps(small_item(COLLECTION, "from-file"), indent=2))
    stack.wait_all(COLLECTION, "Succeeded", {"from-file"})


def test_an_item_collection_file_is_ingested(stack: RunningStack) -> None:
    items = [small_item(COLLECTION, f"of-collection-{number}") for number in range(4)]
    drop(stack, "many.json", json.dumps({"type": "FeatureCollection", "features": items}, indent=1))
    stack.wait_all(COLLECTION, "Succeeded", {item["id"] for item in items})


def test_a_newline_delimited_file_is_ingested_and_its_bad_lines_are_dead_letters(stack: RunningStack) -> None:
    items = [small_item(COLLECTION, f"of-lines-{number}") for number in range(6)]
    lines = [json.dumps(item) for item in items]
    lines[3:3] = ["not json at all", "", '{"type": "Collection", "id": "no item"}']
    drop(stack, "lines.ndjson", "\n".join(lines) + "\n")
    stack.wait_all(COLLECTION, "Succeeded", {item["id"] for item in items})
    reasons = [str(letter["reason"]) for letter in stack.deadletters("items") if "lines.ndjson" in letter["reason"]]
    assert sorted(reason.partition(".")[0] for reason in reasons) == [
        "Entry 5 is not a STAC Item",
        "Line 4 is not JSON",
    ]


def test_the_result_of_a_file_that_is_no_stac_names_it(stack: RunningStack) -> None:
    drop(stack, "no stac.json", "<html>")
    result = stack.result(error_code="HrefNotStac")
    assert "incoming/no%20stac.json" in result["error_message"]


def test_a_changed_file_is_ingested_again(stack: RunningStack) -> None:
    drop(stack, "changing.json", json.dumps(small_item(COLLECTION, "changing-file", note="first")))
    stack.result(id="changing-file", outcome="ingested")
    drop(stack, "changing.json", json.dumps(small_item(COLLECTION, "changing-file", note="second")))
    stack.result(id="changing-file", outcome="replaced")
    assert stack.in_catalog(COLLECTION)["changing-file"]["properties"]["note"] == "second"
