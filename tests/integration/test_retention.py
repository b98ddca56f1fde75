"""STATUS_RETENTION: old finished rows and dead letters go, everything else stays."""

from dataclasses import replace
from datetime import timedelta

import pytest

from local.azurite import Azurite
from shared.clients import Clients, build_clients
from shared.clock import utc_now
from shared.deadletters import DeadLetters
from shared.errors import BadMessage
from shared.retention import remove_expired
from shared.settings import read_settings
from shared.status_rows import ItemRow, ItemStatus


@pytest.fixture
def app(azurite: Azurite) -> Clients:
    settings = {
        "INGEST_STORAGE": azurite.connection_string(),
        "GEOCATALOG_URL": "http://127.0.0.1:9",
        "STATUS_RETENTION": "P30D",
    }
    return build_clients(read_settings(settings))


def add_row(app: Clients, item_id: str, status: ItemStatus, days: float) -> None:
    at = utc_now() - timedelta(days=days)
    blank = ItemRow("retention", item_id, ItemStatus.SUBMITTING, "items", at)
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

    left = {str(row["RowKey"]) for row in app.status.query_prefix("retention", "item~")}
    assert left == {"item~old-waiting", "item~young-succeeded"}
    assert list(app.status.query_prefix("retention", "failed~")) == []
    letters = app.storage.tables.get_table_client("deadletters").query_entities("PartitionKey eq 'retention'")
    assert [letter["reason"] for letter in letters] == ["young"]


def test_nothing_is_removed_where_it_is_not_set(app: Clients) -> None:
    assert remove_expired(replace(app, settings=app.settings.model_copy(update={"status_retention": None}))) == 0
