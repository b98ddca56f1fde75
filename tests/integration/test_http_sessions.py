"""What a session adds to a request by itself: no cookie, nothing of a .netrc file, the proxies that it was told."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from shared.http.sessions import PooledAdapter, plain_session, pooled_session, use_proxies


class Server(ThreadingHTTPServer):
    """Remember what arrives; answer with a cookie and a redirect."""

    daemon_threads = True

    class Handler(BaseHTTPRequestHandler):
        """Answer GET."""

        server: "Server"
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.server.seen.append((self.path, {name.lower() for name in self.headers}))
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Set-Cookie", "stays=1; Path=/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.seen: list[tuple[str, set[str]]] = []


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def get(session: requests.Session, url: str) -> None:
    assert session.get(url, timeout=30, allow_redirects=False).status_code == 302


@pytest.mark.parametrize("build", [lambda: pooled_session(PooledAdapter()), plain_session], ids=["pooled", "plain"])
def test_neither_cookies_nor_netrc_go_along(
    server: Server, build: Callable[[], requests.Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with build() as session:
        get(session, f"{server.url}/first")
        get(session, f"{server.url}/second")
    assert [path for path, _ in server.seen] == ["/first", "/second"]
    assert not any({"cookie", "authorization"} & headers for _, headers in server.seen)


def test_proxies_of_the_environment_are_used_where_they_were_read(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    with pooled_session(PooledAdapter()) as session, plain_session() as plain:
        use_proxies(session, "http://read.example/")
        get(session, "http://read.example/pooled")
        get(plain, "http://any.example/plain")
        with pytest.raises(requests.ConnectionError):
            session.get("http://not-read.invalid/", timeout=30)
    assert [path for path, _ in server.seen] == ["http://read.example/pooled", "http://any.example/plain"]
