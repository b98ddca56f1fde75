"""Ingestion sources: kept alive under ongoing ingestion, and items held for want of one resumed when it comes."""

import time
from typing import Any

import pytest
import requests

from shared.services.operation_states import ACCESS_CODES
from tests.running_stack import RunningStack, wait_for

BBOX = [-22.455626, 63.834083, -22.395201, 63.880750]
SAS_LIFE_SECONDS = 30
TOKENS = 3  # that were in place while items were ingested


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


def with_ended_sas(scene: dict[str, Any], item_id: str) -> dict[str, Any]:
    """Return a scene whose asset carries a SAS of its own that has ended, as if it had waited long."""
    sas = "st=2020-01-01T00%3A00%3A00Z&se=2020-01-01T01%3A00%3A00Z&sp=rl&sv=2021-06-08&sr=c&sig=AAAA"
    asset = {**scene["assets"]["B09"], "href": f"{scene['assets']['B09']['href']}?{sas}"}
    return {**scene, "id": item_id, "assets": {"B09": asset}}


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
    container_url = container_of(scenes[0])
    assert row["error_code"] == "PublicAccessRestricted"
    assert str(row["error_message"]).startswith(
        f"Container {container_url} has no ingestion source of this app; add one with geocatalog sources add."
    )
    # A signature that has ended opens nothing, and there is nothing else that could.
    ended = with_ended_sas(scenes[0], "ended")
    stack.send("items", {"item": ended, "collection": collection})
    result = stack.result(collection=collection, id="ended", outcome="failed")
    assert result["error_code"] == "SignatureEnded"
    assert "The href of asset B09 carries a signature (SAS) of its own, which ended at 2020-01-01T01:00:00Z." in str(
        result["error_message"]
    )
    added = stack.command("sources", "add", container_url, "--planetary-computer", "sentinel-2-l2a", "--timeout", "30")
    assert added.returncode == 0, added.stderr
    # Long before their own next try: on this stack's clock the fifteen minutes are ninety seconds.
    stack.wait_all(collection, "Succeeded", ids, seconds=75)
    # With the source in place the signature is not needed, and not sent.
    assert stack.command("replay", collection, "--error-code", "SignatureEnded").returncode == 0
    stack.result(collection=collection, id="ended", outcome="ingested")


def test_items_that_meet_a_lapsed_source_go_on_when_it_is_renewed(
    copying_stack: RunningStack, scenes: list[dict[str, Any]]
) -> None:
    stack, collection = copying_stack, "lapsed"
    stack.create_collection(collection)
    issuer = f"{stack.env['PLANETARY_COMPUTER_URL']}/_emulator"
    requests.put(f"{issuer}/behavior", json={"token_fault": "expired"}, timeout=10).raise_for_status()
    try:
        source = stack.clients.sources.rows()[0]
        wait_for(
            lambda: stack.clients.sources.rows()[0]["expires_at"] < stack.clients.now(), "the SAS to end", seconds=180
        )
        item, ended = scenes[0], with_ended_sas(scenes[0], "ended")
        for document in (item, ended):
            stack.send("items", {"item": document, "collection": collection})
        stack.wait_all(collection, "Held", {item["id"], "ended"})
        message = str(stack.rows(collection)["ended"]["error_message"])
        assert message.startswith(
            "The href of asset B09 carries a signature (SAS) of its own, which ended at 2020-01-01"
        )
        assert "it is no fault of the source" in message
        assert "has ingestion source" not in message
        message = str(stack.rows(collection)[item["id"]]["error_message"])
        assert f"has ingestion source {source['source_id']} (SasToken), whose SAS ended at" in message
        assert "Its last renewal failed: A SAS from the Planetary Computer" in message
    finally:
        requests.post(f"{issuer}/reset", timeout=10).raise_for_status()
    stack.wait_all(collection, "Succeeded", {item["id"], "ended"}, seconds=75)


def test_a_short_lived_sas_is_renewed_in_place_under_ongoing_ingestion(
    copying_stack: RunningStack, scenes: list[dict[str, Any]]
) -> None:
    stack, collection = copying_stack, "short-lived"
    stack.send("collections", {"planetary_computer": "sentinel-2-l2a", "collection": collection})
    stack.result(collection=collection, id=None, outcome="applied")
    stack.catalog("POST", "/_emulator/reset").raise_for_status()
    before = [str(row["source_id"]) for row in stack.clients.sources.rows()]
    ends = {row["expires_at"] for row in stack.clients.sources.rows()}
    ids: set[str] = set()
    a_life_on = time.monotonic() + SAS_LIFE_SECONDS
    while len(ends) < TOKENS or time.monotonic() < a_life_on:
        # Always some under way, whichever moment the SAS is replaced at.
        for scene in scenes:
            item = {**scene, "id": f"scene-{len(ids)}"}
            stack.send("items", {"item": item, "collection": collection})
            ids.add(item["id"])
        done = len(ids) - 3
        wait_for(lambda least=done: _succeeded(stack, collection) >= least, f"{done} items")  # type: ignore[misc]
        ends |= {row["expires_at"] for row in stack.clients.sources.rows()}
    stack.wait_all(collection, "Succeeded", ids)
    assert len(ids) > 30
    assert {row["status"] for row in stack.rows(collection).values()} == {"Succeeded"}
    assert stack.results(collection=collection, outcome="failed") == []
    assert [str(row["source_id"]) for row in stack.clients.sources.rows()] == before
    calls = stack.catalog("GET", "/_emulator/requests").json()
    assert {call["method"] for call in calls if "ingestion-sources" in call["path"]} == {"GET", "PUT"}
    histories = [str(row["history"]) for row in stack.rows(collection).values()]
    assert [history for history in histories if any(word in history for word in ("Held", *ACCESS_CODES))] == []


def _succeeded(stack: RunningStack, collection: str) -> int:
    return sum(status == "Succeeded" for status in stack.statuses(collection).values())


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
        return known not in {"", source_id} and clients.geocatalog.get_source(known) is not None

    wait_for(is_back, "the source to come back")
