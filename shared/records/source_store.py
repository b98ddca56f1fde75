"""Table `sources`: one row per wanted ingestion source, its wanted and its actual state.

PartitionKey `source`, RowKey `{account}~{container}`; one more row, `settings` / `INGESTION_SOURCES`, holds what is
wrong with that setting.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableServiceClient, UpdateMode

from shared.basics.blob_urls import BlobUrl
from shared.storage.tables import SOURCES, Table

PARTITION = "source"
_FAULTS = {"PartitionKey": "settings", "RowKey": "INGESTION_SOURCES"}


class SourceStore:
    """Table `sources`.

    Args:
        tables: client of the storage account's tables.
    """

    def __init__(self, tables: TableServiceClient) -> None:
        self._table = Table(tables, SOURCES)

    def rows(self) -> list[Mapping[str, Any]]:
        """Reads every source; there are tens of them, not thousands."""
        return self._table.run(lambda client: list(client.query_entities(f"PartitionKey eq '{PARTITION}'")))

    def get(self, key: str) -> Mapping[str, Any] | None:
        """Reads one source by its row key; None where there is none."""
        return self._read(PARTITION, key)

    def merge(self, key: str, columns: Mapping[str, Any]) -> None:
        """Writes columns of a source's row, which is made where it is missing; other columns stay."""
        entity = {"PartitionKey": PARTITION, "RowKey": key, **columns}
        self._table.run(lambda client: client.upsert_entity(entity, mode=UpdateMode.MERGE))

    def update(self, key: str, columns: Mapping[str, Any]) -> bool:
        """Writes columns of a source's row if it is still there; other columns stay.

        Returns:
            Whether it was there.
        """
        entity = {"PartitionKey": PARTITION, "RowKey": key, **columns}
        try:
            self._table.run(lambda client: client.update_entity(entity, mode=UpdateMode.MERGE))
        except ResourceNotFoundError:
            return False
        return True

    def delete(self, key: str) -> None:
        """Forgets a source."""
        self._table.run(lambda client: client.delete_entity(PARTITION, key))

    def delete_unchanged(self, row: Mapping[str, Any]) -> bool:
        """Forgets a source, unless its row has changed since it was read.

        Args:
            row: as `rows` gave it.

        Returns:
            Whether it was forgotten.
        """
        etag = getattr(row, "metadata", {}).get("etag")
        key = str(row["RowKey"])
        try:
            self._table.run(
                lambda client: client.delete_entity(
                    PARTITION, key, etag=etag, match_condition=MatchConditions.IfNotModified
                )
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            return False
        return True

    def container_urls(self) -> Iterator[str]:
        """Yields the container URL of each source."""
        return (str(row["container_url"]) for row in self.rows() if row.get("container_url"))

    def faults(self) -> list[str]:
        """Reads what was wrong with INGESTION_SOURCES when it was last read, a sentence each."""
        row = self._read(_FAULTS["PartitionKey"], _FAULTS["RowKey"])
        return [str(fault) for fault in json.loads(str(row["faults"]))] if row else []

    def note_faults(self, faults: Sequence[str]) -> None:
        """Writes what is wrong with INGESTION_SOURCES, a sentence each."""
        entity = {**_FAULTS, "faults": json.dumps(list(faults), ensure_ascii=False)}
        self._table.run(lambda client: client.upsert_entity(entity, mode=UpdateMode.REPLACE))

    def _read(self, partition: str, key: str) -> Mapping[str, Any] | None:
        try:
            return self._table.run(lambda client: client.get_entity(partition, key))
        except ResourceNotFoundError:
            return None


def source_key(url: BlobUrl) -> str:
    """Returns the row key of a source: `{account}~{container}`."""
    return f"{url.account}~{url.container}"
