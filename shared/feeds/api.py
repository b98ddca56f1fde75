"""Asks the STAC API of a feed: on its own origin only, without redirects, with the feed's key in a header."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import requests
from urllib3.exceptions import HTTPError

from shared.basics import deadline
from shared.basics.clock import utc_now
from shared.basics.errors import ErrorCode, FeedFault, Throttled, Unavailable
from shared.basics.redact import redact
from shared.feeds.specs import FeedSpec, OrderBy
from shared.feeds.watermark import Bound
from shared.files.hrefs import HrefReader
from shared.http.sessions import plain_session
from shared.services.stac_pages import PageRequest, as_https, next_request
from shared.settings import is_unresolved
from shared.stac.urls import unsigned

# Connect and read; a search over many items takes a server some time.
_TIMEOUT = (5.0, 55.0)
_ONE_REQUEST_SECONDS = 60.0
# A page is held in memory whole: 500 items of GeoCatalog's limit of 1 MiB would not fit, and none comes near.
_MAX_PAGE_BYTES = 64 * 1024 * 1024
_CHUNK = 256 * 1024
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
# How the wanted order is asked for: with the id, so that equal values have one order; without it; not at all.
SORT_LEVELS = 3
_SIGNS = {"asc": "+", "desc": "-"}
_FILTER_EXTENSIONS = ("#filter", "/filter", "item-search/filter")
_QUERY_EXTENSION = "#query"


class LinkExpired(FeedFault):
    """The API no longer takes a link or a query that it gave or took before."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=ErrorCode.API_REFUSED)


@dataclass(frozen=True)
class SearchRoute:
    """How the API is searched.

    Attributes:
        url: the search's URL.
        method: POST or GET.
        bound_by: the extension that a lower bound of a property is written in: `filter`, `query` or none.
    """

    url: str
    method: str
    bound_by: str = ""


