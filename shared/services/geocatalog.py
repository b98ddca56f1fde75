"""Client of the GeoCatalog data plane: one private request method, everything else is one call above it.

Not the official client: this one never repeats a write by itself, tells a lost response from a refused request, keeps
redirects and foreign origins away from the token, and imports little (see docs/decisions.md).
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests
from urllib3.util.retry import Retry

from shared.basics import deadline
from shared.basics.clock import utc_now
from shared.basics.errors import (
    BadContent,
    ErrorCode,
    Held,
    IngestionError,
    ItemExists,
    LostResponse,
    Throttled,
    Unavailable,
)
from shared.basics.redact import redact
from shared.http.sessions import pooled_session, use_proxies
from shared.services.pacing import RateLimit
from shared.services.tokens import TokenSource
from shared.telemetry.http import TracedAdapter

_CONNECT_TIMEOUT_SECONDS = 5.0
# Quick retries of reads only; in all under 5 s. Longer waits delay the message, not the thread.
_READ_RETRIES = Retry(
    total=2,
    backoff_factor=0.5,
    status_forcelist=(500, 502, 503, 504),
    allowed_methods=frozenset({"GET"}),
    respect_retry_after_header=False,
    raise_on_status=False,
)
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_ERROR_CODE = re.compile(r"[^A-Za-z0-9_.-]")
# 100 is the service's default page of operations, newest first.
OPERATIONS_PAGE = 100


@dataclass(frozen=True)
class Refusal:
    """An HTTP answer that is not the expected one: its status and the service's own code and words."""

    status: int
    code: str
    message: str


