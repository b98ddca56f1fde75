"""Microsoft's tutorial runs to its last step on the emulators, as its authors wrote it."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
import requests

from local.azurite import Azurite
from local.stack.parts import Part

from .tokens import bearer_token
from .tutorial_calls import Tutorial

COLLECTION = "sentinel-2-l2a-tutorial-1"
HERE = f"/stac/collections/{COLLECTION}"


@pytest.fixture
def geocatalog(azurite: Azurite, tmp_path: Path) -> Iterator[str]:
    """An emulator as `geocatalog local up` starts it: it copies, and takes its time."""
    arguments = ["--storage", azurite.connection_string("managedstorage")]
    part = Part("GeoCatalog emulator", "local.geocatalog", arguments, log=tmp_path / "log", environment={})
    try:
        part.wait_ready()
        yield part.url
    finally:
        part.stop()


def test_the_tutorial_runs_to_its_last_step(geocatalog: str, planetary_computer: str) -> None:
    Tutorial(
        geocatalog=geocatalog, planetary_computer=planetary_computer, token=bearer_token(), collection=COLLECTION
    ).run()
    calls = requests.get(f"{geocatalog}/_emulator/requests", timeout=30).json()
    assert {call["status"] for call in calls} == {200, 201, 202}
    steps = [
        f"{call['method']} {'/inma/operations' if call['path'].startswith('/inma/operations/') else call['path']}"
        for call in calls
        if not (call["method"] == "DELETE" and call["path"].startswith(f"{HERE}/items/"))
    ]
    assert [step for step, _ in groupby(steps)] == [
        "POST /stac/collections",
        f"POST {HERE}/assets",
        f"GET {HERE}",
        "GET /inma/ingestion-sources",
        "POST /inma/ingestion-sources",
        f"POST {HERE}/items",
        "GET /inma/operations",
        f"POST {HERE}/configurations/render-options",
        f"POST {HERE}/configurations/mosaics",
        "POST /stac/search",
        f"DELETE {HERE}",
    ]
    assert sum(call["path"].startswith(f"{HERE}/items/") for call in calls) == 6
