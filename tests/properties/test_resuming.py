"""Held items go on many at a time, each once, and as far as the time allows."""

import json
import zlib
from datetime import datetime, timedelta
from itertools import count

import pytest

from shared.basics.parallel import run_all
from shared.clients import Clients
from shared.items.resume import resume_for_a_while, resume_for_sources, resume_held
from shared.messages.models import QueueName
from shared.records.source_store import source_key
from shared.records.status_rows import HELD_PREFIX, ItemRow, ItemStatus
from shared.sources.specs import parse_source
from shared.sources.wanted import want_source
from tests.data.documents import item
from tests.properties.apps import Account, clear_queues, make_app, message_count
from tests.properties.catalog import Catalog

CODE = "PublicAccessRestricted"
MANY = 250  # more than a portion
_numbers = count()


@pytest.fixture(scope="module")
def one_app(account: Account, catalog: Catalog) -> Clients:
    return make_app(account, catalog.url)


@pytest.fixture
def app(one_app: Clients) -> Clients:
    clear_queues(one_app)
    return one_app


@pytest.fixture
def collection(app: Clients) -> str:
    """The id of a collection with many held items."""
    name = f"held-{next(_numbers)}"
    run_all(lambda number: _hold(f"scene-{number:03}", name, app), range(MANY))
    return name


def _hold(item_id: str, collection: str, app: Clients) -> None:
    now = app.now()
    row = ItemRow(
        collection=collection, item_id=item_id, status=ItemStatus.WAITING, queue=QueueName.ITEMS, first_enqueued=now,
        message=zlib.compress(json.dumps({"item": item(item_id, collection)}).encode()),
    )  # fmt: skip
    inserted = app.status.insert(row)
    assert inserted
    app.status.update(inserted, inserted.changed(ItemStatus.HELD, now, error_code=CODE))


def statuses(collection: str, app: Clients) -> list[str]:
    return sorted(str(row["status"]) for row in app.status.query_prefix(collection, "item~", select=["status"]))


def test_without_time_a_portion_goes_on_and_the_next_run_takes_the_others(app: Clients, collection: str) -> None:
    assert not resume_for_a_while(app, collection=collection, budget=timedelta(0))
    some = statuses(collection, app).count("Waiting")
    assert 0 < some < MANY

    assert resume_for_a_while(app, collection=collection)

    assert set(statuses(collection, app)) == {"Waiting"}
    assert message_count(app, QueueName.ITEMS) == MANY


def test_waiting_items_are_resumed_once_where_that_is_asked_for(app: Clients, collection: str) -> None:
    later = app.now() + timedelta(hours=1)
    for number in range(3):
        row = app.status.get(collection, f"scene-{number:03}")
        assert row
        app.status.update(row, row.changed(ItemStatus.WAITING, app.now(), next_attempt=later, error_code="Unavailable"))
    both = (ItemStatus.HELD, ItemStatus.WAITING)

    assert sum(resume_held(app, collection=collection)) == MANY - 3
    assert sum(resume_held(app, collection=collection, states=both)) == 3
    assert sum(resume_held(app, collection=collection, states=both)) == 0  # all are due already
    assert message_count(app, QueueName.ITEMS) == MANY


@pytest.mark.both_storages
def test_what_is_held_since_after_a_moment_is_left_alone(app: Clients, collection: str) -> None:
    entries = app.status.query_prefix(collection, HELD_PREFIX, select=["RowKey", "Timestamp"])
    first_held: list[datetime] = sorted(entry.metadata["timestamp"] for entry in entries)  # type: ignore[attr-defined]
    moment = first_held[100]

    resumed = sum(resume_held(app, collection=collection, codes={CODE}, held_before=moment))

    assert resumed == sum(since < moment for since in first_held)
    assert statuses(collection, app).count("Held") == MANY - resumed


def test_a_source_counts_as_resumed_only_when_all_its_items_were_sent(app: Clients, collection: str) -> None:
    identity = {"object_id": "11111111-2222-3333-4444-555555555555"}
    spec = parse_source({"container_url": "https://ours.blob.core.windows.net/held", "managed_identity": identity})
    want_source(spec, app.sources)
    key = source_key(spec.url)
    app.sources.update(key, {"is_resumed": False, "renewed_at": app.now()})

    resume_for_sources([source_key(spec.url)], app, budget=timedelta(0))
    assert (app.sources.get(key) or {})["is_resumed"] is False
    assert "Held" in statuses(collection, app)

    resume_for_sources([source_key(spec.url)], app)
    assert (app.sources.get(key) or {})["is_resumed"] is True
    assert set(statuses(collection, app)) == {"Waiting"}
    app.sources.delete(key)
