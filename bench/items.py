"""The items that benchmarks ingest: about 4 kB with twelve assets, as Sentinel-2's are."""

import json
from typing import Any

COLLECTION = "bench"


def collection() -> dict[str, Any]:
    """Makes the collection that they are ingested into."""
    return {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": COLLECTION,
        "description": "For a benchmark",
        "license": "CC-BY-4.0",
        "links": [],
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]},
        },
    }


def item(item_id: str, *, assets: int = 12) -> dict[str, Any]:
    """Makes an item."""
    ring = [[1, 2], [3, 2], [3, 4], [1, 4], [1, 2]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": item_id,
        "collection": COLLECTION,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [1, 2, 3, 4],
        "properties": {"datetime": "2024-05-01T10:00:00Z", "eo:cloud_cover": 12.3},
        "links": [],
        "assets": {f"B{band:02d}": _asset(item_id, band) for band in range(assets)},
    }


def items(prefix: str, count: int) -> list[dict[str, Any]]:
    """Makes items whose ids begin with `prefix`."""
    return [item(f"{prefix}-{number}") for number in range(count)]


def body(document: dict[str, Any]) -> bytes:
    """Returns an item as it is posted."""
    return json.dumps(document).encode()


def _asset(item_id: str, band: int) -> dict[str, Any]:
    return {
        "href": f"https://example.com/scenes/{item_id}/B{band:02d}_10m.tif",
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "roles": ["data"],
        "title": f"Band {band}",
        "gsd": 10.0,
        "proj:shape": [10_980, 10_980],
        "proj:bbox": [300_000.0, 5_390_220.0, 409_800.0, 5_500_020.0],
    }