class FeedApi:
    """The STAC API of one feed.

    Args:
        spec: the feed.
        hrefs: knows the hosts that may be asked.
    """

    def __init__(self, spec: FeedSpec, hrefs: HrefReader) -> None:
        self._spec = spec
        self._hrefs = hrefs
        self._session = plain_session()
        self._key = _key_of(spec)

    @property
    def host(self) -> str:
        """The host that is asked, with its port if the URL names one."""
        return host_of(self._spec)

    def route(self) -> SearchRoute:
        """Ask the landing page how the API is searched.

        Raises:
            FeedFault: it is no STAC API that can be searched.
            Unavailable: it does not answer, or not now.
        """
        landing = self.document(PageRequest("GET", self._spec.url))
        link = _search_link(landing)
        if link is None:
            raise FeedFault(
                f"{self._spec.url} names no search: it is not the landing page of a STAC API; check the feed's url.",
                code=ErrorCode.API_REFUSED,
            )
        url = self._own_origin(as_https(urljoin(f"{self._spec.url}/", str(link["href"])), self._spec.url))
        method = str(link.get("method") or "GET").upper()
        said = [text for text in landing.get("conformsTo") or () if isinstance(text, str)]
        is_filtered = any(text.endswith(_FILTER_EXTENSIONS) for text in said)
        is_queried = any(text.endswith(_QUERY_EXTENSION) for text in said)
        bound_by = "filter" if is_filtered else "query" if is_queried else ""
        if self._spec.query is not None:
            bound_by = "query"
        elif self._spec.filter is not None:
            bound_by = "filter"
        return SearchRoute(url, method, bound_by)

    def request(
        self, route: SearchRoute, order: OrderBy | None, bound: Bound | None, sort_level: int, *, is_last: bool = False
    ) -> PageRequest:
        """Return the request for the first page of a query.

        Args:
            route: how the API is searched.
            order: the property that items are ordered by; None for the API's own order.
            bound: the lower bound of that property, inclusive; None for all.
            sort_level: how much of the wanted order is left out: see SORT_LEVELS.
            is_last: whether the last item alone is asked for: the first one in descending order.
        """
        body = search_body(self._spec, order, bound, route.bound_by)
        if order is not None and sort_level < SORT_LEVELS - 1:
            fields = [f"properties.{order.value}", "id"][: SORT_LEVELS - 1 - sort_level]
            direction = "desc" if is_last else "asc"
            body["sortby"] = [{"field": field, "direction": direction} for field in fields]
        if is_last:
            body["limit"] = 1
        if route.method == "POST":
            return PageRequest("POST", route.url, body)
        return PageRequest("GET", _with_query(route.url, body))

    def page(self, request: PageRequest) -> dict[str, Any]:
        """Return a page.

        Raises:
            LinkExpired: the API does not take the request.
            FeedFault: the answer is no page.
            Unavailable: it does not answer, or not now.
        """
        page = self.document(request)
        if not isinstance(page.get("features"), list):
            raise FeedFault(
                f"{self.host} answered a search with something else than a FeatureCollection; check the feed's url.",
                code=ErrorCode.API_REFUSED,
            )
        return page

    def next_of(self, page: Mapping[str, Any], sent: PageRequest) -> PageRequest | None:
        """Return the request that a page's next link stands for; None where it has none.

        Raises:
            FeedFault: the link leads to another origin.
        """
        request = next_request(page, sent, sent.body or {})
        return replace(request, url=self._own_origin(request.url)) if request else None

    def stored(self, request: PageRequest) -> dict[str, Any]:
        """Return a link as it may stand in a row: without headers, signatures and the feed's key."""
        url, body = unsigned(request.url), request.body
        if self._key:
            parts = urlsplit(url)
            kept = [
                (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if value != self._key
            ]
            url = urlunsplit(parts._replace(query=urlencode(kept)))
            body = {name: value for name, value in body.items() if value != self._key} if body else body
        return {"method": request.method, "url": url, "body": body}

    def _own_origin(self, url: str) -> str:
        own, found = urlsplit(self._spec.url), urlsplit(url)
        if (found.scheme, found.netloc.lower()) != (own.scheme, own.netloc.lower()):
            raise FeedFault(
                f"{self.host} links to {found.scheme}://{found.netloc.rpartition('@')[2]}: a feed reads on its own "
                "origin only. Give the feed the URL that the API itself uses.",
                code=ErrorCode.API_REFUSED,
            )
        return url

    def document(self, request: PageRequest) -> dict[str, Any]:
        """Return the JSON object that the API answers with.

        Raises:
            LinkExpired: the API does not take the request.
            FeedFault: it refuses, or the answer is too large.
            Unavailable: it does not answer, or not now.
        """
        self._hrefs.check(request.url)
        headers = {"Accept": "application/geo+json, application/json", **request.headers}
        if self._key and self._spec.auth:
            headers[self._spec.auth.header] = self._key
        content, status, retry_after, location = b"", 0, None, ""
        try:
            with (
                deadline.limit(_ONE_REQUEST_SECONDS),
                self._session.request(
                    request.method, request.url, json=request.body, headers=headers, timeout=_TIMEOUT,
                    allow_redirects=False, stream=True,
                ) as response,
            ):  # fmt: skip
                status, retry_after = response.status_code, _retry_after(response)
                location = response.headers.get("Location", "")
                content = self._content(response)
        except (requests.RequestException, HTTPError, TimeoutError) as error:
            raise Unavailable(f"{self.host} did not answer ({type(error).__name__}).") from None
        self._check_status(status, retry_after, location, content)
        try:
            # With NaN and infinities, which some servers write: what becomes of them is decided item by item.
            body = json.loads(content)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Unavailable(f"{self.host} answered without a JSON object; is the feed's url right?")
        return body

    def _content(self, response: requests.Response) -> bytes:
        content = bytearray()
        for chunk in response.iter_content(_CHUNK):
            content += chunk
            if len(content) > _MAX_PAGE_BYTES:
                raise FeedFault(
                    f"A page of {self.host} is larger than {_MAX_PAGE_BYTES:,} bytes; give the feed a smaller "
                    "page_size.",
                    code=ErrorCode.API_REFUSED,
                )
        return bytes(content)

    def _check_status(self, status: int, retry_after: timedelta | None, location: str, content: bytes) -> None:
        if status == HTTPStatus.OK:
            return
        said = f"{self.host} answered {status}{_detail(content, self._key)}"
        if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            raise Throttled(f"{said}.", retry_after=retry_after)
        if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"{said}.", retry_after=retry_after)
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            target = redact(location.partition("?")[0])
            raise FeedFault(
                f"{said}: it leads to {target}, and a feed follows no redirect; give it the final URL.",
                code=ErrorCode.API_REFUSED,
            )
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise FeedFault(f"{said}: check the feed's auth and the key in its setting.", code=ErrorCode.API_REFUSED)
        if status in _GONE:
            raise LinkExpired(f"{said}; check the feed's url, collections and filter.")
        raise FeedFault(f"{said}; check the feed's url.", code=ErrorCode.API_REFUSED)


