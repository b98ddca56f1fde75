"""What the relative hrefs of an item are relative to.

A document is read in one place (a URL, a file, a page) and checked in another, where that place is no longer known. So
whoever reads it writes its base into it, as its `self` link, and the check resolves against that and says so. The link
itself is never sent.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.stac.urls import is_absolute, is_relative, without_query

_SELF = "self"


def based_at(item: dict[str, Any], *, document_url: str | None = None, file_url: str | None = None) -> dict[str, Any]:
    """Return an item that says what its relative hrefs are relative to; the given one is not changed.

    Args:
        item: the STAC Item, as it was read.
        document_url: the URL that it was fetched from by itself; it is the base then, whatever the item says.
        file_url: the public URL of the file of several items that it stands in; the base where the item has no
            absolute `self` link. Neither a page of an API nor a payload is one.

    Returns:
        The item with the base as its `self` link; the item itself where it has no relative href, or where there is no
        base.
    """
    base = document_url or own_base(item) or file_url
    if base is None or not any(map(is_relative, _hrefs(item))):
        return item
    links = [link for link in _links(item) if not _is_self(link)]
    return {**item, "links": [{"rel": _SELF, "href": without_query(base)}, *links]}


def own_base(document: Mapping[str, Any]) -> str | None:
    """Return the absolute `self` link of an item or collection; None where it has none."""
    for link in filter(_is_self, _links(document)):
        href = link.get("href")
        if isinstance(href, str) and is_absolute(href):
            return href
    return None


def _links(document: Mapping[str, Any]) -> list[Any]:
    links = document.get("links")
    return links if isinstance(links, list) else []


def _is_self(link: Any) -> bool:  # noqa: ANN401 - JSON is any value
    return isinstance(link, dict) and link.get("rel") == _SELF


def _hrefs(item: Mapping[str, Any]) -> Iterator[str]:
    """Yield the hrefs of assets, and of links other than `self`."""
    assets = item.get("assets")
    entries = [*(assets.values() if isinstance(assets, dict) else ()), *_links(item)]
    for entry in entries:
        href = entry.get("href") if isinstance(entry, dict) else None
        if isinstance(href, str) and not _is_self(entry):
            yield href