class GeoCatalog:
    """The stac and inma routes the app needs.

    Args:
        url: base URL of the GeoCatalog, without a trailing slash.
        api_version: such as 2026-04-15.
        tokens: source of bearer tokens, which go to this origin only.
        rate_limit: how fast this process may ask.
        read_timeout: how long to wait for an answer, to its last byte.
    """

    def __init__(
        self, url: str, *, api_version: str, tokens: TokenSource, rate_limit: RateLimit, read_timeout: timedelta
    ) -> None:
        self._url = url
        self._origin = _origin(url)
        self._api_version = api_version
        self._tokens = tokens
        self._rate_limit = rate_limit
        self._read_timeout = read_timeout.total_seconds()
        adapter = TracedAdapter(max_retries=_READ_RETRIES)
        self._session = pooled_session(adapter)
        use_proxies(self._session, url)

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
            raise ItemExists(f"GeoCatalog answered 409 {_refusal(response).code} to POST {path}.")
        return _operation_id(response)

    def put_item(self, collection: str, item_id: str, body: bytes) -> str | None:
        """Replaces an item; returns the id of its operation, or None where there is nothing to replace."""
        path = f"/stac/collections/{_part(collection)}/items/{_part(item_id)}"
        response = self._request("PUT", path, expected={202, 404}, data=body)
        return _operation_id(response) if response.status_code == HTTPStatus.ACCEPTED else None

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
            refusal = _refusal(response)
            raise Unavailable(f"GeoCatalog answered 409 {refusal.code} to POST /stac/collections: {refusal.message}")
        return _operation_id(response) if response.status_code == HTTPStatus.ACCEPTED else None

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
        return _json(response) if response.status_code == HTTPStatus.OK else None

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
        return _json_object(response)

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
        return _refusal(response) if response.status_code == HTTPStatus.CONFLICT else _json_object(response)

    def put_source(self, source_id: str, source: Mapping[str, Any]) -> dict[str, Any] | None:
        """Replaces an ingestion source in place; returns it, or None where it does not exist."""
        response = self._request(
            "PUT", f"/inma/ingestion-sources/{_part(source_id)}", expected={200, 201, 404}, json=dict(source)
        )
        return None if response.status_code == HTTPStatus.NOT_FOUND else _json_object(response)

    def managed_identities(self) -> list[dict[str, Any]]:
        """Lists the identities that are attached to the GeoCatalog."""
        found = self._read("/inma/ingestion-sources/managed-identities") or {}
        return list(found.get("value", []))

    # Below: how every request is made.

    def _deletion(self, path: str) -> str | None:
        response = self._request("DELETE", path, expected={202, 204, 404})
        return _operation_id(response) if response.status_code == HTTPStatus.ACCEPTED else None

    def _read(self, path: str) -> dict[str, Any] | None:
        response = self._get(path)
        return _json_object(response) if response.status_code == HTTPStatus.OK else None

    def _get(self, path: str) -> requests.Response:
        return self._request("GET", path, expected={200, 204, 404}, is_read=True)

    def _pages(self, path: str, *, max_pages: int) -> Iterator[list[dict[str, Any]]]:
        url: str | None = self._url + path
        for _ in range(max_pages):
            if url is None:
                return
            page = _json_object(self._request("GET", url, expected={200}, is_read=True))
            yield list(page.get("value", []))
            next_link = page.get("nextLink")
            url = str(next_link) if next_link else None

    def _request(
        self,
        method: str,
        path_or_url: str,
        *,
        expected: Collection[int],
        is_read: bool = False,
        json: object = None,
        data: Any = None,  # noqa: ANN401 - bytes or form fields, as requests takes them
        files: Any = None,  # noqa: ANN401
        params: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Sends one request with a token.

        Raises:
            Held: 401, 403, 404 where it is not expected, a redirect, 405, or a refused api-version: an operator must
                mend the set-up.
            Throttled: 429 or 503.
            Unavailable: another transient fault; LostResponse where a write may have been done; OutOfTime where the
                invocation has no time left.
            BadContent: any other answer.
        """
        url = self._pinned(path_or_url)
        query = dict(params or {}) if "api-version=" in url else {"api-version": self._api_version, **(params or {})}
        if query:
            url += ("&" if "?" in url else "?") + urlencode(query)
        for is_last in (False, True):
            self._rate_limit.wait()
            headers = {"Authorization": f"Bearer {self._tokens.token()}"}
            if isinstance(data, bytes):
                headers["Content-Type"] = "application/json"
            deadline.check()
            try:
                # The whole answer, with the quick repetitions of a read: each time-out alone is one for each byte.
                with deadline.limit(self._read_timeout):
                    response = self._session.request(
                        method, url, json=json, data=data, files=files, headers=headers,
                        timeout=(_CONNECT_TIMEOUT_SECONDS, self._read_timeout), allow_redirects=False,
                    )  # fmt: skip
            except requests.ConnectTimeout as error:
                raise Unavailable(f"GeoCatalog did not take a connection at {self._url}.") from error
            except requests.RequestException as error:
                raise _no_answer(error, self._url, is_read=is_read) from error
            if response.status_code == HTTPStatus.UNAUTHORIZED and not is_last:
                self._tokens.forget()
                continue
            break
        if response.status_code in expected:
            return response
        raise _fault(_refusal(response), method, urlsplit(url).path, response, is_read=is_read)

    def _pinned(self, path_or_url: str) -> str:
        if path_or_url.startswith("/"):
            return self._url + path_or_url
        if _origin(path_or_url) != self._origin:
            raise Held(
                "GeoCatalog named a page on another origin than GEOCATALOG_URL; no token is sent there.",
                code=ErrorCode.REFUSED,
            )
        return path_or_url


def _part(text: str) -> str:
    return quote(text, safe="")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


def _json(response: requests.Response) -> Any:  # noqa: ANN401
    try:
        return response.json()
    except ValueError:
        raise Unavailable(
            f"GeoCatalog answered {response.status_code} without JSON; is GEOCATALOG_URL right?"
        ) from None


def _json_object(response: requests.Response) -> dict[str, Any]:
    value = _json(response)
    if not isinstance(value, dict):
        raise Unavailable(f"GeoCatalog answered {response.status_code} with JSON of another shape than expected.")
    return value


def _operation_id(response: requests.Response) -> str:
    found = _json_object(response).get("id")
    if not found:
        location = response.headers.get("operation-location") or response.headers.get("Location") or ""
        found = urlsplit(location).path.rstrip("/").rpartition("/")[2]
    if not found:
        raise LostResponse("GeoCatalog accepted the request without naming its operation.")
    return str(found)


def _no_answer(error: requests.RequestException, url: str, *, is_read: bool) -> IngestionError:
    # A refused connection was never sent; anything later may have been done.
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    unsent = type(reason).__name__ in {"NewConnectionError", "ConnectTimeoutError", "NameResolutionError"}
    if is_read or unsent:
        return Unavailable(f"GeoCatalog did not answer at {url} ({type(reason or error).__name__}).")
    return LostResponse(f"GeoCatalog gave no answer to a write ({type(error).__name__}); it may have been done.")


def _refusal(response: requests.Response) -> Refusal:
    code, message = response.headers.get("x-ms-error-code", ""), ""
    try:
        body = response.json()
    except ValueError:
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        code, message = str(error.get("code") or code), str(error.get("message") or "")
    code = _ERROR_CODE.sub("", code)[:100] or f"Http{response.status_code}"
    return Refusal(response.status_code, code, redact(message)[:500])


def _fault(refusal: Refusal, method: str, path: str, response: requests.Response, *, is_read: bool) -> IngestionError:
    said = f"GeoCatalog answered {refusal.status} {refusal.code} to {method} {path}"
    detail = f": {refusal.message}" if refusal.message else "."
    if refusal.status in {429, 503}:
        return Throttled(said + detail, retry_after=_retry_after(response.headers.get("Retry-After")))
    if refusal.status in _TRANSIENT or refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # A gateway's 500, 502 or 504 does not say whether the write behind it was done.
        return Unavailable(said + detail) if is_read else LostResponse(said + detail)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        return Held(f"{said}; check GEOCATALOG_SCOPE and the app's identity.", code=ErrorCode.UNAUTHENTICATED)
    if refusal.status == HTTPStatus.FORBIDDEN:
        return Held(
            f"{said}; give the app's identity the role GeoCatalog Administrator (it takes minutes to act).",
            code=ErrorCode.FORBIDDEN,
        )
    if refusal.status == HTTPStatus.NOT_FOUND and _is_of_a_collection(path, refusal):
        return Held(f"{said}{detail} Create the collection; the app then retries.", code=ErrorCode.NO_COLLECTION)
    if refusal.status == HTTPStatus.NOT_FOUND:
        return Held(f"{said}{detail} Check GEOCATALOG_URL: no GeoCatalog answers there.", code=ErrorCode.WRONG_ADDRESS)
    if _is_wrong_address(refusal):
        return Held(f"{said}{detail} Check GEOCATALOG_URL and GEOCATALOG_API_VERSION.", code=refusal.code)
    return BadContent(said + detail, code=refusal.code)


def _is_of_a_collection(path: str, refusal: Refusal) -> bool:
    """Tell whether a 404 is GeoCatalog's word on a collection: other servers answer 404 without an error code."""
    return path.startswith("/stac/collections/") and refusal.code != f"Http{refusal.status}"


def _is_wrong_address(refusal: Refusal) -> bool:
    """Tells whether the address or the api-version is refused, for which no item is at fault."""
    is_redirect = HTTPStatus.MULTIPLE_CHOICES <= refusal.status < HTTPStatus.BAD_REQUEST
    return is_redirect or refusal.status == HTTPStatus.METHOD_NOT_ALLOWED or "ApiVersion" in refusal.code


def _retry_after(value: str | None) -> timedelta | None:
    if not value:
        return None
    try:
        return timedelta(seconds=max(0, int(value)))
    except (ValueError, OverflowError):
        pass
    try:
        return max(parsedate_to_datetime(value) - utc_now(), timedelta(0))
    except (ValueError, TypeError):
        return None
