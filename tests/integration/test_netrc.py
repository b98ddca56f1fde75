"""A .netrc file on the machine is never read: no host gets a password by it, and no token is replaced."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.storage.blob import BlobServiceClient

from cli.catalog.downloading import Asset, download
from cli.doctor.machine import check_clock
from cli.documents.catalogs import follow_catalog
from cli.documents.web import fetch, lines_of
from cli.send.api_client import ApiClient
from local.azurite import Azurite
from local.identity import CLIENT_ID, Identity, make_token
from shared.basics.clock import utc_now
from shared.clients import build_clients
from shared.files.hrefs import HrefReader
from shared.http.sessions import plain_session
from shared.services.planetary_computer import PlanetaryComputer, SasToken
from shared.services.stac_pages import PageRequest
from shared.settings import read_settings
from shared.sources.sas_checks import check_sas
from shared.sources.specs import parse_source

ITEM = {"type": "Feature", "stac_version": "1.0.0", "id": "a", "properties": {}, "links": [], "assets": {}}
CATALOG = {"type": "Catalog", "id": "c", "links": [{"rel": "item", "href": "item.json"}]}


class Recorder(ThreadingHTTPServer):
    """Answers every path, and keeps what was asked with which Authorization."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers["Authorization"]))
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", f"{self.server.url}/item.json")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = json.dumps(CATALOG if self.path == "/catalog.json" else ITEM).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Stay quiet."""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login someone password secret\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))


def _read_href(url: str) -> None:
    storage = "UseDevelopmentStorage=true"
    settings = read_settings({
        "GEOCATALOG_URL": "https://geocatalog.invalid", "INGEST_STORAGE": storage, "ALLOWED_HREF_HOSTS": url[7:],
    })  # fmt: skip
    blobs = BlobServiceClient("http://127.0.0.1:1/devstoreaccount1")
    reader = HrefReader(blobs, settings, lambda: (), time_limit=timedelta(seconds=30))
    reader.read_all(f"{url}/item.json", limit=10_000)


def _check_sas(url: str) -> None:
    spec = parse_source({"container_url": f"{url}/account/scenes", "sas": {"setting": "A_SAS"}})
    end = utc_now() + timedelta(hours=1)
    check_sas(SasToken(f"sp=rl&sr=c&se={end:%Y-%m-%dT%H:%M:%SZ}", end), spec, live_expiry=None, now=utc_now())


def _redirected(url: str) -> None:
    with plain_session() as session:
        assert session.get(f"{url}/elsewhere", timeout=10).json() == ITEM


ROUTES: dict[str, Callable[[str, Path], object]] = {
    "enqueue URL": lambda url, _: list(lines_of(f"{url}/item.json")),
    "enqueue catalog": lambda url, _: list(follow_catalog(f"{url}/catalog.json", collections=False)),
    "enqueue --search": lambda url, _: ApiClient().send(PageRequest("GET", f"{url}/"), "the page", "nothing read"),
    "plan": lambda url, _: fetch(f"{url}/item.json", limit=10_000),
    "download": lambda url, folder: download([Asset("a", "b", f"{url}/b.tif", folder / "b.tif")], told=lambda _: None),
    "doctor": lambda url, _: list(check_clock(url, "it")),
    "a message's href": lambda url, _: _read_href(url),
    "the Planetary Computer": lambda url, _: PlanetaryComputer(url).collection("c"),
    "a SAS is tried": lambda url, _: _check_sas(url),
    "a redirect": lambda url, _: _redirected(url),
}


@pytest.mark.parametrize("route", ROUTES)
def test_no_route_sends_what_netrc_says(route: str, recorder: Recorder, tmp_path: Path) -> None:
    ROUTES[route](recorder.url, tmp_path)
    assert recorder.seen
    assert {authorization for _, authorization in recorder.seen} == {None}


def test_the_proxy_of_the_environment_is_used_where_no_proxy_does_not_name_the_host(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", recorder.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with plain_session() as session:
        session.get("http://elsewhere.invalid/item.json", timeout=10)
        session.get(f"{recorder.url}/item.json", timeout=10)
    assert [path for path, _ in recorder.seen] == ["http://elsewhere.invalid/item.json", "/item.json"]


class Credential:
    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        now = int(time.time())
        return AccessToken(make_token(Identity("x"), "https://geocatalog.spatio.azure.com", CLIENT_ID, now), now + 3000)


def test_the_token_is_sent_whatever_netrc_says(azurite: Azurite, start_part: Callable[..., str]) -> None:
    url = start_part("local.geocatalog", "--assets", "trust")
    settings = read_settings({"GEOCATALOG_URL": url, "INGEST_STORAGE": azurite.connection_string()})
    app = build_clients(settings, credential=Credential())

    assert app.geocatalog.get_collection("not-there") is None  # with another token it would be 401
    assert app.storage.queues.get_service_properties()["cors"] == []  # with another token it would be 403
