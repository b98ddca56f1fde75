"""Client of the open Planetary Computer: its collections, their SAS tokens, and their render configuration."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests
from urllib3.util.retry import Retry

from shared.basics import deadline
from shared.basics.clock import parse_timestamp
from shared.basics.errors import BadContent, ErrorCode, Unavailable
from shared.http.sessions import plain_session

_CONNECT_TIMEOUT_SECONDS = 5.0
_KEY_HEADER = "Ocp-Apim-Subscription-Key"
_RETRIES = Retry(
    total=2,
    backoff_factor=0.5,
    status_forcelist=(500, 502, 503, 504),
    allowed_methods=frozenset({"GET"}),
    respect_retry_after_header=False,
    raise_on_status=False,
)


@dataclass(frozen=True)
class SasToken:
    """A SAS for one container.

    Attributes:
        token: the query string, without a leading `?`.
        expires: when it ends.
    """

    token: str
    expires: datetime

    def __repr__(self) -> str:
        return f"SasToken(expires={self.expires.isoformat()})"


class PlanetaryComputer:
    """The STAC, SAS and data APIs of the open Planetary Computer.

    Args:
        url: its base URL, without a trailing slash.
        read_timeout: how long to wait for an answer.
        subscription_key: sent with each request, and to nobody else; empty for none.
    """

    def __init__(
        self, url: str, *, read_timeout: timedelta = timedelta(seconds=30), subscription_key: str = ""
    ) -> None:
        self._url = url
        self._timeout = (_CONNECT_TIMEOUT_SECONDS, read_timeout.total_seconds())
        self._headers = {_KEY_HEADER: subscription_key} if subscription_key else {}
        self._session = plain_session(retries=_RETRIES)

    def collection(self, collection: str) -> dict[str, Any]:
        """Reads a STAC Collection.

        Raises:
            BadContent: there is none of this id.
            Unavailable: the service does not answer.
        """
        return self._get(f"/api/stac/v1/collections/{quote(collection, safe='')}", f"collection {collection}")

    def mosaic_info(self, collection: str) -> dict[str, Any]:
        """Reads the mosaics and render options of a collection, as its Explorer uses them; empty where it has none.

        Raises:
            BadContent: the service refused.
            Unavailable: the service does not answer.
        """
        path = f"/api/data/v1/mosaic/info?collection={quote(collection, safe='')}"
        return self._read(path, f"render options of {collection}") or {}

    def sas_token(self, collection: str) -> SasToken:
        """Gets a SAS for the container that holds a collection's assets.

        Raises:
            BadContent: there is no collection of this id.
            Unavailable: the service does not answer, or with something else than a SAS.
        """
        answer = self._get(f"/api/sas/v1/token/{quote(collection, safe='')}", f"SAS of {collection}")
        token, expiry = answer.get("token"), answer.get("msft:expiry")
        try:
            if isinstance(token, str) and token and isinstance(expiry, str):
                return SasToken(token.removeprefix("?"), parse_timestamp(expiry))
        except ValueError:
            pass  # said below: the expiry is no timestamp
        raise Unavailable(
            f"The Planetary Computer answered without a token and its expiry for the SAS of {collection}."
        )

    def _get(self, path: str, what: str) -> dict[str, Any]:
        found = self._read(path, what)
        if found is None:
            raise BadContent(
                f"The Planetary Computer answered 404 for the {what}; is the id right?",
                code=ErrorCode.CONFIGURATION_REFUSED,
            )
        return found

    def _read(self, path: str, what: str) -> dict[str, Any] | None:
        """Reads a JSON object; None where there is none."""
        try:
            # Two tries that hang, or one answer that never ends.
            with deadline.limit(2 * self._timeout[1]):
                response = self._session.get(
                    self._url + path, headers=self._headers, timeout=self._timeout, allow_redirects=False
                )
        except requests.RequestException as error:
            raise Unavailable(
                f"The Planetary Computer at {self._url} did not answer ({type(error).__name__})."
            ) from error
        if (
            response.status_code == HTTPStatus.TOO_MANY_REQUESTS
            or response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        ):
            raise Unavailable(f"The Planetary Computer answered {response.status_code} for the {what}.")
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        if response.status_code != HTTPStatus.OK:
            raise BadContent(
                f"The Planetary Computer answered {response.status_code} for the {what}; is the id right?",
                code=ErrorCode.CONFIGURATION_REFUSED,
            )
        try:
            answer = response.json()
        except ValueError:
            raise Unavailable(f"The Planetary Computer answered without JSON for the {what}.") from None
        if not isinstance(answer, dict):
            raise Unavailable(f"The Planetary Computer answered with JSON of another shape for the {what}.")
        return answer


def container_url(collection: dict[str, Any]) -> str | None:
    """Returns the URL of the container that holds the assets of a Planetary Computer collection, if it names one.

    Args:
        collection: the STAC Collection, with `msft:storage_account` (a name, or the account's blob endpoint where it
            is not Azure's) and `msft:container`.
    """
    account, container = collection.get("msft:storage_account"), collection.get("msft:container")
    if not isinstance(account, str) or not isinstance(container, str):
        return None
    endpoint = account.rstrip("/") if "://" in account else f"https://{account}.blob.core.windows.net"
    return f"{endpoint}/{container}"
