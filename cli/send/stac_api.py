"""Finds items by a STAC API search."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cli.output.faults import usage_error
from shared.basics.json_codec import read_json

# Connect and read, in seconds; a search over many items takes a server some time.
_TIMEOUT = (5, 60)
# Items of one page: the most the Planetary Computer gives.
_PAGE = 250
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
        max_items: the most items to take.
    """

    collections: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    bbox: str | None = None
    datetime: str | None = None
    filter: str | None = None
    max_items: int | None = None


def parse_bbox(text: str | None) -> list[float] | None:
    """Reads a bounding box.

    Args:
        text: four (or six) numbers, with commas or blanks between them.

    Raises:
        CommandError: it is not a bounding box.
    """
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        numbers = []
    if len(numbers) not in _BBOX_LENGTHS:
        raise usage_error("--bbox takes four numbers with commas: west,south,east,north in degrees.")
    return numbers


def parse_filter(text: str | None) -> dict[str, Any]:
    """Reads a CQL2 filter as the members of a STAC API search that is posted, which many servers take in JSON only.

    Raises:
        CommandError: it starts like JSON and is none, or is no CQL2 text.
    """
    if text is None:
        return {}
    if not text.lstrip().startswith("{"):
        return {"filter": _as_json(text), "filter_lang": "cql2-json"}
    try:
        return {"filter": read_json(text), "filter_lang": "cql2-json"}
    except ValueError as error:
        raise usage_error(f"--filter is not JSON: {error}.") from None


def _as_json(text: str) -> Any:  # noqa: ANN401 - JSON is any value
    import cql2  # noqa: PLC0415 - a large library, for a filter in text only

    try:
        expression = cql2.Expr(text)
        expression.validate()
        return expression.to_json()
    except Exception as error:  # noqa: BLE001 - the library raises plain Exceptions for what is no CQL2
        detail = str(error).strip().splitlines()[-1].strip(" =")[:200]
        raise usage_error(f'--filter is not CQL2 ({detail}); it is such as "eo:cloud_cover" < 10.') from None


class StacSearch:
    """A search on a STAC API, whose items come page by page.

    Args:
        url: the API's landing page.
        query: what to search for.
    """

    def __init__(self, url: str, query: Query) -> None:
        from pystac_client import Client  # noqa: PLC0415 - slow to import, and only a search needs it
        from pystac_client.stac_api_io import StacApiIO  # noqa: PLC0415

        bbox, selected = parse_bbox(query.bbox), parse_filter(query.filter)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of conformance classes; a search that cannot be done says so itself
            client = Client.open(url, stac_io=StacApiIO(timeout=_TIMEOUT, max_retries=3))
            self._search = client.search(
                collections=list(query.collections) or None,
                ids=list(query.ids) or None,
                bbox=bbox,
                datetime=query.datetime,
                max_items=query.max_items,
                limit=min(query.max_items or _PAGE, _PAGE),
                **selected,
            )
        self._max_items = query.max_items

    def count(self) -> int | None:
        """Returns how many items there are to come; None where the API does not tell."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matched = self._search.matched()
        if matched is None:
            return self._max_items
        return min(matched, self._max_items) if self._max_items else int(matched)

    def items(self) -> Iterator[dict[str, Any]]:
        """Yields the items.

        Raises:
            pystac_client.exceptions.APIError: the API refused the search or did not answer.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield from self._search.items_as_dicts()
