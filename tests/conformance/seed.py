"""What the official client's tests expect to find: the sample collection with items, and some more collections."""

import json
import time
from typing import Any

import requests
from azure.storage.blob import BlobServiceClient

COLLECTION = "naip"
API_VERSION = "2026-04-15"


def collection(collection_id: str) -> dict[str, Any]:
    return {
        "id": collection_id,
        "type": "Collection",
        "stac_version": "1.0.0",
        "title": f"Collection {collection_id}",
        "description": f"The collection {collection_id} of the conformance tests",
        "license": "proprietary",
        "links": [],
        "extent": {
            "spatial": {"bbox": [[-85.6, 30.3, -80.8, 35.1]]},
            "temporal": {"interval": [["2010-01-01T00:00:00Z", None]]},
        },
    }


def item(number: int, collection_id: str = COLLECTION, day: str = "2022-03-01") -> dict[str, Any]:
    west, south = -84.46 + number / 1000, 33.60 + number / 1000
    east, north = west + 0.05, south + 0.05
    source = f"https://publicscenes.blob.core.windows.net/scenes/{number}"
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": f"scene-{number:03d}",
        "collection": collection_id,
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
        },
        "bbox": [west, south, east, north],
        "properties": {"datetime": f"{day}T10:00:{number % 60:02d}Z", "gsd": 0.6, "eo:cloud_cover": number},
        "links": [],
        "assets": {
            "image": {
                "href": f"{source}/image.tif",
                "type": "image/tiff; application=geotiff; profile=cloud-optimized",
                "roles": ["data"],
            },
            "thumbnail": {"href": f"{source}/thumbnail.jpg", "type": "image/jpeg", "roles": ["thumbnail"]},
        },
        "stac_extensions": ["https://stac-extensions.github.io/eo/v1.1.0/schema.json"],
    }


class Seeder:
    """Fills an emulator over plain HTTP, and waits for the outcome of each operation."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"
        self._session.params = {"api-version": API_VERSION}

    def add_collection(self, collection_id: str) -> None:
        self._wait(self._session.post(f"{self._url}/stac/collections", json=collection(collection_id), timeout=30))

    def add_items(self, items: list[dict[str, Any]]) -> None:
        path = f"{self._url}/stac/collections/{items[0]['collection']}/items"
        for response in [self._session.post(path, json=one, timeout=30) for one in items]:
            self._wait(response)

    def be_quick(self) -> None:
        self._session.put(
            f"{self._url}/_emulator/behavior", json={"ingest_seconds": [0, 0.05]}, timeout=30
        ).raise_for_status()

    def _wait(self, response: requests.Response) -> None:
        assert response.status_code == 202, response.text
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            operation = self._session.get(f"{self._url}/inma/operations/{response.json()['id']}", timeout=30).json()
            if operation["status"] not in ("Pending", "Running"):
                assert operation["status"] == "Succeeded", operation
                return
            time.sleep(0.01)
        raise AssertionError(f"an operation did not end: {operation}")


def publish_catalog(connection_string: str) -> str:
    """Put a static catalogue of three items into a public container and give its address."""
    service = BlobServiceClient.from_connection_string(connection_string)
    container = service.create_container("published-catalog", public_access="blob")
    names = []
    for number in range(900, 903):
        names.append(f"items/{number}.json")
        container.upload_blob(names[-1], json.dumps(item(number, day="2015-01-01")))
    links = [{"rel": "item", "href": f"./{name}"} for name in names]
    catalog = {"type": "Catalog", "stac_version": "1.0.0", "id": "c", "description": "d", "links": links}
    container.upload_blob("catalog.json", json.dumps(catalog))
    return f"{container.url}/catalog.json"
