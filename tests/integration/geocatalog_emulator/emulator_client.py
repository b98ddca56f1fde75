"""A client that hides nothing of what the emulator answers."""

import itertools
import time
from typing import Any, Self

import requests

from local.identity import CLIENT_ID, Identity, make_token

NUMBERS = itertools.count()
TERMINAL = {"Succeeded", "Failed", "Canceled"}
AUDIENCE = "https://geocatalog.spatio.azure.com"


def bearer(audience: str = AUDIENCE, age: int = 0) -> dict[str, str]:
    """Make the header with a token that was made `age` seconds ago and lives for an hour."""
    token = make_token(Identity("unused"), audience, CLIENT_ID, int(time.time()) - age)
    return {"Authorization": f"Bearer {token}"}


def collection(collection_id: str) -> dict[str, Any]:
    return {
        "id": collection_id,
        "type": "Collection",
        "stac_version": "1.0.0",
        "description": "A collection",
        "license": "CC-BY-4.0",
        "links": [],
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]},
        },
    }


def item(item_id: str, href: str = "https://scenes.blob.core.windows.net/c/a.tif", **changes: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": item_id,
        "geometry": {"type": "Point", "coordinates": [8, 47]},
        "bbox": [8, 47, 8, 47],
        "properties": {"datetime": "2024-05-01T10:00:00Z"},
        "links": [],
        "assets": {"image": {"href": href, "type": "image/tiff; application=geotiff"}},
        **changes,
    }


class EmulatorClient:
    """Talks to one emulator; `collection_id` is a collection of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.collection_id = f"collection-{next(NUMBERS)}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.params = {"api-version": "2026-04-15"}
        self.session.headers.update(bearer())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.session.close()

    @property
    def items(self) -> str:
        return f"/stac/collections/{self.collection_id}/items"

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.url}{path}", **{"timeout": 30, **options})

    def json(self, path: str, **parameters: object) -> Any:  # noqa: ANN401
        response = self.send("GET", path, params=parameters)
        assert response.status_code == 200, response.text
        return response.json()

    def control(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, f"{self.url}/_emulator/{path}", timeout=30, **options)

    def behave(self, **settings: object) -> None:
        response = self.control("PUT", "behavior", json=settings)
        assert response.status_code == 200, response.text

    def make_collection(self) -> None:
        assert self.outcome(self.send("POST", "/stac/collections", json=collection(self.collection_id))) == "Succeeded"

    def post(self, body: object) -> requests.Response:
        return self.send("POST", self.items, json=body)

    def ended(self, accepted: requests.Response) -> dict[str, Any]:
        """Wait for the operation of a 202 and give it."""
        assert accepted.status_code == 202, accepted.text
        return self.wait_for(accepted.json()["id"], TERMINAL)

    def wait_for(self, operation_id: str, statuses: set[str]) -> dict[str, Any]:
        give_up = time.monotonic() + 120
        while time.monotonic() < give_up:
            operation: dict[str, Any] = self.json(f"/inma/operations/{operation_id}")
            if operation["status"] in statuses:
                return operation
            time.sleep(0.01)
        raise AssertionError(f"the operation did not get to {statuses}: {operation}")

    def outcome(self, accepted: requests.Response) -> str:
        """Wait for the operation of a 202 and give its error code, or else its status."""
        operation = self.ended(accepted)
        code: str = operation["statusHistory"][-1].get("errorCode", operation["status"])
        return code


def error_of(response: requests.Response) -> tuple[int, str]:
    """Give status and code of a refusal, whose shape is checked."""
    error = response.json()["error"]
    assert error["message"]
    assert response.headers["x-ms-error-code"] == error["code"]
    return response.status_code, error["code"]
