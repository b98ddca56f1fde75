"""HTTP sessions that keep their connections, read the environment once and send what is ready as it is."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPConnectionPool

# As many threads as PYTHON_THREADPOOL_THREAD_COUNT gives the app, twice over, so that no connection is thrown away.
POOL_SIZE = 64
# A URL that needs no more quoting.
_READY_URL = re.compile(r"https?://[!-~]+")
_WITHOUT_BODY = frozenset({"GET", "HEAD"})


class PooledAdapter(HTTPAdapter):
    """Requests' own adapter, which looks up its pool of connections once per origin instead of at each call."""

    def __init__(self, **options: Any) -> None:
        super().__init__(pool_maxsize=POOL_SIZE, **options)
        self._pools: dict[tuple[str, object], HTTPConnectionPool] = {}

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> HTTPConnectionPool:
        """Returns the pool of connections to the request's origin."""
        if proxies or cert:
            return super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
        key = (str(request.url).split("/", 3)[2], verify)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = super().get_connection_with_tls_context(request, verify)
        return pool


class PooledSession(requests.Session):
    """A session that sends a request with its URL and body ready as it is, and keeps no cookies.

    What requests does before it sends (quoting the URL anew, merging settings, cookies and hooks) costs a fifth of a
    storage call's processor time and changes nothing of what the SDKs hand it. All else goes requests' own way.
    """

    def request(  # type: ignore[override]  # the rest as requests takes it
        self, method: str, url: str, *, headers: Any = None, data: Any = None, **options: Any
    ) -> requests.Response:
        """Sends a request as requests does."""
        unready = any(options.get(name) is not None for name in ("params", "json", "files", "auth", "cookies", "hooks"))
        if unready or options.get("allow_redirects", True) or not isinstance(data, bytes | str | None):
            return super().request(method, url, headers=headers, data=data, **options)
        if not _READY_URL.fullmatch(url):
            return super().request(method, url, headers=headers, data=data, **options)
        verify, stream = options.get("verify"), bool(options.get("stream"))
        response = self.get_adapter(url).send(
            self._prepared(method, url, headers or {}, data.encode() if isinstance(data, str) else data),
            stream=stream,
            timeout=options.get("timeout"),
            verify=self.verify if verify is None else verify,
            cert=options.get("cert"),
            proxies=options.get("proxies") or self.proxies,
        )
        if not stream:
            _ = response.content  # read here, so that the connection is free again
        return response

    def _prepared(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> requests.PreparedRequest:
        request = requests.PreparedRequest()
        request.method, request.url, request.body = method, url, body or None
        request.headers = CaseInsensitiveDict(self.headers)
        request.headers.update(headers)
        if body or method not in _WITHOUT_BODY:
            request.headers["Content-Length"] = str(len(body or b""))
        return request


def certificates() -> str | bool:
    """Returns the file of authorities to trust that the environment names, as requests reads it; True for its own."""
    verify: str | bool = _environment("https://localhost")["verify"]
    return verify


def pooled_session(adapter: PooledAdapter) -> PooledSession:
    """Builds a session over one adapter, which uses no proxy until use_proxies names one.

    Otherwise requests looks through the environment and for a .netrc file at each call: a tenth of what a storage call
    costs, and an entry of that file would take the place of the token.
    """
    session = PooledSession()
    session.trust_env = False
    session.verify = certificates()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def use_proxies(session: requests.Session, *urls: str) -> None:
    """Has a session use the proxy that the environment names for the hosts of some URLs, no_proxy heeded."""
    for url in urls:
        parts = urlsplit(url)
        proxies = _environment(url)["proxies"]
        proxy = proxies.get(parts.scheme) or proxies.get("all")
        if proxy:
            session.proxies[f"{parts.scheme}://{parts.hostname}"] = proxy


def _environment(url: str) -> Mapping[str, Any]:
    with requests.Session() as session:
        return session.merge_environment_settings(url, {}, None, None, None)
