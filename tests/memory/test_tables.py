"""What the app and its tests rely on of tables holds in memory as on Azurite."""

import string
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableClient, UpdateMode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.storage.tables import Query, Table
from shared.storage.transactions import submit_transaction
from tests.memory.conftest import Storage

pytestmark = pytest.mark.both_storages

REPLACE, MERGE = UpdateMode.REPLACE, UpdateMode.MERGE
COLUMNS: dict[str, Any] = {
    "text": "ä 🛰\r\n'", "number": 7, "large": (2**40, "Edm.Int64"), "yes": True, "ratio": 0.5, "whole": 2.0,
    "message": b"\x00\xff", "at": datetime(2026, 4, 16, 10, 0, 0, 123456, tzinfo=UTC),
}  # fmt: skip


@pytest.fixture
def table(storage: Storage) -> Iterator[TableClient]:
    """Make an empty table."""
    made = storage.clients.tables.create_table(f"contract{uuid.uuid4().hex}")
    yield made
    storage.clients.tables.delete_table(made.table_name)


def row(key: str, partition: str = "p", **columns: Any) -> dict[str, Any]:
    return {"PartitionKey": partition, "RowKey": key, **columns}


def if_unchanged(etag: str) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def keys(table: TableClient, condition: str = "", **values: Any) -> list[str]:
    return [str(entity["RowKey"]) for entity in table.query_entities(condition, parameters=values)]


def refusal(call: Callable[[], object]) -> tuple[int | None, str]:
    """Give the status and the code with which a call is refused."""
    with pytest.raises(HttpResponseError) as refused:
        call()
    code = getattr(refused.value, "error_code", None) or str(refused.value)
    return refused.value.status_code, str(getattr(code, "value", code))


def test_a_row_is_read_as_it_was_written(table: TableClient) -> None:
    made = table.create_entity(row("it's", **COLUMNS, nothing=None))
    found = table.get_entity("p", "it's")

    assert {**found, "large": tuple(found["large"])} == row("it's", **COLUMNS)
    assert isinstance(found["whole"], float)
    assert found.metadata["etag"] == made["etag"]
    assert abs(found.metadata["timestamp"] - datetime.now(UTC)) < timedelta(minutes=5)  # type: ignore[operator]
    some = table.get_entity("p", "it's", select=["number", "missing"])
    assert (dict(some), some.metadata["etag"]) == ({"number": 7}, made["etag"])


def test_each_write_of_a_row_gives_it_another_version(table: TableClient) -> None:
    etags = [table.upsert_entity(row("a", n=number))["etag"] for number in range(20)]
    etags += [submit_transaction(table, [("upsert", row("a", n=number))])[0]["etag"] for number in range(20)]
    assert len(set(etags)) == 40


def test_an_insert_never_replaces(table: TableClient) -> None:
    table.create_entity(row("a", n=1))
    with pytest.raises(ResourceExistsError):
        table.create_entity(row("a", n=2))
    assert table.get_entity("p", "a")["n"] == 1


def test_merging_keeps_columns_and_replacing_drops_them(table: TableClient) -> None:
    for write in (table.upsert_entity, table.update_entity):
        table.upsert_entity(row("a", kept=b"1", changed=COLUMNS["at"]), mode=REPLACE)
        write(row("a", changed="new"), mode=MERGE)
        assert dict(table.get_entity("p", "a")) == row("a", kept=b"1", changed="new")
        write(row("a", added=True), mode=REPLACE)
        assert dict(table.get_entity("p", "a")) == row("a", added=True)


def test_a_conditional_write_needs_the_version_that_stands(table: TableClient) -> None:
    stale = table.create_entity(row("a", n=1))["etag"]
    current = table.update_entity(row("a", n=2), mode=REPLACE, **if_unchanged(stale))["etag"]
    assert current != stale
    with pytest.raises(ResourceModifiedError):
        table.update_entity(row("a", n=3), mode=MERGE, **if_unchanged(stale))
    with pytest.raises(ResourceModifiedError):
        table.delete_entity("p", "a", **if_unchanged(stale))
    assert table.get_entity("p", "a")["n"] == 2
    table.delete_entity("p", "a", **if_unchanged(current))
    assert keys(table) == []


def test_what_is_not_there(storage: Storage, table: TableClient) -> None:
    with pytest.raises(ResourceNotFoundError):
        table.get_entity("p", "a")
    changes: tuple[Callable[[], object], ...] = (
        lambda: table.update_entity(row("a")),
        lambda: table.update_entity(row("a"), **if_unchanged('W/"x"')),
    )
    for change in changes:
        with pytest.raises(ResourceNotFoundError):
            change()
    table.delete_entity("p", "a")  # the SDK passes over it
    missing = storage.clients.tables.get_table_client("nowhere")
    calls: list[Callable[[], object]] = [
        lambda: missing.get_entity("p", "a"),
        lambda: missing.create_entity(row("a")),
        lambda: missing.update_entity(row("a")),
        lambda: list(missing.query_entities("PartitionKey eq 'p'")),
        lambda: submit_transaction(missing, [("create", row("a"))]),
    ]
    for call in calls:
        status, code = refusal(call)
        assert status == 404
        assert "TableNotFound" in code


