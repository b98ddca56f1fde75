from collections.abc import Iterator

import pytest

from tests.running_stack import RunningStack, running_stack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One stack with the app for all e2e tests; they keep apart by collections of their own."""
    with running_stack(tmp_path_factory.mktemp("stack"), "--assets", "trust") as running:
        yield running


@pytest.fixture(scope="package")
def copying_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One stack whose GeoCatalog really reads and copies assets, behind a SAS that lives for 30 seconds."""
    with running_stack(tmp_path_factory.mktemp("copying"), "--assets", "copy", "--sas-life", "30") as running:
        yield running
