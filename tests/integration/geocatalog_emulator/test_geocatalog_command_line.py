"""What the command line sets, and how its faults are explained in a sentence."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.planetarycomputer import PlanetaryComputerProClient

from local.certificates import make_certificate

from .emulator_client import bearer


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.geocatalog", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--assets copy needs --storage"),
        (["--storage", "nonsense"], "--storage is not a usable connection string"),
        (["--storage", "BlobEndpoint=http://127.0.0.1/account"], "AccountKey"),
        (["--assets", "some"], "invalid choice"),
        (["--port", "many"], "invalid int value"),
        (["--assets", "trust", "--decisions", "{"], "--decisions (or LOCAL_GEOCATALOG_DECISIONS) is not valid: JSON"),
        (["--assets", "trust", "--decisions", '{"new_collection": 202}'], "new_collection"),
        (["--assets", "trust", "--decisions", '{"weather": "fair"}'], "weather"),
        (["--assets", "trust", "--tls-key", "key.pem"], "--tls-certificate and --tls-key go together"),
    ],
)
def test_a_wrong_argument_is_named(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_tls_files_of_no_use_are_named(tmp_path: Path, content: str | None) -> None:
    files = [tmp_path / "certificate.pem", tmp_path / "key.pem"]
    for file in files if content else ():
        file.write_text(content or "")
    done = run("--assets", "trust", "--tls-certificate", str(files[0]), "--tls-key", str(files[1]))
    assert done.returncode != 0
    assert "the TLS certificate or its key cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_decisions_to_start_with_outlive_a_reset(start_part: Callable[..., str]) -> None:
    url = start_part("local.geocatalog", "--assets", "trust", "--decisions", '{"new_collection": "operation"}')
    changed = {"decisions": {"new_collection": 201, "unknown_collection": "operation"}}
    assert requests.put(f"{url}/_emulator/behavior", json=changed, timeout=30).ok
    requests.post(f"{url}/_emulator/reset", timeout=30)
    decisions = requests.get(f"{url}/_emulator/behavior", timeout=30).json()["decisions"]
    assert (decisions["new_collection"], decisions["unknown_collection"]) == ("operation", 404)


def test_the_official_client_gets_in_over_tls_with_its_own_token_policy(
    start_part: Callable[..., str], tmp_path: Path
) -> None:
    """It sends tokens over HTTPS only, so that published samples need it."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make_certificate(certificate, key)
    url = start_part(
        "local.geocatalog", "--assets", "trust", "--tls-certificate", str(certificate), "--tls-key", str(key)
    )
    assert url.startswith("https://127.0.0.1:")
    with PlanetaryComputerProClient(url, Credential(), connection_verify=str(certificate)) as client:
        page = client.stac.get_landing_page()
    assert {link.href.partition("/stac")[0] for link in page.links} == {url}


class Credential:
    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken(bearer()["Authorization"].removeprefix("Bearer "), int(time.time()) + 3000)


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--assets", "trust", "--port", str(port))
    assert done.returncode != 0
    assert f"port {port}" in done.stderr
    assert "Traceback" not in done.stderr
