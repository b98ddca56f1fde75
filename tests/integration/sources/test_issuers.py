"""Sources by where their access comes from: a setting, an identity of the GeoCatalog, the Planetary Computer."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from shared.clients import Clients
from shared.sources.specs import SourceSpec, parse_source
from shared.upkeep.source_run import renew_sources

from .conftest import ATTACHED
from .world import World

SETTING = "PARTNER_SAS"


@pytest.fixture
def partner(world: World) -> Clients:
    """An instance that takes the container's SAS from a setting."""
    return world.new_app([{"container_url": world.container_url, "sas": {"setting": SETTING}}])


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("", "Setting PARTNER_SAS is missing or empty"),
        ("@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s/)", "was not resolved"),
        ("hello", "holds no SAS with an expiry (se)"),
        ("https://partner.blob.core.windows.net/drop?{sas}", "holds a URL that is not that of http"),
        ("sv=2024&st=2026-01-01T00:00:00Z&sp=rl&sr=c&sig=SECRET", "holds no SAS with an expiry (se)"),
        ("sv=2024&st=2026-01-01T00:00:00Z&se=soon&sp=rl&sr=c&sig=SECRET", "that is no timestamp"),
        ("sv=2024&st=2020-01-01T00:00:00Z&se=2020-02-01T00:00:00Z&sp=rl&sr=c&sig=SECRET", "ended at 2020-02-01"),
        ("sv=2024&st=2020-01-01T00:00:00Z&se=2120-02-01T00:00:00Z&sp=rl&sr=b&sig=SECRET", "not for a whole container"),
        ("sv=2024&st=2020-01-01T00:00:00Z&se=2120-02-01T00:00:00Z&sp=cw&sr=c&sig=SECRET", "does not grant reading"),
        (
            "sv=2024&st=2020-01-01T00:00:00Z&se=2120-02-01T00:00:00Z&sp=rl&sr=c&sig=SECRET",
            "signed for another container",
        ),
    ],
)
def test_a_setting_without_a_usable_sas_says_what_to_put_there(
    world: World, partner: Clients, monkeypatch: pytest.MonkeyPatch, value: str, sentence: str
) -> None:
    monkeypatch.setenv(SETTING, value.replace("{sas}", world.token()))
    assert renew_sources(partner) == 0
    assert sentence in world.fault()
    assert SETTING in world.fault()
    assert "SECRET" not in str(world.row())
    assert world.sources() == []


@pytest.mark.parametrize("form", ["{sas}", "?{sas}", " {url}?{sas}\n"])
def test_a_setting_holds_a_sas_in_any_form_that_people_copy(
    world: World, partner: Clients, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv(SETTING, form.format(sas=world.token(), url=world.container_url))
    assert renew_sources(partner) == 1
    assert world.left() > timedelta(minutes=55)


def test_a_newer_sas_in_a_setting_is_taken_at_once_and_an_older_one_never(
    world: World, partner: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.issue(sas_life=864_000)
    monkeypatch.setenv(SETTING, world.token())
    renew_sources(partner)
    first = world.expiry()
    world.issue(sas_life=1_728_000)
    monkeypatch.setenv(SETTING, world.token())
    assert renew_sources(partner) == 1
    newer = world.expiry()
    assert newer > first
    world.issue(sas_life=864_000)
    monkeypatch.setenv(SETTING, world.token())
    assert renew_sources(partner) == 0
    assert world.expiry() == newer
    world.pass_time(newer - world.clock.now() - timedelta(days=1))
    renew_sources(partner)
    assert "put a new SAS" in world.fault()


def identity_source(world: World, object_id: str) -> tuple[SourceSpec, Clients]:
    entry = {"container_url": world.container_url, "managed_identity": {"object_id": object_id}}
    return parse_source(entry), world.new_app([entry])


def test_an_identity_that_is_not_attached_is_told_with_the_steps_to_take(world: World) -> None:
    _, app = identity_source(world, "00000000-0000-0000-0000-000000000001")
    assert renew_sources(app) == 0
    assert world.row()["error_code"] == "ManagedIdentityInfoNotFound"
    assert "az planetarycomputer geocatalog identity assign" in world.fault()
    assert "Storage Blob Data Reader" in world.fault()
    assert world.writes() == []


def test_an_identity_source_is_made_once_and_never_written_again(world: World) -> None:
    _, app = identity_source(world, ATTACHED.upper())
    assert renew_sources(app) == 1
    world.pass_time(timedelta(days=400))
    assert renew_sources(app) == 0
    assert world.writes() == ["POST"]
    assert world.source()["kind"] == world.row()["kind"] == "BlobManagedIdentity"
    assert world.fault() == ""


def test_a_source_changes_its_kind_in_place(world: World) -> None:
    renew_sources(world.app)
    made = world.source()["id"]
    _, app = identity_source(world, ATTACHED)
    assert renew_sources(app) == 1
    assert (world.source()["id"], world.source()["kind"]) == (made, "BlobManagedIdentity")
    assert renew_sources(world.app) == 1
    assert (world.source()["id"], world.source()["kind"]) == (made, "SasToken")


class _Recorder(BaseHTTPRequestHandler):
    """Answers every request with nothing, or with a redirect, and keeps its headers."""

    def do_GET(self) -> None:
        self.server.seen.append(dict(self.headers))  # type: ignore[attr-defined]
        target = self.server.redirect  # type: ignore[attr-defined]
        self.send_response(302 if target else 404)
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def recorders() -> Iterator[list[ThreadingHTTPServer]]:
    """Two origins that keep the headers of what they are asked."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _Recorder) for _ in range(2)]
    for server in servers:
        server.seen, server.redirect = [], None  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_subscription_key_goes_to_the_planetary_computer_only(
    world: World, recorders: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    first, second = recorders
    first.redirect = f"http://127.0.0.1:{second.server_port}/elsewhere"
    app = world.new_app(
        [world.entry],
        PLANETARY_COMPUTER_URL=f"http://127.0.0.1:{first.server_port}",
        PLANETARY_COMPUTER_SUBSCRIPTION_KEY="the-key-of-the-subscription",
    )
    renew_sources(app)
    assert [seen["Ocp-Apim-Subscription-Key"] for seen in first.seen] == ["the-key-of-the-subscription"]
    assert second.seen == []
    assert "the-key-of-the-subscription" not in caplog.text + repr(app.settings) + str(world.row())


@pytest.mark.parametrize("key", ["", "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/k/)"])
def test_no_subscription_key_is_sent_where_there_is_none(world: World, recorders: list[Any], key: str) -> None:
    app = world.new_app(
        [world.entry],
        PLANETARY_COMPUTER_URL=f"http://127.0.0.1:{recorders[0].server_port}",
        PLANETARY_COMPUTER_SUBSCRIPTION_KEY=key,
    )
    renew_sources(app)
    assert ["Ocp-Apim-Subscription-Key" in seen for seen in recorders[0].seen] == [False]


def test_a_404_of_a_wrong_address_does_not_ask_for_a_collection(world: World) -> None:
    world.disturb_catalog({"method": "POST", "path": "/inma/ingestion-sources", "kind": "status", "status": 404})
    renew_sources(world.app)
    assert world.fault().endswith("Check GEOCATALOG_URL: no GeoCatalog answers there.")
    assert world.row()["error_code"] == "WrongAddress"
