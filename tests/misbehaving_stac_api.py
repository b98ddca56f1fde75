"""A STAC API that serves what a test gives it, in pages, with the faults that the test chooses.

It searches by `collections`, `ids`, `datetime` and `sortby`, by POST or GET. A fault is a function that changes an
answer before it is sent; several may be given, and they may be changed while the API runs::

    with misbehaving_stac_api(items, page_size=2, faults=[status(500, page=2, times=1)]) as api:
        ...
"""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from local.certificates import make_certificate

CONFORMS_TO = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/item-search#filter",
    "https://api.stacspec.org/v1.0.0/item-search#sort",
]
_LISTS = frozenset({"collections", "ids", "bbox"})


@dataclass(frozen=True)
class Asked:
    """A search as it came.

    Attributes:
        method: GET or POST.
        url: path and query.
        fields: the body, or the query with its lists taken apart.
        headers: the headers.
    """

    method: str
    url: str
    fields: dict[str, Any]
    headers: dict[str, str]


@dataclass
class Answer:
    """The answer to a search, for faults to change.

    Attributes:
        asked: the search.
        page: number of the page, from 1 on.
        api: the API's URL.
        body: the FeatureCollection.
        status: the HTTP status.
        headers: headers beside the usual ones.
        raw: what is sent in place of the body, if anything.
    """

    asked: Asked
    page: int
    api: str
    body: dict[str, Any]
    status: int = HTTPStatus.OK
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None

    @property
    def next(self) -> dict[str, Any] | None:
        """The link to the next page."""
        return next((link for link in self.body["links"] if link["rel"] == "next"), None)


Fault = Callable[[Answer], None]


