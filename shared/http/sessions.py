"""HTTP sessions that keep their connections and read the environment once."""

from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.util.retry import Retry

from shared.basics.host_limits import host_limits
from shared.http.fresh_connections import FRESH_POOLS


class PooledAdapter(HTTPAdapter):
    """Requests' own adapter, with as many connections as the app's threads need, none of them stale."""

    def __init__(self, **options: Any) -> None:
        # Twice as many connections to a host as messages of a queue at once, so that none is thrown away: timers and
        # runs of several calls at once have threads besides.
        super().__init__(pool_maxsize=2 * host_limits().queue_width, **options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Build the pools, of connections that are not used again after a pause."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = FRESH_POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:  # noqa: ANN401 - urllib3's own, without a type
        """Return the pools of connections through a proxy, which are built in the same way."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = FRESH_POOLS
        return manager


class PlainSession(requests.Session):
    """A session that takes the environment's proxies for each host, and never reads a .netrc file.

    Requests ties both to one switch, `trust_env`. A .netrc entry would send a password to a host that was asked for
    without one, and take the place of a token.
    """

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:  # noqa: ANN401 - as requests' own
        """Return the settings of a request, with the environment's proxies for its host."""
        chosen = {**get_environ_proxies(url), **(proxies or {})}
        return super().merge_environment_settings(url, chosen, stream, verify, cert)

    def rebuild_proxies(self, prepared_request: Any, proxies: Any) -> Any:  # noqa: ANN401 - as requests' own
        """Return the proxies for where a redirect leads."""
        del proxies  # they are those of the host before
        of_target = get_environ_proxies(str(prepared_request.url))
        return super().rebuild_proxies(prepared_request, of_target)  # type: ignore[no-untyped-call]


def certificates() -> str | bool:
    """Return the file of authorities to trust that the environment names, as requests reads it; True for its own."""
    verify: str | bool = _environment("https://localhost")["verify"]
    return verify


def pooled_session(adapter: PooledAdapter) -> requests.Session:
    """Build a session over one adapter, which keeps no cookies and uses no proxy until use_proxies names one.

    Otherwise requests looks through the environment and for a .netrc file at each call: a tenth of what a storage call
    costs, and an entry of that file would take the place of the token.
    """
    return _complete(requests.Session(), adapter)


def plain_session(*, retries: Retry | int = 0) -> requests.Session:
    """Build a session for hosts that are not known beforehand, with the proxies that the environment names.

    It keeps no cookies, and reads no .netrc file.

    Args:
        retries: quick repetitions of a request, by urllib3's rules.
    """
    return _complete(PlainSession(), PooledAdapter(max_retries=retries))


def _complete(session: requests.Session, adapter: PooledAdapter) -> requests.Session:
    session.trust_env = False
    session.verify = certificates()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def use_proxies(session: requests.Session, *urls: str) -> None:
    """Make a session use the proxy that the environment names for the hosts of some URLs, no_proxy heeded."""
    for url in urls:
        parts = urlsplit(url)
        proxies = _environment(url)["proxies"]
        proxy = proxies.get(parts.scheme) or proxies.get("all")
        if proxy:
            session.proxies[f"{parts.scheme}://{parts.hostname}"] = proxy


def _environment(url: str) -> Mapping[str, Any]:
    with requests.Session() as session:
        return session.merge_environment_settings(url, {}, None, None, None)
