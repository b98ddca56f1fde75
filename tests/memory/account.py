"""A storage account in memory, as one adapter of requests that Azure's clients send through."""

import io
import threading
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3 import HTTPResponse

from shared.basics.clock import utc_now
from shared.http.sessions import PooledAdapter, pooled_session
from tests.memory.blobs import BlobService
from tests.memory.queues import QueueService
from tests.memory.tables import TableService
from tests.memory.wire import Answer, Call, read_call

_NAME = "memory"
_DOMAIN = "storage.invalid"  # a name that never resolves, so that no call can leave the process unnoticed


class MemoryAccount:
    """A storage account whose queues, tables and blobs live in this process.

    Args:
        now: tells the present moment, by which messages become visible and rows are stamped.
    """

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._lock = threading.Lock()
        self._services: dict[str, Callable[[Call], Answer]] = {
            f"{_NAME}.table.{_DOMAIN}": TableService(now).answer,
            f"{_NAME}.queue.{_DOMAIN}": QueueService(now).answer,
            f"{_NAME}.blob.{_DOMAIN}": BlobService(now).answer,
        }

    def connection_string(self) -> str:
        """Return the account's connection string; only `session` leads there."""
        return f"DefaultEndpointsProtocol=https;AccountName={_NAME};AccountKey=a2V5;EndpointSuffix={_DOMAIN}"

    def blob_endpoint(self) -> str:
        """Return the URL of its blob service, without a slash at the end."""
        return f"https://{_NAME}.blob.{_DOMAIN}"

    def session(self) -> requests.Session:
        """Return a session whose requests the account answers."""
        return pooled_session(_Adapter(self))

    def answer(self, host: str, call: Call) -> Answer:
        """Answer one request, one after the other."""
        with self._lock:
            return self._services[host](call)


class _Adapter(PooledAdapter):
    def __init__(self, account: MemoryAccount) -> None:
        super().__init__()
        self._account = account

    def send(self, request: requests.PreparedRequest, *_arguments: Any, **_options: Any) -> requests.Response:
        """Answer a request in place of a server."""
        url, method = str(request.url), str(request.method)
        body: Any = request.body or b""
        content = body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else body
        answer = self._account.answer(urlsplit(url).netloc, read_call(method, url, request.headers, content))
        raw = HTTPResponse(
            io.BytesIO(b"" if method == "HEAD" else answer.body),
            headers=answer.headers,
            status=answer.status,
            reason=HTTPStatus(answer.status).phrase,
            preload_content=False,
            request_method=method,
        )
        return self.build_response(request, raw)
