"""A connection that was idle for some seconds is not used again: its server may be closing it just now."""

import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from shared.http import fresh_connections
from shared.http.sessions import PooledAdapter, pooled_session

BODY = b"{}"
REQUEST_END = b"\r\n\r\n" + BODY
ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"


class ClosingServer:
    """Answers the first request of each connection, and closes the connection when it gets another one there."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/items"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    @staticmethod
    def _serve(connection: socket.socket) -> None:
        with connection:
            received = b""
            while not received.endswith(REQUEST_END):  # headers and body come in packets of their own
                part = connection.recv(65_536)
                if not part:
                    return
                received += part
            connection.sendall(ANSWER)
            connection.recv(65_536)


@pytest.fixture
def server() -> Iterator[ClosingServer]:
    running = ClosingServer()
    yield running
    running.close()


def post(session: requests.Session, url: str) -> int:
    return session.request("POST", url, data=BODY, timeout=10, allow_redirects=False).status_code


def test_after_a_pause_a_write_takes_a_connection_of_its_own(
    server: ClosingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh_connections, "_MAX_IDLE_SECONDS", 0.0)
    with pooled_session(PooledAdapter()) as session:
        assert [post(session, server.url) for _ in range(3)] == [202, 202, 202]
    assert server.connections == 3


def test_the_pause_is_shorter_than_servers_keep_an_idle_connection() -> None:
    assert fresh_connections._MAX_IDLE_SECONDS < 5  # noqa: SLF001 - Node.js and uvicorn close after 5 s


def test_without_a_pause_it_is_used_again(server: ClosingServer) -> None:
    with pooled_session(PooledAdapter()) as session:
        assert post(session, server.url) == 202
        with pytest.raises(requests.ConnectionError):  # an answer is lost, which nothing here may hide
            post(session, server.url)
    assert server.connections == 1
