"""The tables of the ingestion storage, each created when it is first found missing."""

from collections.abc import Callable
from typing import TypeVar

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableClient, TableServiceClient

STATUS = "status"
DEADLETTERS = "deadletters"
SOURCES = "sources"
PACING = "pacing"
TABLES = (STATUS, DEADLETTERS, SOURCES, PACING)

T = TypeVar("T")


class Table:
    """One table.

    Args:
        service: client of the storage account's tables.
        name: name of the table.
    """

    def __init__(self, service: TableServiceClient, name: str) -> None:
        self._service = service
        self._name = name
        self._client = service.get_table_client(name)

    def run(self, call: Callable[[TableClient], T]) -> T:
        """Makes one call; where the table is missing, creates it and makes the call again.

        Raises:
            azure.core.exceptions.AzureError: what the call raises, a missing table excepted.
        """
        try:
            return call(self._client)
        except ResourceNotFoundError as error:
            if getattr(error, "error_code", None) != "TableNotFound":
                raise
        self._service.create_table_if_not_exists(self._name)
        return call(self._client)
