"""Fetches what a message names by URL: only from allowed hosts, never from the app's own network, within limits."""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

import requests
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobServiceClient
from urllib3.exceptions import HTTPError

from shared.basics.blob_urls import leads_out, parse_blob_url
from shared.basics.clock import utc_now
from shared.basics.errors import BadMessage, ErrorCode, IngestionError, Unavailable
from shared.http.sessions import plain_session
from shared.settings import LOOPBACK_HOSTS, Settings
from shared.storage.payloads import INCOMING, PAYLOADS

_TIMEOUT = (5.0, 30.0)
_CHUNK = 256 * 1024
# How long the list of source hosts is believed: sources are added seldom and fetches can come by the thousand.
_HOSTS_LIFE = timedelta(minutes=1)
_DEFAULT_PORTS = {"https": 443, "http": 80}
_GONE = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


class HrefReader:
    """Reads message hrefs.

    Allowed are the app's own containers `payloads` and `incoming`, the hosts of every ingestion source, the Planetary
    Computer, and ALLOWED_HREF_HOSTS.

    Args:
        blobs: client of the ingestion storage's blobs.
        settings: the app's settings.
        source_urls: reads the URLs of the containers that have an ingestion source.
        time_limit: how long the transfer of one file may take. A host that sends a byte now and then would otherwise
            hold its function until the platform kills it, with all that the same worker does.
    """

    def __init__(
        self,
        blobs: BlobServiceClient,
        settings: Settings,
        source_urls: Callable[[], Iterable[str]],
        *,
        time_limit: timedelta,
    ) -> None:
        self._blobs = blobs
        self._settings = settings
        self._source_urls = source_urls
        self._time_limit = time_limit
        self._session = plain_session()
        self._lock = threading.Lock()
        self._source_hosts: frozenset[str] = frozenset()
        self._hosts_until: datetime | None = None

    @contextmanager
    def open(self, href: str, *, trusted: bool = False, start: int = 0) -> Iterator[Iterator[bytes]]:
        """Opens a URL for reading in chunks.

        Args:
            href: the URL of a message.
            trusted: whether the URL comes from a configured service, not from a message, so may lie on any public host.
            start: the byte to begin at; nothing is read of a file that ends before.

        Yields:
            The content, chunk by chunk.

        Raises:
            BadMessage: the URL is refused, or there is nothing there.
            Unavailable: its host does not answer, or not now.
        """
        own = self._own_blob(href)
        if own:
            yield self._read_own(*own, start=start)
            return
        parts = self._checked(href, trusted=trusted)
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            response = self._session.get(href, stream=True, timeout=_TIMEOUT, allow_redirects=False, headers=headers)
        except requests.RequestException as error:
            raise Unavailable(f"{_shown(parts)} did not answer ({type(error).__name__}).") from error
        with response:
            chunks = _chunks(response, parts, self._time_limit)
            if response.status_code == HTTPStatus.OK:
                yield _without_start(chunks, start)
            elif start and response.status_code == HTTPStatus.PARTIAL_CONTENT:
                yield chunks
            elif start and response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                yield iter(())
            else:
                raise _fault(response.status_code, parts)

    def read_all(self, href: str, *, limit: int, trusted: bool = False) -> bytes:
        """Reads a whole file of at most `limit` bytes.

        Args:
            href: see open.
            limit: most bytes to read.
            trusted: see open.

        Raises:
            BadMessage: see open; or it is larger than the limit.
            Unavailable: see open.
        """
        with self.open(href, trusted=trusted) as chunks:
            content = bytearray()
            for chunk in chunks:
                content += chunk
                if len(content) > limit:
                    raise BadMessage(
                        f"The file at the href is larger than {limit:,} bytes.", code=ErrorCode.HREF_TOO_LARGE
                    )
        return bytes(content)

    def check(self, url: str) -> None:
        """Make sure that a URL may be asked: that its host is allowed, and is not of the app's own network.

        Raises:
            BadMessage: it may not.
            Unavailable: its host has no address.
        """
        self._checked(url, trusted=False)

    def is_payload(self, href: str) -> bool:
        """Tells whether a URL is that of a body which the app itself keeps in the container `payloads`."""
        own = self._own_blob(href)
        return own is not None and own[0] == PAYLOADS

    def read_own(self, href: str, *, limit: int) -> bytes:
        """Reads a blob of the ingestion storage itself, in whichever container it lies.

        Raises:
            BadMessage: it lies elsewhere, is not there, or is larger than the limit.
            Unavailable: the storage account does not answer, or refuses.
        """
        url, endpoint = parse_blob_url(href), self._endpoint()
        if url is None or url.endpoint != endpoint or not url.blob:
            raise BadMessage("The URL is not that of a blob of the ingestion storage.", code=ErrorCode.HREF_REFUSED)
        content = b"".join(self._read_own(url.container, url.blob))
        if len(content) > limit:
            raise BadMessage(f"The blob is larger than {limit:,} bytes.", code=ErrorCode.HREF_TOO_LARGE)
        return content

    def _endpoint(self) -> str:
        own = parse_blob_url(f"{self._blobs.url.partition('?')[0].rstrip('/')}/{PAYLOADS}")
        return own.endpoint if own else ""

    def _own_blob(self, href: str) -> tuple[str, str] | None:
        url = parse_blob_url(href)
        if url is None or url.endpoint != self._endpoint() or url.container not in {PAYLOADS, INCOMING}:
            return None
        return None if leads_out(url.blob) or not url.blob else (url.container, url.blob)

    def _read_own(self, container: str, blob: str, *, start: int = 0) -> Iterator[bytes]:
        client = self._blobs.get_blob_client(container, blob)
        try:
            yield from client.download_blob(offset=start or None, max_concurrency=1).chunks()
        except HttpResponseError as error:
            if start and error.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return
            # 400: a name that no blob can have.
            if error.status_code not in {HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST}:
                raise _own_fault(container, error) from error
            raise BadMessage(
                f"There is no blob at the href in container {container}; send the file again.",
                code=ErrorCode.HREF_NOT_FOUND,
            ) from None
        except AzureError as error:
            raise _own_fault(container, error) from error

    def _checked(self, href: str, *, trusted: bool) -> SplitResult:
        try:
            parts = urlsplit(href)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise BadMessage("The href is not a URL.", code=ErrorCode.HREF_REFUSED) from None
        if parts.scheme not in _DEFAULT_PORTS or not host:
            raise BadMessage("The href is not an absolute https URL.", code=ErrorCode.HREF_REFUSED)
        if parts.username or parts.password:
            raise BadMessage("The href holds a user name or password; remove it.", code=ErrorCode.HREF_REFUSED)
        with_port = f"{host}:{port or _DEFAULT_PORTS[parts.scheme]}"
        allowed = self._allowed_hosts()
        if not {host, with_port} & allowed and (not trusted or host in LOOPBACK_HOSTS):
            raise BadMessage(
                f"The href's host {with_port} is not allowed; add it to ALLOWED_HREF_HOSTS, or put the file into "
                f"container {INCOMING}.",
                code=ErrorCode.HREF_REFUSED,
            )
        is_own_machine = host in LOOPBACK_HOSTS
        if parts.scheme == "http" and not is_own_machine:
            raise BadMessage("The href is not https.", code=ErrorCode.HREF_REFUSED)
        if not is_own_machine:
            _check_address(host)
        return parts

    def _allowed_hosts(self) -> frozenset[str]:
        now = utc_now()
        with self._lock:
            due = self._hosts_until is None or now > self._hosts_until
        if due:
            hosts = frozenset(_host_with_port(url) for url in self._source_urls())
            with self._lock:
                self._source_hosts, self._hosts_until = hosts, now + _HOSTS_LIFE
        own = {_host_with_port(self._settings.planetary_computer_url)}
        return self._source_hosts | self._settings.extra_href_hosts | own


