"""Ingestion sources: kept alive under ongoing ingestion, and items held for want of one resumed when it comes."""

import time
from typing import Any

import pytest
import requests

from shared.source_specs import Sas, SourceSpec
from shared.sources import want_source
from tests.running_stack import RunningStack, wait_for

BBOX = [-22.455626, 63.834083, -22.395201, 63.880750]


@pytest.fixture(scope="module")
def scenes(copying_stack: RunningStack) -> list[dict[str, Any]]:
    """Returns the tutorial's six scenes, each with two of its assets."""
    query = {"collections": ["sentinel-2-l2a"], "bbox": BBOX, "datetime": "2024-02-04/2024-02-11"}
    url = f"{copying_stack.env['PLANETARY_COMPUTER_URL']}/api/stac/v1/search"
    features: list[dict[str, Any]] = requests.post(url, json=query, timeout=10).json()["features"]
    for feature in features:
        feature["assets"] = {key: feature["assets"][key] for key in ("B09", "tilejson")}
    return features


def container_of(scene: dict[str, Any]) -> str:
    return str(scene["assets"]["B09"]["href"]).partition("/sentinel2-l2/")[0] + "/sentinel2-l2"


def test_items_without_a_source_are_held_until_it_comes(
    copying_stack: RunningStack, scenes: list[dict[str, Any]]
) -> None:
    stack, collection = copying_stack, "held"
    stack.create_collection(collection)
    for scene in scenes:
        stack.send("items", {"item": scene, "collection": collection})
    ids = {scene["id"] for scene in scenes}
    stack.wait_all(collection, "Held", ids)
    row = next(iter(stack.rows(collection).values()))
    assert row["error_code"] == "PublicAccessRestricted"
    want_source(
        SourceSpec(container_url=container_of(scenes[0]), sas=Sas(planetary_computer="sentinel-2-l2a")), stack.clients
    )
    stack.wait_all(collection, "Succeeded", ids)


def test_a_short_lived_sas_is_renewed_in_place_under_ongoing_ingestion(
    copying_stack: RunningStack, scenes: list[dict[str, Any]]
) -> None:
    stack, collection = copying_stack, "short-lived"
    stack.send("collections", {"planetary_computer": "sentinel-2-l2a", "collection": collection})
    stack.result(collection=collection, id=None, outcome="applied")
    before = [str(row["source_id"]) for row in stack.clients.sources.rows()]
    ids: set[str] = set()
    lives_end = time.monotonic() + 30
    while time.monotonic() < lives_end:
        scene = scenes[len(ids) % len(scenes)]
        item = {**scene, "id": f"scene-{len(ids)}"}
        stack.send("items", {"item": item, "collection": collection})
        ids.add(item["id"])
        wait_for(lambda known=item["id"]: stack.statuses(collection).get(known) == "Succeeded", item["id"])  # type: ignore[misc]
    assert len(ids) > 5
    assert stack.results(collection=collection, outcome="failed") == []
    assert [str(row["source_id"]) for row in stack.clients.sources.rows()] == before
    calls = stack.catalog("GET", "/_emulator/requests").json()
    assert not [call for call in calls if call["method"] == "DELETE" and "ingestion-sources" in call["path"]]
    assert len([call for call in calls if call["method"] == "PUT" and "ingestion-sources" in call["path"]]) >= 2
    held = [entry for row in stack.rows(collection).values() for entry in [row["history"]] if "Held" in str(entry)]
    assert held == []


def test_a_source_deleted_by_hand_comes_back(copying_stack: RunningStack) -> None:
    clients = copying_stack.clients
    source_id = str(clients.sources.rows()[0]["source_id"])
    copying_stack.catalog(
        "DELETE",
        f"/inma/ingestion-sources/{source_id}?api-version=2026-04-15",
        headers={"Authorization": f"Bearer {clients.credential.get_token(clients.settings.geocatalog_scope).token}"},
    ).raise_for_status()

    def is_back() -> bool:
        known = str(clients.sources.rows()[0].get("source_id"))
        return known != source_id and clients.geocatalog.get_source(known) is not None

    wait_for(is_back, "the source to come back")
