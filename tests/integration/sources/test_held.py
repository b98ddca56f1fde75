"""Items that GeoCatalog could not read for want of access: what they say, and when they go on."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, NoReturn

import pytest

from shared.items.ingestion import ingest_message
from shared.operations.access_faults import explain_access
from shared.operations.tracking import track_operations
from shared.records.status_rows import ItemRow, ItemStatus
from shared.services.operation_states import OperationOutcome, OperationState
from shared.sources.specs import parse_source
from shared.upkeep.source_run import renew_sources
from tests.data.documents import collection, item
from tests.properties.apps import clear_queues, message_count

from .world import World, wait_until_there

COLLECTION = "held-scenes"
CODE = "PublicAccessRestricted"


@pytest.fixture
def held(world: World) -> Iterator[str]:
    """The id of an item whose ingestion will fail for want of access, the first time."""
    clear_queues(world.app)
    if not world.app.geocatalog.get_collection(COLLECTION):
        world.call("POST", "/stac/collections", json=collection(COLLECTION))
        wait_until_there(world, COLLECTION)
    failure = {"code": CODE, "count": 1}
    world.call("PUT", "/_emulator/behavior", json={"ingest_seconds": [0, 0], "operation_failures": [failure]})
    item_id = f"scene-{uuid.uuid4().hex}"
    document = item(item_id, COLLECTION, assets={"data": {"href": f"{world.container_url}/a.tif"}})
    ingest_message(json.dumps(document).encode(), world.clock.now(), world.app)
    yield item_id
    clear_queues(world.app)


def row_of(world: World, item_id: str) -> ItemRow:
    row = world.app.status.get(COLLECTION, item_id)
    assert row is not None
    return row


def test_an_item_without_a_source_is_held_and_sent_again_when_it_comes(world: World, held: str) -> None:
    track_operations(world.app)
    row = row_of(world, held)
    assert (row.status, row.error_code) == (ItemStatus.HELD, CODE)
    assert str(row.error_message).startswith(f"Container {world.container_url} has no ingestion source of this app")
    before = message_count(world.app, "items")
    renew_sources(world.app)
    assert row_of(world, held).status is ItemStatus.WAITING
    assert message_count(world.app, "items") == before + 1


def test_an_item_that_fails_while_its_source_comes_is_sent_again_at_once(world: World, held: str) -> None:
    world.pass_time(timedelta(seconds=1))
    renew_sources(world.app)  # the operation has failed and nobody has looked yet
    track_operations(world.app)
    assert row_of(world, held).status is ItemStatus.WAITING


def test_an_item_held_for_another_reason_is_not_sent_again_by_a_source(world: World, held: str) -> None:
    track_operations(world.app)
    row = row_of(world, held)
    other = row.changed(ItemStatus.HELD, world.clock.now(), error_code="CollectionDoesNotExist")
    world.app.status.update(row, other)
    renew_sources(world.app)
    assert row_of(world, held).status is ItemStatus.HELD


SAID = "Error retrieving content. Source: {container}/a/b.tif."


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (None, "Container {container} has no ingestion source of this app; add one with geocatalog sources add."),
        (
            {"source_id": "", "error_message": "The Planetary Computer answered 503."},
            (
                "Container {container} has no ingestion source yet. Its last renewal failed: The Planetary Computer "
                "answered 503."
            ),
        ),
        (
            {"source_id": "s-1", "kind": "SasToken", "expires_at": timedelta(minutes=-3)},
            "Container {container} has ingestion source s-1 (SasToken), whose SAS ended at {end}.",
        ),
        (
            {"source_id": "s-1", "kind": "SasToken", "expires_at": timedelta(minutes=3)},
            (
                "Container {container} has ingestion source s-1 (SasToken), whose SAS ends at {end}: it must grant "
                "read and list."
            ),
        ),
        (
            {"source_id": "s-1", "kind": "BlobManagedIdentity", "expires_at": timedelta(minutes=-3)},
            (
                "Container {container} has ingestion source s-1 (BlobManagedIdentity), which does not end: its "
                "identity needs Storage Blob Data Reader on the container."
            ),
        ),
    ],
)
def test_the_sentence_names_container_source_and_end(
    world: World, columns: dict[str, Any] | None, sentence: str
) -> None:
    end = ""
    if columns:
        world.app.sources.merge(f"{world.spec.url.account}~{world.spec.url.container}", {"container_url": "any"})
        expiry = world.clock.now().replace(microsecond=0) + columns.get("expires_at", timedelta(0))
        end = expiry.isoformat().replace("+00:00", "Z")
        if "expires_at" in columns:
            columns = {**columns, "expires_at": expiry}
        world.app.sources.update(f"{world.spec.url.account}~{world.spec.url.container}", columns)
    said = SAID.format(container=world.container_url)
    row = ItemRow(COLLECTION, "i", ItemStatus.SUBMITTED, "items", world.clock.now())
    found = explain_access(OperationOutcome(OperationState.FAILED, CODE, said), row, world.app)
    assert found.message == f"{sentence.format(container=world.container_url, end=end)} {said}"


def test_where_no_container_is_named_the_words_stay(world: World) -> None:
    row = ItemRow(COLLECTION, "i", ItemStatus.SUBMITTED, "items", world.clock.now())
    found = OperationOutcome(OperationState.FAILED, CODE, "No.")
    assert explain_access(found, row, world.app) == found


class BrokenCredential:
    """An identity whose library ends with a fault that nothing here knows."""

    def get_token(self, *_scopes: str, **_options: Any) -> NoReturn:
        raise RuntimeError("no such thing: https://login.example/?sig=SECRET")


def test_faulty_sources_are_named_and_keep_neither_the_others_nor_held_items_waiting(world: World, held: str) -> None:
    track_operations(world.app)
    plain_http = f"{world.container_url.rpartition('/')[0]}/nocontainer"
    own_identity: dict[str, Any] = {"user_delegation": {}}
    entries = [
        {"container_url": plain_http, "sas": own_identity},
        {"container_url": "https://127.0.0.1:9/ours/cogs", "sas": own_identity},
        world.entry,
    ]
    app = replace(world.new_app(entries), credential=BrokenCredential())

    assert renew_sources(app) == 1
    assert row_of(world, held).status is ItemStatus.WAITING
    http, unknown, _ = (parse_source(entry) for entry in entries)
    assert "signs over https only" in world.fault(http)
    assert "failed unexpectedly (RuntimeError: no such thing" in world.fault(unknown)
    assert "SECRET" not in world.fault(unknown)
    assert world.fault() == ""
