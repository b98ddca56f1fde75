import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Cli
from tests.conftest import running_part
from tests.running_stack import RunningStack, running_stack

# The scenes that the Planetary Computer emulator has over southern Iceland.
SEARCH = (
    "--collections",
    "sentinel-2-l2a",
    "--bbox",
    "-22.46,63.83,-22.39,63.89",
    "--datetime",
    "2024-02-04/2024-02-11",
)


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One stack for all tests of the command; they keep apart by collections of their own."""
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="package")
def cli(stack: RunningStack) -> Cli:
    return Cli(stack.env)


@pytest.fixture
def scenes(cli: Cli, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """A collection of two ingested scenes with assets, deleted at the end."""
    collection = f"scenes-{request.node.name.replace('_', '-')[:40]}"
    file = tmp_path / "scenes.yaml"
    file.write_text(f"planetary_computer: sentinel-2-l2a\ncollection: {collection}\n")
    cli.ok("apply", str(file))
    url = f"{cli.settings['PLANETARY_COMPUTER_URL']}/api/stac/v1"
    report = cli.json("enqueue", "--search", url, *SEARCH, "--max-items", "2", "--collection", collection)
    cli.ok("watch", "--correlation-id", report["correlation_id"], "--until", "60s")
    items = cli.json("items", collection)["items"]
    yield {"collection": collection, "ids": [item["id"] for item in items], "file": file}
    cli.run("delete", collection, "--confirm", collection, "--no-wait")


@pytest.fixture
def heeds_interrupts() -> Iterator[None]:
    """Programs started from here heed SIGINT, also where the tests themselves were started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def login() -> Iterator[dict[str, str]]:
    """A managed identity, which stands for the developer's own login: both come from the environment."""
    with running_part("local.identity", "--header", "a header") as identity:
        yield {
            "IDENTITY_ENDPOINT": f"{identity}/msi/token",
            "IDENTITY_HEADER": "a header",
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        }
