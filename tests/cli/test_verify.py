"""`verify`: what was deleted or changed by others, what a source has in another version, and the repair of both."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.verify import catalog
from cli.verify.catalog import Progress, pages_of
from cli.verify.rules import KnownRow, Verdict, against_catalog, against_source
from shared.records.status_rows import ItemStatus
from shared.stac.items import PreparedItem, Version
from tests.cli.command import Cli
from tests.running_stack import RunningStack, small_item, wait_for

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
BEFORE = START - timedelta(hours=1)
ROW = KnownRow(ItemStatus.SUCCEEDED, BEFORE, "a", None, version_is_naive=False)


@pytest.mark.parametrize(
    ("row", "stored_at", "is_there", "verdict"),
    [
        (ROW, BEFORE - timedelta(seconds=5), True, Verdict.SAME),
        (ROW, BEFORE + timedelta(seconds=50), True, Verdict.SAME),  # two clocks
        (ROW, BEFORE + timedelta(minutes=2), True, Verdict.CHANGED),
        (ROW, None, True, Verdict.SAME),
        (ROW, None, False, Verdict.MISSING),
        (replace(ROW, finished_at=START + timedelta(seconds=1)), None, False, Verdict.ON_THE_WAY),
        (replace(ROW, status=ItemStatus.FAILED), None, False, Verdict.FAILED),
        (replace(ROW, status=ItemStatus.HELD), None, False, Verdict.ON_THE_WAY),
        (replace(ROW, status=ItemStatus.WAITING), BEFORE + timedelta(minutes=2), True, Verdict.ON_THE_WAY),
        (replace(ROW, status=ItemStatus.SUBMITTED, finished_at=None), None, False, Verdict.ON_THE_WAY),
    ],
)
def test_a_row_and_geocatalog(row: KnownRow, stored_at: datetime | None, is_there: bool, verdict: Verdict) -> None:
    assert against_catalog(row, START, stored_at, is_there=is_there) is verdict


def prepared(content_hash: str, version: datetime | None = None, *, is_naive: bool = False) -> PreparedItem:
    made = Version(version, is_naive) if version else None
    return PreparedItem(b"{}", content_hash, made, None, None, earlier_hashes=lambda: ["a-by-earlier-rules"])


VERSIONED = replace(ROW, version=BEFORE)


@pytest.mark.parametrize(
    ("row", "item", "verdict"),
    [
        (None, prepared("a"), Verdict.UNSENT),
        (ROW, prepared("a"), Verdict.SAME),
        (replace(ROW, stored_hash="a-by-earlier-rules"), prepared("a"), Verdict.SAME),
        (replace(ROW, stored_hash=""), prepared("a"), Verdict.UNKNOWN_CONTENT),
        (ROW, prepared("b"), Verdict.DIFFERS),
        (ROW, prepared("b", START), Verdict.DIFFERS),
        (VERSIONED, prepared("b", START), Verdict.OLDER),
        (VERSIONED, prepared("b", BEFORE - timedelta(days=1)), Verdict.NEWER),
        (VERSIONED, prepared("b", BEFORE), Verdict.DIFFERS),
        (VERSIONED, prepared("b", START, is_naive=True), Verdict.DIFFERS),
        (replace(ROW, status=ItemStatus.DELETED), prepared("a"), Verdict.DELETED),
        (replace(ROW, status=ItemStatus.HELD), prepared("b"), Verdict.ON_THE_WAY),
    ],
)
def test_a_row_and_a_source(row: KnownRow | None, item: PreparedItem, verdict: Verdict) -> None:
    assert against_source(row, START, item) is verdict


class Verified:
    """A collection of ten ingested items, and the file that they came from."""

    def __init__(self, cli: Cli, stack: RunningStack, folder: Path) -> None:
        self.cli, self.stack, self.folder = cli, stack, folder
        self.name = "verified"
        self.file = folder / "source.ndjson"
        stack.create_collection(self.name)
        self.items = {
            f"item-{number}": small_item(self.name, f"item-{number}", updated="2026-01-01T00:00:00Z") | {"assets": {}}
            for number in range(10)
        }
        self.enqueue()

    def enqueue(self) -> None:
        self.write()
        mark = self.cli.json("enqueue", str(self.file))["correlation_id"]
        self.cli.ok("watch", "--correlation-id", mark, "--until", "60s")

    def write(self) -> None:
        self.file.write_text("".join(json.dumps(item) + "\n" for item in self.items.values()))

    def verify(self, *options: str, code: int = 1) -> dict[str, Any]:
        found: dict[str, Any] = self.cli.json("verify", self.name, *options, code=code)
        return found

    def verdicts(self, *options: str) -> dict[str, str]:
        return {item["id"]: item["verdict"] for item in self.verify(*options)["items"]}

    def delete_by_hand(self, item_id: str) -> None:
        self.stack.clients.geocatalog.delete_item(self.name, item_id)
        wait_for(lambda: item_id not in self.stack.in_catalog(self.name), "the deletion")

    def row(self, item_id: str) -> dict[str, Any]:
        return dict(self.stack.rows(self.name)[item_id])

    def write_row(self, item_id: str, **columns: Any) -> None:
        table = self.stack.clients.storage.tables.get_table_client("status")
        table.update_entity({"PartitionKey": self.name, "RowKey": f"item~{item_id}", **columns})


@pytest.fixture(scope="module")
def verified(cli: Cli, stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Verified:
    return Verified(cli, stack, tmp_path_factory.mktemp("verified"))


def test_what_agrees_is_no_difference(verified: Verified) -> None:
    assert verified.verify(code=0)["compared"] == {"verified": 10}
    for options in (
        ["--against", str(verified.file), "--complete"],
        ["--strict"],
        ["--sample", "3"],
        ["--since", "1h"],
    ):
        assert verified.verify(*options, code=0)["differences"] == 0
    # A service that does not heed `fields` sends whole items, which say the same.
    behavior = {"decisions": {"search_fields": "ignored"}}
    verified.stack.catalog("PUT", "/_emulator/behavior", json=behavior).raise_for_status()
    assert verified.verify(code=0)["items"] == []
    verified.stack.catalog("POST", "/_emulator/reset")
    assert verified.verify(code=0)["items"] == []
    asked = [(one["method"], one["path"]) for one in verified.stack.catalog("GET", "/_emulator/requests").json()]
    assert asked.count(("POST", "/stac/search")) == 1


def test_a_deletion_by_hand_is_found_and_marked(verified: Verified) -> None:
    verified.delete_by_hand("item-0")
    verified.write_row("item-1", finished_at=datetime.now(UTC) - timedelta(hours=1))
    verified.write_row("item-2", status="Waiting")
    there = small_item(verified.name, "by-others") | {"assets": {}}
    verified.stack.clients.geocatalog.post_item(verified.name, json.dumps(there).encode())
    wait_for(lambda: "by-others" in verified.stack.in_catalog(verified.name), "an item without a row")
    found = {"item-0": "missing", "item-1": "changed", "item-2": "on_the_way"}
    assert verified.verdicts() == found
    assert verified.verify()["differences"] == 2
    assert verified.verdicts("--strict") == {**found, "by-others": "without_row"}
    verified.write_row("item-1", finished_at=datetime.now(UTC))
    verified.write_row("item-2", status="Succeeded")

    assert verified.verify("--repair", "--dry-run")["repair"]["would_mark"] == 1
    asked = verified.cli.run("verify", verified.name, "--repair", "--ids-to", str(verified.folder))
    assert asked.returncode == 1  # one of ten is not asked about
    assert (verified.folder / "missing-verified.txt").read_text() == "item-0\n"
    row = verified.row("item-0")
    assert (row["status"], row["error_code"], row["in_catalog"]) == ("Failed", "MissingInCatalog", False)
    assert not row.get("stored_hash")
    assert [item["id"] for item in verified.cli.json("items", verified.name, "--state", "Failed")["items"]] == [
        "item-0"
    ]
    assert verified.verify(code=0)["counts"] == {"failed": 1}
    assert verified.verify("--adopt")["repair"]["adopted"] == 1
    assert verified.verify("--strict", code=0)["counts"] == {"failed": 1}

    verified.enqueue()
    assert "item-0" in verified.stack.in_catalog(verified.name)
    assert verified.verify("--strict", code=0)["counts"] == {}


def test_a_source_in_other_versions_is_found_and_sent(verified: Verified) -> None:
    verified.delete_by_hand("item-0")
    verified.delete_by_hand("item-9")
    changes: dict[str, dict[str, str]] = {
        "item-3": {"updated": "2026-02-01T00:00:00Z"},
        "item-4": {"updated": "2025-01-01T00:00:00Z"},
        "item-5": {"title": "another"},
    }
    for item_id, properties in changes.items():
        verified.items[item_id]["properties"].update(properties)
    del verified.items["item-9"], verified.items["item-8"]
    verified.items["item-6"]["geometry"] = {"type": "Point"}
    verified.items["item-x"] = small_item(verified.name, "item-x") | {"assets": {}}
    verified.write()
    against = ("--against", str(verified.file))
    found = {
        "item-0": "missing", "item-3": "older", "item-4": "newer", "item-5": "differs", "item-6": "unreadable",
        "item-9": "missing", "item-x": "unsent",
    }  # fmt: skip
    assert verified.verdicts(*against) == found
    verified.cli.run("delete", verified.name, "by-others")
    complete = verified.verdicts(*against, "--complete")
    assert complete == {**found, "item-8": "extra"}

    refused = verified.cli.run("verify", verified.name, *against, "--repair")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    repaired = verified.verify(*against, "--repair", "--yes", "--ids-to", str(verified.folder))["repair"]
    assert (repaired["marked"], repaired["sent"]) == (2, {"verified": 4})
    verified.cli.run("watch", "--correlation-id", repaired["correlation_id"], "--until", "60s")
    stored = verified.stack.in_catalog(verified.name)
    assert {"item-0", "item-x"} <= stored.keys()
    assert "item-9" not in stored
    assert stored["item-5"]["properties"]["title"] == "another"
    assert verified.verdicts(*against) == {"item-4": "newer", "item-6": "unreadable", "item-9": "failed"}


def test_a_comparison_that_was_stopped_continues(
    verified: Verified, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "PAGE", 3)
    geocatalog, path = verified.stack.clients.geocatalog, tmp_path / "progress"

    def pages(settings: str) -> Callable[[], Any]:
        return lambda: pages_of(verified.name, geocatalog, Progress(path, {"collections": [settings]}))

    first = list(itertools.islice(pages("a")(), 2))
    verified.stack.catalog("POST", "/_emulator/reset")
    ids = [item_id for page in pages("a")() for item_id, _ in page]
    assert sorted(ids) == sorted(verified.stack.in_catalog(verified.name))
    assert ids[:6] == [item_id for page in first for item_id, _ in page]
    with pytest.raises(Exception, match="another file"):
        pages("b")()


def test_a_wrong_call_is_explained(cli: Cli) -> None:
    for arguments, words in (
        (["no-such"], "GeoCatalog has no collection no-such"),
        (["c", "--complete"], "belong to --against"),
        (["c", "--dry-run"], "belongs to --repair"),
        (["c", "--sample", "2", "--strict"], "need all items"),
    ):
        done = cli.run("verify", *arguments)
        assert done.returncode in {1, 2}
        assert words in done.stderr