def host_of(spec: FeedSpec) -> str:
    """Return the host of a feed's API, with its port if the URL names one."""
    return urlsplit(spec.url).netloc.lower()


def search_body(spec: FeedSpec, order: OrderBy | None, bound: Bound | None, bound_by: str) -> dict[str, Any]:
    """Return the body of a feed's search from a lower bound on.

    Args:
        spec: the feed.
        order: the property that items are ordered by.
        bound: its lower bound, inclusive; None for all.
        bound_by: the extension to write it in, where it is not `datetime`.
    """
    fields = {
        "collections": list(spec.collections),
        "bbox": list(spec.bbox) if spec.bbox else None,
        "intersects": spec.intersects,
        "datetime": spec.datetime,
        "filter": spec.filter,
        "query": spec.query,
        "limit": spec.page_size,
    }
    body = {name: value for name, value in fields.items() if value is not None}
    if bound is not None and order is not None:
        if order in {OrderBy.DATETIME, OrderBy.START_DATETIME}:
            body["datetime"] = from_moment(spec.datetime, bound.text)
        elif bound_by == "query":
            own = (spec.query or {}).get(order.value, {})
            body["query"] = {**(spec.query or {}), order.value: {**own, "gte": bound.text}}
        elif bound_by == "filter":
            lower = {"op": ">=", "args": [{"property": order.value}, {"timestamp": bound.text}]}
            body["filter"] = {"op": "and", "args": [spec.filter, lower]} if spec.filter else lower
    if "filter" in body:
        body["filter-lang"] = "cql2-json"
    return body


def from_moment(given: str | None, start: str) -> str:
    """Return the range of a search that begins at a moment, within the range that a feed gives."""
    _, separator, end = (given or "../..").partition("/")
    if not separator:
        return str(given)  # a single moment has no beginning to move
    return f"{start}/{end}"


def _key_of(spec: FeedSpec) -> str:
    if spec.auth is None:
        return ""
    key = os.environ.get(spec.auth.setting, "").strip()
    if not key or is_unresolved(key) or not (key.isascii() and key.isprintable()):
        raise FeedFault(
            f"Setting {spec.auth.setting}, which holds the key of feed {spec.name}, is missing or not resolved; set it "
            "for the Function App.",
            code=ErrorCode.SETTINGS,
        )
    return key


def _search_link(landing: Mapping[str, Any]) -> dict[str, Any] | None:
    links = landing.get("links")
    found = [
        link
        for link in (links if isinstance(links, list) else [])
        if isinstance(link, dict) and link.get("rel") == "search" and isinstance(link.get("href"), str)
    ]
    posted = (link for link in found if str(link.get("method")).upper() == "POST")
    return next(posted, found[0] if found else None)


def _with_query(url: str, body: Mapping[str, Any]) -> str:
    """Return the URL of a search by GET, where lists have commas and an order has signs."""
    fields: dict[str, Any] = {}
    for name, value in body.items():
        if name == "sortby":
            fields[name] = ",".join(f"{_SIGNS[key['direction']]}{key['field']}" for key in value)
        elif name == "filter":
            fields |= {"filter": json.dumps(value), "filter-lang": "cql2-json"}
        elif name in {"intersects", "query"}:
            fields[name] = json.dumps(value)
        elif name != "filter-lang":
            fields[name] = ",".join(map(str, value)) if isinstance(value, list) else value
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(fields)) if part)
    return urlunsplit(parts._replace(query=query))


def _retry_after(response: requests.Response) -> timedelta | None:
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return timedelta(seconds=min(int(text), 7 * 86_400))
    try:
        return max(parsedate_to_datetime(text) - utc_now(), timedelta(0))
    except (ValueError, TypeError):
        return None


def _detail(content: bytes, key: str) -> str:
    """Return what an answer says of its refusal, in brackets; nothing where it says nothing that can be read."""
    try:
        body = json.loads(content)
    except ValueError:
        return ""
    said = (body.get("description") or body.get("detail") or body.get("message")) if isinstance(body, dict) else None
    if not said:
        return ""
    text = said if isinstance(said, str) else json.dumps(said)
    return f" ({redact(text.replace(key, '…') if key else text)[:300]})"
