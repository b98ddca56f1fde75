"""The storage calls that an item costs, made by the SDKs alone: what nobody who keeps such a status can save."""

import base64
import json
import uuid
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from azure.data.tables import UpdateMode

from bench.items import COLLECTION
from bench.stack import WIDTH
from shared.storage.account import StorageClients

_TABLE = "bareitems"
_QUEUE = "bareresults"
_PER_TRANSACTION = 49


class BareStorage:
    """Writes per item what the app writes: the same columns in the same transactions, with nothing around them.

    Args:
        storage: clients with the app's own connection pool.
    """

    def __init__(self, storage: StorageClients) -> None:
        self._table = storage.tables.create_table_if_not_exists(_TABLE)
        self._queue = storage.queues.create_queue(_QUEUE)
        self._table.upsert_entity({"PartitionKey": COLLECTION, "RowKey": "count", "ingested": 0})

    def around(self, item: dict[str, Any], post: Callable[[], str]) -> tuple[str, str]:
        """Writes the claim, posts, writes the submission; returns the names of item and operation."""
        now = datetime.now(UTC)
        row: dict[str, Any] = {
            "PartitionKey": COLLECTION,
            "RowKey": f"item~{item['id']}",
            "status": "Submitting",
            "queue": "items",
            "first_enqueued": now,
            "content_hash": uuid.uuid4().hex * 2,
            "attempt": 0,
            "claimed_until": now,
            "claimed_at": now,
            "claimed_by": uuid.uuid4().hex,
            "if_exists": "replace",
            "correlation_id": uuid.uuid4().hex,
            "datetime": item["properties"]["datetime"],
            "bbox": json.dumps(item["bbox"]),
            "history": json.dumps([{"at": now.isoformat(), "status": "Submitting"}]),
            "message": zlib.compress(json.dumps({"item": item}).encode(), level=1),
        }
        self._table.create_entity(row)
        operation = post()
        history = json.dumps([{"at": now.isoformat(), "status": "Submitting"}] * 2)
        opened = {
            "PartitionKey": COLLECTION,
            "RowKey": f"operation~{operation}",
            "kind": "AddItem",
            "item_id": item["id"],
            "submitted_at": now,
            "correlation_id": row["correlation_id"],
            "history": history,
            "stalled": False,
            "detached": False,
        }
        submitted = {**row, "status": "Submitted", "operation_id": operation, "submitted_at": now, "history": history}
        self._table.submit_transaction([("update", submitted, {"mode": UpdateMode.REPLACE}), ("create", opened)])
        return str(item["id"]), operation

    def close(self, pairs: list[tuple[str, str]]) -> None:
        """Sends the results and closes the operations, as many in one transaction as the app does."""
        with ThreadPoolExecutor(WIDTH) as pool:
            for _ in pool.map(self._announce, pairs):
                pass
        for start in range(0, len(pairs), _PER_TRANSACTION):
            self._table.get_entity(COLLECTION, "count")
            writes = [write for pair in pairs[start : start + _PER_TRANSACTION] for write in self._closing(pair)]
            count = {"PartitionKey": COLLECTION, "RowKey": "count", "ingested": start}
            self._table.submit_transaction([*writes, ("upsert", count)])

    def _announce(self, pair: tuple[str, str]) -> None:
        now = datetime.now(UTC).isoformat()
        result = {
            "collection": COLLECTION,
            "id": pair[0],
            "outcome": "ingested",
            "operation_id": pair[1],
            "error_code": None,
            "error_message": None,
            "correlation_id": uuid.uuid4().hex,
            "submitted_at": now,
            "finished_at": now,
        }
        self._queue.send_message(base64.b64encode(json.dumps(result).encode()).decode(), time_to_live=604_800)

    @staticmethod
    def _closing(pair: tuple[str, str]) -> list[Any]:
        now = datetime.now(UTC)
        item = {
            "PartitionKey": COLLECTION,
            "RowKey": f"item~{pair[0]}",
            "status": "Succeeded",
            "finished_at": now,
            "error_code": "",
            "error_message": "",
            "history": json.dumps([{"at": now.isoformat(), "status": "Submitting"}] * 3),
            "in_catalog": True,
            "message": b"",
        }
        return [
            ("delete", {"PartitionKey": COLLECTION, "RowKey": f"operation~{pair[1]}"}),
            ("update", item, {"mode": UpdateMode.MERGE}),
        ]
