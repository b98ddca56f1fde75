from collections.abc import Callable
from typing import Any

import pystac
import pytest
import requests
from pystac_client import Client

BOX = [-22.455626, 63.834083, -22.395201, 63.880750]
DAYS = "2024-02-04/2024-02-11"
COLLECTION = "sentinel-2-l2a"


@pytest.fixture
def stac(planetary_computer: str) -> str:
    return f"{planetary_computer}/api/stac/v1"


def test_the_tutorials_search_finds_six_newest_first(stac: str) -> None:
    search = Client.open(stac).search(collections=[COLLECTION], bbox=BOX, datetime=DAYS)
    items = list(search.item_collection())
    assert len(items) == 6
    days = [item.datetime.date().isoformat() for item in items if item.datetime]
    assert days == ["2024-02-11", "2024-02-10", "2024-02-08", "2024-02-07", "2024-02-05", "2024-02-04"]


def test_items_look_like_real_ones(stac: str) -> None:
    items = requests.get(f"{stac}/search", timeout=10).json()["features"]
    assert len(items) >= 12
    bands = {"B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"}
    metadata = {"safe-manifest", "granule-metadata", "inspire-metadata", "product-metadata", "datastrip-metadata"}
    everywhere = bands | metadata | {"AOT", "SCL", "WVP", "visual", "tilejson", "rendered_preview"}
    for item in items:
        properties = item["properties"]
        assert pystac.Item.from_dict(item).id == item["id"]
        assert set(item["assets"]) - {"preview"} == everywhere
        assert properties["s2:generation_time"] > properties["datetime"]
        assert properties["proj:epsg"] == 32627
        assert f"T{properties['s2:mgrs_tile']}" in item["id"]
        for computed in ("tilejson", "rendered_preview"):
            assert "/api/data/v1/item/" in item["assets"][computed]["href"]
    assert {"preview" in item["assets"] for item in items} == {True, False}


def test_the_collection_is_complete(stac: str, planetary_computer: str) -> None:
    collection = requests.get(f"{stac}/collections/{COLLECTION}", timeout=10).json()
    assert pystac.Collection.from_dict(collection).id == COLLECTION
    assert collection["msft:container"] == "sentinel2-l2"
    assert collection["msft:storage_account"].endswith("/sentinel2l2a01")
    assert set(collection["assets"]) == {"thumbnail", "geoparquet-items"}
    assert {"B09", "visual", "preview", "safe-manifest"} < set(collection["item_assets"])
    assert collection["assets"]["thumbnail"]["href"].startswith(planetary_computer)
    container = f"{collection['msft:storage_account']}/{collection['msft:container']}/"
    for item in Client.open(stac).search(collections=[COLLECTION]).items():
        assert item.assets["B09"].href.startswith(container)


def test_the_client_lists_collections_and_items(stac: str) -> None:
    client = Client.open(stac)
    (collection,) = client.get_collections()
    assert collection.id == COLLECTION
    item = next(iter(collection.get_items()))
    same = collection.get_item(item.id)
    assert same is not None
    assert same.to_dict()["assets"] == item.to_dict()["assets"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pages_are_followed_to_the_end(stac: str, method: str) -> None:
    client = Client.open(stac)
    search = client.search(method=method, collections=[COLLECTION], bbox=BOX, datetime=DAYS, limit=4)
    pages = [[item["id"] for item in page["features"]] for page in search.pages_as_dicts()]
    assert [len(page) for page in pages] == [4, 2]
    assert len({*pages[0], *pages[1]}) == 6


def test_pages_of_a_collections_items_are_followed(stac: str) -> None:
    url: str | None = f"{stac}/collections/{COLLECTION}/items?limit=5"
    ids = []
    while url:
        page = requests.get(url, timeout=10).json()
        ids += [item["id"] for item in page["features"]]
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert len(ids) == len(set(ids)) == 14


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("2024-02-11/..", 3),
        ("/2024-02-03", 2),
        ("2024-02-05", 2),
        ("2024-02-05T13:13:01.024Z", 2),
        ("2024-02-05T13:13:01.025Z/2024-02-07T13:02:59Z", 0),
        ("../..", 14),
    ],
)
def test_datetime_has_open_ends_days_and_moments(stac: str, interval: str, expected: int) -> None:
    found = requests.get(f"{stac}/search", params={"datetime": interval}, timeout=10).json()
    assert found["numberReturned"] == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"collections": ["landsat-c2-l2"]}, 0),
        ({"ids": ["S2B_MSIL2A_20240207T130259_R024_T27VVL_20240207T135036", "none"]}, 1),
        ({"intersects": {"type": "Point", "coordinates": [-22.43, 63.85]}, "datetime": DAYS}, 6),
        ({"bbox": [-22.46, 63.83, -100, -22.39, 63.88, 100], "datetime": DAYS}, 6),
        ({"filter": {"op": "<", "args": [{"property": "eo:cloud_cover"}, 10]}, "filter-lang": "cql2-json"}, 2),
        ({"filter": "\"s2:mgrs_tile\" = '27WVM'", "filter-lang": "cql2-text"}, 1),
    ],
)
def test_a_search_narrows(stac: str, body: dict[str, Any], expected: int) -> None:
    found = requests.post(f"{stac}/search", json=body, timeout=10).json()
    assert found["numberReturned"] == expected, found


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"bbox": [1, 2, 3]}, "bbox"),
        ({"datetime": "yesterday"}, "datetime"),
        ({"limit": 0, "token": "next:x"}, "token"),
        ({"limit": 5000}, "limit"),
        ({"intersects": {"type": "Nothing"}}, "intersects"),
        ({"filter": "a b c("}, "filter"),
    ],
)
def test_a_malformed_search_is_refused_by_name(stac: str, body: dict[str, Any], name: str) -> None:
    answer = requests.post(f"{stac}/search", json=body, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(name)


@pytest.mark.parametrize(
    "path", ["collections/none", "collections/none/items", f"collections/{COLLECTION}/items/none", "nothing"]
)
def test_what_is_unknown_is_not_found(stac: str, path: str) -> None:
    answer = requests.get(f"{stac}/{path}", timeout=10)
    assert answer.status_code == 404
    assert answer.json()["detail"]


def test_without_storage_hrefs_lead_to_azure(start_part: Callable[..., str]) -> None:
    url = start_part("local.planetary_computer")
    collection = requests.get(f"{url}/api/stac/v1/collections/{COLLECTION}", timeout=10).json()
    assert collection["msft:storage_account"] == "sentinel2l2a01"
    item = requests.get(f"{url}/api/stac/v1/search?limit=1", timeout=10).json()["features"][0]
    href = item["assets"]["B09"]["href"]
    assert href.startswith("https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/27/")
    answer = requests.get(f"{url}/api/sas/v1/token/{COLLECTION}", timeout=10)
    assert answer.status_code == 503
    assert "--storage" in answer.json()["detail"]
