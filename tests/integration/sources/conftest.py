"""GeoCatalog for tests of renewal: an emulator that takes any token and has two identities."""

from collections.abc import Iterator

import pytest

from local.azurite import Azurite
from tests.conftest import running_part
from tests.running_stack import DECISIONS

from .world import World

ATTACHED = "11111111-2222-3333-4444-55555555abcd"


@pytest.fixture(scope="session")
def catalog_url(azurite: Azurite) -> Iterator[str]:
    del azurite  # started first, so that it is stopped last
    options = ["--assets", "trust", "--no-auth", "--managed-identity", ATTACHED, "--decisions", DECISIONS]
    with running_part("local.geocatalog", *options) as url:
        yield url


@pytest.fixture
def world(azurite: Azurite, catalog_url: str, planetary_computer: str) -> World:
    return World(azurite, catalog_url, planetary_computer)
