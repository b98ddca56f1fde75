"""Fixtures that many tests share: the parts of the local stack, each in its own process."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from hypothesis import settings

from local.azurite import Azurite
from tests.memory.account import MemoryAccount

# No test is timed: a busy machine is no fault of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the tests run on that only need a storage account."""
    parser.addoption(
        "--storage",
        choices=("memory", "azurite"),
        help="run the tests that only need a storage account on this one, and with memory no test that needs Azurite; "
        "default: in memory, those marked both_storages on both",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the storage account of a test that asks for `account`."""
    if "account" in metafunc.fixturenames:
        is_marked = metafunc.definition.get_closest_marker("both_storages") is not None
        chosen = metafunc.config.getoption("--storage")
        accounts = [chosen] if chosen else ["memory", "azurite"] if is_marked else ["memory"]
        metafunc.parametrize("account", accounts, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that need Azurite where all is to run in memory."""
    if config.getoption("--storage") == "memory":
        left_out = [item for item in items if "azurite" in getattr(item, "fixturenames", ())]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


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
    with Azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running


@pytest.fixture(scope="session")
def account(request: pytest.FixtureRequest) -> Azurite | MemoryAccount:
    """Give the storage account of a test that only needs one: in memory, or Azurite's own."""
    if request.param == "memory":
        return MemoryAccount()
    running: Azurite = request.getfixturevalue("azurite")
    return running


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
