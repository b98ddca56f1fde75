"""The tables of the ingestion storage, each created when it is first found missing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableClient, TableServiceClient

STATUS = "status"
DEADLETTERS = "deadletters"
SOURCES = "sources"
PACING = "pacing"
FEEDS = "feeds"
TABLES = (STATUS, DEADLETTERS, SOURCES, PACING, FEEDS)

T = TypeVar("T")


@dataclass(frozen=True)
class Query:
    """Which rows of a table to read.

    Attributes:
        condition: the filter, with `@name` for each parameter.
        parameters: their values.
        select: the columns to read; None for all.
    """

    condition: str
    parameters: Mapping[str, Any]
    select: Sequence[str] | None = None


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

    def query(self, query: Query, before_page: Callable[[], None] | None = None) -> Iterator[Mapping[str, Any]]:
        """Reads rows a page at a time: each when its first row is asked for, so whoever stops early reads no more.

        Args:
            query: which rows.
            before_page: called before each page, also where pages come without rows; what it raises ends the reading.

        Raises:
            azure.core.exceptions.AzureError: the storage could not be reached or refused.
        """
        after: Any = None
        while True:
            if before_page:
                before_page()
            rows, after = self.page(query, after)
            yield from rows
            if not after:
                return

    def page(self, query: Query, after: Any = None) -> tuple[list[Mapping[str, Any]], Any]:  # noqa: ANN401 - the SDK's
        """Reads one page, of up to 1,000 rows or none.

        Args:
            query: which rows.
            after: what came with the page before; None for the first.

        Returns:
            The rows, and what leads to the next page; None after the last.

        Raises:
            azure.core.exceptions.AzureError: the storage could not be reached or refused.
        """
        return self.run(partial(_page, query=query, after=after))


def _page(client: TableClient, *, query: Query, after: Any) -> tuple[list[Mapping[str, Any]], Any]:  # noqa: ANN401
    select = list(query.select) if query.select else None
    pages = client.query_entities(query.condition, parameters=dict(query.parameters), select=select).by_page(after)
    return list(next(pages)), pages.continuation_token  # type: ignore[attr-defined]


def _is_missing_table(error: HttpResponseError) -> bool:
    # The SDK fills in error_code for most calls; of create_entity only the text of the answer tells.
    code = getattr(error, "error_code", None)
    return error.status_code == HTTPStatus.NOT_FOUND and (code == "TableNotFound" or "TableNotFound" in str(error))
