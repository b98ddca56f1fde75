"""Faults of the command line are explained in a sentence."""

import socket
import subprocess
import sys

import pytest


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
    ],
)
def test_a_wrong_argument_is_named(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--assets", "trust", "--port", str(port))
    assert done.returncode != 0
    assert f"port {port}" in done.stderr
    assert "Traceback" not in done.stderr
