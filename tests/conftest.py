"""Fixtures that many tests share: the parts of the local stack, each in its own process."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from hypothesis import settings

from local.azurite import Azurite, start

# No test is timed: a busy machine is no fault of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@contextmanager
def running_part(module: str, *options: str) -> Iterator[str]:
    """Run an HTTP part of the local stack, such as `local.identity`, and give its URL when it is ready."""
    command = [sys.executable, "-m", module, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            announcement = process.stdout.readline()
            _, separator, url = announcement.strip().partition(" listening on ")
            assert separator, f"{module} did not start: {announcement!r}"
            yield url
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Run one Azurite for the whole session; tests keep apart by names of their own."""
    with start(tmp_path_factory.mktemp("azurite")) as running:
        yield running


@pytest.fixture(scope="session")
def planetary_computer(azurite: Azurite) -> Iterator[str]:
    """Run one Planetary Computer emulator for the whole session and give its URL."""
    storage = azurite.connection_string("sentinel2l2a01")
    with running_part("local.planetary_computer", "--storage", storage) as url:
        yield url


@pytest.fixture
def start_part() -> Iterator[Callable[..., str]]:
    """Start HTTP parts for one test: `start_part("local.identity", "--header", "x")` gives a URL."""
    with ExitStack() as parts:
        yield lambda module, *options: parts.enter_context(running_part(module, *options))
