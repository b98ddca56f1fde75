"""Options of a search in a STAC API or the GeoCatalog, and the body of that search."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cli.options.search_datetime import search_datetime
from cli.output.faults import usage_error
from shared.basics.json_codec import read_json

BboxOption = Annotated[str | None, typer.Option("--bbox", help="west,south,east,north in degrees.", metavar="W,S,E,N")]
DatetimeOption = Annotated[
    str | None,
    typer.Option("--datetime", help="A moment or a range, such as 2024-02-04/2024-02-11.", metavar="RANGE"),
]
CollectionsOption = Annotated[
    list[str] | None,
    typer.Option("--collections", help="Collections to search, by comma or repeated.", metavar="IDS"),
]
IdsOption = Annotated[list[str] | None, typer.Option("--ids", help="Item ids, by comma or repeated.", metavar="IDS")]
FilterOption = Annotated[str | None, typer.Option("--filter", help="CQL2, as text or JSON.", metavar="CQL2")]

_BBOX_LENGTHS = frozenset({4, 6})


@dataclass(frozen=True)
class Query:
    """What to search for.

    Attributes:
        collections: ids of collections.
        ids: ids of items.
        bbox: west, south, east, north in degrees, as text with commas.
        datetime: a moment or a range, RFC 3339.
        filter: CQL2 as text or JSON.
    """

    collections: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    bbox: str | None = None
    datetime: str | None = None
    filter: str | None = None

    def body(self) -> dict[str, Any]:
        """Return the body of the search.

        Raises:
            CommandError: bbox, datetime or filter are malformed.
        """
        body = {
            "collections": list(self.collections),
            "ids": list(self.ids),
            "bbox": _bbox(self.bbox),
            "datetime": search_datetime(self.datetime),
            **_filter(self.filter),
        }
        return {name: value for name, value in body.items() if value}


def _bbox(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        numbers = []
    if len(numbers) not in _BBOX_LENGTHS:
        raise usage_error("--bbox takes four numbers with commas: west,south,east,north in degrees.")
    return numbers


def _filter(text: str | None) -> dict[str, Any]:
    """Return a CQL2 filter as JSON, which is all that many servers take in a search that is posted."""
    if text is None:
        return {}
    if not text.lstrip().startswith("{"):
        return {"filter": _as_json(text), "filter-lang": "cql2-json"}
    try:
        return {"filter": read_json(text), "filter-lang": "cql2-json"}
    except ValueError as error:
        raise usage_error(f"--filter is not JSON: {error}.") from None


def _as_json(text: str) -> Any:  # noqa: ANN401 - JSON is any value
    try:
        expression = _expression(text)
        expression.validate()
        return expression.to_json()
    except Exception as error:  # noqa: BLE001 - the library raises plain Exceptions for what is no CQL2
        detail = str(error).strip().splitlines()[-1].strip(" =")[:200]
        raise usage_error(f'--filter is not CQL2 ({detail}); it is such as "eo:cloud_cover" < 10.') from None


def filter_as_text(condition: Any) -> str:  # noqa: ANN401 - JSON is any value
    """Return a CQL2 filter of JSON as text, which a search by GET takes.

    Raises:
        CommandError: it is no CQL2.
    """
    try:
        return str(_expression(condition).to_text())
    except Exception as error:  # noqa: BLE001 - see _as_json
        raise usage_error(f"--filter is not CQL2 ({str(error)[:200]}).") from None


def _expression(condition: Any) -> Any:  # noqa: ANN401 - the library's own, without a type
    import cql2  # noqa: PLC0415 - a large library, which only a filter needs

    return cql2.Expr(condition)
