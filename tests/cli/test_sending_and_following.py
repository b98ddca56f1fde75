"""From `enqueue` to the outcome, and what an operator does about failures, on a running stack."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, Cli, clean_environment
from tests.cli.conftest import SEARCH
from tests.running_stack import RunningStack, small_collection, small_item, wait_for


def bare_item(collection: str, item_id: str) -> dict[str, object]:
    """An item without assets, which GeoCatalog ingests without reading anything."""
    return small_item(collection, item_id) | {"assets": {}}


def lines(*values: object) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


@pytest.fixture
def failing(stack: RunningStack) -> Iterator[None]:
    """A collection `failing`, on a GeoCatalog that fails every operation with a code that is the item's fault."""
    stack.create_collection("failing")
    faults = {"operation_failures": [{"code": "StacValidationFailed", "probability": 1.0, "count": None}]}
    stack.catalog("PUT", "/_emulator/behavior", json=faults).raise_for_status()
    yield
    stack.catalog("POST", "/_emulator/reset").raise_for_status()


def test_a_search_is_ingested_followed_and_shown(cli: Cli, scenes: dict[str, object]) -> None:
    collection, ids = str(scenes["collection"]), [str(item) for item in scenes["ids"]]  # type: ignore[attr-defined]
    status = cli.json("status")
    assert status["collections"][collection]["items"]["Succeeded"] == 2
    assert set(status["collections"][collection]["items"]) >= {"Submitting", "Held", "Failed", "Deleted"}
    assert status["collections"][collection]["open_operations"] == 0
    assert status["queues"]["items"] == 0
    assert any(source["seconds_left"] > 0 for source in status["sources"])

    features = json.loads(cli.ok("items", collection, "--geojson"))["features"]
    assert {feature["id"] for feature in features} == set(ids)
    assert {feature["geometry"]["type"] for feature in features} == {"Polygon"}
    page = cli.json("items", collection, "--limit", "1")
    assert page["next_offset"] == 1
    assert cli.json("items", collection, "--limit", "1", "--offset", "1")["next_offset"] is None

    story = cli.json("show", collection, ids[0])
    assert [entry["status"] for entry in story["history"]] == ["Submitting", "Submitted", "Succeeded"]
    assert story["operation"]["status"] == "Succeeded"

    url = f"{cli.settings['PLANETARY_COMPUTER_URL']}/api/stac/v1"
    again = cli.json("enqueue", "--search", url, *SEARCH, "--max-items", "2", "--collection", collection)
    assert again["sent"] == 2
    cli.ok("watch", "--until", "60s")
    assert len(cli.json("show", collection, ids[0])["history"]) == 3, "the same content was ingested again"


def test_a_folder_brings_its_collection_first(cli: Cli, stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / "collection.json").write_text(json.dumps(small_collection("from-folder")))
    (tmp_path / "items.ndjson").write_text(lines(*(bare_item("from-folder", f"i{n}") for n in range(40))))
    report = cli.json("enqueue", str(tmp_path))
    assert (report["sent"], report["collections"], report["warnings"]) == (40, ["from-folder"], [])
    seen = [json.loads(line) for line in cli.ok("watch", "--json", "-c", "from-folder", "--until", "90s").splitlines()]
    assert seen[-1]["items"]["Succeeded"] == 40
    assert seen[-1]["queued"] <= seen[-1]["stale"]  # of an item that overtook its collection

    # What exists by then is not replaced by what another catalog says, unless it is asked for.
    other = small_collection("elsewhere") | {"description": "What another catalog says."}
    (tmp_path / "collection.json").write_text(json.dumps(other))
    again = ("enqueue", str(tmp_path), "--collection", "from-folder")
    report = cli.json(*again)
    assert (report["sent"], report["collections"]) == (40, [])
    assert "Collection from-folder exists, so its definition stays as it is" in report["warnings"][0]
    assert cli.json(*again, "--definition")["collections"] == ["from-folder"]
    changed = {"collection": "from-folder", "outcome": "applied"}
    wait_for(lambda: [result for result in stack.results(**changed) if result["id"] is None][1:], "the replacement")
    definition = stack.clients.geocatalog.get_collection("from-folder") or {}
    assert definition["description"] == "What another catalog says."


