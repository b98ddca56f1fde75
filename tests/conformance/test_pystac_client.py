"""pystac-client opens the emulator as a STAC API and searches it."""

from typing import Any

import pystac_client
import pytest

from .seed import API_VERSION, COLLECTION
from .tokens import bearer_token


@pytest.fixture(scope="module")
def catalog(endpoint: str) -> pystac_client.Client:
    return pystac_client.Client.open(
        f"{endpoint}/stac",
        headers={"Authorization": f"Bearer {bearer_token()}"},
        parameters={"api-version": API_VERSION},
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_search_follows_every_page(catalog: pystac_client.Client, method: str) -> None:
    search = catalog.search(
        method=method, collections=[COLLECTION], datetime="2022-03-01", limit=5, sortby="-properties.datetime"
    )
    found = [item.id for item in search.items()]
    assert found == [f"scene-{number:03d}" for number in range(11, -1, -1)]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"ids": ["scene-003", "scene-004", "nowhere"]}, {3, 4}),
        ({"bbox": [-84.4601, 33.5999, -84.4599, 33.6001]}, {0}),
        ({"intersects": {"type": "Point", "coordinates": [-84.4599, 33.6001]}}, {0}),
        ({"datetime": "2022-03-01T10:00:02Z/2022-03-01T10:00:04Z"}, {2, 3, 4}),
        ({"filter": {"op": "<=", "args": [{"property": "eo:cloud_cover"}, 1]}, "filter_lang": "cql2-json"}, {0, 1}),
        ({"filter": "eo:cloud_cover BETWEEN 9 AND 10", "filter_lang": "cql2-text"}, {9, 10}),
        ({"filter": "nothing = 3 OR id = 'scene-007'", "filter_lang": "cql2-text"}, {7}),
    ],
)
def test_a_search_finds_what_it_names(
    catalog: pystac_client.Client, method: str, wanted: dict[str, Any], expected: set[int]
) -> None:
    found = {item.id for item in catalog.search(method=method, collections=[COLLECTION], **wanted).items()}
    assert found & {f"scene-{number:03d}" for number in range(12)} == {f"scene-{number:03d}" for number in expected}


def test_the_query_extension_narrows_too(catalog: pystac_client.Client) -> None:
    search = catalog.search(
        collections=[COLLECTION], datetime="2022", query={"eo:cloud_cover": {"gte": 10}}, fields=["id"]
    )
    assert {item["id"] for item in search.items_as_dicts()} == {"scene-010", "scene-011"}
    assert all("assets" not in item for item in search.items_as_dicts())


def test_collections_and_their_items_are_walked(catalog: pystac_client.Client) -> None:
    assert COLLECTION in {collection.id for collection in catalog.get_collections()}
    collection = catalog.get_collection(COLLECTION)
    assert collection is not None
    item = collection.get_item("scene-001")
    assert item is not None
    owner = item.get_collection()
    assert owner is not None
    assert owner.id == COLLECTION
    assert len(list(collection.get_items())) >= 12