def _host_with_port(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or _DEFAULT_PORTS.get(parts.scheme, 443)}"


def _check_address(host: str) -> None:
    """Refuses a host whose name leads into the app's own network, such as the cloud's metadata address."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise Unavailable(f"The href's host {host} has no address ({type(error).__name__}).") from error
    if any(not ipaddress.ip_address(str(address).split("%")[0]).is_global for address in found):
        raise BadMessage(
            f"The href's host {host} has an address of the app's own network; it is not fetched.",
            code=ErrorCode.HREF_REFUSED,
        )


def _own_fault(container: str, error: AzureError) -> Unavailable:
    status = getattr(error, "status_code", None)
    said = f"{type(error).__name__} {status}" if status else type(error).__name__
    return Unavailable(
        f"The blob at the href could not be read ({said}); look at the state of the storage account and at the app's "
        f"role on container {container}.",
        code=ErrorCode.STORAGE_UNAVAILABLE,
    )


def _chunks(response: requests.Response, parts: SplitResult, limit: timedelta) -> Iterator[bytes]:
    end = time.monotonic() + limit.total_seconds()
    try:
        # Whatever has come, however little: to wait for a full chunk would be to wait without a limit.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            yield chunk
            if time.monotonic() > end:
                raise Unavailable(f"{_shown(parts)} sent its file for longer than {limit} and was left.")
    except HTTPError as error:
        raise Unavailable(f"{_shown(parts)} broke off ({type(error).__name__}).") from error


def _without_start(chunks: Iterator[bytes], start: int) -> Iterator[bytes]:
    # A server that knows no ranges answers with the whole file.
    for chunk in chunks:
        yield chunk[start:]
        start = max(0, start - len(chunk))


def _fault(status: int, parts: SplitResult) -> IngestionError:
    said = f"{_shown(parts)} answered {status}"
    if status in _GONE:
        return BadMessage(f"{said}: there is nothing at the href.", code=ErrorCode.HREF_NOT_FOUND)
    if (
        status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        return Unavailable(f"{said}.")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return BadMessage(f"{said}: redirects are not followed; send the final URL.", code=ErrorCode.HREF_REFUSED)
    return BadMessage(f"{said}: sign the href, or put the file into container {INCOMING}.", code=ErrorCode.HREF_REFUSED)


def _shown(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc}{parts.path[:200]}"