def test_items_of_a_collection_that_is_nowhere_go_to_the_one_beside_them(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "collection.json").write_text(json.dumps(small_collection("beside")))
    items = (bare_item("that-is-nowhere", "astray"), bare_item("beside", "at-home"))
    (tmp_path / "items.ndjson").write_text(lines(*items))
    report = cli.json("enqueue", str(tmp_path))
    assert report["by_collection"] == {"beside": 2}
    assert "1 items name collection that-is-nowhere" in " ".join(report["warnings"])
    cli.ok("watch", "--collection", "beside", "--until", "60s")
    assert {item["id"] for item in cli.json("items", "beside")["items"]} == {"astray", "at-home"}


def test_standard_input_payloads_and_a_collection_nobody_knows(cli: Cli, stack: RunningStack) -> None:
    large = bare_item("nobody-knows", "large")
    large["properties"] = {"datetime": "2024-01-01T00:00:00Z", "text": "x" * 60_000}
    report = cli.json("enqueue", "-", "--correlation-id", "mark-1", stdin=lines(large))
    assert report["correlation_id"] == "mark-1"
    assert "nobody-knows, which was not sent along" in report["warnings"][0]
    wait_for(lambda: stack.statuses("nobody-knows") == {"large": "Held"}, "the held item")
    watched = cli.run("watch", "--correlation-id", "mark-1", "--until", "90s")
    assert watched.returncode == 1
    assert "1 items are held" in watched.stderr
    assert cli.run("watch", "-c", "nobody-knows", "--until", "1s").returncode == 1

    failures = cli.json("failures", "nobody-knows")["items"]
    assert [(item["id"], item["error_code"]) for item in failures] == [("large", "CollectionDoesNotExist")]
    assert "geocatalog apply" in failures[0]["remedy"]
    # What is due at this very moment is left alone.
    wait_for(lambda: cli.json("resume", "nobody-knows")["resumed"] == 1, "the held item to be resumed")


@pytest.mark.usefixtures("failing")
def test_failures_are_explained_replayed_and_then_ingested(cli: Cli, stack: RunningStack) -> None:
    report = cli.json("enqueue", "-", stdin=lines(bare_item("failing", "a"), bare_item("failing", "b")))
    watched = cli.run("watch", "--correlation-id", report["correlation_id"], "--until", "90s")
    assert watched.returncode == 1
    assert "2 items failed" in watched.stderr
    (group,) = cli.json("failures", "failing")["groups"]
    assert (group["kind"], group["error_code"], group["count"]) == ("Failed", "StacValidationFailed", 2)
    assert "2 Failed in failing: StacValidationFailed" in cli.ok("failures", "failing")
    text = cli.ok("failures", "failing", "--each")
    assert "failing/a is Failed: StacValidationFailed" in text
    assert "What to do:" in text
    assert cli.json("show", "failing", "a")["meaning"]

    filters = ("failing", "--error-code", "StacValidationFailed", "--newer-than", "1h", "--item", "a")
    assert [item["id"] for item in cli.json("replay", *filters, "--dry-run")["replayed"]] == ["a"]
    assert cli.json("items", "failing", "--state", "failed")["items"][0]["id"] == "a"
    stack.catalog("POST", "/_emulator/reset").raise_for_status()
    assert len(cli.json("replay", "failing")["replayed"]) == 2
    cli.ok("watch", "--collection", "failing", "--until", "90s")
    assert stack.in_catalog("failing").keys() == {"a", "b"}
    after = cli.json("failures", "failing")
    assert [after[name] for name in ("groups", "items", "deadletters")] == [[], [], []]


