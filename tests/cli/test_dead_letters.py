"""What commands make of dead letters, without an app: the tests write the letters."""

import base64
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.azurite import Azurite
from shared.basics.errors import BadMessage, ErrorCode
from shared.clients import Clients, build_clients
from shared.messages.models import QueueName
from shared.records.deadletters import DeadLetters
from shared.settings import read_settings
from shared.upkeep.provision import create_storage
from tests.cli.command import Cli
from tests.data.blob_events import event_grid_event
from tests.running_stack import small_item


@pytest.fixture
def settings(azurite: Azurite) -> dict[str, str]:
    return {"INGEST_STORAGE": azurite.connection_string()}


@pytest.fixture
def app(settings: dict[str, str]) -> Iterator[Clients]:
    """The clients, with empty queues and no dead letters."""
    clients = build_clients(read_settings(settings | {"GEOCATALOG_URL": "http://127.0.0.1:1"}))
    create_storage(clients.storage)
    clear(clients)
    yield clients
    clear(clients)


def clear(clients: Clients) -> None:
    for name in QueueName:
        clients.queues.client(name).clear_messages()
    for row in list(clients.deadletters.rows()):
        clients.deadletters.forget(row)


@pytest.fixture
def cli(settings: dict[str, str]) -> Cli:
    return Cli(settings)


def add_letter(
    app: Clients,
    queue: str,
    body: object,
    *,
    code: ErrorCode = ErrorCode.BAD_MESSAGE,
    age: dt.timedelta = dt.timedelta(0),
) -> None:
    """Records a dead letter that was last seen some time ago."""
    letters = DeadLetters(app.storage.tables, now=lambda: app.now() - age)
    letters.record(queue, json.dumps(body).encode(), BadMessage("It is bad.", code=code))


def sent(app: Clients, queue: str) -> list[dict[str, Any]]:
    messages = app.queues.client(queue).receive_messages(max_messages=32)
    return [json.loads(base64.b64decode(message.content)) for message in messages]


@pytest.fixture
def letters(app: Clients) -> Clients:
    """Three dead letters: two of queue `items`, one of them old and of another code, and a deletion."""
    add_letter(app, "items", {"item": small_item("c", "a"), "correlation_id": "mark-a"})
    add_letter(app, "items", {"item": small_item("c", "b")}, code=ErrorCode.HREF_NOT_FOUND, age=dt.timedelta(days=3))
    add_letter(app, "deletions", {"collection": "c", "id": "gone", "correlation_id": "mark-d"})
    return app


@pytest.mark.parametrize(
    ("filters", "items", "deletions"),
    [
        (["--queue", "items"], ["a", "b"], []),
        (["--error-code", "hrefnotfound"], ["b"], []),
        (["--older-than", "1d"], ["b"], []),
        (["--newer-than", "1d", "--queue", "items"], ["a"], []),
        (["--correlation-id", "mark-d"], [], ["gone"]),
        ([], ["a", "b"], ["gone"]),
    ],
)
def test_only_the_dead_letters_that_were_chosen_are_replayed(
    letters: Clients, cli: Cli, filters: list[str], items: list[str], deletions: list[str]
) -> None:
    assert len(cli.json("replay", "--dead-letters", *filters)["replayed"]) == len(items) + len(deletions)
    assert sorted(message["item"]["id"] for message in sent(letters, "items")) == items
    assert [message["id"] for message in sent(letters, "deletions")] == deletions
    assert len(list(letters.deadletters.rows())) == 3 - len(items) - len(deletions)


def test_a_replayed_dead_letter_has_a_fresh_retry_window(app: Clients, cli: Cli) -> None:
    kept = {"attempt": 9, "first_enqueued": "2024-01-01T00:00:00Z"}
    add_letter(app, "items", {"item": small_item("c", "a"), **kept, "retry_since": "2024-01-01T00:00:00Z"})
    cli.ok("replay", "--dead-letters")
    assert sent(app, "items") == [{"item": small_item("c", "a"), **kept}]


def test_a_dead_letter_of_a_queue_that_the_app_does_not_read_stays(app: Clients, cli: Cli) -> None:
    add_letter(app, "blob-events", event_grid_event("a.json"))
    add_letter(app, "webjobs-blobtrigger-poison", {"ContainerName": "incoming", "BlobName": "a.json"})
    add_letter(app, "results", {"outcome": "ingested"})
    done = cli.run("replay", "--dead-letters", "--json")
    assert [letter["queue"] for letter in json.loads(done.stdout)["replayed"]] == ["blob-events"]
    assert sent(app, "blob-events") == [event_grid_event("a.json")]
    assert sorted(row["PartitionKey"] for row in app.deadletters.rows()) == ["results", "webjobs-blobtrigger-poison"]


@pytest.mark.parametrize(
    ("filters", "codes", "words"),
    [
        ([], {"BadMessage", "HrefNotFound"}, ""),
        (["--error-code", "hrefnotfound"], {"HrefNotFound"}, ""),
        (["--newer-than", "1d"], {"BadMessage"}, ""),
        (["--correlation-id", "mark-d"], {"BadMessage"}, "1 dead letters carry no mark"),
        (["--correlation-id", "mark-d", "--newer-than", "1d"], {"BadMessage"}, ""),
        (["--correlation-id", "another", "--newer-than", "1d"], set(), ""),
        (["c"], set(), "3 dead letters are tied to no collection"),
    ],
)
@pytest.mark.usefixtures("letters")
def test_failures_lists_the_dead_letters_that_were_asked_for(
    cli: Cli, filters: list[str], codes: set[str], words: str
) -> None:
    done = cli.run("failures", *filters, "--json")
    assert {letter["error_code"] for letter in json.loads(done.stdout)["deadletters"]} == codes
    assert (words in done.stderr) if words else (done.stderr == "")
    text = cli.run("failures", *filters, "--each").stdout
    assert ("Nothing has failed." in text) == (not codes)
    groups = json.loads(done.stdout)["groups"]
    if "--correlation-id" not in filters:
        assert {group["error_code"] for group in groups if group["kind"] == "DeadLetter"} == codes


@pytest.mark.usefixtures("letters")
def test_failures_lists_no_more_dead_letters_than_the_limit(cli: Cli) -> None:
    assert len(cli.json("failures", "--limit", "2")["deadletters"]) == 2
    assert len(cli.json("failures", "--limit", "0")["deadletters"]) == 3
    for form in (["--each"], ["--json"]):
        assert "Only the first 2" in cli.run("failures", "--limit", "2", *form).stderr
    assert cli.run("failures", "--limit", "3", "--each").stderr == ""


@pytest.mark.usefixtures("letters")
def test_a_watch_by_mark_fails_where_a_message_was_rejected(cli: Cli) -> None:
    rejected = cli.run("watch", "--correlation-id", "mark-a", "--until", "30s")
    assert rejected.returncode == 1
    assert "1 messages with this mark were rejected" in rejected.stderr
    assert cli.run("watch", "--correlation-id", "another", "--until", "30s").returncode == 0


def test_a_watch_by_mark_sees_an_entry_of_a_file_that_does_not_carry_it(app: Clients, cli: Cli) -> None:
    app.deadletters.record(QueueName.ITEMS, b"7", BadMessage("It is no object."), correlation_id="mark-of-the-file")

    assert cli.run("watch", "--correlation-id", "mark-of-the-file", "--until", "30s").returncode == 1
    assert len(cli.json("failures", "--correlation-id", "mark-of-the-file")["deadletters"]) == 1
