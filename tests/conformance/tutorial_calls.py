"""The calls of Microsoft's GeoCatalog tutorial, in its order, with what it takes for granted.

The tutorial is https://learn.microsoft.com/azure/planetary-computer/api-tutorial. This is not its code, but asks the
services for the same things in the same order, and trusts them in the same places: a new collection can be used at
once, every item has the assets that it deletes, an operation that is not `Running` has ended, and render options can
be stored under ids that are cut from their names.
"""

import io
import string
import time
from collections import Counter
from typing import Any

import requests
from PIL import Image
from pystac_client import Client

API_VERSION = "2025-04-30-preview"
SOURCE_COLLECTION = "sentinel-2-l2a"
BOX = [-22.455626, 63.834083, -22.395201, 63.880750]
DAYS = "2024-02-04/2024-02-11"
NOT_STORED = ("rendered_preview", "preview", "tilejson")
THUMBNAIL = '{"key": "thumbnail", "href": "", "type": "image/png", "roles": ["thumbnail"], "title": "Thumbnail"}'
MOSAIC = {"id": "mos1", "name": "Most recent available", "description": "The newest images", "cql": []}

_TIMEOUT = 60


class Tutorial:
    """One run of the tutorial.

    Args:
        geocatalog: URL of the GeoCatalog.
        planetary_computer: URL of the open Planetary Computer.
        token: A bearer token for the GeoCatalog.
        collection: Id of the collection that is made, filled and deleted.
    """

    def __init__(self, *, geocatalog: str, planetary_computer: str, token: str, collection: str) -> None:
        self._geocatalog = geocatalog
        self._planetary_computer = planetary_computer
        self._headers = {"Authorization": f"Bearer {token}"}
        self._collection = collection

    def run(self) -> None:
        """Make the calls.

        Raises:
            AssertionError: A step has not done what the next one needs.
            requests.HTTPError: A call was refused.
        """
        container = self._make_collection()
        items = self._search_source()
        self._register_source(container)
        self._ingest(items)
        self._configure()
        found = self._search()
        assert {one["id"] for one in found} == {one["id"] for one in items}
        self._download(found[0]["assets"]["B09"]["href"])
        self._delete(found)

    def _call(self, method: str, path: str, *, sign: bool = False, **options: Any) -> Any:  # noqa: ANN401 - JSON
        parameters = {"api-version": API_VERSION} | ({"sign": "true"} if sign else {})
        url = f"{self._geocatalog}{path}"
        answer = requests.request(method, url, params=parameters, headers=self._headers, timeout=_TIMEOUT, **options)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def _source(self, path: str) -> requests.Response:
        answer = requests.get(f"{self._planetary_computer}{path}", timeout=_TIMEOUT)
        answer.raise_for_status()
        return answer

    def _make_collection(self) -> str:
        wanted = self._source(f"/api/stac/v1/collections/{SOURCE_COLLECTION}").json()
        wanted["id"] = wanted["title"] = self._collection
        account, container = wanted.pop("msft:storage_account"), wanted.pop("msft:container")
        thumbnail_url = wanted.pop("assets")["thumbnail"]["href"]
        self._call("POST", "/stac/collections", json=wanted)
        thumbnail = requests.get(thumbnail_url, timeout=_TIMEOUT).content
        Image.open(io.BytesIO(thumbnail)).verify()
        path = f"/stac/collections/{self._collection}"
        self._call("POST", f"{path}/assets", data={"data": THUMBNAIL}, files={"file": ("t.png", thumbnail)})
        # The tutorial sends a body with this GET.
        assert self._call("GET", path, json={"collection_id": self._collection})["title"] == self._collection
        # In Azure the account is a name; beside Azurite it is the account's endpoint.
        return f"{account}/{container}"

    def _search_source(self) -> list[dict[str, Any]]:
        client = Client.open(f"{self._planetary_computer}/api/stac/v1")
        search = client.search(collections=[SOURCE_COLLECTION], bbox=BOX, datetime=DAYS)
        items = [item.to_dict() for item in search.item_collection()]
        assert len(items) == 6
        return items

    def _register_source(self, container: str) -> None:
        token = self._source(f"/api/sas/v1/token/{SOURCE_COLLECTION}").json()["token"]
        for source in self._call("GET", "/inma/ingestion-sources")["value"]:
            shown = self._call("GET", f"/inma/ingestion-sources/{source['id']}")
            assert shown["connectionInfo"]["containerUrl"] != container
        connection = {"containerUrl": container, "sasToken": token}
        self._call("POST", "/inma/ingestion-sources", json={"kind": "SasToken", "connectionInfo": connection})

    def _ingest(self, items: list[dict[str, Any]]) -> None:
        operations = []
        for item in items:
            for key in NOT_STORED:
                del item["assets"][key]
            posted = {**item, "collection": self._collection}
            accepted = self._call("POST", f"/stac/collections/{self._collection}/items", json=posted)
            operations.append(accepted["id"])
        give_up = time.monotonic() + _TIMEOUT
        while True:
            statuses = Counter(self._call("GET", f"/inma/operations/{one}")["status"] for one in operations)
            if not statuses["Running"]:
                break
            assert time.monotonic() < give_up, statuses
            time.sleep(0.05)
        assert statuses == {"Succeeded": len(items)}

    def _configure(self) -> None:
        path = f"/stac/collections/{self._collection}/configurations"
        options = self._source(f"/api/data/v1/mosaic/info?collection={SOURCE_COLLECTION}").json()["renderOptions"]
        for option in options:
            plain = option["name"].translate(str.maketrans("", "", string.punctuation))
            option["id"] = plain.lower().replace(" ", "-")[:30]
            self._call("POST", f"{path}/render-options", json=option)
        self._call("POST", f"{path}/mosaics", json=MOSAIC)

    def _search(self) -> list[dict[str, Any]]:
        search = {"collections": [self._collection], "bbox": BOX}
        features: list[dict[str, Any]] = self._call("POST", "/stac/search", json=search, sign=True)["features"]
        return features

    def _download(self, href: str) -> None:
        answer = requests.get(href, timeout=_TIMEOUT)
        answer.raise_for_status()
        assert min(Image.open(io.BytesIO(answer.content)).size) > 0

    def _delete(self, items: list[dict[str, Any]]) -> None:
        for item in items:
            self._call("DELETE", f"/stac/collections/{self._collection}/items/{item['id']}")
        self._search()
        self._call("DELETE", f"/stac/collections/{self._collection}")
