"""HTTP sessions that keep their connections and read the environment once."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

# As many threads as PYTHON_THREADPOOL_THREAD_COUNT gives the app, twice over, so that no connection is thrown away.
POOL_SIZE = 64


def certificates() -> str | bool:
    """Returns the file of authorities to trust that the environment names, as requests reads it; True for its own."""
    verify: str | bool = _environment("https://localhost")["verify"]
    return verify


def pooled_session(adapter: HTTPAdapter) -> requests.Session:
    """Builds a session over one adapter, which uses no proxy until use_proxies names one.

    Otherwise requests looks through the environment and for a .netrc file at each call: a tenth of what a storage call
    costs, and an entry of that file would take the place of the token.
    """
    session = requests.Session()
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
