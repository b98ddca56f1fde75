"""A .netrc file on the machine never takes the place of the app's own token."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from local.azurite import Azurite
from local.identity import CLIENT_ID, Identity, make_token
from shared.clients import build_clients
from shared.settings import read_settings


class Credential:
    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        now = int(time.time())
        return AccessToken(make_token(Identity("x"), "https://geocatalog.spatio.azure.com", CLIENT_ID, now), now + 3000)


def test_the_token_is_sent_whatever_netrc_says(
    azurite: Azurite, start_part: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    url = start_part("local.geocatalog", "--assets", "trust")
    settings = read_settings({"GEOCATALOG_URL": url, "INGEST_STORAGE": azurite.connection_string()})
    app = build_clients(settings, credential=Credential())

    assert app.geocatalog.get_collection("not-there") is None  # with another token it would be 401
    assert list(app.storage.queues.list_queues(results_per_page=1)) is not None
