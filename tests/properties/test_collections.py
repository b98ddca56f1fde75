"""Collections are configured by the calls that are needed, whatever comes between; what is wrong is refused by part."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from shared.collections.steps import Step, part_steps, read_part
from shared.configuration.shapes import Part
from shared.configuration.wanted import wanted_collection
from shared.files.images import MAX_THUMBNAIL_BYTES
from shared.messages.decoding import decode_body
from shared.messages.models import CollectionMessage, QueueName
from shared.messages.reading import parse_message
from shared.messages.sizes import MAX_BODY_BYTES
from shared.operations.tracking import track_operations
from shared.records.status_rows import OperationKind, OperationRow
from tests.data.configurations import LOCATION, MOSAICS, RENDER_OPTIONS, as_message, as_planetary_computer_files
from tests.data.documents import collection, item
from tests.properties.apps import Account, results, take_all
from tests.properties.catalog import Catalog, wait_until
from tests.properties.collection_desk import Desk
from tests.properties.interrupts import kill

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
# At which calls of the handling of a message something happens; COLLECTION_CALLS=1 takes them all.
CALLS = range(2, 60, int(os.environ.get("COLLECTION_CALLS", "7")))
_numbers = count()


@pytest.fixture(scope="module")
def one_desk(account: Account, catalog: Catalog) -> Desk:
    return Desk(account, catalog)


@pytest.fixture
def desk(one_desk: Desk) -> Iterator[Desk]:
    one_desk.clear()
    yield one_desk
    one_desk.catalog.reset()


@pytest.fixture
def name() -> str:
    return f"collection-{next(_numbers)}"


# No write that is not needed


@pytest.mark.parametrize("shape", [as_message, as_planetary_computer_files])
@pytest.mark.parametrize("rewritten", [False, True], ids=["as sent", "rewritten"])
def test_the_second_message_makes_no_write(
    desk: Desk, name: str, shape: Callable[[str], dict[str, Any]], rewritten: bool
) -> None:
    desk.catalog.behave(decisions={"rewritten_configuration": rewritten})
    message = shape(name) | {"thumbnail": {"data": PIXEL}, "prune": True}
    assert desk.apply(message)["outcome"] == "applied"
    first = desk.catalog.writes()
    assert ("PUT", f"/stac/collections/{name}") not in first
    assert len(first) == len(set(first)) + len(RENDER_OPTIONS) + len(MOSAICS) - 2  # one POST route each
    assert desk.states(name)["definition"] == "applied"

    desk.catalog.reset()
    desk.catalog.behave(decisions={"rewritten_configuration": rewritten})
    assert desk.apply(message)["outcome"] == "applied"

    assert desk.catalog.writes() == []
    assert set(desk.states(name).values()) == {"unchanged"}


def test_what_was_changed_by_hand_is_mended_and_nothing_else(desk: Desk, name: str) -> None:
    desk.catalog.behave(decisions={"rewritten_configuration": True})
    desk.apply(as_message(name))
    desk.app.geocatalog.put_configuration(name, "tile-settings", {"minZoom": 3, "maxItemsPerTile": 20})
    live = desk.app.geocatalog.get_collection(name) or {}
    desk.app.geocatalog.put_collection(name, live | {"title": "Changed by hand"})
    desk.catalog.reset()
    desk.catalog.behave(decisions={"rewritten_configuration": True})

    desk.apply(as_message(name))

    here = f"/stac/collections/{name}"
    assert desk.catalog.writes() == [("PUT", here), ("PUT", f"{here}/configurations/tile-settings")]
    assert (desk.app.geocatalog.get_collection(name) or {})["title"] == "Scenes"


def steps_of(desk: Desk, name: str, part: Part, **fields: Any) -> list[Step]:
    """Give what a message would write, without writing it."""
    definition = collection(name)
    message = parse_message(CollectionMessage, {"definition": definition, **fields})
    catalog = desk.app.geocatalog
    return part_steps(part, wanted_collection(name, message, definition), read_part(part, name, catalog), catalog)


def test_what_is_shown_of_a_replaced_option_is_what_then_stands_there(desk: Desk, name: str) -> None:
    desk.apply({"definition": collection(name), "render_options": RENDER_OPTIONS[3:4]})
    changed = {"name": RENDER_OPTIONS[3]["name"], "options": "assets=c"}

    (step,) = steps_of(desk, name, Part.RENDER_OPTIONS, render_options=[changed])
    desk.apply({"definition": collection(name), "render_options": [changed]})

    (live,) = desk.app.geocatalog.get_configuration(name, "render-options") or []
    assert step.after == live
    assert set(step.before or {}) - set(step.after or {}) == {"conditions", "legend"}


@pytest.mark.parametrize(
    ("route", "entry", "added"),
    [
        ("render-options", RENDER_OPTIONS[1], {"conditions": [{"property": "a", "value": 1}]}),
        ("render-options", RENDER_OPTIONS[2], {"legend": {"type": "continuous", "trimStart": 2}}),
        ("render-options", {"name": "Plain", "options": "assets=a"}, {"minZoom": 5}),
        ("mosaics", MOSAICS[0], {"description": "By hand"}),
    ],
    ids=["a key", "a key within", "another than the default", "a mosaic's"],
)
def test_what_geocatalog_alone_has_of_an_entry_goes(
    desk: Desk, name: str, route: str, entry: dict[str, Any], added: dict[str, Any]
) -> None:
    part = Part(route.replace("-", "_"))
    message = {"definition": collection(name), part: [entry]}
    desk.apply(message)
    (before,) = desk.app.geocatalog.get_configuration(name, route) or []
    desk.app.geocatalog.put_configuration(name, route, before | added, key=before["id"])
    desk.catalog.reset()
    (step,) = steps_of(desk, name, part, **{part: [entry]})

    desk.apply(message)

    assert desk.app.geocatalog.get_configuration(name, route) == [before]
    assert {key for key, value in (step.after or {}).items() if value != before[key]} == set()
    here = f"/stac/collections/{name}/configurations/{route}/{before['id']}"
    assert desk.catalog.writes() == [("PUT", here)]
    desk.apply(message)
    assert desk.catalog.writes() == [("PUT", here)]


def test_tile_settings_that_are_not_named_stay(desk: Desk, name: str) -> None:
    there = {"minZoom": 7, "maxItemsPerTile": 20, "defaultLocation": LOCATION}
    desk.apply({"definition": collection(name), "tile_settings": there})
    (step,) = steps_of(desk, name, Part.TILE_SETTINGS, tile_settings={"min_zoom": 8})

    desk.apply({"definition": collection(name), "tile_settings": {"min_zoom": 8}})

    assert desk.app.geocatalog.get_configuration(name, "tile-settings") == {**there, "minZoom": 8} == step.after
    desk.catalog.reset()
    for named in ({}, {"min_zoom": 8}, {"max_items_per_tile": 20}, {"default_location": LOCATION}):
        desk.apply({"definition": collection(name), "tile_settings": named})
    assert desk.catalog.writes() == []


def test_what_geocatalog_does_not_show_of_a_queryable_is_sent_when_it_changes(desk: Desk, name: str) -> None:
    def wanted(**fields: Any) -> dict[str, Any]:
        cloud = {"name": "eo:cloud_cover", "definition": {"type": "number"}, **fields}
        return {"definition": collection(name), "queryables": [{"name": "a", "definition": {}, "data_typ": 1}, cloud]}

    path = f"/stac/collections/{name}/queryables/eo:cloud_cover"
    desk.apply(wanted(data_type="number"))
    for fields, writes in (
        ({"data_type": "number"}, []),
        ({"data_type": "number", "create_index": True}, [("PUT", path)]),
        ({"create_index": True}, []),
        ({}, []),
        ({"create_index": False}, [("PUT", path)]),
        ({"data_type": "number"}, []),
    ):
        desk.catalog.reset()
        desk.apply(wanted(**fields))
        assert desk.catalog.writes() == writes, fields
    row = desk.row(name)
    assert json.loads(row["sent_queryables"]) == {"eo:cloud_cover": {"data_type": "number", "create_index": False}}


def test_a_changed_option_keeps_its_id(desk: Desk, name: str) -> None:
    desk.apply(as_message(name))
    before = desk.ids(name, "render-options")
    changed = [option | {"description": "Another"} for option in RENDER_OPTIONS]

    desk.apply(as_message(name) | {"render_options": changed})

    assert desk.ids(name, "render-options") == before


def test_a_planetary_computer_collection_brings_all_and_the_second_message_makes_no_write(
    account: Account, catalog: Catalog, planetary_computer: str, name: str
) -> None:
    desk = Desk(account, catalog, PLANETARY_COMPUTER_URL=planetary_computer)
    desk.clear()
    message = {"planetary_computer": "sentinel-2-l2a", "collection": name, "title": "Mine"}
    assert desk.apply(message)["outcome"] == "applied"
    live = desk.app.geocatalog.get_collection(name) or {}
    assert live["title"] == "Mine"
    assert list(live["assets"]) == ["thumbnail"]
    assert live.keys().isdisjoint({"msft:storage_account", "msft:container"})
    changed = {part for part, state in desk.states(name).items() if state == "applied"}
    assert changed == {"definition", "thumbnail", "tile_settings", "render_options", "mosaics"}

    catalog.reset()
    assert desk.apply(message)["outcome"] == "applied"

    assert catalog.writes() == []


# Interrupted, repeated, at once


def _small(name: str) -> dict[str, Any]:
    return {
        "definition": collection(name),
        "render_options": RENDER_OPTIONS[:1],
        "mosaics": MOSAICS[:2],
        "tile_settings": {"minZoom": 7},
        "thumbnail": {"data": PIXEL},
    }


def test_killed_at_any_call_it_goes_on_and_does_nothing_twice(desk: Desk) -> None:
    for calls in CALLS:
        name = f"killed-{calls}"
        after = bool(calls % 2)
        desk.catalog.reset()
        desk.send(_small(name))
        desk.fuse.set(calls, kill, after=after)
        desk.settle(step=timedelta(minutes=7))
        writes = [
            path for method, path in desk.catalog.writes() if path.endswith(("tile-settings", "assets", "options"))
        ]
        assert sorted(writes) == sorted(set(writes)), f"killed at call {calls}"
        assert len(desk.ids(name, "mosaics")) == len(MOSAICS[:2])
        assert desk.announced[-1]["outcome"] == "applied"


@pytest.mark.both_storages
def test_of_two_messages_at_once_one_waits(desk: Desk, name: str) -> None:
    desk.apply({"definition": collection(name)})
    for calls in range(5, 20, 3):
        message = {"definition": collection(name), "tile_settings": {"minZoom": calls}}

        def deliver_another(message: dict[str, Any] = message) -> None:
            desk.send(message)
            desk.deliver()

        desk.catalog.reset()
        desk.send(message)
        desk.fuse.set(calls, deliver_another, after=False)
        desk.settle()
        assert desk.catalog.writes() == [("PUT", f"/stac/collections/{name}/configurations/tile-settings")]
    desk.fuse.clear()


def test_a_throttled_message_goes_on_and_tells_all_that_was_done(desk: Desk, name: str) -> None:
    desk.catalog.behave(
        faults=[{"path": "/stac/collections/*/mosaics", "method": "POST", "status": 429, "retry_after": 1, "count": 1}]
    )

    desk.apply(_small(name))

    applied = {part for part, state in desk.states(name).items() if state == "applied"}
    assert applied == {"definition", "thumbnail", "tile_settings", "render_options", "mosaics"}


def test_a_creation_that_fails_for_good_is_refused_and_one_that_may_pass_is_tried_again(desk: Desk, name: str) -> None:
    desk.catalog.behave(operation_failures=[{"code": "StacValidationFailed", "message": "No good.", "count": 1}])
    result = desk.apply(_small(name))
    assert result["outcome"] == "failed"
    assert "No good." in result["error_message"]
    assert "No good." in desk.parts(name)["definition"]["detail"]
    desk.catalog.behave(operation_failures=[{"code": "InternalError", "count": 1}])
    assert desk.apply(_small(name))["outcome"] == "applied"


# What is too large for a queue


def _large(name: str) -> dict[str, Any]:
    mosaics = [{"name": f"Mosaic {number}", "cql": [], "description": "x" * 600} for number in range(90)]
    return _small(name) | {"mosaics": mosaics}


@pytest.mark.both_storages
@pytest.mark.parametrize(
    "extra", [{}, {"definition": collection("large-1", title="x" * 60_000)}], ids=["parts", "definition"]
)
def test_a_message_that_fits_no_queue_comes_back_whole(desk: Desk, name: str, extra: dict[str, Any]) -> None:
    message = _large(name) | extra | {"collection": name}

    desk.send(message)
    (sent,) = take_all(desk.app.queues.client(QueueName.COLLECTIONS))
    fields = json.loads(decode_body(sent.content.encode()))
    assert fields.keys() == {"href", "collection"}
    desk.app.queues.client(QueueName.COLLECTIONS).send_message(sent.content)
    desk.settle()

    assert desk.announced[-1]["outcome"] == "applied"
    assert len(desk.ids(name, "mosaics")) == 90


def test_a_message_that_fills_the_queue_can_be_sent_again(desk: Desk, name: str) -> None:
    message = _small(name) | {"collection": name}
    room = MAX_BODY_BYTES - len(json.dumps(message).encode())
    message["mosaics"] = [*MOSAICS[:1], {"name": "Large", "cql": [], "description": "x" * (room - 100)}]
    text = json.dumps(message)
    desk.app.queues.client(QueueName.COLLECTIONS).send_message(base64.b64encode(text.encode()).decode())

    desk.settle()

    assert desk.announced[-1]["outcome"] == "applied"
    assert len(desk.ids(name, "mosaics")) == 2


# Bad input

# What a message says of some parts, and the sentences in which each of these is refused.
BAD: dict[str, tuple[dict[str, Any], dict[Part, list[str]]]] = {
    "keys": (
        {
            "render_options": [
                {"name": "Bad", "optoins": "assets=a"},
                {"name": "Bad", "legend": {"tpye": "none"}},
                *RENDER_OPTIONS[:1],
            ],
            "mosaics": [{"name": "Bad", "cqll": []}, *MOSAICS[:1]],
            "tile_settings": {"minZom": 3},
            "queryables": [{"name": "a", "definition": {}, "data_typ": "x"}, {"name": "b", "definition": {}}],
        },
        {
            Part.RENDER_OPTIONS: [
                "render_options.0.optoins: There is no such key; did you mean options?",
                "render_options.1.legend.tpye: There is no such key; did you mean type?",
            ],
            Part.MOSAICS: ["mosaics.0.cqll: There is no such key; did you mean cql?"],
            Part.TILE_SETTINGS: ["tile_settings.minZom: There is no such key; did you mean minZoom?"],
            Part.QUERYABLES: ["queryables.0.data_typ: There is no such key; did you mean data_type?"],
        },
    ),
    "values": (
        {
            "mosaics": [
                {"name": "Bad", "cql": [{"op": "t_intersect", "args": []}]},
                *MOSAICS[:1],
            ],
            "render_options": [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}, *RENDER_OPTIONS[:1]],
            "partition_type": {"scheme": "week"},
            "thumbnail": {"data": "aGVsbG8="},
        },
        {
            Part.MOSAICS: [
                "mosaics.0.cql.0: CQL2 has no operator 't_intersect'; did you mean t_intersects?",
            ],
            Part.RENDER_OPTIONS: [
                "render_options.0.id: 2 of them have the id 'a'; give each its own.",
                "render_options.1.id: 2 of them have the id 'a'; give each its own.",
            ],
            Part.PARTITION_TYPE: ['partition_type.scheme: "week" is not one of'],
            Part.THUMBNAIL: ["The thumbnail is not a PNG, JPEG or WebP image."],
        },
    ),
    "what only GeoCatalog finds": (
        {
            "mosaics": [{"name": "Bad", "cql": [{"op": "=", "args": [1]}]}, *MOSAICS[:1]],
            "render_options": RENDER_OPTIONS[:1],
        },
        {Part.MOSAICS: ["add bad: ", "The field 'cql.0' is not valid CQL2"]},
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_each_fault_is_refused_in_a_sentence_and_the_rest_is_applied(desk: Desk, name: str, case: str) -> None:
    change, sentences = BAD[case]

    result = desk.apply({"definition": collection(name), "collection": name, **change})

    assert (result["outcome"], result["error_code"]) == ("failed", "ConfigurationRefused")
    for part, expected in sentences.items():
        for sentence in expected:
            assert sentence in result["error_message"]
            assert sentence in desk.parts(name)[part]["detail"]
    assert {part for part, state in desk.states(name).items() if state == "refused"} == set(sentences)
    assert desk.ids(name, "render-options") == {"natural-color"}
    assert desk.ids(name, "mosaics") == {"most-recent"}


def test_a_key_of_the_message_itself_that_is_not_known_is_told_with_the_nearest(desk: Desk, name: str) -> None:
    result = desk.apply({"definition": collection(name), "render_option": []})

    assert result["outcome"] == "rejected"
    assert "render_option: There is no such key; did you mean render_options?" in result["error_message"]


def test_a_thumbnail_over_the_limit_and_one_that_is_not_there(desk: Desk, name: str) -> None:
    blobs = desk.app.storage.blobs.get_container_client("payloads")
    blobs.upload_blob("large.png", base64.b64decode(PIXEL) + bytes(MAX_THUMBNAIL_BYTES), overwrite=True)
    for thumbnail, sentence in (
        ({"href": f"{blobs.url}/large.png"}, "larger than 5,242,880 bytes"),
        ({"href": f"{blobs.url}/none.png"}, "There is no blob at the href"),
        ({"href": "https://elsewhere.example/a.png"}, "add it to ALLOWED_HREF_HOSTS"),
        ({"data": "?"}, "not base64"),
    ):
        result = desk.apply({"definition": collection(name), "thumbnail": thumbnail})
        assert sentence in result["error_message"]
        assert desk.states(name)["thumbnail"] == "refused"


def test_a_thumbnail_whose_host_does_not_answer_holds_up_nothing_else(
    account: Account, catalog: Catalog, name: str
) -> None:
    desk = Desk(account, catalog, ALLOWED_HREF_HOSTS="127.0.0.1:9")
    desk.clear()
    desk.send(_small(name) | {"thumbnail": {"href": "http://127.0.0.1:9/thumb.png"}})
    while "most-recent" not in desk.ids(name, "mosaics"):
        assert desk.deliver()
    assert not [result for result in desk.announced if result["collection"] == name]

    desk.settle()

    assert desk.states(name)["thumbnail"] == "refused"
    assert "did not answer" in desk.announced[-1]["error_message"]
    assert desk.states(name)["mosaics"] == "applied"


def test_a_partition_type_stays_where_there_are_items(desk: Desk, name: str) -> None:
    desk.apply(_small(name))
    desk.send({"item": item("scene-1", name)}, QueueName.ITEMS)
    desk.settle()

    result = desk.apply(_small(name) | {"partition_type": {"scheme": "month"}, "mosaics": MOSAICS[:3]})

    assert "can change only while the collection is empty, and it has items" in result["error_message"]
    assert desk.states(name)["partition_type"] == "refused"
    assert desk.states(name)["mosaics"] == "applied"


def test_nothing_is_pruned_while_an_entry_is_refused(desk: Desk, name: str) -> None:
    desk.apply(_small(name))

    desk.apply({"definition": collection(name), "mosaics": [{"name": "M", "cq": []}], "prune": True})
    assert len(desk.ids(name, "mosaics")) == 2
    desk.apply({"definition": collection(name), "mosaics": [], "prune": True})
    assert desk.ids(name, "mosaics") == set()


def test_a_faulty_definition_does_not_stop_the_parts_of_a_collection_that_is_there(desk: Desk, name: str) -> None:
    faulty = {"collection": name, "definition": {"type": "Catalog"}, "tile_settings": {"minZoom": 3}}
    assert desk.apply(faulty)["outcome"] == "rejected"
    assert desk.row(name) == {}
    desk.apply(_small(name))
    assert "type: it must be Collection" in desk.apply(faulty)["error_message"]
    assert desk.states(name)["tile_settings"] == "applied"


# Deletion


def _deletion(name: str, **fields: Any) -> dict[str, Any]:
    return {"collection": name, "confirm": name, **fields}


def test_a_deletion_is_refused_without_its_confirmation(desk: Desk, name: str) -> None:
    desk.apply(_small(name))
    for message in (_deletion(name, confirm="another"), {"collection": name}):
        desk.send(message, QueueName.DELETIONS)
        desk.settle()
        assert desk.announced[-1]["outcome"] == "rejected"
    assert desk.app.geocatalog.get_collection(name) is not None


def test_an_id_is_used_again_only_when_its_collection_is_gone(desk: Desk, name: str) -> None:
    desk.apply(_small(name))
    desk.send({"item": item("scene-1", name)}, QueueName.ITEMS)
    desk.settle()
    desk.catalog.behave(ingest_seconds=[0.2, 0.2])
    desk.send(_deletion(name, correlation_id="gone"), QueueName.DELETIONS)
    desk.deliver()
    desk.catalog.reset()
    desk.send(_small(name))
    desk.deliver()
    assert desk.catalog.writes() == []
    desk.settle(step=timedelta(seconds=5))
    row = desk.row(name)

    assert row["created_at"] - row["deleted_at"] >= timedelta(seconds=45)
    assert [result["outcome"] for result in desk.announced[-2:]] == ["deleted", "applied"]
    assert row["deletion_correlation_id"] == "gone"
    assert row["deletion_error_code"] == ""
    desk.send({"item": item("scene-1", name)}, QueueName.ITEMS)
    desk.settle()
    assert desk.announced[-1]["outcome"] == "ingested"


def test_a_deletion_that_fails_is_told(desk: Desk, name: str) -> None:
    desk.apply(_small(name))
    desk.catalog.behave(operation_failures=[{"code": "InternalError", "message": "Not now.", "count": 1}])
    desk.send(_deletion(name), QueueName.DELETIONS)
    desk.settle()

    assert (desk.announced[-1]["outcome"], desk.announced[-1]["error_code"]) == ("failed", "InternalError")
    row = desk.row(name)
    assert (row["deletion_error_code"], row["deletion_error_message"]) == ("InternalError", "Not now.")
    assert not row.get("deleted_at")
    assert desk.apply(_small(name))["outcome"] == "applied"


def _deletions(desk: Desk, name: str) -> list[tuple[str, str]]:
    return [write for write in desk.catalog.writes() if write == ("DELETE", f"/stac/collections/{name}")]


def test_a_deletion_that_is_handed_out_again_spares_the_collection_made_anew(desk: Desk, name: str) -> None:
    desk.apply(_small(name))
    message, sent_at = _deletion(name), desk.clock.now()
    desk.hand_out_deletion(message, sent_at)
    desk.settle()
    desk.clock.advance(timedelta(minutes=1))
    assert desk.apply(_small(name))["outcome"] == "applied"

    desk.hand_out_deletion(message, sent_at)
    desk.settle()

    assert len(_deletions(desk, name)) == 1
    assert desk.app.geocatalog.get_collection(name) is not None
    assert desk.announced[-1]["outcome"] == "deleted"


@pytest.mark.parametrize("call", range(1, 8))
def test_so_does_one_whose_function_died_at_any_call(desk: Desk, name: str, call: int) -> None:
    desk.apply(_small(name))
    message, sent_at = _deletion(name), desk.clock.now()
    desk.fuse.set(call, kill, after=True)
    desk.hand_out_deletion(message, sent_at)
    desk.fuse.clear()
    was_asked = bool(_deletions(desk, name))
    if was_asked:
        wait_until(lambda: desk.app.geocatalog.get_collection(name) is None)
        desk.settle()
        desk.clock.advance(timedelta(minutes=1))
        assert desk.apply(_small(name))["outcome"] == "applied"

    desk.hand_out_deletion(message, sent_at)
    desk.settle()

    assert len(_deletions(desk, name)) == 1
    assert (desk.app.geocatalog.get_collection(name) is not None) == was_asked
    assert desk.announced[-1]["outcome"] == "deleted"


def test_a_second_deletion_waits_for_the_first(desk: Desk, name: str) -> None:
    desk.apply(_small(name))
    desk.catalog.behave(ingest_seconds=[0.5, 0.5])
    for mark in ("one", "two"):
        desk.send(_deletion(name, correlation_id=mark), QueueName.DELETIONS)
    desk.settle(step=timedelta(seconds=1))

    assert len(_deletions(desk, name)) == 1
    deleted = [result["correlation_id"] for result in desk.announced if result["outcome"] == "deleted"]
    assert sorted(deleted) == ["one", "two"]


def test_two_open_deletions_of_a_collection_both_end(desk: Desk, name: str) -> None:
    """As two instances can leave them that took two messages at the same moment."""
    desk.apply(_small(name))
    desk.catalog.behave(ingest_seconds=[0.3, 0.3])
    for mark in ("one", "two"):
        operation_id = desk.app.geocatalog.delete_collection(name)
        assert operation_id
        kind, now = OperationKind.DELETE_COLLECTION, desk.clock.now()
        desk.app.status.open_deletion(OperationRow(name, operation_id, kind, now, correlation_id=mark))
    wait_until(lambda: desk.app.geocatalog.get_collection(name) is None)

    track_operations(desk.app)

    assert desk.app.status.open_operations(name) == []
    assert sorted(result["correlation_id"] for result in results(desk.app)) == ["one", "two"]
