"""Valid STAC documents to start from, each small and made new by each call."""

from typing import Any


def item(item_id: str = "scene-1", collection: str | None = "scenes", **changes: Any) -> dict[str, Any]:
    """Make a valid STAC Item; `changes` replace its top-level fields."""
    document: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": item_id,
        "geometry": {"type": "Point", "coordinates": [11.5, 48.1]},
        "bbox": [11.5, 48.1, 11.5, 48.1],
        "properties": {"datetime": "2026-04-16T10:00:00Z"},
        "links": [],
        "assets": {"visual": {"href": "https://ours.blob.core.windows.net/cogs/scene-1.tif"}},
    }
    if collection is not None:
        document["collection"] = collection
    return document | changes


def collection(collection_id: str = "scenes", **changes: Any) -> dict[str, Any]:
    """Make a valid STAC Collection; `changes` replace its top-level fields."""
    document: dict[str, Any] = {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": collection_id,
        "description": "Scenes of a small country.",
        "license": "CC-BY-4.0",
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
        "links": [],
    }
    return document | changes
