import io
import re
import string
from collections import Counter
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

COLLECTION = "sentinel-2-l2a"
NEIGHBOURS = "sentinel-2-neighbours"


def slug(name: str) -> str:
    """The id that the tutorial makes of a render option's name."""
    return name.translate(str.maketrans("", "", string.punctuation)).lower().replace(" ", "-")[:30]


def mosaic_info(url: str, collection: str) -> Any:  # noqa: ANN401 - JSON
    return requests.get(f"{url}/api/data/v1/mosaic/info", params={"collection": collection}, timeout=10).json()


@pytest.mark.parametrize("collection", [COLLECTION, NEIGHBOURS])
def test_mosaic_info_has_what_real_ones_have(planetary_computer: str, collection: str) -> None:
    info = mosaic_info(planetary_computer, collection)
    assert set(info) == {"mosaics", "renderOptions", "defaultLocation", "defaultCustomQuery"}
    options = info["renderOptions"]
    for option in options:
        assert {"name", "description", "type", "options", "minZoom"} <= set(option)
        assert option["type"] == "raster-tile"
    names = [option["name"] for option in options]
    assert len(set(names)) == len(names) >= 4
    assert any(set(name) & set(string.punctuation) for name in names)
    assert [] in [mosaic["cql"] for mosaic in info["mosaics"]]


def test_the_tutorials_render_options_become_good_ids(planetary_computer: str) -> None:
    options = mosaic_info(planetary_computer, COLLECTION)["renderOptions"]
    slugs = [slug(option["name"]) for option in options]
    assert len(set(slugs)) == len(slugs) >= 5
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", each) for each in slugs)
    assert all(len(option["name"]) <= 40 for option in options)
    assert any(option.get("conditions") for option in options)


def test_other_render_options_do_not(planetary_computer: str) -> None:
    info = mosaic_info(planetary_computer, NEIGHBOURS)
    names = [option["name"] for option in info["renderOptions"]]
    slugs = Counter(slug(name) for name in names)
    assert max(slugs.values()) == 2
    assert any(each.endswith("-") for each in slugs)
    assert any(len(name) > 40 for name in names)
    assert any(len(mosaic["name"]) > 30 for mosaic in info["mosaics"])


@pytest.mark.parametrize(("query", "status"), [("?collection=none", 404), ("", 400)])
def test_mosaic_info_of_nothing_is_refused(planetary_computer: str, query: str, status: int) -> None:
    answer = requests.get(f"{planetary_computer}/api/data/v1/mosaic/info{query}", timeout=10)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_the_thumbnail_is_a_picture(planetary_computer: str) -> None:
    collection = requests.get(f"{planetary_computer}/api/stac/v1/collections/{COLLECTION}", timeout=10).json()
    answer = requests.get(collection["assets"]["thumbnail"]["href"], timeout=10)
    assert answer.headers["Content-Type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) >= 200
        assert np.asarray(picture).std() > 20


def test_computed_assets_answer(planetary_computer: str) -> None:
    found = requests.get(f"{planetary_computer}/api/stac/v1/search?limit=1", timeout=10).json()
    item = found["features"][0]
    preview = requests.get(item["assets"]["rendered_preview"]["href"], timeout=10)
    with Image.open(io.BytesIO(preview.content)) as picture:
        assert picture.format == "PNG"
        assert picture.mode == "RGB"
    tilejson = requests.get(item["assets"]["tilejson"]["href"], timeout=10).json()
    assert tilejson["name"] == item["id"]
    assert tilejson["bounds"] == item["bbox"]
    assert all("{z}/{x}/{y}" in tile and tile.startswith(planetary_computer) for tile in tilejson["tiles"])
    unknown = f"{planetary_computer}/api/data/v1/item/preview.png?collection={COLLECTION}&item=none"
    assert requests.get(unknown, timeout=10).status_code == 404