def test_what_is_being_retried_is_seen_and_tried_again_at_once(cli: Cli, stack: RunningStack) -> None:
    stack.create_collection("retried")
    fault = {"method": "POST", "path": "/stac/collections/retried/items", "kind": "status", "status": 500}
    stack.catalog("PUT", "/_emulator/behavior", json={"faults": [fault]}).raise_for_status()
    try:
        cli.ok("enqueue", "-", stdin=lines(bare_item("retried", "a"), bare_item("retried", "b")))

        def group() -> list[dict[str, object]]:
            groups = cli.json("failures", "retried")["groups"]
            return [one for one in groups if one["kind"] == "Waiting" and one["count"] == 2]

        (seen,) = wait_for(group, "both items waiting")
        assert seen["collection"] == "retried"
        assert seen["error_code"]
        assert "500" in str(seen["message"])
        assert seen["next_attempt"]
        assert seen["attempts"]
        assert "2 Waiting in retried" in cli.ok("failures", "retried")
    finally:
        stack.catalog("POST", "/_emulator/reset").raise_for_status()
    cli.ok("resume", "retried")
    cli.ok("watch", "--collection", "retried", "--until", "90s")
    assert cli.json("failures", "retried")["groups"] == []


def test_dead_letters_are_listed_and_replayed(cli: Cli, stack: RunningStack) -> None:
    stack.create_collection("letters")
    stack.send("items", {"item": bare_item("letters", "a"), "colection": "letters"})
    wait_for(lambda: stack.deadletters("items"), "the dead letter")
    letters = [letter for letter in cli.json("failures")["deadletters"] if letter["queue"] == "items"]
    assert any("colection" in letter["reason"] for letter in letters)
    replayed = cli.json("replay", "--dead-letters", "--queue", "items")["replayed"]
    assert len(replayed) == len(letters)
    wait_for(lambda: stack.deadletters("items"), "the dead letter, anew")


@pytest.mark.usefixtures("heeds_interrupts")
def test_a_ctrl_c_in_the_middle_is_finished_by_a_second_run(cli: Cli, stack: RunningStack, tmp_path: Path) -> None:
    stack.create_collection("interrupted")
    text = lines(*(bare_item("interrupted", f"i{n}") for n in range(60)))
    with subprocess.Popen(
        [COMMAND, "enqueue", "-", "--json", "--workers", "1"],
        env=clean_environment(cli.settings), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(text[: len(text) // 2])
        process.stdin.flush()
        wait_for(lambda: stack.rows("interrupted"), "the first item")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    report = json.loads(out)
    assert report["interrupted"]
    assert 0 < report["sent"] <= 30
    assert "Traceback" not in err
    file = tmp_path / "items.ndjson"
    file.write_text(text)
    assert cli.json("enqueue", str(file))["sent"] == 60
    cli.ok("watch", "-c", "interrupted", "--until", "90s")
    assert len(stack.in_catalog("interrupted")) == 60


def test_a_file_that_changes_while_it_is_read(cli: Cli, stack: RunningStack, tmp_path: Path) -> None:
    stack.create_collection("changing")
    file = tmp_path / "items.ndjson"
    file.write_text(lines(*(bare_item("changing", f"i{n}") for n in range(1_000))))
    queue = stack.clients.queues.client("items")
    waiting = int(queue.get_queue_properties().approximate_message_count or 0)
    with subprocess.Popen(
        [COMMAND, "enqueue", str(file), "--workers", "1"],
        env=clean_environment(cli.settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        wait_for(
            lambda: (
                stack.rows("changing") or (queue.get_queue_properties().approximate_message_count or 0) > waiting + 5
            ),
            "the first messages",
        )
        with file.open("a") as more:
            more.write(lines(bare_item("changing", "late")))
        _, err = process.communicate(timeout=240)
    assert process.returncode == 1
    assert "changed while it was read" in err
