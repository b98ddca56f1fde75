"""The GeoCatalog emulator as tests see it: what it holds, what it was asked, how it is to behave."""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import requests

from tests.data.documents import collection

COLLECTION = "scenes"
VERSION = {"api-version": "2026-04-15"}
_TIMEOUT = 10.0
_PATIENCE_SECONDS = 20.0


class Catalog:
    """A running GeoCatalog emulator.

    Args:
        url: its base URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()

    def create_collection(self, collection_id: str = COLLECTION) -> None:
        """Create a collection that tests fill, and wait until it is there."""
        path = f"{self.url}/stac/collections"
        made = self._session.post(path, json=collection(collection_id), params=VERSION, timeout=_TIMEOUT)
        assert made.status_code == 202, made.text
        wait_until(lambda: self._get(f"/stac/collections/{collection_id}") is not None)

    def item(self, item_id: str) -> dict[str, Any] | None:
        """Give an item that the catalog holds."""
        return self._get(f"/stac/collections/{COLLECTION}/items/{quote(item_id, safe='')}")

    def behave(self, **changes: object) -> None:
        """Change how the emulator behaves from now on."""
        answer = self._session.put(f"{self.url}/_emulator/behavior", json=changes, timeout=_TIMEOUT)
        assert answer.status_code == 200, answer.text

    def reset(self) -> None:
        """Forget the requests and behave well again, with operations that end at once."""
        self._session.post(f"{self.url}/_emulator/reset", timeout=_TIMEOUT)
        self.behave(ingest_seconds=[0, 0])

    def writes(self) -> list[tuple[str, str]]:
        """Give method and path of every writing request since the last reset."""
        return [(method, path) for method, path in self.requests() if method not in {"GET", "HEAD"}]

    def requests(self) -> list[tuple[str, str]]:
        """Give method and path of every request since the last reset, control routes left out."""
        answer = self._session.get(f"{self.url}/_emulator/requests", timeout=_TIMEOUT)
        return [(request["method"], request["path"]) for request in answer.json()]

    def open_operations(self) -> int:
        """Count the operations that have not ended."""
        page = self._get("/inma/operations")
        assert page is not None
        return sum(operation["status"] in {"Pending", "Running", "Canceling"} for operation in page["value"])

    def _get(self, path: str) -> dict[str, Any] | None:
        answer = self._session.get(self.url + path, params=VERSION, timeout=_TIMEOUT)
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = json.loads(answer.content)
        return found


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, 20 seconds at most."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "the condition never came to hold"
        time.sleep(0.005)
