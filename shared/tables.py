"""The tables of the ingestion storage, each created when it is first found missing."""

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from azure.core.exceptions import HttpResponseError
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
        except HttpResponseError as error:
            if not _is_missing_table(error):
                raise
        self._service.create_table_if_not_exists(self._name)
        return call(self._client)


def _is_missing_table(error: HttpResponseError) -> bool:
    # The SDK fills in error_code for most calls; of create_entity only the text of the answer tells.
    code = getattr(error, "error_code", None)
    return error.status_code == HTTPStatus.NOT_FOUND and (code == "TableNotFound" or "TableNotFound" in str(error))
