"""What a client asks of a search, read from a query string or a JSON body."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.basics.json_text import Json, parse_json
from local.basics.rfc3339 import parse_rfc3339, seconds_of
from local.stac_search.boxes import corners, is_bbox
from local.stac_search.errors import SearchError

# Limits of the official client's documentation: items and search.
ITEMS_LIMIT = (10, 10_000)
SEARCH_LIMIT = (250, 1000)

# Quotes and backslashes cannot stand in the paths that properties are sorted by.
_SORT_FIELD = re.compile(r"[^\"\\\x00-\x1f]+")

_FILTER_LANGUAGES = ("cql2-json", "cql2-text")


@dataclass(frozen=True, slots=True)
class SortField:
    """A field to sort by."""

    name: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Fields:
    """The `fields` extension: what to show of each item."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(slots=True)
class SearchParameters:
    """A search, checked."""

    limit: int
    ids: list[str] | None = None
    collections: list[str] | None = None
    bbox: list[float] | None = None
    intersects: dict[str, Any] | None = None
    interval: tuple[float | None, float | None] | None = None
    sort: list[SortField] = field(default_factory=list)
    fields: Fields | None = None
    filter: str | dict[str, Any] | None = None
    query: dict[str, dict[str, Any]] | None = None
    token: str | None = None


def from_query(parameters: Mapping[str, str], limits: tuple[int, int]) -> SearchParameters:
    """Read a search from a query string.

    Args:
        parameters: Its parameters.
        limits: The default and the largest `limit`.

    Returns:
        The search.

    Raises:
        SearchError: naming the parameter.
    """
    body = {name: read(parameters[name]) for name, read in _QUERY_READERS.items() if name in parameters}
    if "filter" in body and body.setdefault("filter-lang", "cql2-text") == "cql2-json":
        body["filter"] = _json(body["filter"])
    return from_body(body, limits)


def from_body(body: object, limits: tuple[int, int]) -> SearchParameters:
    """Read a search from a JSON body.

    Args:
        body: The value.
        limits: The default and the largest `limit`.

    Returns:
        The search.

    Raises:
        SearchError: naming the field.
    """
    if not isinstance(body, dict):
        raise SearchError("The body of a search must be a JSON object.")
    if body.get("bbox") is not None and body.get("intersects") is not None:
        raise SearchError("Only one of 'bbox' and 'intersects' can be given.")
    return SearchParameters(
        limit=_limit(body.get("limit"), limits),
        ids=_strings(body, "ids"),
        collections=_strings(body, "collections"),
        bbox=_bbox(body.get("bbox")),
        intersects=_geometry(body.get("intersects")),
        interval=_interval(body.get("datetime")),
        sort=_sort(body.get("sortby")),
        fields=_fields(body.get("fields")),
        filter=_filter(body),
        query=_query(body.get("query")),
        token=_token(body.get("token")),
    )


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _json(text: str) -> Json:
    try:
        return parse_json(text.encode())
    except ValueError:
        raise SearchError("The parameters 'intersects', 'query' and CQL2-JSON filters must be JSON.") from None


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(one) for one in _split(text)]
    except ValueError:
        numbers = []
    if not numbers or not all(map(math.isfinite, numbers)):
        raise SearchError("The parameter 'bbox' must be 4 or 6 numbers.")
    return numbers


def _integer(text: str) -> int:
    digits = len(str(ITEMS_LIMIT[1]))
    if not text.isascii() or not text.isdigit() or len(text) > digits:
        raise SearchError(f"The parameter 'limit' must be an integer of at most {digits} digits.")
    return int(text)


def _sort_terms(text: str) -> list[dict[str, str]]:
    return [_sort_term(term) for term in _split(text)]


def _sort_term(term: str) -> dict[str, str]:
    return {"field": term.lstrip("+-"), "direction": "desc" if term.startswith("-") else "asc"}


def _field_terms(text: str) -> dict[str, list[str]]:
    terms = _split(text)
    return {
        "include": [term.lstrip("+") for term in terms if not term.startswith("-")],
        "exclude": [term[1:] for term in terms if term.startswith("-")],
    }


_QUERY_READERS: dict[str, Callable[[str], Json]] = {
    "ids": _split,
    "collections": _split,
    "bbox": _numbers,
    "datetime": str,
    "token": str,
    "filter": str,
    "filter-lang": str,
    "intersects": _json,
    "query": _json,
    "limit": _integer,
    "sortby": _sort_terms,
    "fields": _field_terms,
}


def _limit(value: object, limits: tuple[int, int]) -> int:
    default, most = limits
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise SearchError(f"The field 'limit' must be an integer from 1 to {most}.")
    return value


def _strings(body: dict[str, Any], name: str) -> list[str] | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise SearchError(f"The field '{name}' must be a list of strings.")
    return value


def _bbox(value: object) -> list[float] | None:
    if value is None:
        return None
    if not is_bbox(value):
        raise SearchError("The field 'bbox' must be 4 or 6 numbers.")
    west, south, east, north = corners(value)  # type: ignore[arg-type]
    if south > north:
        raise SearchError("The field 'bbox' has its south above its north.")
    return [west, south, east, north]


def _geometry(value: object) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise SearchError("The field 'intersects' must be a GeoJSON geometry.")
    return value


def _interval(value: object) -> tuple[float | None, float | None] | None:
    if value is None:
        return None
    ends = value.split("/") if isinstance(value, str) else []
    try:
        if len(ends) == 1:
            moment = seconds_of(parse_rfc3339(ends[0]))
            return moment, moment
        if len(ends) == 2:  # noqa: PLR2004 - an interval has a start and an end
            start, end = (None if one in ("", "..") else seconds_of(parse_rfc3339(one)) for one in ends)
            if (start is not None or end is not None) and not (start and end and start > end):
                return start, end
    except ValueError:
        pass
    raise SearchError(
        "The field 'datetime' must be an RFC 3339 time, or two with a slash between, '..' for an open end."
    )


def _sort(value: object) -> list[SortField]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise SearchError("The field 'sortby' must be a list.")
    terms = []
    for term in value:
        name, direction = (term.get("field"), term.get("direction", "asc")) if isinstance(term, dict) else (None, None)
        if direction not in ("asc", "desc") or not isinstance(name, str) or not _SORT_FIELD.fullmatch(name):
            raise SearchError("Each of 'sortby' must be an object with 'field', and 'direction' asc or desc.")
        terms.append(SortField(name, direction == "desc"))
    return terms


def _fields(value: object) -> Fields | None:
    if value is None:
        return None
    parts = value if isinstance(value, list) else [value]  # the official client sends a list of objects
    include: list[str] = []
    exclude: list[str] = []
    for part in parts:
        if not isinstance(part, dict):
            raise SearchError("The field 'fields' must be an object with 'include' and 'exclude'.")
        include += _strings(part, "include") or []
        exclude += _strings(part, "exclude") or []
    return Fields(tuple(include), tuple(exclude))


def _filter(body: dict[str, Any]) -> str | dict[str, Any] | None:
    value = body.get("filter")
    if value is None:
        return None
    language = body.get("filter-lang") or "cql2-json"
    if language not in _FILTER_LANGUAGES:
        raise SearchError(f"The field 'filter-lang' must be one of {', '.join(_FILTER_LANGUAGES)}.")
    if not isinstance(value, str if language == "cql2-text" else dict):
        raise SearchError(f"The field 'filter' does not fit the filter-lang '{language}'.")
    return value


def _query(value: object) -> dict[str, dict[str, Any]] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        raise SearchError("The field 'query' must be an object of objects.")
    return value


def _token(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise SearchError("The field 'token' must be a string.")
