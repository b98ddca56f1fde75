"""Takes blob URLs apart: https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB, and path-style ones of Azurite."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_CLIMBING = frozenset({".", ".."})


@dataclass(frozen=True)
class BlobUrl:
    """A URL of a container or of a blob in it, without its query.

    Attributes:
        endpoint: the account's blob endpoint, such as https://ours.blob.core.windows.net.
        account: name of the storage account.
        container: name of the container.
        blob: name of the blob, percent-decoded; empty for the container itself.
    """

    endpoint: str
    account: str
    container: str
    blob: str

    @property
    def container_url(self) -> str:
        """URL of the container, without a trailing slash."""
        return f"{self.endpoint}/{self.container}"


def parse_blob_url(url: str) -> BlobUrl | None:
    """Takes a blob or container URL apart.

    Args:
        url: an absolute http(s) URL; its query is left out.

    Returns:
        Its parts; None where it names no account or container, or is not a URL.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host:
        return None
    segments = parts.path.lstrip("/").split("/")
    if _is_path_style(host):
        account, *segments = segments
        endpoint = f"{parts.scheme}://{parts.netloc.lower()}/{account}"
    else:
        account = host.split(".")[0]
        endpoint = f"{parts.scheme}://{parts.netloc.lower()}"
    if not account or not segments or not segments[0]:
        return None
    return BlobUrl(endpoint, account, segments[0], unquote("/".join(segments[1:])))


def leads_out(blob: str) -> bool:
    """Tell whether a blob's name has a segment `.` or `..`: HTTP clients resolve these, also out of the container."""
    return not _CLIMBING.isdisjoint(blob.replace("\\", "/").split("/"))


def _is_path_style(host: str) -> bool:
    # Azurite serves every account under one address: the account is the first path segment there.
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
