from collections.abc import Callable
from typing import Any

import pystac
import pytest
import requests
from pystac_client import Client
from stac_pydantic.api import LandingPage

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
    assert all("preview" in item.assets for item in items)
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
    assert {collection.id for collection in client.get_collections()} == {COLLECTION, "sentinel-2-neighbours"}
    collection = client.get_collection(COLLECTION)
    assert collection is not None
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
        ("../2024-03-02", 14),
    ],
)
def test_datetime_has_open_ends_days_and_moments(stac: str, interval: str, expected: int) -> None:
    found = requests.get(f"{stac}/search", params={"datetime": interval, "collections": COLLECTION}, timeout=10).json()
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
    found = requests.post(f"{stac}/search", json={"collections": [COLLECTION], **body}, timeout=10).json()
    assert found["numberReturned"] == expected, found


QUERIES: list[tuple[dict[str, Any], int]] = [
    ({"eo:cloud_cover": {"lt": 10}}, 2),
    ({"eo:cloud_cover": {"lt": "10"}}, 2),
    ({"eo:cloud_cover": {"gte": "7.9", "lte": 15.6}}, 2),
    ({"sat:relative_orbit": {"neq": "52"}}, 13),
    ({"s2:mgrs_tile": {"in": ["27VVL"]}, "sat:relative_orbit": {"in": ["24", 38]}}, 5),
    ({"sat:relative_orbit": {"eq": "024"}}, 4),
    ({"s2:processing_baseline": {"eq": "05.10"}}, 14),
    ({"s2:processing_baseline": {"eq": "5.10"}}, 0),
    ({"platform": {"endsWith": "2A"}, "id": {"startsWith": "S2A"}, "s2:product_uri": {"contains": "_R024_"}}, 2),
    ({"datetime": {"gt": "2024-02-11T13:32:39Z"}}, 3),
    ({"datetime": {"gt": "2024-02-11T14:32:39.024+01:00"}}, 2),
    ({"nothing": {"neq": 1}}, 0),
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("query", "expected"), QUERIES)
def test_a_query_compares_properties(stac: str, method: str, query: dict[str, Any], expected: int) -> None:
    search = Client.open(stac).search(method=method, collections=[COLLECTION], query=query)
    assert len(list(search.items())) == expected


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "condition",
    [
        "eo:cloud_cover > 40 AND s2:mgrs_tile = '27VVL'",
        {"op": "t_after", "args": [{"property": "datetime"}, {"timestamp": "2024-02-08T00:00:00Z"}]},
        {"op": "not", "args": [{"op": "in", "args": [{"property": "sat:relative_orbit"}, [24, 38, 52, 81]]}]},
    ],
)
def test_a_filter_is_cql2_in_text_or_json(stac: str, method: str, condition: Any) -> None:  # noqa: ANN401 - CQL2
    search = Client.open(stac).search(method=method, collections=[COLLECTION], filter=condition)
    assert 0 < len(list(search.items())) < 14


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_tied_values_are_sorted_and_paged_without_a_gap(stac: str, method: str) -> None:
    sort = [{"field": "properties.sat:relative_orbit", "direction": "asc"}, {"field": "id", "direction": "desc"}]
    search = Client.open(stac).search(method=method, collections=[COLLECTION], sortby=sort, limit=1)
    found = [(item["properties"]["sat:relative_orbit"], item["id"]) for item in search.items_as_dicts()]
    assert len(found) == 14
    assert [orbit for orbit, _ in found] == sorted(orbit for orbit, _ in found)
    for orbit in {orbit for orbit, _ in found}:
        ids = [item_id for one, item_id in found if one == orbit]
        assert ids == sorted(ids, reverse=True)


def test_a_page_token_is_a_place_in_the_order(planetary_computer: str, stac: str) -> None:
    """What is added or removed before that place shifts no page."""
    body = {"collections": [COLLECTION], "sortby": [{"field": "datetime", "direction": "asc"}], "limit": 7}
    scenes = f"{planetary_computer}/_emulator/scenes"
    first = requests.post(f"{stac}/search", json=body, timeout=10).json()
    next_link = next(link for link in first["links"] if link["rel"] == "next")
    try:
        early = {"time": "2024-01-02T13:00:00Z", "files_of": first["features"][0]["id"]}
        assert requests.post(scenes, json=[early, {**early, "orbit": 25}], timeout=10).status_code == 201
        gone = f"{scenes}/{COLLECTION}/{first['features'][1]['id']}"
        assert requests.delete(gone, timeout=10).status_code == 204
        second = requests.post(next_link["href"], json=next_link["body"], timeout=10).json()
    finally:
        requests.post(f"{planetary_computer}/_emulator/reset", timeout=10)
    everything = requests.post(f"{stac}/search", json=body | {"limit": 14}, timeout=10).json()
    assert first["features"] + second["features"] == everything["features"]
    assert [link["rel"] for link in second["links"]] == ["root", "self"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_fields_show_a_part_of_each_item(stac: str, method: str) -> None:
    client = Client.open(stac)
    shown = client.search(method=method, limit=1, max_items=1, fields=["id", "properties.eo:cloud_cover"])
    (item,) = shown.items_as_dicts()
    assert item.keys() == {"type", "id", "collection", "properties"}
    assert item["properties"].keys() == {"eo:cloud_cover"}
    (item,) = client.search(method=method, limit=1, max_items=1, fields=["-assets", "-links"]).items_as_dicts()
    assert not {"assets", "links"} & item.keys()
    assert item["properties"]["s2:mgrs_tile"]


def test_the_landing_page_describes_the_service(stac: str) -> None:
    page = requests.get(stac, timeout=10).json()
    assert LandingPage.model_validate(page).stac_extensions == []
    links = {link["rel"]: link for link in page["links"]}
    described = requests.get(links["service-desc"]["href"], timeout=10)
    assert described.headers["Content-Type"] == links["service-desc"]["type"]
    assert described.json()["paths"]["/api/stac/v1/search"].keys() == {"get", "post"}
    assert "/api/stac/v1/search" in requests.get(links["service-doc"]["href"], timeout=10).text


def test_a_page_in_a_browser_may_ask(stac: str) -> None:
    asked = {"Origin": "http://localhost:8080", "Access-Control-Request-Method": "POST"}
    preflight = requests.options(f"{stac}/search", headers=asked, timeout=10)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert requests.get(stac, headers=asked, timeout=10).headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"bbox": [1, 2, 3]}, "bbox"),
        ({"datetime": "yesterday"}, "datetime"),
        ({"datetime": "../.."}, "datetime"),
        ({"limit": 1, "token": "next:x"}, "token"),
        ({"limit": 0}, "limit"),
        ({"query": {"eo:cloud_cover": {"about": 5}}}, "query"),
        ({"sortby": [{"field": "id", "direction": "up"}]}, "sortby"),
        ({"fields": {"include": "id"}}, "include"),
        ({"limit": 5000}, "limit"),
        ({"intersects": {"type": "Nothing"}}, "intersects"),
        ({"filter": "a b c("}, "filter"),
    ],
)
def test_a_malformed_search_is_refused_by_name(stac: str, body: dict[str, Any], name: str) -> None:
    answer = requests.post(f"{stac}/search", json=body, timeout=10)
    assert answer.status_code == 400
    assert name in answer.json()["detail"]


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
