"""Follows the links of a static STAC catalog to its collections and items, one document at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from cli.documents.documents import Document, Kind, Read, Unreadable, kind_of
from cli.documents.inputs import is_url
from shared.basics.json_codec import read_json
from shared.basics.redact import redact
from shared.http.sessions import plain_session
from shared.messages.decoding import BOM
from shared.stac.bases import based_at
from shared.stac.urls import resolve, scheme_of

# Connect and read, in seconds.
_TIMEOUT = (5, 60)


def follow_catalog(href: str, *, collections: bool) -> Iterator[Read]:
    """Follow a static catalog or collection.

    Nothing that was read is kept, so that a catalog of any size can be followed. What is yielded is as it was read, so
    that an item is the same whether it is found here or named itself.

    Args:
        href: path or URL of the catalog or collection.
        collections: whether to yield its collections; otherwise its items.
    """
    pending, seen = [href], set[str]()
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        found = _catalog(current)
        if isinstance(found, Unreadable):
            if collections:  # both rounds meet it; the first one tells
                yield found
            continue
        if collections and found.kind is Kind.COLLECTION:
            yield found
        pending += reversed(list(_targets(found.body, "child", current)))
        if not collections:
            yield from map(_item, _targets(found.body, "item", current))


def _targets(body: dict[str, Any], rel: str, origin: str) -> Iterator[str]:
    """Yield where the links of a relation lead: URLs, or paths where the document is a file."""
    links = body.get("links")
    for link in links if isinstance(links, list) else ():
        href = link.get("href") if isinstance(link, dict) and link.get("rel") == rel else None
        if not isinstance(href, str):
            continue
        if is_url(origin):
            try:
                yield resolve(href, origin)
            except ValueError:
                yield href  # no URL: it is told when it cannot be read
        else:
            yield href if scheme_of(href) in {"http", "https"} else str(Path(origin).parent / href)


def _catalog(href: str) -> Document | Unreadable:
    found = _read(href)
    if isinstance(found, Unreadable):
        return found
    if _is_api(found.body):
        return Unreadable(
            redact(href),
            f"It is a STAC API, not a static catalog; use --search {redact(href)} --collections … and its filters.",
        )
    if found.kind is Kind.COLLECTION or found.kind is Kind.CATALOG:
        return found
    # Before STAC 1.0 a catalog had no type.
    if "type" not in found.body and isinstance(found.body.get("links"), list):
        return found
    return Unreadable(redact(href), "A child link leads to it, and it is no STAC Catalog or Collection.")


def _is_api(body: dict[str, Any]) -> bool:
    """Tell whether a document is the landing page of a STAC API, whose children are all that the API has."""
    if kind_of(body) is Kind.COLLECTION:
        return False
    links = body.get("links")
    rels = {link.get("rel") for link in links if isinstance(link, dict)} if isinstance(links, list) else set()
    return "conformsTo" in body or "search" in rels


def _item(href: str) -> Read:
    found = _read(href)
    if isinstance(found, Document) and found.kind is not Kind.ITEM:
        return Unreadable(found.origin, "An item link leads to it, and it is no STAC Item.")
    return found


def _read(href: str) -> Document | Unreadable:
    try:
        content = _content(href)
        body = read_json(content.removeprefix(BOM))
    except (OSError, requests.RequestException) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Unreadable(redact(href), f"It cannot be read: {redact(said).splitlines()[0][:200]}.")
    except ValueError as error:
        return Unreadable(redact(href), f"It is not JSON: {error}.")
    if not isinstance(body, dict):
        return Unreadable(redact(href), "It is JSON, but not an object.")
    based = based_at(body, document_url=href) if is_url(href) else body
    return Document(redact(href), kind_of(body), based)


def _content(href: str) -> bytes:
    if not is_url(href):
        return Path(href).read_bytes()
    with plain_session() as session:
        response = session.get(href, timeout=_TIMEOUT)
    if not response.ok:
        raise OSError(f"the server answered {response.status_code}")
    return response.content
