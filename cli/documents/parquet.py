"""Reads STAC Items from STAC GeoParquet, a thousand rows at a time.

rustac makes items of rows; its own reader would hold the whole file, so arro3 reads the batches. Neither downloads
anything when it runs.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from cli.documents.documents import Document, Read, Unreadable, kind_of
from cli.output.faults import CommandError

# With what every parquet file begins (github.com/apache/parquet-format#file-format).
MAGIC = b"PAR1"
ENDINGS = frozenset({".parquet", ".geoparquet"})
MAX_BATCH_ROWS = 1_000
_INTERRUPTS = (KeyboardInterrupt, SystemExit, GeneratorExit)


def read_parquet(path: Path, origin: str) -> Iterator[Read]:
    """Yield the items of a file, as they were before Arrow gave every row the same members.

    Args:
        path: the file.
        origin: its name, for people.

    Raises:
        CommandError: the packages that read GeoParquet are not installed.
        OSError: the file cannot be read.
    """
    try:
        from arro3.io import read_parquet as read_batches  # noqa: PLC0415 - of an extra
    except ImportError:
        raise CommandError(
            f"{origin} is GeoParquet, and the packages that read it are not installed: run python -m pip install "
            '".[cli,parquet]" in the folder of this project.'
        ) from None
    size = path.stat().st_size
    if not _is_complete(path):
        reason = "It begins as a parquet file and does not end as one; copy or download it again."
        yield Unreadable(origin, reason, size)
        return
    number = 0
    last: Read = Unreadable(origin, "It is a parquet file of no rows.")
    try:
        for batch in read_batches(path, batch_size=MAX_BATCH_ROWS):
            for item in _items(batch):
                if number:
                    yield last
                number += 1
                last = _read(item, f"{origin}#{number}")
    except _INTERRUPTS:
        raise
    except BaseException as error:  # noqa: BLE001 - the libraries panic for some files that they cannot read
        if number:
            yield last
        last = Unreadable(f"{origin}#{number + 1}", f"It cannot be read as parquet: {_first_line(error)}.")
    # How many rows there are nobody says beforehand, so that the last one counts for the whole file.
    yield replace(last, size=size)


def _is_complete(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-min(len(MAGIC), path.stat().st_size), io.SEEK_END)
        return path.stat().st_size > 2 * len(MAGIC) and file.read() == MAGIC


def _read(item: dict[str, Any] | str, origin: str) -> Read:
    if isinstance(item, str):
        return Unreadable(origin, item)
    return Document(origin, kind_of(item), item)


def _items(batch: Any) -> Iterator[dict[str, Any] | str]:  # noqa: ANN401 - a RecordBatch of the extra
    """Yield the items of a batch, and a sentence in place of a row that is none."""
    import rustac  # noqa: PLC0415 - of an extra
    from arro3.core import Table  # noqa: PLC0415

    try:
        made = rustac.from_arrow(Table.from_batches([batch]))
        features = json.loads(json.dumps(made["features"]))  # its tuples become lists
        if len(features) != batch.num_rows:
            raise ValueError("some rows are no items")  # noqa: TRY301 - told row by row
    except _INTERRUPTS:
        raise
    except BaseException as error:  # noqa: BLE001 - one row that is no item makes it refuse the batch, or panic
        if batch.num_rows == 1:
            yield f"The row is not a STAC Item: {_first_line(error)}."
            return
        for row in range(batch.num_rows):
            yield from _items(batch.slice(row, 1))
        return
    columns = _Columns(batch)
    yield from map(columns.restored, features)


class _Columns:
    """What the columns of a file tell of its items beyond the values of a row.

    Arrow gives every row every column, with null where the item had nothing, so that nulls are left out. A column
    that is null in each row, though, is there only because the items themselves said null, as `proj:epsg` does for
    "no code"; and an empty list of extensions is not the same text as none.
    """

    def __init__(self, batch: Any) -> None:  # noqa: ANN401 - a RecordBatch of the extra
        from arro3.core import DataType  # noqa: PLC0415 - of an extra

        names = batch.schema.names
        self._nulls = [name for name in names if name not in _CORE and DataType.is_null(batch.schema.field(name).type)]
        self._has_extensions = "stac_extensions" in names

    def restored(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return an item as it was written."""
        properties = item["properties"]
        kept = {name: None for name in ("datetime", *self._nulls) if properties.get(name) is None}
        made: dict[str, Any] = {"geometry": None, **_without_nulls(item)}
        made["properties"] |= kept
        return {"stac_extensions": [], **made} if self._has_extensions else made


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """Return a value without members that are null; null entries of lists stay, such as the open end of a range."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


_CORE = frozenset(
    {"type", "stac_version", "stac_extensions", "id", "geometry", "bbox", "links", "assets", "collection", "datetime"}
)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
