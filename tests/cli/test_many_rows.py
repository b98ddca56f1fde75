"""What commands read of a table with many rows: pages and columns that are needed, and no others."""

import base64
import datetime as dt
import gc
import json
import signal
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest
import typer

from cli.follow.watching.stale_copies import stale_copies
from cli.follow.watching.until import Until
from cli.follow.watching.watch import watch
from cli.recover.deleting import delete_items
from cli.report import facts
from local.azurite import Azurite
from shared.basics.clock import utc_now
from shared.basics.json_codec import write_json
from shared.clients import Clients, build_clients
from shared.messages.models import QueueName
from shared.records.status_rows import ItemRow, ItemStatus, to_entity
from shared.records.status_store import index_entry
from shared.settings import read_settings
from shared.storage.transactions import Write
from shared.upkeep.provision import create_storage
from tests.cli.command import COMMAND, Cli, clean_environment
from tests.cli.guarded_storage import guarded
from tests.running_stack import small_item, wait_for

GEOCATALOG = {"GEOCATALOG_URL": "http://127.0.0.1:1"}
FAILED, HELD = ItemStatus.FAILED, ItemStatus.HELD
# A page of the table service holds 1,000 rows.
MANY = 1100


def clients(connection: str) -> Clients:
    return build_clients(read_settings(GEOCATALOG | {"INGEST_STORAGE": connection}))


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """An Azurite whose only rows are those of these tests: 1,100 ingested items in collection `many`."""
    with Azurite(tmp_path_factory.mktemp("many-rows")) as running:
        app = clients(running.connection_string())
        create_storage(app.storage)
        add(app, "many", *(f"i{number:04}" for number in range(MANY)))
        yield running


def add(
    app: Clients, collection: str, *item_ids: str, status: ItemStatus = ItemStatus.SUCCEEDED, **columns: Any
) -> None:
    """Writes rows of items, over those that are there, 100 at once."""
    rows = [to_entity(ItemRow(collection, item_id, status, "items", app.now(), **columns)) for item_id in item_ids]
    for number in range(0, len(rows), 100):
        app.status.transact([("upsert", row) for row in rows[number : number + 100]])


def end(app: Clients, collection: str, item_id: str, status: ItemStatus, **columns: Any) -> None:
    """Has an item come to an end that has an index."""
    row = app.status.get(collection, item_id)
    assert row is not None
    fault = {"error_code": "StacValidationFailed", "finished_at": app.now()}
    app.status.update(row, row.changed(status, app.now(), **fault, **columns))


