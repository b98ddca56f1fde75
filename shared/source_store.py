"""Table `sources`: one row per wanted ingestion source, its wanted and its actual state."""

from collections.abc import Iterator, Mapping
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient, UpdateMode

from shared.blob_urls import BlobUrl
from shared.tables import SOURCES, Table

PARTITION = "source"


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
        try:
            return self._table.run(lambda client: client.get_entity(PARTITION, key))
        except ResourceNotFoundError:
            return None

    def merge(self, key: str, columns: Mapping[str, Any]) -> None:
        """Writes columns of a source's row; other columns stay."""
        entity = {"PartitionKey": PARTITION, "RowKey": key, **columns}
        self._table.run(lambda client: client.upsert_entity(entity, mode=UpdateMode.MERGE))

    def delete(self, key: str) -> None:
        """Forgets a source."""
        self._table.run(lambda client: client.delete_entity(PARTITION, key))

    def container_urls(self) -> Iterator[str]:
        """Yields the container URL of each source."""
        return (str(row["container_url"]) for row in self.rows() if row.get("container_url"))


def source_key(url: BlobUrl) -> str:
    """Returns the row key of a source: `{account}~{container}`."""
    return f"{url.account}~{url.container}"
