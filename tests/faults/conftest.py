from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.faulty_stack import FaultyStack, faulty_stack


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[FaultyStack]:
    """A stack for one test that hurts it, without a host yet."""
    with faulty_stack(tmp_path) as running:
        running.begin("faults")
        yield running
        running.report(request.node.name)
