"""Searches the GeoCatalog page by page."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cli.options.search import Query
from shared.services.geocatalog import GeoCatalog

# Items of one page; the service takes up to 1,000 (azure-planetarycomputer 1.0.0, StacSearchParameters.limit).
_PAGE = 250


def search_catalog(
    query: Query, geocatalog: GeoCatalog, *, limit: int | None = None, sign: bool = False
) -> Iterator[dict[str, Any]]:
    """Yields the items that GeoCatalog finds.

    Args:
        query: what to search for.
        geocatalog: the GeoCatalog.
        limit: the most items; None for all.
        sign: whether asset hrefs come signed, ready to download.

    Raises:
        CommandError: the query is malformed.
        IngestionError: GeoCatalog refused or did not answer.
    """
    body = query.body()
    found = 0
    token: str | None = None
    while limit is None or found < limit:
        size = _PAGE if limit is None else min(_PAGE, limit - found)
        page = geocatalog.search({**body, "limit": size, **({"token": token} if token else {})}, sign=sign)
        features = page.get("features") or []
        yield from features
        found += len(features)
        token = next_token(page)
        if not token or not features:
            return


def next_token(page: dict[str, Any]) -> str | None:
    """Reads the token of the next page, which stands in the link's href or in the body to send."""
    link = next((link for link in page.get("links") or [] if link.get("rel") == "next"), None)
    if link is None:
        return None
    body = link.get("body")
    if isinstance(body, dict) and body.get("token"):
        return str(body["token"])
    return next(iter(parse_qs(urlsplit(str(link.get("href"))).query).get("token", [])), None)
