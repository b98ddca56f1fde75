"""The real part that these tests run on, whatever storage they have: the GeoCatalog emulator that reads no assets."""

from collections.abc import Iterator

import pytest

from tests.conftest import running_part
from tests.properties.catalog import Catalog
from tests.running_stack import DECISIONS


@pytest.fixture(scope="session")
def catalog() -> Iterator[Catalog]:
    """Run one GeoCatalog emulator that trusts hrefs and takes any token, with the collection that tests fill."""
    with running_part("local.geocatalog", "--assets", "trust", "--no-auth", "--decisions", DECISIONS) as url:
        running = Catalog(url)
        running.create_collection()
        yield running
