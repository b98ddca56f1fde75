"""HTTP sessions that keep their connections, read the environment once and send what is ready as it is."""

import re
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connectionpool import ConnectionPool
from urllib3.util.retry import Retry

from shared.basics.host_limits import host_limits
from shared.http.fresh_connections import FRESH_POOLS

# A URL as requests would leave it: quoted where it must be and nowhere else, no `.` or `..`, no fragment.
_QUOTED = r"%(?:[01][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-DF]|[89A-F][0-9A-F])"
_PATH = rf"(?:/(?!\.\.?(?:[/?]|$))(?:[\w.~!$&'()*+,;=:@-]|{_QUOTED})*)+"
_QUERY = rf"(?:[\w.~!$&'()*+,;=:@/?-]|{_QUOTED})+"
_READY_URL = re.compile(rf"https?://[a-z0-9.-]+(?::\d+)?{_PATH}(?:\?{_QUERY})?", re.ASCII)
# What requests makes a URL, a body or headers of.
_TO_PREPARE = ("params", "json", "files", "auth", "cookies", "hooks")
_WITHOUT_BODY = frozenset({"GET", "HEAD"})


class PooledAdapter(HTTPAdapter):
    """Requests' own adapter, which looks up its pool of connections once per origin instead of at each call."""

    def __init__(self, **options: Any) -> None:
        # Twice as many connections to a host as messages of a queue at once, so that none is thrown away: timers and
        # runs of several calls at once have threads besides.
        super().__init__(pool_maxsize=2 * host_limits().queue_width, **options)
        self._pools: dict[tuple[str, object], ConnectionPool] = {}

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Builds the pools, of connections that are not used again after a pause."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = FRESH_POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:  # noqa: ANN401 - urllib3's own, without a type
        """Return the pools of connections through a proxy, which are built in the same way."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = FRESH_POOLS
        return manager

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> ConnectionPool:
        """Returns the pool of connections to the request's origin."""
        if proxies or cert:
            return super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
        key = ("/".join(str(request.url).split("/", 3)[:3]), verify)
        if key not in self._pools:
            self._pools[key] = super().get_connection_with_tls_context(request, verify)
        return self._pools[key]


class PooledSession(requests.Session):
    """A session that sends a request with its URL and body ready as it is.

    What requests does before it sends (quoting the URL anew, merging settings, cookies and hooks) costs a fifth of a
    storage call's processor time and changes nothing of what the SDKs hand it. All else goes requests' own way.
    """

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        """Sends a request as requests does."""
        if not _is_ready(url, options):
            return super().request(method, url, **options)
        stream = bool(options.get("stream"))
        verify = options.get("verify")
        response = self.get_adapter(url).send(
            self._prepared(method, url, options.get("headers") or {}, options.get("data")),
            stream=stream,
            timeout=options.get("timeout"),
            verify=self.verify if verify is None else verify,  # type: ignore[arg-type]  # never None
            cert=options.get("cert"),
            proxies=options.get("proxies") or self.proxies,
        )
        if not stream:
            _ = response.content  # read now, so that the connection is free again
        return response

    def _prepared(
        self, method: str, url: str, headers: Mapping[str, str], data: bytes | str | None
    ) -> requests.PreparedRequest:
        body = data.encode() if isinstance(data, str) else data
        request = requests.PreparedRequest()
        request.method, request.url, request.body = method, url, body or None
        request.headers = CaseInsensitiveDict({**self.headers, **headers})  # type: ignore[arg-type]  # no bytes in ours
        if body or method not in _WITHOUT_BODY:
            request.headers["Content-Length"] = str(len(body or b""))
        return request


def _is_ready(url: str, options: Mapping[str, Any]) -> bool:
    return (
        not options.get("allow_redirects", True)
        and isinstance(options.get("data"), bytes | str | None)
        and all(options.get(name) is None for name in _TO_PREPARE)
        and _READY_URL.fullmatch(url) is not None
    )


def certificates() -> str | bool:
    """Returns the file of authorities to trust that the environment names, as requests reads it; True for its own."""
    verify: str | bool = _environment("https://localhost")["verify"]
    return verify


def pooled_session(adapter: PooledAdapter) -> PooledSession:
    """Builds a session over one adapter, which keeps no cookies and uses no proxy until use_proxies names one.

    Otherwise requests looks through the environment and for a .netrc file at each call: a tenth of what a storage call
    costs, and an entry of that file would take the place of the token.
    """
    session = PooledSession()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.verify = certificates()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def plain_session(*, retries: Retry | int = 0) -> requests.Session:
    """Build a session for hosts that are not known beforehand, with the proxies that the environment names.

    Args:
        retries: quick repetitions of a request, by urllib3's rules.
    """
    session = requests.Session()
    adapter = PooledAdapter(max_retries=retries)
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
