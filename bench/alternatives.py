"""What people would use instead: the tutorial's loop, the service's official client, and bare posts for comparison."""

import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from azure.core.credentials import AccessToken
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.planetarycomputer import PlanetaryComputerProClient
from requests.adapters import HTTPAdapter

from bench.items import COLLECTION, body
from bench.stack import WIDTH, bearer_token

_VERSION = {"api-version": "2026-04-15"}
_OPEN = frozenset({"Pending", "Running"})
_TIMEOUT = 60
# The tutorial's own pause between two looks at all operations.
POLL_SECONDS = 5.0


def tutorial_loop(url: str, items: list[dict[str, Any]]) -> None:
    """A: post one by one, then look at each operation until none runs, with 5 s between two rounds."""
    headers = {"Authorization": f"Bearer {bearer_token()}"}
    operations = []
    for item in items:
        response = requests.post(_items_route(url), json=item, headers=headers, params=_VERSION, timeout=_TIMEOUT)
        operations.append(response.json()["id"])
    while True:
        running = 0
        for operation in operations:
            route = f"{url}/inma/operations/{operation}"
            response = requests.get(route, headers=headers, params=_VERSION, timeout=_TIMEOUT)
            response.raise_for_status()
            running += response.json()["status"] in _OPEN
        if not running:
            return
        time.sleep(POLL_SECONDS)


def official_loop(url: str, items: Iterable[dict[str, Any]]) -> None:
    """B in a loop: the official client waits for each item before it sends the next."""
    with _official_client(url) as client:
        for item in items:
            client.stac.begin_create_item(COLLECTION, item, polling_interval=POLL_SECONDS).result()


def official_pool(url: str, items: Iterable[dict[str, Any]]) -> None:
    """B in a pool of threads: post all, then follow all, each with the tutorial's pause."""
    with _official_client(url) as client, ThreadPoolExecutor(WIDTH) as pool:

        def post(item: dict[str, Any]) -> str:
            found: list[str] = []
            client.stac.begin_create_item(
                COLLECTION, item, polling=False, raw_response_hook=lambda answer: found.append(_operation_id(answer))
            )
            return found[0]

        def follow(operation: str) -> None:
            while client.ingestion.get_operation(operation).status in _OPEN:
                time.sleep(POLL_SECONDS)

        for _ in pool.map(follow, list(pool.map(post, items))):
            pass


def bare_posts(url: str, items: Iterable[dict[str, Any]], around: Callable[[Callable[[], str]], object]) -> float:
    """C: a pool of threads posts prepared bodies over one pooled session.

    Args:
        url: base URL of the GeoCatalog.
        items: what to post.
        around: called with each post, to make it and whatever else belongs to it.

    Returns:
        How many a second.
    """
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=WIDTH))
    session.headers.update({"Authorization": f"Bearer {bearer_token()}", "Content-Type": "application/json"})
    route = f"{_items_route(url)}?api-version={_VERSION['api-version']}"
    bodies = [body(item) for item in items]

    def post(prepared: bytes) -> str:
        response = session.post(route, data=prepared, timeout=_TIMEOUT)
        response.raise_for_status()
        return str(response.json()["id"])

    started = time.perf_counter()
    with ThreadPoolExecutor(WIDTH) as pool:
        for _ in pool.map(lambda prepared: around(lambda: post(prepared)), bodies):
            pass
    return len(bodies) / (time.perf_counter() - started)


def _items_route(url: str) -> str:
    return f"{url}/stac/collections/{COLLECTION}/items"


def _operation_id(answer: PipelineResponse[Any, Any]) -> str:
    return str(json.loads(answer.http_response.body())["id"])


class _Credential:
    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken(bearer_token(), int(time.time()) + 3000)


class _PlainHttp(SansIOHTTPPolicy[Any, Any]):
    """Sends a token over plain HTTP, which the SDK's own policy refuses; the emulator is on loopback."""

    def __init__(self) -> None:
        self._header = f"Bearer {bearer_token()}"

    def on_request(self, request: PipelineRequest[Any]) -> None:
        request.http_request.headers["Authorization"] = self._header


def _official_client(url: str) -> PlanetaryComputerProClient:
    return PlanetaryComputerProClient(
        url, _Credential(), authentication_policy=_PlainHttp(), polling_interval=POLL_SECONDS
    )
