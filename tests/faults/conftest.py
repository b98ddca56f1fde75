from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.faulty_stack import COLLECTION, FaultyStack, faulty_stack


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[FaultyStack]:
    with faulty_stack(tmp_path, request.node.name) as running:
        running.create_collection(COLLECTION)
        yield running
