"""The links of an item, which depend on the address the client used."""

from typing import Any
from urllib.parse import quote


def with_links(item: dict[str, Any], origin: str) -> dict[str, Any]:
    """Add the links that the service writes.

    Args:
        item: A stored item.
        origin: The address the client used.

    Returns:
        The item with its links.
    """
    collection = f"{origin}/stac/collections/{item['collection']}"
    item["links"] = [
        *item["links"],
        {"rel": "collection", "type": "application/json", "href": collection},
        {"rel": "parent", "type": "application/json", "href": collection},
        {"rel": "root", "type": "application/json", "href": f"{origin}/stac/"},
        {
            "rel": "self",
            "type": "application/geo+json",
            "href": f"{collection}/items/{quote(item['id'], safe='')}",
        },
    ]
    return item
