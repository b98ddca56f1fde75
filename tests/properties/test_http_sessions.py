"""The app's session sends byte for byte what requests sends, whatever the URL, the headers and the body."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from shared.http.sessions import PooledAdapter, pooled_session


class Server(ThreadingHTTPServer):
    """Remembers what came in last, and answers with a cookie, a redirect or plainly."""

    daemon_threads = True
    seen: tuple[str, str, dict[str, str], bytes]

    class Handler(BaseHTTPRequestHandler):
        """Answers each method alike."""

        server: "Server"
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.server.seen = (self.command, self.path, headers, body)
            self.send_response(302 if "moved" in self.path else 200)
            self.send_header("Location", "/elsewhere")
            self.send_header("Set-Cookie", "stays=1; Path=/")
            self.send_header("Content-Length", "0" if self.command == "HEAD" else "2")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(b"ok")

        do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = do_HEAD = answer  # noqa: N815 - names that it looks for

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def sent(
    server: Server, session: requests.Session, method: str, path: str, **options: Any
) -> tuple[str, str, dict[str, str], bytes]:
    options = {"timeout": 30, "allow_redirects": False, **options}
    answer = session.request(method, server.url + path, **options)
    assert answer.text == ("" if method == "HEAD" else "ok")
    return server.seen


texts = st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=8)
paths = st.one_of(
    st.builds("/{}?x={}".format, texts, texts),
    st.builds("/{}/%{:02X}?%{:02X}".format, texts, st.integers(0, 255), st.integers(0, 255)),
    st.sampled_from(
        [
            "/a%20b",
            "/a b",
            "/ü",
            "/a?b='c'&d=%2F",
            "/a#b",
            "/%zz",
            "/{x}",
            "/a//b/../c",
            "/..",
            "/a/.?b",
            "/.a",
            "/?",
            "/*",
        ]
    ),
)


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
    path=paths,
    body=st.one_of(st.none(), st.binary(max_size=50), st.text(max_size=20)),
    headers=st.dictionaries(
        st.sampled_from(["x-ms-date", "Accept", "accept-encoding", "User-Agent", "Content-Type", "If-Match"]),
        st.sampled_from(["a", "*", "application/json;odata=minimalmetadata"]),
    ),
)
def test_what_is_sent_is_what_requests_sends(
    server: Server, method: str, path: str, body: bytes | str | None, headers: dict[str, str]
) -> None:
    with requests.Session() as plain, pooled_session(PooledAdapter()) as pooled:
        expected = sent(server, plain, method, path, data=body, headers=headers)
        assert sent(server, pooled, method, path, data=body, headers=headers) == expected


@pytest.mark.parametrize(
    "options", [{"json": {"a": 1}}, {"params": {"a": "b c"}}, {"data": {"a": "b"}}, {"auth": ("a", "b")}]
)
def test_what_has_to_be_made_first_is_made_by_requests(server: Server, options: dict[str, Any]) -> None:
    with requests.Session() as plain, pooled_session(PooledAdapter()) as pooled:
        expected = sent(server, plain, "POST", "/x", **options)
        assert sent(server, pooled, "POST", "/x", **options) == expected


def test_no_cookie_goes_along_and_no_redirect_is_followed(server: Server) -> None:
    with pooled_session(PooledAdapter()) as pooled:
        answer = pooled.get(f"{server.url}/moved", timeout=30, allow_redirects=False)
        assert answer.status_code == 302
        sent(server, pooled, "POST", "/made-by-requests", json={})
        assert sent(server, pooled, "POST", "/again", json={})[2].get("cookie") is None
        assert sent(server, pooled, "GET", "/again")[2].get("cookie") is None
        assert server.seen[1] == "/again"