def test_a_missing_table_is_made_when_it_is_first_used(storage: Storage) -> None:
    name = f"contract{uuid.uuid4().hex}"
    assert Table(storage.clients.tables, name).run(lambda client: client.create_entity(row("a")))
    assert name in {table.name for table in storage.clients.tables.list_tables()}
    with pytest.raises(ResourceExistsError):
        storage.clients.tables.create_table(name)
    storage.clients.tables.create_table_if_not_exists(name)
    storage.clients.tables.delete_table(name)
    storage.clients.tables.delete_table(name)
    assert name not in {table.name for table in storage.clients.tables.list_tables()}


# Transactions


def test_a_transaction_writes_all_its_rows(table: TableClient) -> None:
    stale = table.create_entity(row("updated", n=1, kept=2))["etag"]
    table.create_entity(row("deleted"))
    made = submit_transaction(
        table,
        [
            ("create", row("created", **COLUMNS)),
            ("update", row("updated", n=2), {**if_unchanged(stale), "mode": MERGE}),
            ("upsert", row("upserted"), {"mode": REPLACE}),
            ("delete", row("deleted")),
        ],
    )
    assert made[3] == {}
    assert [table.get_entity("p", key).metadata["etag"] for key in ("created", "updated", "upserted")] == [
        entry["etag"] for entry in made[:3]
    ]
    assert {**table.get_entity("p", "created"), "large": COLUMNS["large"]} == row("created", **COLUMNS)
    assert dict(table.get_entity("p", "updated")) == row("updated", n=2, kept=2)
    assert keys(table) == ["created", "updated", "upserted"]


CONFLICTS: dict[str, tuple[Any, tuple[int, str]]] = {
    "there already": (("create", row("there")), (409, "EntityAlreadyExists")),
    "another version": (("update", row("there"), if_unchanged('W/"x"')), (412, "UpdateConditionNotSatisfied")),
    "another version, deleted": (("delete", row("there"), if_unchanged('W/"x"')), (412, "UpdateConditionNotSatisfied")),
    "updated, not there": (("update", row("missing")), (404, "ResourceNotFound")),
    "deleted, not there": (("delete", row("missing")), (404, "ResourceNotFound")),
    "twice the same row": (("upsert", row("first", n=2)), (400, "InvalidDuplicateRow")),
    "a value that is too large": (("create", row("large", n="x" * 32_769)), (400, "PropertyValueTooLarge")),
}


@pytest.mark.parametrize("conflict", CONFLICTS)
def test_a_transaction_writes_none_of_its_rows_where_one_is_refused(table: TableClient, conflict: str) -> None:
    there = table.create_entity(row("there", n=1))["etag"]
    refused, expected = CONFLICTS[conflict]
    writes = [("create", row("first")), ("upsert", row("second")), refused, ("create", row("last"))]

    assert refusal(lambda: submit_transaction(table, writes)) == expected

    (left,) = table.list_entities()
    assert (left["RowKey"], left["n"], left.metadata["etag"]) == ("there", 1, there)


def test_a_transaction_holds_a_hundred_rows(table: TableClient) -> None:
    writes = [("create", row(f"{number:03}")) for number in range(101)]
    assert refusal(lambda: submit_transaction(table, writes)) == (400, "InvalidInput")
    assert keys(table) == []
    assert len(submit_transaction(table, writes[:100])) == 100
    assert len(keys(table)) == 100


# Queries


NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters="/\\#?"), min_size=1, max_size=4
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(NAMES, min_size=1, max_size=8))
def test_rows_come_in_the_order_of_their_keys_and_a_prefix_finds_its_own(storage: Storage, names: set[str]) -> None:
    partition = uuid.uuid4().hex
    table = Table(storage.clients.tables, "contractkeys")
    writes = [("create", row(f"{prefix}{name}", partition)) for name in names for prefix in ("a~", "b~", "bb~")]
    table.run(lambda client: submit_transaction(client, writes))
    condition = "PartitionKey eq @p and RowKey ge @low and RowKey lt @high"

    found = table.query(Query(condition, {"p": partition, "low": "b~", "high": "b\x7f"}))

    expected = sorted((f"b~{name}" for name in names), key=lambda key: key.encode("utf-16-be"))
    assert [str(entity["RowKey"]) for entity in found] == expected


