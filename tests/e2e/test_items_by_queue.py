"""Items that come by queue `items`, in every form a message may have."""

import json
from pathlib import Path

import pytest
import rustac

from tests.running_stack import RunningStack, small_item, wait_for

COLLECTION = "by-queue"


@pytest.fixture(scope="module", autouse=True)
def collection(stack: RunningStack) -> None:
    stack.create_collection(COLLECTION)


@pytest.mark.parametrize("plain", [False, True], ids=["base64", "plain"])
@pytest.mark.parametrize("wrapped", [True, False], ids=["message", "bare"])
def test_an_item_is_ingested(stack: RunningStack, *, plain: bool, wrapped: bool) -> None:
    item = small_item(COLLECTION, f"one-{plain}-{wrapped}")
    stack.send("items", {"item": item} if wrapped else item, plain=plain)
    result = stack.result(id=item["id"])
    assert (result["outcome"], result["collection"]) == ("ingested", COLLECTION)
    stack.wait_all(COLLECTION, "Succeeded", {item["id"]})  # a result is sent before its row is closed
    row = stack.rows(COLLECTION)[item["id"]]
    assert (row["status"], row["in_catalog"], row.get("message", b"")) == ("Succeeded", True, b"")
    assert item["id"] in stack.in_catalog(COLLECTION)


def test_every_item_of_a_collection_message_is_ingested(stack: RunningStack) -> None:
    items = [small_item(COLLECTION, f"of-many-{number}") for number in range(5)]
    stack.send("items", {"type": "FeatureCollection", "features": items})
    stack.wait_all(COLLECTION, "Succeeded", {item["id"] for item in items})


def test_the_same_content_again_is_unchanged_and_costs_no_call(stack: RunningStack) -> None:
    item = small_item(COLLECTION, "again")
    stack.send("items", item)
    stack.result(id="again", outcome="ingested")
    before = len(stack.catalog("GET", "/_emulator/requests").json())
    stack.send("items", item)
    stack.result(id="again", outcome="unchanged")
    later = stack.catalog("GET", "/_emulator/requests").json()[before:]
    assert [call for call in later if call["method"] in {"POST", "PUT"} and "/items" in call["path"]] == []


def test_changed_content_replaces(stack: RunningStack) -> None:
    stack.send("items", small_item(COLLECTION, "changing", note="first"))
    stack.result(id="changing", outcome="ingested")
    stack.send("items", small_item(COLLECTION, "changing", note="second"))
    stack.result(id="changing", outcome="replaced")
    assert stack.in_catalog(COLLECTION)["changing"]["properties"]["note"] == "second"


def test_older_content_that_comes_late_is_superseded(stack: RunningStack) -> None:
    stack.send("items", small_item(COLLECTION, "versions", updated="2024-05-02T00:00:00Z", note="new"))
    stack.result(id="versions", outcome="ingested")
    stack.send("items", small_item(COLLECTION, "versions", updated="2024-05-01T00:00:00Z", note="old"))
    stack.result(id="versions", outcome="superseded")
    assert stack.in_catalog(COLLECTION)["versions"]["properties"]["note"] == "new"


@pytest.mark.parametrize(("if_exists", "outcome"), [("skip", "skipped"), ("fail", "failed"), ("replace", "replaced")])
def test_if_exists_decides_over_an_item_that_was_there_before(
    stack: RunningStack, if_exists: str, outcome: str
) -> None:
    item = small_item(COLLECTION, f"there-{if_exists}")
    stack.clients.geocatalog.post_item(COLLECTION, json.dumps(item).encode())
    wait_for(lambda: item["id"] in stack.in_catalog(COLLECTION), "the item posted by hand")
    changed = small_item(COLLECTION, item["id"], note="changed")
    stack.send("items", {"item": changed, "if_exists": if_exists})
    assert stack.result(id=item["id"])["outcome"] == outcome
    kept = stack.in_catalog(COLLECTION)[item["id"]]["properties"].get("note")
    assert kept == ("changed" if if_exists == "replace" else None)


def test_a_deleted_item_is_gone_and_can_come_again(stack: RunningStack) -> None:
    item = small_item(COLLECTION, "comes-and-goes")
    stack.send("items", item)
    stack.result(id=item["id"], outcome="ingested")
    stack.send("deletions", {"collection": COLLECTION, "id": item["id"]})
    stack.result(id=item["id"], outcome="deleted")
    assert item["id"] not in stack.in_catalog(COLLECTION)
    stack.wait_all(COLLECTION, "Deleted", {item["id"]})
    # The queue's clock has seconds: what comes in the same second as the deletion is not older than it.
    stack.send("items", item)
    wait_for(lambda: stack.statuses(COLLECTION)[item["id"]] == "Succeeded", "the item again")


def test_deleting_what_is_not_there_is_done(stack: RunningStack) -> None:
    stack.send("deletions", {"collection": COLLECTION, "id": "never-was"})
    stack.result(id="never-was", outcome="deleted")


def test_the_same_items_as_geoparquet_are_unchanged(stack: RunningStack, tmp_path: Path) -> None:
    stack.create_collection("parquet")
    # rustac writes STAC 1.1.0 only. Each item has what the other lacks, which Arrow gives both.
    first, second = (small_item("parquet", name) | {"stac_version": "1.1.0"} for name in ("first", "second"))
    first["properties"] |= {"gsd": 10.5, "proj:code": None, "proj:shape": [None, 20]}
    second["assets"]["mask"] = {"href": "https://example.com/b.tif", "bands": [{"name": "m"}, {"unit": "1"}]}
    second["properties"] |= {"proj:code": None, "nested": {"x": {"y": "z"}}}
    (tmp_path / "items.json").write_text(json.dumps([first, second]))
    rustac.write_sync(str(tmp_path / "items.parquet"), [first, second])
    for name, outcome in (("items.json", "ingested"), ("items.parquet", "unchanged")):
        done = stack.command("enqueue", str(tmp_path / name), "--correlation-id", name)
        assert done.returncode == 0, done.stderr
        for item in (first, second):
            stack.result(collection="parquet", id=item["id"], correlation_id=name, outcome=outcome)
