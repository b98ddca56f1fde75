"""Links: they never decide over ingestion. Navigation is not sent, the others are kept where they lead somewhere."""

from collections.abc import Callable
from typing import Any

from shared.stac.bases import own_base
from shared.stac.conversions.findings import Conversion, Findings
from shared.stac.urls import encoded, has_template, is_absolute, resolve

# They lead through the catalog that a document came from, or belong to the service that it is in: GeoCatalog writes its
# own.
NAVIGATION = frozenset(
    {"self", "root", "parent", "collection", "item", "items", "child", "next", "prev", "queryables"}
    | {"http://www.opengis.net/def/rel/ogc/1.0/queryables"}
)


def convert_links(document: dict[str, Any], is_link: Callable[[Any], bool], findings: Findings) -> None:
    """Leave out the links that are not sent, and make the others absolute.

    Args:
        document: the item or collection; changed in place.
        is_link: tells whether a link is one by the document's own schema.
        findings: told what was changed.
    """
    base, links = own_base(document), document.get("links")
    if not isinstance(links, list):
        findings.converted(Conversion.NO_LINKS, "links")
        links = []
    kept = []
    for number, link in enumerate(links):
        if isinstance(link, dict) and link.get("rel") in NAVIGATION:
            continue
        place = f"links/{number}"
        made = _converted(link, base, place, findings)
        if made is not None and not is_link(made):
            made = _without_nulls(made, place, findings)
        if made is not None and is_link(made):
            kept.append(made)
        else:
            findings.converted(Conversion.LINK, place)
    document["links"] = kept


def _without_nulls(link: dict[str, Any], place: str, findings: Findings) -> dict[str, Any]:
    for name in [name for name, value in link.items() if value is None]:
        findings.converted(Conversion.NULL, f"{place}/{name}")
    return {name: value for name, value in link.items() if value is not None}


def _converted(link: Any, base: str | None, place: str, findings: Findings) -> dict[str, Any] | None:  # noqa: ANN401 - JSON
    if not isinstance(link, dict) or not isinstance(link.get("rel"), str) or not isinstance(link.get("href"), str):
        return None
    href = link["href"]
    try:
        absolute = resolve(href, base) if base else href
    except ValueError:
        return None
    if not is_absolute(absolute):
        return None
    if absolute != href:
        findings.converted(Conversion.RESOLVED, f"{place}/href")
    sent = absolute if has_template(absolute) else encoded(absolute)
    if sent != absolute:
        findings.converted(Conversion.ENCODED, f"{place}/href")
    return {**link, "href": sent}