CONDITIONS: list[tuple[str, dict[str, Any], str]] = [
    ("", {}, "abcde"),
    ("n eq @n", {"n": 2}, "b"),
    ("n ge 2 and n lt 4", {}, "bc"),
    ("( s eq @one or s eq @two ) and n gt 1", {"one": "it's", "two": "x"}, "bc"),
    ("s eq @one or s eq @two and n gt 3", {"one": "it's", "two": "x"}, "b"),
    ("not ( n eq 2 ) and n ge 1", {}, "acd"),
    ("yes eq true", {}, "a"),
    ("ratio le @ratio", {"ratio": 0.5}, "a"),
    ("at lt @at", {"at": datetime(2026, 4, 16, 12, tzinfo=UTC)}, "a"),
    ("at gt @at", {"at": datetime(2026, 4, 16, 12, tzinfo=UTC)}, "b"),
    ("data eq @data", {"data": b"\x00\xff"}, "c"),
    ("missing lt 5", {}, ""),
    ("PartitionKey gt @last", {"last": "p"}, "e"),
    ("PartitionKey eq 'p' and RowKey ge 'b' and RowKey lt 'd'", {}, "bc"),
    ("Timestamp ge @since", {"since": datetime(2020, 1, 1, tzinfo=UTC)}, "abcde"),
    ("Timestamp lt @since", {"since": datetime(2020, 1, 1, tzinfo=UTC)}, ""),
]


def test_a_query_finds_the_rows_that_meet_its_condition(table: TableClient) -> None:
    for entity in (
        row("a", n=1, yes=True, ratio=0.5, at=datetime(2026, 4, 16, 11, 59, 59, tzinfo=UTC)),
        row("b", n=2, s="it's", yes=False, ratio=1.5, at=datetime(2026, 4, 16, 12, 0, 1, tzinfo=UTC)),
        row("c", n=3, s="x", data=b"\x00\xff"),
        row("d", n=4, s="other"),
        row("e", "q"),
    ):
        table.create_entity(entity)
    for condition, values, expected in CONDITIONS:
        assert "".join(keys(table, condition, **values)) == expected, condition


def test_pages_hold_what_was_asked_for_and_end(table: TableClient) -> None:
    submit_transaction(table, [("create", row(f"{number:03}", n=number % 2)) for number in range(100)])
    pages = table.query_entities("n eq 1", results_per_page=20, select=["RowKey", "Timestamp"]).by_page()
    found = [[dict(entity) for entity in page] for page in pages]
    assert [len(page) for page in found] == [20, 20, 10]
    assert [entity for page in found for entity in page] == [{"RowKey": f"{number:03}"} for number in range(1, 100, 2)]
    (first, *_) = table.query_entities("n eq 1", select=["Timestamp"])
    assert isinstance(first.metadata["timestamp"], datetime)


def test_a_page_holds_a_thousand_rows_and_the_next_begins_where_it_ended(table: TableClient) -> None:
    for start in range(0, 1_100, 100):
        submit_transaction(table, [("create", row(f"{number:04}")) for number in range(start, start + 100)])
    pages = table.query_entities("PartitionKey eq 'p'").by_page()
    first, after = list(next(pages)), pages.continuation_token  # type: ignore[attr-defined]
    table.delete_entity("p", "1000")
    rest = [entity["RowKey"] for page in table.query_entities("PartitionKey eq 'p'").by_page(after) for entity in page]
    assert len(first) == 1_000
    assert rest == [f"{number:04}" for number in range(1_001, 1_100)]


# What is refused


@pytest.mark.parametrize("key", ["a/b", "a\\b", "a#b", "a?b", "a\tb", "k" * 513])
def test_a_key_that_no_table_can_hold_is_refused(table: TableClient, key: str) -> None:
    assert refusal(lambda: table.create_entity(row(key)))[0] == 400
    assert refusal(lambda: table.create_entity(row("a", key)))[0] == 400


def test_a_key_may_be_empty_or_as_long_as_a_table_can_hold(table: TableClient) -> None:
    for key in ("", "k" * 512, "日" * 512, string.punctuation.translate({ord(one): None for one in "/\\#?"})):
        table.create_entity(row(key))
        assert table.get_entity("p", key)["RowKey"] == key


@pytest.mark.parametrize(("value", "larger"), [("ä" * 32_768, "ä" * 32_769), (b"x" * 65_536, b"x" * 65_537)])
def test_a_value_holds_64_kib(table: TableClient, value: str | bytes, larger: str | bytes) -> None:
    table.create_entity(row("a", value=value))
    status, code = refusal(lambda: table.create_entity(row("b", value=larger)))
    assert status == 400
    assert "PropertyValueTooLarge" in code
    assert table.get_entity("p", "a")["value"] == value


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({f"v{number}": b"x" * 65_000 for number in range(17)}, "EntityTooLarge"),
        ({f"v{number}": 1 for number in range(253)}, "TooManyProperties"),
    ],
)
def test_a_row_that_azure_refuses_for_its_size_is_refused_in_memory(
    storage: Storage, table: TableClient, columns: dict[str, Any], code: str
) -> None:
    """Azurite takes both; the documented limits of Azure decide."""
    if storage.is_memory:
        status, said = refusal(lambda: table.create_entity(row("a", **columns)))
        assert status == 400
        assert code in said
    else:
        table.create_entity(row("a", **columns))