class Door:
    """The storage, with all that is asked of it written down."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def note(self, service: str, method: str, path: str) -> bool:
        self.asked.append(f"{service} {method} {unquote(path).replace('+', ' ')}")
        return True

    def count(self, *words: str) -> int:
        """Counts the calls in which all of these words stand, and forgets all calls."""
        found = self.seen(*words)
        self.asked.clear()
        return found

    def seen(self, *words: str) -> int:
        """Counts the calls in which all of these words stand."""
        return sum(all(word in call for word in words) for call in list(self.asked))


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def connection(azurite: Azurite, door: Door) -> Iterator[str]:
    with guarded(azurite, door.note) as through:
        yield through


@pytest.fixture
def queues(azurite: Azurite) -> Iterator[None]:
    """Queues that are empty before the test and after it."""
    app = clients(azurite.connection_string())
    for name in QueueName:
        app.queues.client(name).clear_messages()
    yield
    for name in QueueName:
        app.queues.client(name).clear_messages()


@pytest.fixture
def cli(connection: str) -> Cli:
    return Cli(GEOCATALOG | {"INGEST_STORAGE": connection})


@pytest.mark.parametrize("option", ["--json", "--geojson"])
def test_a_few_of_many_items_are_read_without_the_others(cli: Cli, door: Door, option: str) -> None:
    assert cli.ok("items", "many", "--limit", "5", option).count('"id": "i000') >= 5
    assert door.count("table GET", "status()", "item~") == 1


def test_all_of_many_items_are_read_page_by_page_and_once(cli: Cli, door: Door) -> None:
    found = cli.json("items", "many", "--limit", "0")["items"]
    assert [item["id"] for item in found] == [f"i{number:04}" for number in range(MANY)]
    assert door.count("table GET", "status()", "item~") == 2
    assert cli.json("items", "many", "--offset", "1095", "--limit", "5")["next_offset"] is None


def test_rows_that_go_while_they_are_read_disturb_nothing(azurite: Azurite) -> None:
    app = clients(azurite.connection_string())
    add(app, "going", *(f"i{number:04}" for number in range(MANY)))
    table = app.storage.tables.get_table_client("status")
    seen = []
    for row in app.status.query_prefix("going", "item~", select=["PartitionKey", "RowKey"]):
        seen.append(row["RowKey"])
        table.delete_entity(row)
    assert len(set(seen)) == len(seen) == MANY


def test_a_missing_table_has_no_rows_and_is_made(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Azurite(tmp_path_factory.mktemp("no-table")) as running:
        app = clients(running.connection_string())
        assert list(app.status.query_prefix("many", "item~")) == []
        assert "status" in {table.name for table in app.storage.tables.list_tables()}


def test_states_are_picked_out_by_the_storage_and_come_in_the_order_of_ids(
    cli: Cli, door: Door, azurite: Azurite
) -> None:
    app = clients(azurite.connection_string())
    add(app, "mixed", *(f"i{number:04}" for number in range(MANY)))
    add(app, "mixed", "i0500-canceled", status=ItemStatus.CANCELED)
    for item_id, status in (("i0300", HELD), ("i0400", FAILED), ("i0600", HELD)):
        end(app, "mixed", item_id, status)
    failures = ["i0300", "i0400", "i0500-canceled", "i0600"]

    assert [item["id"] for item in cli.json("failures", "mixed")["items"]] == failures
    assert door.count("table GET", "status()", "item~") == 1, "rows of other states came too"
    indexed = cli.json("items", "mixed", "--state", "Failed", "--state", "Held")["items"]
    assert [(item["id"], item["error_code"]) for item in indexed] == [
        ("i0300", "StacValidationFailed"), ("i0400", "StacValidationFailed"), ("i0600", "StacValidationFailed"),
    ]  # fmt: skip
    assert door.count("table GET", "status()", "item~") == 0, "the index was not used"


def test_the_status_of_one_collection_reads_no_other(cli: Cli, door: Door, azurite: Azurite) -> None:
    add(clients(azurite.connection_string()), "small", "a", "b")
    found = cli.json("status", "-c", "small", "-c", "nowhere")["collections"]
    assert {name: counts["items"]["Succeeded"] for name, counts in found.items()} == {"small": 2, "nowhere": 0}
    assert door.count("table GET", "status", "'many'") == 0
    assert "is not one GeoCatalog takes" in cli.run("status", "-c", "a/b#c").stderr


def deletions(app: Clients, count: int) -> list[dict[str, Any]]:
    """Takes so many deletions from the queue, and returns them in the order of their ids."""
    messages = app.queues.client("deletions").receive_messages(max_messages=count, messages_per_page=32)
    bodies = [json.loads(base64.b64decode(message.content)) for message in messages]
    return sorted(bodies, key=lambda body: str(body["id"]))


@pytest.mark.usefixtures("queues")
def test_of_many_deletions_only_the_awaited_rows_are_read(azurite: Azurite, door: Door) -> None:
    app = clients(azurite.connection_string())
    ids = [f"i{number:03}" for number in range(210)]  # more than one portion
    taken: list[dict[str, Any]] = []
    one_by_one = threading.Lock()

    def grants(service: str, method: str, path: str) -> bool:
        """Lets all but three deletions be done before the first row is read, and those before the first second look."""
        door.note(service, method, path)
        if (service, method) == ("table", "GET"):
            with one_by_one:
                if not taken:
                    taken.extend(deletions(app, len(ids)))
                    mark = taken[0]["correlation_id"]
                    add(app, "emptied", *ids[1:-3], status=ItemStatus.DELETED, correlation_id=mark)
                    add(
                        app, "emptied", ids[0],
                        status=FAILED, correlation_id=mark, error_code="NotNow", error_message="Later.",
                    )  # fmt: skip
                    add(app, "emptied", *ids[-3:], status=ItemStatus.DELETED, correlation_id="of an earlier one")
                elif door.seen("table GET") > len(ids):
                    add(app, "emptied", *ids[-3:], status=ItemStatus.DELETED, correlation_id=taken[0]["correlation_id"])
        return True

    with guarded(azurite, grants) as connection:
        done = delete_items("emptied", ids, clients(connection), waits=True, seconds=60)
    assert (done.deleted, done.failed, done.waiting) == (ids[1:], {ids[0]: "NotNow Later."}, [])
    assert [message["id"] for message in taken] == ids
    assert door.seen("table GET", "status()") == 0, "the whole collection was gone through"
    assert door.count("table GET", "RowKey='item~") == len(ids) + 3


@pytest.mark.usefixtures("queues")
def test_waiting_for_many_deletions_ends_when_its_time_is_over(connection: str, door: Door) -> None:
    ids = [f"i{number:04}" for number in range(210)]
    done = delete_items("many", ids, clients(connection), waits=True, seconds=0)
    assert (done.deleted, done.failed, done.waiting) == ([], {}, ids)
    assert 0 < door.count("table GET", "RowKey='item~") < len(ids), "all rows were read although the time was over"


def test_a_report_keeps_no_more_outlines_than_it_shows(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    app = clients(azurite.connection_string())
    outline: dict[str, Any] = {"bbox": "[1.0, 2.0, 3.0, 4.0]"}
    add(app, "mapped", *(f"i{number:04}" for number in range(MANY)), **outline)
    add(app, "mapped", "i0700", "i0900", status=FAILED, **outline)
    add(app, "mapped", "i0800", status=HELD, **outline)
    add(app, "mapped", "i0001", status=ItemStatus.DELETED, **outline)
    add(app, "mapped", "i0002", status=ItemStatus.SUBMITTED, **outline)
    monkeypatch.setattr(facts, "MAX_FOOTPRINTS", 6)
    kept: list[int] = []

    def now() -> dt.datetime:
        kept.append(sum(isinstance(thing, facts.Footprint) for thing in gc.get_objects()))
        return utc_now()

    found = facts.gather(replace(app, now=now))
    names = [(footprint.name, footprint.state.value) for footprint in found.footprints]
    assert names == [
        ("mapped/i0700", "Failed"), ("mapped/i0900", "Failed"), ("mapped/i0800", "Held"),
        ("mapped/i0000", "Succeeded"), ("mapped/i0002", "Submitted"), ("mapped/i0003", "Succeeded"),
    ]  # fmt: skip
    assert found.left_out == MANY - 1 - 6
    assert 6 <= max(kept) < 20, "outlines were kept that are never shown"


def watch_with(app: Clients, is_over: Callable[[], bool], *collections: str) -> int:
    """Watches for a minute, by a clock on which that is over as soon as `is_over` says."""
    begun = utc_now()
    app = replace(app, now=lambda: begun + dt.timedelta(hours=1 if is_over() else 0))
    until = Until(moment=begun + dt.timedelta(minutes=1))
    with pytest.raises(typer.Exit) as ended:
        watch(app, collections=list(collections), correlation_id=None, until=until, as_json=False)
    return ended.value.exit_code


def test_a_watch_whose_time_is_over_reads_no_further(
    connection: str, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watch_with(clients(connection), lambda: door.seen("'many'", "item~") == 1, "many") == 1
    printed = capsys.readouterr()
    assert (printed.out, door.count("'many'", "item~")) == ("", 1)
    assert "The time was over before all rows were read, so nothing can be told" in printed.err


@pytest.mark.usefixtures("queues")
def test_a_watch_whose_time_is_over_ends_with_the_last_whole_look(
    connection: str, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    app = clients(connection)
    add(app, "open", "a", status=ItemStatus.SUBMITTED)
    assert watch_with(app, lambda: door.seen("'many'", "item~") == 3, "many", "open") == 1
    printed = capsys.readouterr()
    assert (printed.out, door.count("'many'", "item~")) == ("Submitted 1, Succeeded 1,100; queued 0\n", 3)
    assert "the counts are those of the look before" in printed.err
    assert "1 are not done yet" in printed.err


@pytest.mark.usefixtures("queues")
@pytest.mark.parametrize("options", [["--correlation-id", "mine"], ["--collection", "marked"]])
def test_a_watch_of_few_is_not_sent_what_else_is_finished(
    cli: Cli, door: Door, azurite: Azurite, options: list[str]
) -> None:
    add(clients(azurite.connection_string()), "marked", "a", correlation_id="mine")
    assert cli.ok("watch", *options, "--until", "60s") == "Succeeded 1; queued 0\n"
    assert door.seen("'many'", "item~") == door.seen("'marked'", "item~") > 0, "a look took more than a page of it"


def test_stale_copies_are_looked_for_only_where_something_was_written(connection: str, door: Door) -> None:
    later = replace(clients(connection), now=lambda: utc_now() + dt.timedelta(hours=1))
    assert stale_copies(later, lambda: None) == 0
    assert door.count("'many'", "item~") == 1, "rows that nobody wrote came too"


def failed_with_messages(app: Clients, collection: str, *item_ids: str) -> None:
    """Writes rows of items that failed and keep their messages, 50 at once with their entries in the index."""
    writes: list[Write] = []
    for item_id in item_ids:
        message = zlib.compress(write_json(small_item(collection, item_id)))
        row = ItemRow(collection, item_id, FAILED, "items", app.now(), message=message)
        writes += [("create", to_entity(row)), index_entry(FAILED, collection, item_id, None, None)]
    for number in range(0, len(writes), 100):
        app.status.transact(writes[number : number + 100])


def test_a_replay_lists_keys_alone_and_sends_each_item_once(cli: Cli, door: Door, azurite: Azurite) -> None:
    app = clients(azurite.connection_string())
    ids = [f"r{number:03}" for number in range(250)]  # more than one portion
    failed_with_messages(app, "replayed", *ids)
    add(app, "replayed", "no-message", status=ItemStatus.CANCELED)
    app.queues.client("items").clear_messages()
    states = ("--state", "Failed", "--state", "Canceled")

    found = cli.json("replay", "replayed", *states, "--dry-run", code=1)
    assert [item["id"] for item in found["replayed"]] == ids
    assert (found["without_message"], found["complete"]) == (["replayed/no-message"], True)
    assert door.count("table GET", "status()", "item~", "$select=RowKey") == 1
    assert cli.json("replay", "replayed", "--item", "r003", "--dry-run")["replayed"] == [found["replayed"][3]]
    assert door.count("table GET", "RowKey='item~") == 1, "other items were read too"

    assert cli.json("replay", "replayed", *states, code=1)["replayed"] == found["replayed"]
    assert app.queues.client("items").get_queue_properties().approximate_message_count == len(ids)
    assert {row["status"] for row in app.status.query_prefix("replayed", "item~r")} == {"Waiting"}


@pytest.mark.usefixtures("heeds_interrupts")
def test_an_interrupted_replay_says_how_many_were_replayed(azurite: Azurite) -> None:
    app = clients(azurite.connection_string())
    failed_with_messages(app, "halted", *(f"r{number:03}" for number in range(500)))
    app.queues.client("items").clear_messages()
    may_send = threading.Semaphore(20)

    def grants(service: str, method: str, path: str) -> bool:
        if (service, method) == ("queue", "POST") and path.startswith("/devstoreaccount1/items/"):
            may_send.acquire()
        return True

    with guarded(azurite, grants) as connection:
        settings = GEOCATALOG | {"INGEST_STORAGE": connection}
        with subprocess.Popen(
            [COMMAND, "replay", "halted", "--json"], env=clean_environment(settings),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            wait_for(lambda: waiting(app, "halted") >= 20, "the first of them")
            process.send_signal(signal.SIGINT)
            may_send.release(1000)  # those that are under way come to their end
            out, err = process.communicate(timeout=60)
    report = json.loads(out)
    assert (process.returncode, report["complete"]) == (130, False), err
    assert 20 <= len(report["replayed"]) == waiting(app, "halted") < 500
    assert err == "geocatalog: Interrupted.\n"


def waiting(app: Clients, collection: str) -> int:
    return sum(1 for _ in app.status.query_prefix(collection, "item~", states=[ItemStatus.WAITING]))
