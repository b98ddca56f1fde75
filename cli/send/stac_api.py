"""Finds items by a STAC API search, page by page."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

import requests

from cli.documents.documents import Document, Read, Unreadable, kind_of
from cli.options.search import Query, filter_as_text
from cli.output.faults import CommandError
from cli.send.api_client import ApiClient
from shared.basics.redact import redact
from shared.services.stac_pages import PageGuard, PageRequest, as_https, matched_of, next_request

# Items of one page: the most the Planetary Computer gives by default.
_PAGE = 250
_NOWHERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.NO_CONTENT})
# Servers over Elasticsearch and OpenSearch count no further, so that the figure means "at least"
# (elastic.co/guide/en/elasticsearch/reference/8.19/search-your-data.html#track-total-hits).
_COUNTED_NO_FURTHER = 10_000


@dataclass
class _Page:
    """One page as it came.

    Attributes:
        number: from 1 on.
        request: what led to it.
        body: the FeatureCollection.
        entries: its features.
    """

    number: int
    request: PageRequest
    body: dict[str, Any]
    entries: list[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.entries = self.body["features"]


class StacSearch:
    """A search on a STAC API, whose items come page by page.

    Args:
        url: the API's landing page.
        query: what to search for.
        max_items: the most items to take; None for all.

    Attributes:
        notes: what a person should know of how the search went, in sentences; complete after the last item.
        is_short: whether fewer items came than the API said there are.

    Raises:
        CommandError: the query is malformed.
    """

    def __init__(self, url: str, query: Query, max_items: int | None = None) -> None:
        self._url = url
        self._body = {**query.body(), "limit": min(max_items or _PAGE, _PAGE)}
        self._max_items = max_items
        self._client = ApiClient()
        self._guard = PageGuard()
        self._taken = 0
        self._unnamed = 0
        self._first: _Page | None = None
        self.notes: list[str] = []
        self.is_short = False

    def count(self) -> int | None:
        """Return how many items there are to come; None where the API does not tell.

        Raises:
            CommandError: the API refused the search or did not answer.
        """
        matched = matched_of(self._first_page().body)
        return self._max_items if matched is None else min(matched, self._max_items or matched)

    def read(self) -> Iterator[Read]:
        """Yield the items, and what stands in their place on a page.

        Raises:
            CommandError: the API refused the search or did not answer.
            Unavailable: its pages repeat themselves.
        """
        figures = set[int | None]()
        for page in self._pages():
            figures.add(matched_of(page.body))
            for position, entry in enumerate(page.entries, 1):
                if self._max_items is not None and self._taken >= self._max_items:
                    return
                self._taken += 1
                yield _read(entry, page.number, position)
        if self._guard.repeats:
            self.notes.append(
                f"{self._guard.repeats:,} items came on more than one page of the STAC API: its order is not stable, "
                "so others may be missing; run the command again to see whether more come."
            )
        self._compare(matched_of(self._first_page().body), figures - {None})

    def _compare(self, matched: int | None, figures: set[int | None]) -> None:
        """Note where fewer items came than the first page said there are."""
        arrived = self._guard.items + self._unnamed
        if matched is None or self._max_items is not None or arrived >= matched:
            return
        if matched == _COUNTED_NO_FURTHER or len(figures) > 1:
            self.notes.append(
                f"The STAC API estimates that {matched:,} items match the search; all of its pages brought {arrived:,}."
            )
            return
        self.is_short = True
        self.notes.append(
            f"The STAC API says that {matched:,} items match the search, and its pages brought {arrived:,}: it may "
            "leave out pages. Run the command again, or search in smaller parts, for example by --datetime."
        )

    # Pages

    def _pages(self) -> Iterator[_Page]:
        page: _Page | None = self._first_page()
        while page is not None:
            self._guard.check_page(page.entries)
            self._unnamed += sum(not (isinstance(entry, dict) and entry.get("id")) for entry in page.entries)
            yield page
            request = next_request(page.body, page.request, self._body)
            if request is None or (not page.entries and not self._guard.is_new(request)):
                return  # an empty page that leads back is the last one
            page = self._page_after(page, request)

    def _first_page(self) -> _Page:
        if self._first is None:
            request = self._search_request()
            self._first = self._page(1, request, self._ask(1, request))
        return self._first

    def _page_after(self, before: _Page, request: PageRequest) -> _Page | None:
        number = before.number + 1
        response = self._ask(number, request)
        if response.status_code in _NOWHERE:
            self._end_after(before, response.status_code)
            return None
        return self._page(number, request, response)

    def _ask(self, number: int, request: PageRequest) -> requests.Response:
        self._guard.check_request(request)
        return self._client.send(request, f"page {number}", self._so_far(number))

    def _page(self, number: int, request: PageRequest, response: requests.Response) -> _Page:
        body = self._json(response, f"page {number}", self._so_far(number))
        if not isinstance(body.get("features"), list):
            raise CommandError(
                f"The STAC API's page {number} is not a FeatureCollection with a list of features; "
                f"{self._so_far(number)}."
            )
        return _Page(number, request, body)

    def _end_after(self, last: _Page, status: int) -> None:
        """Take a page whose next link leads nowhere for the last one, unless more is known to be there."""
        matched = matched_of(self._first_page().body)
        if matched is not None:
            return  # the number of items tells whether any are missing
        said = f"The link to the page after page {last.number} leads nowhere ({status})"
        if len(last.entries) >= self._body["limit"]:
            raise CommandError(
                f"{said}, though that page was full; {self._so_far(last.number + 1)}. Run the command again, or search "
                "in smaller parts, for example by --datetime."
            )
        self.notes.append(f"{said}; it was taken for the end of the search.")

    def _so_far(self, number: int) -> str:
        if number == 1:
            return "nothing had come by then"
        before = "1 page" if number == 2 else f"{number - 1} pages"  # noqa: PLR2004 - plural
        total = matched_of(self._first_page().body)
        return f"{before} with {self._guard.items:,} items{f' of {total:,}' if total else ''} had come by then"

    # The search

    def _search_request(self) -> PageRequest:
        landing = self._client.send(PageRequest("GET", self._url), "its landing page", "nothing had come by then")
        link = _search_link(self._json(landing, "its landing page", "check the URL"))
        if link is None:
            raise CommandError(
                f"{redact(self._url)} names no search, so it is not the landing page of a STAC API that can be "
                "searched; check the URL given with --search."
            )
        url = as_https(urljoin(landing.url, str(link["href"])), landing.url)
        if str(link.get("method") or "GET").upper() == "POST":
            return PageRequest("POST", url, self._body)
        return PageRequest("GET", _with_query(url, self._body))

    def _json(self, response: requests.Response, what: str, so_far: str) -> dict[str, Any]:
        if not response.ok:
            raise CommandError(
                f"The STAC API answered {response.status_code} when asked for {what}{_detail(response)}; {so_far}. "
                "Check --search and its filters."
            )
        try:
            # With NaN and infinities, which some servers write: what becomes of them is decided item by item.
            body = json.loads(response.content)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise CommandError(
                f"The STAC API's answer is not a JSON object when asked for {what}; {so_far}. Check the URL given with "
                "--search."
            )
        return body


def _read(entry: object, page: int, position: int) -> Read:
    if isinstance(entry, dict):
        return Document(str(entry.get("id")), kind_of(entry), entry, 1)
    return Unreadable(f"page {page}, entry {position}", "The entry is not a JSON object.", 1)


def _search_link(landing: dict[str, Any]) -> dict[str, Any] | None:
    links = landing.get("links")
    found = [
        link
        for link in (links if isinstance(links, list) else [])
        if isinstance(link, dict) and link.get("rel") == "search" and isinstance(link.get("href"), str)
    ]
    posted = (link for link in found if str(link.get("method")).upper() == "POST")
    return next(itertools.chain(posted, found), None)


def _with_query(url: str, body: dict[str, Any]) -> str:
    """Return the URL of a search by GET, where lists have commas and a filter is text."""
    fields = {name: ",".join(map(str, value)) if isinstance(value, list) else value for name, value in body.items()}
    if "filter" in body:
        fields |= {"filter": filter_as_text(body["filter"]), "filter-lang": "cql2-text"}
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(fields)) if part)
    return urlunsplit(parts._replace(query=query))


def _detail(response: requests.Response) -> str:
    """Return what an answer says of its refusal, in brackets; nothing where it says nothing that can be read."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return ""
    said = (body.get("description") or body.get("detail") or body.get("message")) if isinstance(body, dict) else None
    if not said:
        return ""
    return f" ({redact(said if isinstance(said, str) else json.dumps(said))[:300]})"