@dataclass
class MisbehavingStacApi:
    """The API; its attributes may be changed while it runs.

    Attributes:
        items: what it has, in the order in which it gives them where the search names none.
        page_size: most items of a page, whatever `limit` says.
        faults: what goes wrong, in this order.
        next_by: how the next page is asked for: POST with a link that is merged, POST with a whole body, or GET.
        search_by: methods of the search links on the landing page.
        ignored: fields of a search that it takes no notice of, such as `sortby` or `datetime`.
        searches: every search so far.
        url: its landing page.
    """

    items: list[dict[str, Any]]
    page_size: int = 2
    faults: Sequence[Fault] = ()
    next_by: str = "merge"
    search_by: tuple[str, ...] = ("POST", "GET")
    ignored: frozenset[str] = frozenset()
    searches: list[Asked] = field(default_factory=list)
    url: str = ""

    def landing(self) -> dict[str, Any]:
        """Return the landing page."""
        searches = [{"rel": "search", "href": f"{self.url}/search", "method": method} for method in self.search_by]
        links = [{"rel": "root", "href": self.url}, {"rel": "self", "href": self.url}, *searches]
        landing = {"type": "Catalog", "stac_version": "1.0.0", "id": "api", "description": "An API."}
        return landing | {"links": links, "conformsTo": CONFORMS_TO}

    def search(self, asked: Asked) -> Answer:
        """Return the answer to a search."""
        self.searches.append(asked)
        fields = {name: value for name, value in asked.fields.items() if name not in self.ignored}
        found = _sorted([item for item in self.items if _fits(item, fields)], fields.get("sortby"))
        size = min(int(asked.fields.get("limit", self.page_size)), self.page_size)
        start = int(asked.fields.get("token", 0))
        entries = found[start : start + size]
        links = [self._next(asked, start + size)] if start + size < len(found) else []
        body = {"type": "FeatureCollection", "features": list(entries), "links": links, "numberMatched": len(found)}
        answer = Answer(asked, start // self.page_size + 1, self.url, body)
        for fault in self.faults:
            fault(answer)
        return answer

    def _next(self, asked: Asked, start: int) -> dict[str, Any]:
        token = {"token": str(start)}
        if self.next_by == "GET":
            query = {name: ",".join(value) if name in _LISTS else value for name, value in asked.fields.items()}
            return {"rel": "next", "method": "GET", "href": f"{self.url}/search?{urlencode(query | token)}"}
        link = {"rel": "next", "method": "POST", "href": f"{self.url}/search"}
        return link | ({"body": token, "merge": True} if self.next_by == "merge" else {"body": asked.fields | token})


@contextmanager
def misbehaving_stac_api(
    items: list[dict[str, Any]], *, tls: Path | None = None, **options: Any
) -> Iterator[MisbehavingStacApi]:
    """Serve a STAC API on a free port.

    Args:
        items: what it has.
        tls: folder in which `certificate.pem` is made, for https.
        options: attributes of MisbehavingStacApi.
    """
    api = MisbehavingStacApi(items, **options)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            lists = {name: value.split(",") for name, value in query.items() if name in _LISTS}
            self.answer(parts.path, query | lists)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.answer(urlsplit(self.path).path, json.loads(body or b"{}"))

        def answer(self, path: str, fields: dict[str, Any]) -> None:
            if path in {"", "/"}:
                self.send(HTTPStatus.OK, json.dumps(api.landing()).encode(), {})
            elif path == "/search":
                answer = api.search(Asked(str(self.command), self.path, fields, dict(self.headers)))
                content = json.dumps(answer.body).encode() if answer.raw is None else answer.raw
                self.send(answer.status, content, answer.headers)
            else:
                self.send(HTTPStatus.NOT_FOUND, b'{"code": "NotFound", "description": "There is nothing here."}', {})

        def send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": len(content), **headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        certificate, key = tls / "certificate.pem", tls / "key.pem"
        make_certificate(certificate, key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    api.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# Faults of links


def next_link(page: int | None = None, **changes: Any) -> Fault:
    """Change the link to the page after `page` (after every page without one)."""

    def fault(answer: Answer) -> None:
        link = answer.next
        if link is not None and page in {None, answer.page}:
            link.update(changes)

    return fault


def no_next(page: int) -> Fault:
    """Leave the link to the next page out, as if this page were the last one."""

    def fault(answer: Answer) -> None:
        if answer.page == page:
            answer.body["links"] = []

    return fault


def next_behind_the_last(href: str = "gone") -> Fault:
    """Put a link to a next page on the last page, which leads where `href` says, relative to the API."""

    def fault(answer: Answer) -> None:
        if answer.next is None:
            answer.body["links"] = [{"rel": "next", "method": "GET", "href": f"{answer.api}/{href}"}]

    return fault


def next_back_to_first() -> Fault:
    """Let the link on every page lead to the first page."""

    def fault(answer: Answer) -> None:
        answer.body["links"] = [
            {"rel": "next", "method": "POST", "href": f"{answer.api}/search", "body": {"token": "0"}, "merge": True}
        ]

    return fault


def endless(entries: list[Any]) -> Fault:
    """Answer each page with these entries and a link that was never there before."""

    def fault(answer: Answer) -> None:
        turn = int(answer.asked.fields.get("turn", 0)) + 1
        answer.body["features"] = entries
        link = {"rel": "next", "method": "POST", "href": f"{answer.api}/search", "body": {"turn": turn}, "merge": True}
        answer.body["links"] = [link]

    return fault


def with_key_in_link(key: str) -> Fault:
    """Put the key that came in a header into the next link's query, as gateways do."""

    def fault(answer: Answer) -> None:
        if answer.next is not None:
            answer.next["href"] += f"?subscription-key={key}"

    return fault


# Faults of answers


def status(code: int, page: int, times: int = 1_000, retry_after: str | None = "0", detail: str = "") -> Fault:
    """Answer a page with an error, so many times."""
    left = [times]

    def fault(answer: Answer) -> None:
        if answer.page == page and left[0] > 0:
            left[0] -= 1
            answer.status, answer.body = code, {"code": "Fault", "description": detail}
            if retry_after is not None:
                answer.headers["Retry-After"] = retry_after

    return fault


def date_in(seconds: float) -> str:
    """Return a moment from now, as a `Retry-After` may have it; HTTP dates have whole seconds."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def expired_tokens() -> Fault:
    """Refuse every token, as an API does that keeps them for minutes only."""

    def fault(answer: Answer) -> None:
        if "token" in answer.asked.fields:
            answer.status, answer.body = HTTPStatus.BAD_REQUEST, {"description": "The token has expired."}

    return fault


def raw(content: bytes, page: int) -> Fault:
    """Answer a page with these bytes."""

    def fault(answer: Answer) -> None:
        if answer.page == page:
            answer.raw = content

    return fault


# Faults of pages


def matched(figure: object, page: int | None = None, *, as_context: bool = False) -> Fault:
    """Say another number of items that match, on one page or on all."""

    def fault(answer: Answer) -> None:
        if page in {None, answer.page} and "features" in answer.body:
            del answer.body["numberMatched"]
            answer.body |= {"context": {"matched": figure}} if as_context else {"numberMatched": figure}

    return fault


def unmatched() -> Fault:
    """Say nothing of the number of items that match, as most APIs do."""

    def fault(answer: Answer) -> None:
        answer.body.pop("numberMatched", None)

    return fault


def entry(value: object, page: int, position: int = 0) -> Fault:
    """Put something else among the entries of a page."""

    def fault(answer: Answer) -> None:
        if answer.page == page and "features" in answer.body:
            answer.body["features"].insert(position, value)

    return fault


def emptied(*pages: int) -> Fault:
    """Empty pages, whose items are lost; their links stay."""

    def fault(answer: Answer) -> None:
        if answer.page in pages:
            answer.body["features"] = []

    return fault


def overlapping(items: list[dict[str, Any]]) -> Fault:
    """Give the last item of the page before again on each page, as happens where ties stand over a page's border."""

    def fault(answer: Answer) -> None:
        start = int(answer.asked.fields.get("token", 0))
        if start and "features" in answer.body:
            answer.body["features"].insert(0, items[start - 1])

    return fault


# The search


def _fits(item: dict[str, Any], fields: dict[str, Any]) -> bool:
    if fields.get("collections") and item.get("collection") not in fields["collections"]:
        return False
    if fields.get("ids") and item["id"] not in fields["ids"]:
        return False
    start, _, end = str(fields.get("datetime") or "../..").partition("/")
    moment = str(item["properties"]["datetime"])
    return (start == ".." or moment >= start) and (end in {"", ".."} or moment <= end)


def _sorted(items: list[dict[str, Any]], sortby: object) -> list[dict[str, Any]]:
    keys = sortby if isinstance(sortby, list) else [str(sortby)] if sortby else []
    for key in reversed(keys):
        name = key["field"] if isinstance(key, dict) else key.lstrip("+-")
        descends = key["direction"] == "desc" if isinstance(key, dict) else key.startswith("-")
        items = sorted(items, key=lambda item: str(_value(item, name)), reverse=descends)
    return items


def _value(item: dict[str, Any], name: str) -> object:
    name = name.removeprefix("properties.")
    return item.get(name, item["properties"].get(name, ""))
