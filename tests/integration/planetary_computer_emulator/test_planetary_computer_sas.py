import datetime as dt
import io
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import requests
import tifffile
from azure.storage.blob import ContainerClient

from local.azurite import Azurite

COLLECTION = "sentinel-2-l2a"


def newest_item(url: str) -> dict[str, Any]:
    found = requests.get(f"{url}/api/stac/v1/search?limit=1", timeout=10).json()
    item: dict[str, Any] = found["features"][0]
    return item


def token(url: str, path: str = COLLECTION) -> tuple[str, dt.datetime]:
    answer = requests.get(f"{url}/api/sas/v1/token/{path}", timeout=10).json()
    assert set(answer) == {"msft:expiry", "token"}
    assert answer["msft:expiry"].endswith("Z")
    return answer["token"], dt.datetime.fromisoformat(answer["msft:expiry"])


@pytest.mark.parametrize("path", [COLLECTION, "sentinel2l2a01/sentinel2-l2"])
def test_a_token_opens_every_stored_asset(planetary_computer: str, path: str) -> None:
    sas, expiry = token(planetary_computer, path)
    assert dt.timedelta(minutes=59) < expiry - dt.datetime.now(dt.UTC) < dt.timedelta(minutes=61)
    for key, asset in newest_item(planetary_computer)["assets"].items():
        if key in {"tilejson", "rendered_preview"}:
            continue
        assert requests.get(asset["href"], timeout=10).status_code in {403, 404}, f"{key} is public"
        answer = requests.get(f"{asset['href']}?{sas}", timeout=10)
        assert answer.status_code == 200, key
        assert answer.headers["Content-Type"] == asset["type"]


def test_assets_are_what_they_say(planetary_computer: str) -> None:
    sas, _ = token(planetary_computer)
    assets = newest_item(planetary_computer)["assets"]
    for key, shape in {"B02": (128, 128), "B8A": (64, 64), "B09": (32, 32), "visual": (128, 128, 3)}.items():
        content = requests.get(f"{assets[key]['href']}?{sas}", timeout=10).content
        with tifffile.TiffFile(io.BytesIO(content)) as tiff:
            page = tiff.pages.first
            assert page.shape == shape
            assert page.is_tiled
            assert list(shape[:2]) == assets[key]["proj:shape"]
            geotiff = tiff.geotiff_metadata
            assert geotiff is not None
            assert geotiff["ProjectedCSTypeGeoKey"] == 32627
            scale, _, west, _, _, north = assets[key]["proj:transform"]
            assert geotiff["ModelPixelScale"][0] == scale
            assert geotiff["ModelTiepoint"][3:5] == [west, north]
            assert page.asarray().std() > 0
    manifest = requests.get(f"{assets['safe-manifest']['href']}?{sas}", timeout=10)
    assert ET.fromstring(manifest.content).attrib["kind"] == "safe-manifest"  # noqa: S314 - our own file


def test_a_token_lists_but_does_not_write(planetary_computer: str, azurite: Azurite) -> None:
    sas, _ = token(planetary_computer)
    url = f"{azurite.blob_endpoint('sentinel2l2a01')}/sentinel2-l2"
    with ContainerClient.from_container_url(f"{url}?{sas}") as container:
        assert sum(1 for _ in container.list_blob_names()) > 250
    answer = requests.put(f"{url}/intruder?{sas}", data=b"x", headers={"x-ms-blob-type": "BlockBlob"}, timeout=10)
    assert answer.status_code == 403


def test_a_token_runs_out(azurite: Azurite, start_part: Callable[..., str]) -> None:
    storage = azurite.connection_string("sentinel2l2a01")
    url = start_part("local.planetary_computer", "--storage", storage, "--sas-life", "8")
    href = newest_item(url)["assets"]["B09"]["href"]
    sas, expiry = token(url)
    signed = f"{href}?{sas}"
    assert requests.get(signed, timeout=10).status_code == 200
    give_up = time.monotonic() + 60
    while (status := requests.get(signed, timeout=10).status_code) == 200:
        assert time.monotonic() < give_up, "the token still works"
        time.sleep(0.1)
    assert status == 403
    assert dt.datetime.now(dt.UTC) >= expiry
    renewed, _ = token(url)
    assert requests.get(f"{href}?{renewed}", timeout=10).status_code == 200


def test_an_href_is_signed(planetary_computer: str) -> None:
    href = newest_item(planetary_computer)["assets"]["B09"]["href"]
    answer = requests.get(f"{planetary_computer}/api/sas/v1/sign", params={"href": href}, timeout=10).json()
    assert answer["msft:expiry"].endswith("Z")
    assert requests.get(answer["href"], timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("token/none", 404),
        ("token/sentinel2l2a01/none", 404),
        ("token/none/sentinel2-l2", 404),
        ("sign?href=https://elsewhere.invalid/a", 404),
        ("sign", 400),
    ],
)
def test_what_cannot_be_signed_is_refused(planetary_computer: str, path: str, status: int) -> None:
    answer = requests.get(f"{planetary_computer}/api/sas/v1/{path}", timeout=10)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_a_second_start_uploads_nothing_again(
    azurite: Azurite, planetary_computer: str, start_part: Callable[..., str]
) -> None:
    sas, _ = token(planetary_computer)
    href = newest_item(planetary_computer)["assets"]["B09"]["href"]
    before = requests.head(f"{href}?{sas}", timeout=10).headers["ETag"]
    start_part("local.planetary_computer", "--storage", azurite.connection_string("sentinel2l2a01"))
    assert requests.head(f"{href}?{sas}", timeout=10).headers["ETag"] == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--storage", "nonsense"], "--storage is no connection string"),
        (
            ["--storage", "AccountName=a;AccountKey=eA==;BlobEndpoint=http://127.0.0.1:1/a"],
            "cannot store the scenes in http://127.0.0.1:1/a/sentinel2-l2",
        ),
        (["--sas-life", "0"], "'0' is no number of seconds above 0"),
        (["--port", "70000"], "70000 is no port"),
    ],
)
def test_a_wrong_argument_is_a_sentence(options: list[str], sentence: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "local.planetary_computer", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode != 0
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
