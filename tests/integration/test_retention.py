"""STATUS_RETENTION: old finished rows and dead letters go, everything else stays."""

from dataclasses import replace
from datetime import timedelta

import pytest

from local.azurite import Azurite
from shared.basics.clock import utc_now
from shared.basics.errors import BadMessage
from shared.basics.parallel import run_all
from shared.clients import Clients, build_clients
from shared.records.deadletters import DeadLetters, body_of
from shared.records.status_rows import ItemRow, ItemStatus, to_entity
from shared.settings import read_settings
from shared.storage.tables import PACING, STATUS
from shared.upkeep.provision import create_storage
from shared.upkeep.retention import remove_expired, remove_rows

PAGE = 1_000


@pytest.fixture
def app(azurite: Azurite) -> Clients:
    settings = {
        "INGEST_STORAGE": azurite.connection_string(),
        "GEOCATALOG_URL": "http://127.0.0.1:9",
        "STATUS_RETENTION": "P30D",
    }
    clients = build_clients(read_settings(settings))
    create_storage(clients.storage)
    clients.storage.tables.delete_table(STATUS)
    clients.storage.tables.delete_table(PACING)
    return clients


def keys(app: Clients, collection: str) -> set[str]:
    return {str(row["RowKey"]) for row in app.status.query_prefix(collection, "item~")}


def add_row(app: Clients, item_id: str, status: ItemStatus, days: float, *, collection: str = "retention") -> None:
    at = utc_now() - timedelta(days=days)
    blank = ItemRow(collection, item_id, ItemStatus.SUBMITTING, "items", at)
    inserted = app.status.insert(blank)
    assert inserted is not None
    app.status.update(inserted, replace(inserted, status=status, finished_at=at))


def test_only_old_finished_rows_and_dead_letters_are_removed(app: Clients) -> None:
    add_row(app, "old-succeeded", ItemStatus.SUCCEEDED, 31)
    add_row(app, "old-failed", ItemStatus.FAILED, 31)
    add_row(app, "old-waiting", ItemStatus.WAITING, 31)
    add_row(app, "young-succeeded", ItemStatus.SUCCEEDED, 29)
    app.deadletters.record("retention", b"young", BadMessage("young"))
    a_month_ago = DeadLetters(app.storage.tables, now=lambda: utc_now() - timedelta(days=31))
    a_month_ago.record("retention", b"old", BadMessage("old"))

    assert remove_expired(app) == 3

    assert keys(app, "retention") == {"item~old-waiting", "item~young-succeeded"}
    assert list(app.status.query_prefix("retention", "failed~")) == []
    letters = app.storage.tables.get_table_client("deadletters").query_entities("PartitionKey eq 'retention'")
    assert [letter["reason"] for letter in letters] == ["young"]


def test_nothing_is_removed_where_it_is_not_set(app: Clients) -> None:
    assert remove_expired(replace(app, settings=app.settings.model_copy(update={"status_retention": None}))) == 0


@pytest.fixture
def many(app: Clients) -> list[str]:
    """Two collections with more old rows than a page holds, and a young one in between."""
    names = ["retention-a", "retention-b"]
    old = utc_now() - timedelta(days=31)
    for name in names:
        rows = [ItemRow(name, f"scene-{number:04}", ItemStatus.SUCCEEDED, "items", old) for number in range(PAGE + 150)]
        rows = [replace(row, finished_at=old) for row in rows]
        for start in range(0, len(rows), 100):
            app.status.transact([("create", to_entity(row)) for row in rows[start : start + 100]])
    add_row(app, "scene-0000-young", ItemStatus.SUCCEEDED, 29, collection=names[0])
    return names


def test_a_run_without_time_removes_a_page_and_the_next_goes_on_there(app: Clients, many: list[str]) -> None:
    assert remove_expired(app, budget=timedelta(0)) == PAGE
    # Before the place where the run stopped: the next passes over it, the one after that does not.
    add_row(app, "scene-0000-late", ItemStatus.SUCCEEDED, 31, collection=many[0])

    assert remove_expired(app, budget=timedelta(0)) == 150
    assert remove_expired(app) == PAGE + 150

    assert keys(app, many[0]) == {"item~scene-0000-late", "item~scene-0000-young"}
    assert keys(app, many[1]) == set()
    assert remove_expired(app) == 1


def test_what_has_changed_since_it_was_read_stays_and_the_others_go(app: Clients, many: list[str]) -> None:
    rows, _ = app.status.finished_before(many[0], utc_now() - timedelta(days=30))
    changed = app.status.get(many[0], "scene-0007")
    assert changed
    app.status.update(changed, replace(changed, status=ItemStatus.WAITING))

    assert remove_rows(rows[:50], app) == 49

    assert "item~scene-0007" in keys(app, many[0])
    remove_expired(app)
    assert keys(app, many[0]) == {"item~scene-0007", "item~scene-0000-young"}


def test_a_dead_letter_that_was_seen_again_is_not_forgotten(app: Clients) -> None:
    app.deadletters.record("retention", b"again", BadMessage("bad"))
    (row,) = [row for row in app.deadletters.rows("retention") if body_of(row) == b"again"]
    app.deadletters.record("retention", b"again", BadMessage("bad"))

    app.deadletters.forget(row)

    found = app.deadletters.get("retention", str(row["RowKey"]))
    assert found
    assert found["count"] == 2
    app.deadletters.forget(found)
    assert app.deadletters.get("retention", str(row["RowKey"])) is None


def test_the_same_body_many_times_at_once_is_one_dead_letter(app: Clients) -> None:
    run_all(lambda _: app.deadletters.record("at-once", b"same", BadMessage("bad")), range(40))

    (row,) = app.deadletters.rows("at-once")
    assert 1 <= row["count"] <= 40
