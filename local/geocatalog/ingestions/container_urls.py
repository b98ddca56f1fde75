"""Which URLs can be those of a blob container."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

# Containers: up to 63 of a-z, 0-9 and single hyphens, or one of the three that storage makes itself
# (https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata). Storage
# wants at least three letters in both names; that is not asked here, because the service only compares URLs.
_CONTAINER = re.compile(r"(?=.{1,63}\Z)[a-z0-9]+(-[a-z0-9]+)*|\$root|\$web|\$logs")
# Accounts: up to 24 of a-z and 0-9; a second endpoint of an account in Azurite ends in -secondary.
_ACCOUNT = re.compile(r"[a-z0-9]{1,24}(-secondary)?")
_HOST = re.compile(r"(?i)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_AZURE = re.compile(r"(?i)([^.]+)\.(?:[^.]+\.)?blob\..+")


def is_container_url(url: str) -> bool:
    """Tell whether a URL can be that of a blob container.

    Args:
        url: Such as `https://account.blob.core.windows.net/container`, or `http://127.0.0.1:10000/account/container`
            where the host names no account, as in Azurite. A slash at its end is ignored.
    """
    try:
        parts = urlsplit(url)
        is_address = (
            parts.scheme in ("http", "https")
            and _is_host(parts)
            and not (parts.username or parts.password or parts.query or parts.fragment)
        )
    except ValueError:
        return False
    if not is_address or not parts.path.startswith("/"):
        return False
    *accounts, container = parts.path.removesuffix("/")[1:].split("/")
    if _CONTAINER.fullmatch(container) is None:
        return False
    host = parts.hostname or ""
    if in_azure := _AZURE.fullmatch(host):
        return not accounts and _ACCOUNT.fullmatch(in_azure[1].lower()) is not None
    if "." in host and not _is_ip(host):  # an account's own domain
        return not accounts
    return len(accounts) == 1 and _ACCOUNT.fullmatch(accounts[0]) is not None


def _is_host(parts: SplitResult) -> bool:
    """Tell whether a URL's host and port are spelt right.

    Raises:
        ValueError: The port is not one.
    """
    host = parts.hostname or ""
    _ = parts.port
    # "https://http://…" would be the host "http" with a port that is left out.
    return not parts.netloc.endswith(":") and (_is_ip(host) or _HOST.fullmatch(host) is not None)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
