"""The parts that renewal works with, all of them real: Azurite, both emulators, and a clock that the test moves."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import requests

from local.azurite import Azurite
from shared.basics.clock import parse_timestamp
from shared.clients import Clients
from shared.records.source_store import source_key
from shared.sources.specs import SourceSpec, parse_source
from tests.properties.apps import Clock, make_app
from tests.properties.catalog import wait_until

ACCOUNT = "sentinel2l2a01"
CONTAINER = "sentinel2-l2"
COLLECTION = "sentinel-2-l2a"
TOKENS = f"/api/sas/v1/token/{COLLECTION}"
SOURCES = "/inma/ingestion-sources"
VERSION = {"api-version": "2026-04-15"}
# An instance whose waits are short, so that an issuer that hangs costs a test little.
_QUICK = {"TIME_SCALE": "0.02"}
_TIMEOUT = 10.0
# How long an issuer hangs that does not answer in time.
HANG_SECONDS = 5


def expiry_of(source: Mapping[str, Any]) -> datetime:
    """Tell when the SAS of a source ends."""
    return parse_timestamp(source["connectionInfo"]["expiration"])


class World:
    """GeoCatalog, the Planetary Computer, storage and the app, with one wanted source.

    Attributes:
        clock: the app's clock; the Planetary Computer's goes with it.
        app: the app's clients.
        spec: the wanted source, whose SAS comes from the Planetary Computer.
    """

    def __init__(self, azurite: Azurite, catalog: str, planetary_computer: str) -> None:
        self._azurite = azurite
        self._catalog = catalog
        self._planetary_computer = planetary_computer
        self._behavior: dict[str, Any] = {}
        self._session = requests.Session()
        self.clock = Clock()
        self._ahead = timedelta(0)
        self.container_url = f"{azurite.blob_endpoint(ACCOUNT)}/{CONTAINER}"
        self.entry: dict[str, Any] = {"container_url": self.container_url, "sas": {"planetary_computer": COLLECTION}}
        self.spec = parse_source(self.entry)
        self.app = self.new_app([self.entry])
        self._start_afresh()

    def _start_afresh(self) -> None:
        for row in self.app.sources.rows():
            self.app.sources.delete(str(row["RowKey"]))
        self.app.sources.note_faults([])
        for summary in self.call("GET", SOURCES).json()["value"]:
            self.delete(summary["id"])
        self._session.post(f"{self._planetary_computer}/_emulator/reset", timeout=_TIMEOUT)
        self.forget_requests()

    def new_app(self, sources: object, **environment: str) -> Clients:
        """Build the clients of another instance, with sources of its own; text is taken as it is."""
        text = sources if isinstance(sources, str) else json.dumps(sources)
        settings = {"PLANETARY_COMPUTER_URL": self._planetary_computer, "INGESTION_SOURCES": text, **_QUICK}
        made = make_app(self._azurite, self._catalog, self.clock, **{**settings, **environment})
        # On a machine that other tests keep busy an answer takes longer than a fiftieth of its time.
        made.geocatalog._read_timeout = 30  # noqa: SLF001 - as the real app has it
        made.planetary_computer._timeout = (30, HANG_SECONDS / 2)  # noqa: SLF001
        return made

    # GeoCatalog

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call GeoCatalog as an operator would."""
        response = self._session.request(method, self._catalog + path, params=VERSION, timeout=_TIMEOUT, **options)
        response.raise_for_status()
        return response

    def sources(self) -> list[dict[str, Any]]:
        """Give every source that GeoCatalog has."""
        return [
            self.call("GET", f"{SOURCES}/{found['id']}").json() for found in self.call("GET", SOURCES).json()["value"]
        ]

    def source(self) -> dict[str, Any]:
        """Give the only source that GeoCatalog has."""
        (found,) = self.sources()
        return found

    def expiry(self) -> datetime:
        """Tell when the SAS of the only source ends."""
        return expiry_of(self.source())

    def left(self) -> timedelta:
        """Tell how long the SAS of the only source still lasts on the app's clock."""
        return self.expiry() - self.clock.now()

    def make_by_hand(self, sas: str, container_url: str | None = None) -> str:
        """Create a source as an operator would; give its id."""
        connection = {"containerUrl": container_url or self.container_url, "sasToken": sas}
        made: dict[str, Any] = self.call(
            "POST", SOURCES, json={"kind": "SasToken", "connectionInfo": connection}
        ).json()
        return str(made["id"])

    def delete(self, source_id: str) -> None:
        """Delete a source as an operator would."""
        self.call("DELETE", f"{SOURCES}/{source_id}")

    def disturb_catalog(self, *faults: Mapping[str, Any]) -> None:
        """Have GeoCatalog fail."""
        self.call("PUT", "/_emulator/behavior", json={"faults": list(faults)})

    def writes(self) -> list[str]:
        """Give the methods of the writes to sources since the requests were forgotten, in their order."""
        requests_seen = self.call("GET", "/_emulator/requests").json()
        return [
            str(seen["method"])
            for seen in requests_seen
            if seen["path"].startswith(SOURCES) and seen["method"] not in {"GET", "HEAD"}
        ]

    def forget_requests(self) -> None:
        """Begin to count requests anew; GeoCatalog behaves well again."""
        self.call("POST", "/_emulator/reset")

    # The Planetary Computer

    def issue(self, **behavior: Any) -> None:
        """Change how the Planetary Computer gives tokens; what is not named is as at the start."""
        self._behavior = behavior
        self._tell_issuer()

    def issuer_is_down(self) -> None:
        """Have the Planetary Computer answer every token request with an error that is not asked for again at once."""
        self.issue(faults=[{"path": "/api/sas/*", "status": 507}])

    def token(self) -> str:
        """Get a token as an operator would."""
        return str(self._session.get(self._planetary_computer + TOKENS, timeout=_TIMEOUT).json()["token"])

    def token_requests(self) -> int:
        """Count the requests for tokens that the Planetary Computer has answered."""
        seen = self._session.get(f"{self._planetary_computer}/_emulator/requests", timeout=_TIMEOUT).json()
        return sum(request["path"] == TOKENS for request in seen)

    def _tell_issuer(self) -> None:
        behavior = {"clock_ahead_seconds": self._ahead.total_seconds(), **self._behavior}
        url = f"{self._planetary_computer}/_emulator/behavior"
        self._session.put(url, json=behavior, timeout=_TIMEOUT).raise_for_status()

    # Time and rows

    def pass_time(self, duration: timedelta) -> None:
        """Move the app's clock and the Planetary Computer's on."""
        self.clock.advance(duration)
        self._ahead += duration
        self._tell_issuer()

    def row(self, spec: SourceSpec | None = None) -> Mapping[str, Any]:
        """Give the row of a source; empty where there is none."""
        return self.app.sources.get(source_key((spec or self.spec).url)) or {}

    def fault(self, spec: SourceSpec | None = None) -> str:
        """Give what the row of a source says of its last renewal; empty where it went well."""
        return str(self.row(spec)["error_message"])


def wait_until_there(world: World, collection: str) -> None:
    """Wait until GeoCatalog has made a collection."""
    wait_until(lambda: world.app.geocatalog.get_collection(collection) is not None)
