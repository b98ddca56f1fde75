"""Scenes are added, changed, removed and back-dated while the emulator runs."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

COLLECTION = "sentinel-2-l2a"
NEW = {"time": "2030-06-01T12:00:00Z", "cloud_cover": 3.5, "orbit": 95, "has_preview": False}


class Scenes:
    """The emulator's catalogue, as those who read it and those who change it see it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def control(self, method: str, path: str = "", body: object = None) -> requests.Response:
        return requests.request(method, f"{self.url}/_emulator/scenes{path}", json=body, timeout=60)

    def add(self, *scenes: dict[str, Any]) -> list[str]:
        answer = self.control("POST", body=list(scenes))
        assert answer.status_code == 201, answer.text
        return [one["id"] for one in answer.json()]

    def newest(self, collection: str = COLLECTION) -> dict[str, Any]:
        search = {"collections": [collection], "limit": 1}
        found = requests.post(f"{self.url}/api/stac/v1/search", json=search, timeout=10).json()
        item: dict[str, Any] = found["features"][0]
        return item

    def get(self, item_id: str) -> requests.Response:
        return requests.get(f"{self.url}/api/stac/v1/collections/{COLLECTION}/items/{item_id}", timeout=10)


@pytest.fixture
def scenes(planetary_computer: str) -> Iterator[Scenes]:
    yield Scenes(planetary_computer)
    requests.post(f"{planetary_computer}/_emulator/reset", timeout=10)


def test_an_added_scene_is_found_and_its_files_are_there(scenes: Scenes) -> None:
    (added,) = scenes.add({**NEW, "properties": {"updated": "2030-06-02T00:00:00Z", "eo:cloud_cover": 4}})
    item = scenes.newest()
    assert item["id"] == added == "S2B_MSIL2A_20300601T120000_R095_T27VVL_20300601T124848"
    assert item["properties"]["updated"] == "2030-06-02T00:00:00Z"
    assert item["properties"]["eo:cloud_cover"] == 4
    assert "preview" not in item["assets"]
    token = requests.get(f"{scenes.url}/api/sas/v1/token/{COLLECTION}", timeout=10).json()["token"]
    for key in ("B09", "product-metadata"):
        assert requests.get(f"{item['assets'][key]['href']}?{token}", timeout=10).status_code == 200
    assert requests.get(item["assets"]["rendered_preview"]["href"], timeout=30).status_code == 200


def test_many_scenes_share_the_files_of_one(scenes: Scenes) -> None:
    first = scenes.newest()
    times = [f"2030-06-01T12:{number // 60:02}:{number % 60:02}Z" for number in range(200)]
    ids = scenes.add(*({"time": time, "files_of": first["id"]} for time in times))
    assert len(set(ids)) == 200
    newest = scenes.newest()
    assert newest["id"] == ids[-1]
    assert newest["assets"]["B09"] == first["assets"]["B09"]
    assert scenes.get(ids[0]).status_code == 200


def test_a_late_scene_is_older_than_those_that_were_there(scenes: Scenes) -> None:
    newest = scenes.newest()
    (late,) = scenes.add({**NEW, "time": "2020-01-01T00:00:00Z", "files_of": newest["id"]})
    assert scenes.newest() == newest
    assert scenes.get(late).json()["properties"]["datetime"] == "2020-01-01T00:00:00.000000Z"


def test_a_scene_is_changed_and_back_dated(scenes: Scenes) -> None:
    newest = scenes.newest()
    path = f"/{COLLECTION}/{newest['id']}"
    assert scenes.control("PATCH", path, {"properties": {"updated": "2030-01-01T00:00:00Z"}}).status_code == 200
    assert scenes.newest()["properties"] == {**newest["properties"], "updated": "2030-01-01T00:00:00Z"}
    moved = {"properties": {"datetime": "2019-01-01T00:00:00Z", "updated": None}, "assets": {"AOT": None}}
    assert scenes.control("PATCH", path, moved).status_code == 200
    assert scenes.newest()["id"] != newest["id"]
    shown = scenes.get(newest["id"]).json()
    assert shown["properties"] == {**newest["properties"], "datetime": "2019-01-01T00:00:00Z"}
    assert newest["assets"].keys() - shown["assets"].keys() == {"AOT"}


def test_a_removed_scene_is_gone_until_the_reset(scenes: Scenes) -> None:
    newest = scenes.newest()
    assert scenes.control("DELETE", f"/{COLLECTION}/{newest['id']}").status_code == 204
    assert scenes.get(newest["id"]).status_code == 404
    assert newest["id"] not in {one["id"] for one in scenes.control("GET").json()}
    requests.post(f"{scenes.url}/_emulator/reset", timeout=10)
    assert scenes.newest() == newest


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ([NEW, {}], 400, "1.time"),
        ({**NEW, "colour": "red"}, 400, "colour"),
        ({**NEW, "time": "2030-06-01T12:00:00"}, 400, "time"),
        ({**NEW, "tile": "27ABC"}, 400, "27ABC"),
        ({**NEW, "collection": "none"}, 400, "none"),
        ({**NEW, "files_of": "none"}, 400, "none"),
        ([NEW, {**NEW, "orbit": 96, "properties": {"datetime": "soon"}}], 400, "soon"),
        ([NEW, NEW], 409, "S2B_MSIL2A_20300601T120000"),
    ],
)
def test_wrong_scenes_are_refused_and_none_is_added(scenes: Scenes, body: object, status: int, named: str) -> None:
    before = scenes.control("GET").json()
    answer = scenes.control("POST", body=body)
    assert answer.status_code == status
    assert named in answer.json()["detail"]
    assert scenes.control("GET").json() == before


@pytest.mark.parametrize(
    "patch", [[], {"id": "other"}, {"collection": None}, {"properties": None}, {"properties": {"datetime": "soon"}}]
)
def test_a_wrong_change_is_refused(scenes: Scenes, patch: object) -> None:
    newest = scenes.newest()
    answer = scenes.control("PATCH", f"/{COLLECTION}/{newest['id']}", patch)
    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert scenes.newest() == newest
    for method in ("PATCH", "DELETE"):
        assert scenes.control(method, f"/{COLLECTION}/none", {}).status_code == 404
