"""Bounding boxes of STAC: 4 numbers in two dimensions, 6 in three."""

_CORNERS = {4: (0, 1, 2, 3), 6: (0, 1, 3, 4)}


def is_bbox(value: object) -> bool:
    """Tell whether a value is a bounding box: 4 or 6 numbers."""
    return (
        isinstance(value, list)
        and len(value) in _CORNERS
        and all(isinstance(one, int | float) and not isinstance(one, bool) for one in value)
    )


def corners(box: list[float]) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a bounding box, without heights."""
    west, south, east, north = (box[index] for index in _CORNERS[len(box)])
    return west, south, east, north
