"""Client of the GeoCatalog data plane: one method for each call of the stac and inma routes that the app makes."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests

from shared.basics.errors import ItemExists, Unavailable
from shared.services.answers import Refusal, json_object, json_of, operation_id_of, refusal_of
from shared.services.geocatalog_requests import CatalogRequests

# 100 is the service's default page of operations, newest first.
OPERATIONS_PAGE = 100


class GeoCatalog(CatalogRequests):
    """The stac and inma routes the app needs."""

    # Items

    def post_item(self, collection: str, body: bytes) -> str:
        """Posts an item; returns the id of its operation.

        Raises:
            ItemExists: GeoCatalog answers at once that there is one (409). The recorded service accepts the item and
                fails its operation instead; the official client knows both.
        """
        path = f"/stac/collections/{_part(collection)}/items"
        response = self._request("POST", path, expected={202, 409}, data=body)
        if response.status_code == HTTPStatus.CONFLICT:
            raise ItemExists(f"GeoCatalog answered 409 {refusal_of(response).code} to POST {path}.")
        return operation_id_of(response)

    def put_item(self, collection: str, item_id: str, body: bytes) -> str | None:
        """Replaces an item; returns the id of its operation, or None where there is nothing to replace."""
        path = f"/stac/collections/{_part(collection)}/items/{_part(item_id)}"
        response = self._request("PUT", path, expected={202, 404}, data=body)
        return operation_id_of(response) if response.status_code == HTTPStatus.ACCEPTED else None

    def delete_item(self, collection: str, item_id: str) -> str | None:
        """Deletes an item; returns the id of its operation, or None where there was nothing to delete."""
        return self._deletion(f"/stac/collections/{_part(collection)}/items/{_part(item_id)}")

    def get_item(self, collection: str, item_id: str) -> dict[str, Any] | None:
        """Reads an item; None where it or its collection does not exist."""
        return self._read(f"/stac/collections/{_part(collection)}/items/{_part(item_id)}")

    # Collections

    def get_collection(self, collection: str) -> dict[str, Any] | None:
        """Reads a collection; None where it does not exist."""
        return self._read(f"/stac/collections/{_part(collection)}")

    def collections(self) -> list[dict[str, Any]]:
        """Reads every collection."""
        found = self._read("/stac/collections") or {}
        return list(found.get("collections", []))

    def post_collection(self, definition: Mapping[str, Any]) -> str | None:
        """Creates a collection; returns the id of its operation, or None where none was started (201).

        Raises:
            Unavailable: there is one of this id, or was a moment ago: it is to be looked at again (409).
        """
        response = self._request("POST", "/stac/collections", expected={201, 202, 409}, json=dict(definition))
        if response.status_code == HTTPStatus.CONFLICT:
            refusal = refusal_of(response)
            raise Unavailable(f"GeoCatalog answered 409 {refusal.code} to POST /stac/collections: {refusal.message}")
        return operation_id_of(response) if response.status_code == HTTPStatus.ACCEPTED else None

    def put_collection(self, collection: str, definition: Mapping[str, Any]) -> None:
        """Replaces the document of a collection."""
        self._request("PUT", f"/stac/collections/{_part(collection)}", expected={200, 202}, json=dict(definition))

    def delete_collection(self, collection: str) -> str | None:
        """Deletes a collection with its items; returns the id of its operation, or None where there was none."""
        return self._deletion(f"/stac/collections/{_part(collection)}")

    def put_collection_asset(
        self, collection: str, key: str, *, fields: str, name: str, content: bytes, media_type: str, exists: bool
    ) -> None:
        """Uploads a collection asset such as the thumbnail.

        Args:
            collection: id of the collection.
            key: key of the asset.
            fields: the asset's own fields as JSON text.
            name: file name.
            content: the file.
            media_type: its media type.
            exists: whether the asset is there already and is replaced.
        """
        path = f"/stac/collections/{_part(collection)}/assets"
        self._request(
            "PUT" if exists else "POST",
            f"{path}/{_part(key)}" if exists else path,
            expected={200, 201},
            data={"data": fields},
            files={"file": (name, content, media_type)},
        )

    def get_thumbnail(self, collection: str) -> bytes | None:
        """Reads the thumbnail of a collection; None where it has none."""
        response = self._get(f"/stac/collections/{_part(collection)}/thumbnail")
        return response.content if response.status_code == HTTPStatus.OK else None

    def get_configuration(self, collection: str, part: str) -> Any:  # noqa: ANN401 - a list or an object, by part
        """Reads a part of a collection's configuration, such as `render-options`; None where there is none."""
        response = self._get(f"/stac/collections/{_part(collection)}/configurations/{part}")
        return json_of(response) if response.status_code == HTTPStatus.OK else None

    def post_configuration(self, collection: str, part: str, value: Mapping[str, Any]) -> None:
        """Adds a render option or a mosaic."""
        path = f"/stac/collections/{_part(collection)}/configurations/{part}"
        self._request("POST", path, expected={200, 201}, json=dict(value))

    def put_configuration(
        self, collection: str, part: str, value: Mapping[str, Any], *, key: str | None = None
    ) -> None:
        """Replaces a render option or mosaic by id, or a part that is one object, such as `tile-settings`."""
        path = f"/stac/collections/{_part(collection)}/configurations/{part}"
        self._request("PUT", f"{path}/{_part(key)}" if key else path, expected={200, 201, 202, 204}, json=dict(value))

    def delete_configuration(self, collection: str, part: str, key: str) -> None:
        """Deletes a render option or a mosaic; that it is gone already is no fault."""
        path = f"/stac/collections/{_part(collection)}/configurations/{part}/{_part(key)}"
        self._request("DELETE", path, expected={200, 204, 404})

    def get_queryables(self, collection: str) -> dict[str, Any] | None:
        """Reads the queryables of a collection as a JSON Schema."""
        return self._read(f"/stac/collections/{_part(collection)}/queryables")

    def post_queryables(self, collection: str, queryables: list[dict[str, Any]]) -> None:
        """Adds queryables."""
        self._request("POST", f"/stac/collections/{_part(collection)}/queryables", expected={200, 201}, json=queryables)

    def put_queryable(self, collection: str, queryable: Mapping[str, Any]) -> None:
        """Replaces a queryable by its name."""
        path = f"/stac/collections/{_part(collection)}/queryables/{_part(str(queryable['name']))}"
        self._request("PUT", path, expected={200, 201}, json=dict(queryable))

    def delete_queryable(self, collection: str, name: str) -> None:
        """Deletes a queryable; that it is gone already is no fault."""
        path = f"/stac/collections/{_part(collection)}/queryables/{_part(name)}"
        self._request("DELETE", path, expected={200, 204, 404})

    def search(self, query: Mapping[str, Any], *, sign: bool = False) -> dict[str, Any]:
        """Searches items (STAC API item search).

        Args:
            query: collections, ids, bbox, datetime, limit, token, …
            sign: whether asset hrefs come signed, ready to download.

        Returns:
            The FeatureCollection of one page.
        """
        params = {"sign": "true"} if sign else {}
        response = self._request("POST", "/stac/search", expected={200}, json=dict(query), params=params, is_read=True)
        return json_object(response)

    # Operations

    def get_operation(self, operation_id: str) -> dict[str, Any] | None:
        """Reads an operation; None where the service does not know it."""
        return self._read(f"/inma/operations/{_part(operation_id)}")

    def cancel_operation(self, operation_id: str) -> bool:
        """Asks for the end of one operation; returns whether the service knows it.

        Raises:
            ValueError: the id is empty, which would ask for the end of every operation of the catalogue.
        """
        if not operation_id:
            raise ValueError("an operation id must not be empty")
        path = f"/inma/operations/{_part(operation_id)}"
        return self._request("DELETE", path, expected={200, 202, 204, 404}).status_code != HTTPStatus.NOT_FOUND

    def operations(self, *, max_pages: int) -> Iterator[list[dict[str, Any]]]:
        """Lists operations page by page, newest first, as the service keeps them.

        Args:
            max_pages: how many pages to read at most.
        """
        return self._pages("/inma/operations", max_pages=max_pages)

    # Ingestion sources

    def sources(self) -> Iterator[list[dict[str, Any]]]:
        """Lists ingestion sources page by page: id, kind and created only."""
        return self._pages("/inma/ingestion-sources", max_pages=100)

    def get_source(self, source_id: str) -> dict[str, Any] | None:
        """Reads an ingestion source; None where it does not exist."""
        return self._read(f"/inma/ingestion-sources/{_part(source_id)}")

    def post_source(self, source: Mapping[str, Any]) -> dict[str, Any] | Refusal:
        """Creates an ingestion source; returns it, or the refusal where its container has one already (409)."""
        response = self._request("POST", "/inma/ingestion-sources", expected={200, 201, 409}, json=dict(source))
        return refusal_of(response) if response.status_code == HTTPStatus.CONFLICT else json_object(response)

    def put_source(self, source_id: str, source: Mapping[str, Any]) -> dict[str, Any] | None:
        """Replaces an ingestion source in place; returns it, or None where it does not exist."""
        response = self._request(
            "PUT", f"/inma/ingestion-sources/{_part(source_id)}", expected={200, 201, 404}, json=dict(source)
        )
        return None if response.status_code == HTTPStatus.NOT_FOUND else json_object(response)

    def managed_identities(self) -> list[dict[str, Any]]:
        """Lists the identities that are attached to the GeoCatalog."""
        found = self._read("/inma/ingestion-sources/managed-identities") or {}
        return list(found.get("value", []))

    # Shapes that several calls share

    def _deletion(self, path: str) -> str | None:
        response = self._request("DELETE", path, expected={202, 204, 404})
        return operation_id_of(response) if response.status_code == HTTPStatus.ACCEPTED else None

    def _read(self, path: str) -> dict[str, Any] | None:
        response = self._get(path)
        return json_object(response) if response.status_code == HTTPStatus.OK else None

    def _get(self, path: str) -> requests.Response:
        return self._request("GET", path, expected={200, 204, 404}, is_read=True)


def _part(text: str) -> str:
    return quote(text, safe="")
