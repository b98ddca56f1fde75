"""Geometry and bounding box: rings are closed, a missing box is computed; nothing else of a geometry is touched."""

from collections.abc import Iterator
from typing import Any, TypeGuard

from shared.stac.conversions.findings import Conversion, Findings

# RFC 7946, section 3.1.6: a linear ring has four or more positions, of which the first and the last are the same.
_LEAST_POSITIONS = 3
# What is wider may as well lie across the antimeridian, where the box is another one (RFC 7946, section 5.2).
_MAX_WIDTH = 180.0
_LENGTHS = frozenset({4, 6})


def convert_geometry(item: dict[str, Any], findings: Findings) -> None:
    """Close the rings of an item's geometry, and make its bounding box fit.

    Args:
        item: the STAC Item; changed in place.
        findings: told what was changed, and of what cannot be.
    """
    geometry = item.get("geometry")
    if isinstance(geometry, dict):
        _close_rings(geometry, findings)
        if item.get("bbox") is None:
            _add_bbox(item, geometry, findings)
        elif not is_bbox(item["bbox"]):
            findings.fault("it must be a list of 4 numbers, or of 6 with heights: west, south, east, north", "bbox")
    elif "geometry" not in item:
        findings.fault("it is missing; give one, or null for an item without a place", "geometry")
    elif geometry is None and item.pop("bbox", None) is not None:
        findings.converted(Conversion.NO_BBOX, "bbox")


def is_bbox(value: object) -> bool:
    """Tell whether a value is a bounding box of 4 or 6 numbers."""
    return isinstance(value, list) and len(value) in _LENGTHS and all(map(_is_number, value))


def _close_rings(geometry: dict[str, Any], findings: Findings) -> None:
    coordinates = geometry.get("coordinates")
    match geometry.get("type"):
        case "Polygon":
            _close_polygon(coordinates, findings)
        case "MultiPolygon" if isinstance(coordinates, list):
            for polygon in coordinates:
                _close_polygon(polygon, findings)
        case _:
            pass


def _close_polygon(rings: object, findings: Findings) -> None:
    for ring in rings if isinstance(rings, list) else ():
        if not isinstance(ring, list) or not ring or ring[0] == ring[-1] or not all(map(_is_position, ring)):
            continue
        if len({tuple(position) for position in ring}) < _LEAST_POSITIONS:
            findings.fault(
                "it has a ring of fewer than three different positions, which is no area; correct it", "geometry"
            )
        else:
            ring.append(list(ring[0]))
            findings.converted(Conversion.RING, "geometry")


def _add_bbox(item: dict[str, Any], geometry: dict[str, Any], findings: Findings) -> None:
    positions = list(_positions(geometry.get("coordinates")))
    if not positions:
        item.pop("bbox", None)
        return  # no geometry that has a place: the check of the geometry says so
    west, east = min(position[0] for position in positions), max(position[0] for position in positions)
    south, north = min(position[1] for position in positions), max(position[1] for position in positions)
    if east - west > _MAX_WIDTH or west < -_MAX_WIDTH or east > _MAX_WIDTH:
        findings.fault(
            "it is missing, and cannot be computed, since the geometry may cross the antimeridian; give it", "bbox"
        )
        return
    item["bbox"] = [west, south, east, north]
    findings.converted(Conversion.BBOX, "bbox")


def _positions(value: object) -> Iterator[list[float]]:
    if _is_position(value):
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from _positions(inner)


def _is_position(value: object) -> TypeGuard[list[float]]:
    return isinstance(value, list) and len(value) > 1 and all(map(_is_number, value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
