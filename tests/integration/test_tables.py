"""Tables are made when they are first found missing, and transactions write all rows or none."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableClient, TableServiceClient, UpdateMode

from local.azurite import Azurite
from shared.storage.tables import Table
from shared.storage.transactions import submit_transaction

ENTITY = {"PartitionKey": "a", "RowKey": "b"}
CALLS: dict[str, Callable[[TableClient], Any]] = {
    "create": lambda client: client.create_entity(ENTITY),
    "upsert": lambda client: client.upsert_entity(ENTITY),
    "query": lambda client: list(client.query_entities("PartitionKey eq 'a'")),
    "transaction": lambda client: submit_transaction(client, [("create", ENTITY)]),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_missing_table_is_made_and_the_call_made_again(azurite: Azurite, call: str) -> None:
    service = TableServiceClient.from_connection_string(azurite.connection_string())
    Table(service, f"missing{call}").run(CALLS[call])
    assert f"missing{call}" in {table.name for table in service.list_tables()}


@pytest.fixture
def table(azurite: Azurite) -> TableClient:
    """Make an empty table."""
    service = TableServiceClient.from_connection_string(azurite.connection_string())
    return service.create_table(f"transactions{uuid.uuid4().hex}")


def row(key: str, **columns: Any) -> dict[str, Any]:
    return {"PartitionKey": "p", "RowKey": key, **columns}


def test_a_transaction_writes_what_single_calls_write(table: TableClient) -> None:
    columns = {
        "text": "ä\r\n--changeset", "number": 7, "yes": True, "ratio": 0.5, "message": b"\x00\xff\r\n",
        "at": datetime(2026, 4, 16, 10, tzinfo=UTC),
    }  # fmt: skip
    table.create_entity(row("single", **columns))
    written = submit_transaction(table, [("create", row(f"it's {number}", **columns)) for number in range(100)])
    assert len({entry["etag"] for entry in written}) >= 1
    single = table.get_entity("p", "single")
    for number in range(100):
        found = table.get_entity("p", f"it's {number}")
        assert {name: found[name] for name in columns} == {name: single[name] for name in columns}
        assert found.metadata["etag"] == written[number]["etag"]


def test_a_transaction_that_is_refused_writes_nothing(table: TableClient) -> None:
    (made,) = submit_transaction(table, [("create", row("a"))])
    condition = {"match_condition": MatchConditions.IfNotModified, "mode": UpdateMode.REPLACE}
    (changed,) = submit_transaction(table, [("update", row("a", n=1), {**condition, "etag": made["etag"]})])
    assert changed["etag"] != made["etag"]
    with pytest.raises(HttpResponseError) as refused:
        submit_transaction(
            table, [("create", row("b")), ("update", row("a", n=2), {**condition, "etag": made["etag"]})]
        )
    assert (refused.value.status_code, refused.value.error_code) == (412, "UpdateConditionNotSatisfied")  # type: ignore[attr-defined]
    assert [(entity["RowKey"], entity["n"]) for entity in table.list_entities()] == [("a", 1)]
    assert submit_transaction(table, [("delete", row("a"))]) == [{}]
    assert list(table.list_entities()) == []


def test_a_transaction_without_the_right_to_it_says_so(azurite: Azurite, table: TableClient) -> None:
    keyless = azurite.connection_string().replace(azurite.accounts["devstoreaccount1"], "a2V5")
    with pytest.raises(HttpResponseError) as refused:
        submit_transaction(TableClient.from_connection_string(keyless, table.table_name), [("create", row("a"))])
    assert refused.value.status_code == 403
