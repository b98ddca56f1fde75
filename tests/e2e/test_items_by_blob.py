"""Files dropped in container `incoming`: an Item, an ItemCollection, newline-delimited Items."""

import json
from collections import Counter

import pytest

from shared.basics.parallel import run_all
from shared.messages.models import QueueName
from tests.data.blob_events import cloud_event
from tests.running_stack import RunningStack, small_item, wait_for

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
        "Line 4 is not JSON: a character is out of place (line 1, column 2)",
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


def test_a_burst_of_files_loses_nothing_and_ingests_each_once_whatever_its_name(stack: RunningStack) -> None:
    files = {f"burst/{number} é+#%?&.json": f"burst-{number}" for number in range(200)}
    run_all(lambda name: drop(stack, name, json.dumps(small_item(COLLECTION, files[name]))), files)
    twice = list(files)[:50]
    stack.wait_all(COLLECTION, "Succeeded", {files[name] for name in twice})
    # Event Grid may deliver an event again at any time, and another subscription in another schema.
    run_all(lambda name: stack.send("blob-events", [cloud_event(name)], plain=True), twice)

    stack.wait_all(COLLECTION, "Succeeded", set(files.values()))
    wanted = Counter(dict.fromkeys(files.values(), 1))

    def outcomes(kind: str) -> Counter[str]:
        found = stack.results(collection=COLLECTION, outcome=kind)
        return Counter(result["id"] for result in found if str(result["id"]).startswith("burst-"))

    wait_for(lambda: set(outcomes("ingested")) == set(wanted), "an outcome of each file")
    wait_for(lambda: set(outcomes("unchanged")) >= {files[name] for name in twice}, "an outcome of each second event")
    assert outcomes("ingested") == wanted
    assert not outcomes("replaced")
    assert not stack.deadletters(QueueName.BLOB_EVENTS)
    for queue in ("blob-events", "blob-events-poison"):
        assert stack.queue(queue).get_queue_properties().approximate_message_count == 0
