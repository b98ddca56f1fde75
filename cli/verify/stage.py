"""Keeps the messages that a repair would send in a temporary file, since there may be any number of them."""

import tempfile
from collections.abc import Iterator
from typing import Any, Self

from cli.verify.source import Source, SourceItem
from shared.basics.json_codec import read_json, write_json


class Stage:
    """The messages of a source's items that do not agree; used as a context.

    Args:
        source: where the items come from; None where there is no source.
        correlation_id: the mark of the messages.
    """

    def __init__(self, source: Source | None, correlation_id: str) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the context
        self._common: dict[str, Any] = {"correlation_id": correlation_id}
        if source and source.version_by:
            self._common["version_by"] = source.version_by
        if source and source.drop_assets:
            self._common["drop_assets"] = list(source.drop_assets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, item: SourceItem) -> None:
        """Keep the message of an item."""
        message = {**self._common, "item": item.body, "collection": item.collection}
        self._file.write(write_json([item.collection, item.item_id, message]) + b"\n")

    def messages(self) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
        """Yield collection and id of each item, and its message."""
        self._file.seek(0)
        for line in self._file:
            collection, item_id, message = read_json(line)
            yield (collection, item_id), message
