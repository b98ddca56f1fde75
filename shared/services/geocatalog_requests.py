"""One request to GeoCatalog: with a token for its own origin, at the app's own rate, and no write sent twice.

Not the official client: this one never repeats a write by itself, tells a lost response from a refused request, keeps
redirects and foreign origins away from the token, and imports little (see docs/decisions.md).
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from urllib3.util.retry import Retry

from shared.basics import deadline
from shared.basics.errors import ErrorCode, Held, Unavailable
from shared.http.sessions import pooled_session, use_proxies
from shared.services.answers import fault_of, json_object, no_answer, refusal_of
from shared.services.rate_limit import RateLimit
from shared.services.tokens import TokenSource
from shared.services.traced_requests import TracedAdapter

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


class CatalogRequests:
    """Sends requests to one GeoCatalog.

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

    def _pages(self, path: str, *, max_pages: int) -> Iterator[list[dict[str, Any]]]:
        url: str | None = self._url + path
        for _ in range(max_pages):
            if url is None:
                return
            page = json_object(self._request("GET", url, expected={200}, is_read=True))
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
                raise no_answer(error, self._url, is_read=is_read) from error
            if response.status_code == HTTPStatus.UNAUTHORIZED and not is_last:
                self._tokens.forget()
                continue
            break
        if response.status_code in expected:
            return response
        raise fault_of(refusal_of(response), method, urlsplit(url).path, response, is_read=is_read)

    def _pinned(self, path_or_url: str) -> str:
        if path_or_url.startswith("/"):
            return self._url + path_or_url
        if _origin(path_or_url) != self._origin:
            raise Held(
                "GeoCatalog named a page on another origin than GEOCATALOG_URL; no token is sent there.",
                code=ErrorCode.REFUSED,
            )
        return path_or_url


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()
