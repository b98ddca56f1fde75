"""Two running emulators: one that copies assets through Azurite, one that trusts addresses and needs no storage."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azurite import Azurite
from local.stack.parts import Part

from .emulator_client import EmulatorClient


def running(arguments: list[str], folder: Path, environment: dict[str, str]) -> Iterator[str]:
    part = Part("GeoCatalog emulator", "local.geocatalog", arguments, log=folder / "log", environment=environment)
    try:
        part.wait_ready()
        yield part.url
    finally:
        part.stop()


@pytest.fixture(scope="session")
def copying_url(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    accounts = ";".join(f"{name}:{key}" for name, key in azurite.accounts.items())
    arguments = ["--no-auth", "--storage", azurite.connection_string("managedstorage")]
    yield from running(arguments, tmp_path_factory.mktemp("copying"), {"AZURITE_ACCOUNTS": accounts})


@pytest.fixture(scope="session")
def trusting_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from running(["--assets", "trust"], tmp_path_factory.mktemp("trusting"), {})


@pytest.fixture
def copying(copying_url: str) -> Iterator[EmulatorClient]:
    yield from fresh(copying_url)


@pytest.fixture
def trusting(trusting_url: str) -> Iterator[EmulatorClient]:
    yield from fresh(trusting_url)


def fresh(url: str) -> Iterator[EmulatorClient]:
    """Give a client with a collection of its own; afterwards the emulator behaves as it did."""
    with EmulatorClient(url) as client:
        client.control("POST", "reset")
        client.behave(ingest_seconds=[0, 0])
        client.make_collection()
        yield client
        client.control("POST", "reset")
