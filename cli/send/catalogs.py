"""Follows the links of a static STAC catalog to its collections and items, one document at a time."""

from collections.abc import Iterator

import pystac
import requests
from pystac.stac_io import DefaultStacIO

from cli.send.documents import Document, Kind, Read, Unreadable
from shared.basics.redact import redact

_TIMEOUT = (5, 60)


class TimedStacIO(DefaultStacIO):
    """Reads as pystac does, but never waits for ever."""

    def read_text_from_href(self, href: str) -> str:
        """Reads a file or URL."""
        if not href.startswith(("https://", "http://")):
            return super().read_text_from_href(href)
        response = requests.get(href, timeout=_TIMEOUT)
        if not response.ok:
            raise OSError(f"the server answered {response.status_code}")
        return response.text


def follow_catalog(href: str, *, collections: bool) -> Iterator[Read]:
    """Follows a static catalog or collection.

    Nothing that was read is kept, so that a catalog of any size can be followed.

    Args:
        href: path or URL of the catalog or collection.
        collections: whether to yield its collections; otherwise its items.
    """
    reader = TimedStacIO()
    pending, seen = [href], set[str]()
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        found = _read(current, reader)
        if isinstance(found, Unreadable):
            if collections:  # both rounds meet it; the first one tells
                yield found
            continue
        if collections and isinstance(found, pystac.Collection):
            body = found.to_dict(include_self_link=False, transform_hrefs=False)
            yield Document(current, Kind.COLLECTION, body)
        links = list(found.links)
        pending += reversed([target for link in links if link.rel == "child" and (target := link.get_absolute_href())])
        if collections:
            continue
        for link in links:
            target = link.get_absolute_href() if link.rel == "item" else None
            if target:
                yield _item(target, reader)


def _read(href: str, reader: TimedStacIO) -> pystac.Catalog | Unreadable:
    try:
        found = pystac.read_file(href, stac_io=reader)
    except Exception as error:  # noqa: BLE001 - whatever a broken document makes pystac raise, the document is at fault
        return _unreadable(href, error)
    if _is_api(found):
        return Unreadable(
            redact(href),
            f"It is a STAC API, not a static catalog; use --search {redact(href)} --collections … and its filters.",
        )
    if isinstance(found, pystac.Catalog):
        return found
    return Unreadable(href, "A child link leads to it, and it is no STAC Catalog or Collection.")


def _is_api(found: pystac.STACObject) -> bool:
    """Tells whether a document is the landing page of a STAC API, whose children are all that the API has."""
    if not isinstance(found, pystac.Catalog) or isinstance(found, pystac.Collection):
        return False
    return "conformsTo" in found.extra_fields or any(link.rel == "search" for link in found.links)


def _item(href: str, reader: TimedStacIO) -> Read:
    try:
        item = pystac.Item.from_file(href, stac_io=reader)
        item.make_asset_hrefs_absolute()
        body = item.to_dict(include_self_link=False, transform_hrefs=False)
    except Exception as error:  # noqa: BLE001 - see _read
        return _unreadable(href, error)
    return Document(href, Kind.ITEM, body)


def _unreadable(href: str, error: Exception) -> Unreadable:
    detail = redact(str(error)).strip().splitlines()
    return Unreadable(href, f"It cannot be read as STAC: {(detail or [type(error).__name__])[0][:200]}.")
