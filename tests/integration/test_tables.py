"""Tables are made when they are first found missing, whichever call finds it."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.data.tables import TableClient, TableServiceClient

from local.azurite import Azurite
from shared.tables import Table

ENTITY = {"PartitionKey": "a", "RowKey": "b"}
CALLS: dict[str, Callable[[TableClient], Any]] = {
    "create": lambda client: client.create_entity(ENTITY),
    "upsert": lambda client: client.upsert_entity(ENTITY),
    "query": lambda client: list(client.query_entities("PartitionKey eq 'a'")),
    "transaction": lambda client: client.submit_transaction([("create", ENTITY)]),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_missing_table_is_made_and_the_call_made_again(azurite: Azurite, call: str) -> None:
    service = TableServiceClient.from_connection_string(azurite.connection_string())
    Table(service, f"missing{call}").run(CALLS[call])
    assert f"missing{call}" in {table.name for table in service.list_tables()}
