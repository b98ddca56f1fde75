"""The pages of a STAC API: which request leads to the next one, and when an API brings nothing new any more.

The rules are those of STAC API 1.0.0, "Paginating with POST" and "GET"
(github.com/radiantearth/stac-api-spec/blob/v1.0.0/item-search/README.md#pagination), read as leniently as servers need.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from shared.basics.errors import Unavailable
from shared.basics.json_codec import canonical_json

# Pages in a row without an item that had not come before. An API may answer with some empty pages while it filters;
# twenty of them, or twenty that repeat others, are a loop.
MAX_BARREN_PAGES = 20

_METHODS = frozenset({"GET", "POST"})
# Bytes that tell items apart: among ten million items, two agree by chance with a probability of 1 in 370,000.
_DIGEST_SIZE = 8


@dataclass(frozen=True)
class PageRequest:
    """A request for a page.

    Attributes:
        method: GET or POST.
        url: the absolute URL, with its query.
        body: the JSON body of a POST; None for a GET.
        headers: headers that the API asks for.
    """

    method: str
    url: str
    body: dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self) -> bytes:
        """Return a digest that two requests share only where method, URL, headers and body are the same."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        return hashlib.sha256(canonical_json([self.method, self.url, headers, self.body])).digest()


def next_request(page: Mapping[str, Any], sent: PageRequest, search: Mapping[str, Any]) -> PageRequest | None:
    """Return the request for the page after this one.

    Args:
        page: the page, a GeoJSON FeatureCollection.
        sent: the request that led to it.
        search: the body of the whole search, into which a link with `merge` puts its own.

    Returns:
        The request; None where no `next` link leads anywhere.
    """
    link = _next_link(page, sent.method)
    if link is None:
        return None
    href, body, is_merged = link.get("href"), link.get("body"), link.get("merge") is True
    own_body = body if isinstance(body, dict) else None
    method = str(link.get("method") or ("POST" if own_body is not None else "GET")).upper()
    if method not in _METHODS:
        return None
    if isinstance(href, str) and href.strip():
        url = as_https(urljoin(sent.url, href.strip()), sent.url)
    elif own_body is not None:
        url = sent.url  # an API that names only what changes
    else:
        return None
    headers = _headers(link.get("headers"))
    if method == "GET":
        return PageRequest(method, url, None, headers)
    if own_body is None or is_merged:  # a search without a body would find everything
        own_body = {**search, **(own_body or {})}
    return PageRequest(method, url, own_body, headers)


def as_https(url: str, api: str) -> str:
    """Return a link of an https API to its own host as https, where a server behind a proxy writes http.

    Args:
        url: the absolute link.
        api: a URL of the API.
    """
    link, own = urlsplit(url), urlsplit(api)
    if own.scheme == "https" and link.scheme == "http" and link.hostname == own.hostname:
        return urlunsplit(link._replace(scheme="https", netloc=own.netloc))
    return url


def matched_of(page: Mapping[str, Any]) -> int | None:
    """Return how many items the API says the search matches; None where it does not say."""
    context = page.get("context")
    figures = (page.get("numberMatched"), context.get("matched") if isinstance(context, dict) else None)
    return next((figure for figure in figures if type(figure) is int and figure >= 0), None)


class PageGuard:
    """Stops the reading of pages that repeat themselves.

    Attributes:
        items: how many different items have come.
        repeats: how many items came again on a later page.
    """

    def __init__(self) -> None:
        self._requests: set[bytes] = set()
        self._seen: set[bytes] = set()
        self._barren = 0
        self.repeats = 0

    @property
    def items(self) -> int:
        """How many different items have come."""
        return len(self._seen)

    def is_new(self, request: PageRequest) -> bool:
        """Tell whether a request was not sent before."""
        return request.fingerprint() not in self._requests

    def check_request(self, request: PageRequest) -> None:
        """Note a request before it is sent.

        Raises:
            Unavailable: the very same request was sent before: the API's links lead in a circle.
        """
        if not self.is_new(request):
            raise Unavailable(
                f"The STAC API's link to the next page leads back to a page that was read before; {self._so_far()}. "
                "Report it to the API's operators, or narrow the search so that it fits on fewer pages."
            )
        self._requests.add(request.fingerprint())

    def check_page(self, entries: list[Any]) -> None:
        """Note the entries of a page.

        Raises:
            Unavailable: many pages in a row brought no item that had not come before.
        """
        ids = [entry for entry in map(_digest, entries) if entry is not None]
        fresh = set(ids) - self._seen
        self.repeats += len(ids) - len(fresh)
        self._seen |= fresh
        self._barren = 0 if fresh else self._barren + 1
        if self._barren >= MAX_BARREN_PAGES:
            raise Unavailable(
                f"The STAC API gave {MAX_BARREN_PAGES} pages in a row without a new item; {self._so_far()}. Report it "
                "to the API's operators, or narrow the search so that it fits on fewer pages."
            )

    def _so_far(self) -> str:
        return f"{self.items:,} different items had come by then"


def _next_link(page: Mapping[str, Any], method: str) -> dict[str, Any] | None:
    """Return the link to the next page; of several, the one for the method that the search uses."""
    links = page.get("links")
    found = [link for link in links if isinstance(link, dict) and link.get("rel") == "next"] if links else []
    same = (link for link in found if str(link.get("method") or "GET").upper() == method)
    return next(same, found[0] if found else None)


def _headers(value: object) -> dict[str, str]:
    # A value may be a list, by the specification.
    fields = value.items() if isinstance(value, dict) else ()
    return {
        str(name): ", ".join(map(str, content)) if isinstance(content, list) else str(content)
        for name, content in fields
        if content is not None
    }


def _digest(entry: object) -> bytes | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        return None
    key = f"{entry.get('collection')}\n{entry['id']}".encode(errors="surrogatepass")
    return hashlib.blake2b(key, digest_size=_DIGEST_SIZE).digest()
