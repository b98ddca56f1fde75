"""When `geocatalog watch` ends, without an app: what stands in rows and on queues is made by the tests."""

import datetime as dt
import json
import signal
import subprocess
from collections.abc import Iterator

import pytest
import typer

from cli.follow.watching import watch as watching
from cli.follow.watching.until import parse_until
from local.azurite import Azurite
from shared.clients import Clients, build_clients
from shared.messages.models import QueueName
from shared.records.status_rows import ItemRow, ItemStatus
from shared.settings import read_settings
from shared.upkeep.provision import create_storage
from tests.cli.command import COMMAND, Cli, clean_environment
from tests.running_stack import small_item

HIDDEN = dt.timedelta(minutes=5)


@pytest.fixture
def settings(azurite: Azurite) -> dict[str, str]:
    return {"INGEST_STORAGE": azurite.connection_string(), "GEOCATALOG_URL": "http://127.0.0.1:1"}


@pytest.fixture
def app(settings: dict[str, str]) -> Iterator[Clients]:
    """The clients, with empty queues and no rows."""
    clients = build_clients(read_settings(settings))
    create_storage(clients.storage)
    clear(clients)
    yield clients
    clear(clients)


def clear(clients: Clients) -> None:
    for name in QueueName:
        clients.queues.client(name).clear_messages()
    table = clients.storage.tables.get_table_client("status")
    for entity in list(table.list_entities(select=["PartitionKey", "RowKey"])):
        table.delete_entity(entity)


@pytest.fixture
def cli(settings: dict[str, str]) -> Cli:
    return Cli(settings)


def add_item(
    app: Clients, *states: ItemStatus, item_id: str = "a", collection: str = "watched", mark: str | None = None
) -> None:
    """Writes an item's row that went through these states, a held one for want of its collection."""
    row = ItemRow(collection, item_id, states[0], QueueName.ITEMS, app.now(), correlation_id=mark)
    for state in states:
        fault = {"error_code": "CollectionDoesNotExist"} if state is ItemStatus.HELD else {}
        row = row.changed(state, app.now(), **fault)
    app.status.insert(row)


WAITING, SUBMITTING, SUBMITTED, HELD, SUCCEEDED = (
    ItemStatus.WAITING, ItemStatus.SUBMITTING, ItemStatus.SUBMITTED, ItemStatus.HELD, ItemStatus.SUCCEEDED,
)  # fmt: skip


def test_a_copy_that_a_resume_left_behind_is_not_waited_for(app: Clients, cli: Cli) -> None:
    add_item(app, SUBMITTING, HELD, WAITING, SUBMITTING, SUBMITTED, SUCCEEDED)
    app.queues.send(QueueName.ITEMS, {"item": small_item("watched", "a")}, delay=HIDDEN)
    done = cli.run("watch", "--until", "60s", "--json")
    assert done.returncode == 0, done.stderr
    assert "1 delayed copies that nothing waits for" in done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["queued"], last["stale"]) == (1, 1)


@pytest.mark.parametrize("options", [["--correlation-id", "mine"], ["--collection", "watched"]])
def test_what_others_sent_is_not_waited_for(app: Clients, cli: Cli, options: list[str]) -> None:
    add_item(app, SUBMITTING, SUBMITTED, SUCCEEDED, mark="mine")
    for number, state in enumerate((WAITING, HELD, SUBMITTING)):
        add_item(app, state, item_id=f"other-{number}", collection="others", mark="theirs" if number else None)
        app.queues.send(QueueName.ITEMS, {"item": small_item("others", f"other-{number}")}, delay=HIDDEN)
    add_item(app, SUBMITTED, item_id="other-3", collection="others")
    assert cli.ok("watch", *options, "--until", "60s") == "Succeeded 1; queued 0\n"
    app.queues.send(QueueName.ITEMS, {"item": small_item("watched", "b")}, delay=HIDDEN)
    assert "1 are not done yet" in cli.run("watch", *options, "--until", "2s").stderr


def test_a_delayed_message_that_no_row_knows_of_is_waited_for(app: Clients, cli: Cli) -> None:
    add_item(app, SUBMITTING, SUBMITTED, SUCCEEDED)
    app.queues.send(QueueName.ITEMS, {"href": "https://example.com/items.ndjson"}, delay=HIDDEN)
    done = cli.run("watch", "--until", "3s")
    assert done.returncode == 1
    assert "1 are not done yet" in done.stderr


def test_a_message_that_can_be_taken_is_no_stale_copy(app: Clients, cli: Cli) -> None:
    add_item(app, SUBMITTING, HELD, WAITING, SUBMITTING, SUBMITTED, SUCCEEDED)
    app.queues.send(QueueName.ITEMS, {"item": small_item("watched", "b")})
    assert cli.run("watch", "--until", "3s").returncode == 1


def test_until_submitted_does_not_wait_for_operations(app: Clients, cli: Cli) -> None:
    add_item(app, SUBMITTING, SUBMITTED)
    assert cli.run("watch", "--until", "submitted").returncode == 0
    assert cli.run("watch", "--until", "2s").returncode == 1


def test_a_standstill_is_told_once(
    app: Clients, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watching, "_STANDSTILL_SECONDS", 0.5)
    app.queues.send(QueueName.ITEMS, {"item": small_item("watched", "a")})
    with pytest.raises(typer.Exit):
        watching.watch(app, collections=[], correlation_id=None, until=parse_until("8s"), as_json=True)
    printed = capsys.readouterr()
    assert printed.err.count("Nothing has moved") == 1
    assert "geocatalog doctor" in printed.err
    assert json.loads(printed.out)["queued"] == 1


@pytest.mark.usefixtures("heeds_interrupts")
def test_a_ctrl_c_ends_it_with_130_and_a_sentence(app: Clients, cli: Cli) -> None:
    app.queues.send(QueueName.ITEMS, {"item": small_item("watched", "a")})
    with subprocess.Popen(
        [COMMAND, "watch"], env=clean_environment(cli.settings),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert "queued 1" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "geocatalog: Interrupted.\n"
