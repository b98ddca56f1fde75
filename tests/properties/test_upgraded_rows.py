"""Rows that an earlier version wrote, whose hashes are made by other rules: an upgrade sends nothing again."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.data.tables import UpdateMode

from local.azurite import Azurite
from shared.clients import Clients
from shared.items.ingestion import ingest_message
from shared.records.status_rows import ItemStatus
from shared.stac.hashing import HASH_VERSION
from shared.storage.tables import STATUS
from tests.data.documents import item
from tests.properties.apps import clear_queues, make_quick_app, results
from tests.properties.catalog import COLLECTION, Catalog

ITEM = item(
    "upgraded",
    collection=COLLECTION,
    properties={"datetime": "2026-04-16T10:00:00.500+00:00", "gsd": 10.0},
    links=[{"rel": "root", "href": "../catalog.json"}],
)
# What commit 3479af0 wrote as content_hash of ITEM, of stac_version 1.0.0 and of 1.0.0-beta.2.
HASHES = {
    "1.0.0": "e2a563632cf391c2a3a35d6544d32b496dbe3f9685ee5091d8367117b81a172d",
    "1.0.0-beta.2": "62fb16a9ff08728530aff0c4f35782534055c804b87975594e45690006441ad1",
}
SENT = datetime(2026, 4, 16, 12, tzinfo=UTC)


@pytest.fixture
def app(azurite: Azurite, catalog: Catalog) -> Clients:
    """Build clients on empty queues."""
    made = make_quick_app(azurite, catalog.url)
    clear_queues(made)
    catalog.reset()
    return made


def ingest(app: Clients, document: dict[str, Any]) -> str:
    ingest_message(json.dumps(document).encode(), app.now(), app)
    (result,) = results(app, "upgraded")
    return str(result["outcome"])


def write_row_of_then(app: Clients, content_hash: str) -> None:
    """Write the row of an ingested item with the columns that commit 3479af0 gave it."""
    entity = {
        "PartitionKey": COLLECTION, "RowKey": "item~upgraded", "item_id": "upgraded", "status": "Succeeded",
        "queue": "items", "first_enqueued": SENT, "in_catalog": True, "content_hash": content_hash, "attempt": 0,
        "operation_failures": 0, "operation_id": "o-1", "submitted_at": SENT, "finished_at": SENT, "claimed_at": SENT,
        "if_exists": "replace", "correlation_id": "c-1", "datetime": "2026-04-16T10:00:00.500+00:00",
        "bbox": "[11.5,48.1,11.5,48.1]", "history": json.dumps([{"at": "2026-04-16T12:00:00Z", "status": "Succeeded"}]),
    }  # fmt: skip
    app.storage.tables.get_table_client(STATUS).upsert_entity(entity, mode=UpdateMode.REPLACE)


@pytest.mark.parametrize("version", list(HASHES))
def test_an_upgrade_sends_nothing_again(app: Clients, catalog: Catalog, version: str) -> None:
    write_row_of_then(app, HASHES[version])
    document = {**ITEM, "stac_version": version}

    assert ingest(app, document) == "unchanged"
    row = app.status.get(COLLECTION, "upgraded")
    assert row is not None
    assert (row.status, row.hash_version) == (ItemStatus.SUCCEEDED, HASH_VERSION)
    # By another route: signed, respelt, without links. The row knows it by the present rules now.
    respelt = {**document, "links": [], "properties": {"gsd": 10, "datetime": "2026-04-16T12:00:00.5+02:00"}}
    assert ingest(app, respelt) == "unchanged"
    assert catalog.writes() == []


def test_an_item_that_waits_since_before_the_index_of_waiting_items_is_claimed(app: Clients, catalog: Catalog) -> None:
    write_row_of_then(app, "")
    keys = {"PartitionKey": COLLECTION, "RowKey": "item~upgraded"}
    app.storage.tables.get_table_client(STATUS).update_entity({**keys, "status": "Waiting", "in_catalog": False})

    ingest_message(json.dumps(ITEM).encode(), app.now(), app)

    assert len(catalog.writes()) == 1


def test_other_content_is_sent_after_an_upgrade(app: Clients, catalog: Catalog) -> None:
    write_row_of_then(app, HASHES["1.0.0"])

    ingest_message(json.dumps({**ITEM, "bbox": [11, 48, 12, 49]}).encode(), app.now(), app)

    assert len(catalog.writes()) == 1


def test_what_was_converted_stands_in_the_row(app: Clients) -> None:
    document = {**ITEM, "id": "converted", "properties": {"datetime": "2026-04-16 12:00+02:00"}, "bbox": None}

    ingest_message(json.dumps(document).encode(), app.now(), app)

    row = app.status.get(COLLECTION, "converted")
    assert row is not None
    assert row.conversions == ("properties/datetime: written in UTC.", "bbox: computed from the geometry.")
