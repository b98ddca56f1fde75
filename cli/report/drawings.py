"""Draws the report's map and its bars as SVG, so that the page needs neither scripts nor other files."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from cli.report.facts import Footprint
from shared.records.status_rows import ItemStatus

# Told apart by lightness too, for those who do not see the colours (Okabe and Ito's palette).
STATE_COLOURS: dict[ItemStatus, str] = {
    ItemStatus.SUCCEEDED: "#009e73",
    ItemStatus.SUBMITTED: "#56b4e9",
    ItemStatus.SUBMITTING: "#0072b2",
    ItemStatus.WAITING: "#f0e442",
    ItemStatus.HELD: "#e69f00",
    ItemStatus.FAILED: "#d55e00",
    ItemStatus.CANCELED: "#cc79a7",
    ItemStatus.DELETED: "#999999",
}
_OUTCOME_COLOURS = {
    "ingested": "#009e73",
    "replaced": "#56b4e9",
    "deleted": "#999999",
    "failed": "#d55e00",
    "canceled": "#cc79a7",
    "skipped": "#f0e442",
    "unchanged": "#0072b2",
    "superseded": "#e69f00",
    "applied": "#000000",
    "rejected": "#882255",
}
_WIDTH, _HEIGHT = 960.0, 480.0
_MARGIN = 0.08
_LINES = 6
_BARS_HEIGHT = 200.0
_MOST_DAYS = 60
_MOST_LABELS = 12  # of days; more would run into each other
# An outline smaller than this would not be seen.
_SMALLEST = 3.0


def draw_map(footprints: Sequence[Footprint]) -> str:
    """Draws the outlines of items over a grid of degrees.

    Args:
        footprints: the outlines; the first ones end up on top.

    Returns:
        An SVG element.
    """
    boxes = [(footprint, box) for footprint in footprints for box in _parts(footprint.bbox)]
    frame = _frame([box for _, box in boxes])
    west, south, east, north = frame
    shapes = []
    for footprint, (left, bottom, right, top) in reversed(boxes):
        x, y = (left - west) / (east - west) * _WIDTH, (north - top) / (north - south) * _HEIGHT
        width = max((right - left) / (east - west) * _WIDTH, _SMALLEST)
        height = max((top - bottom) / (north - south) * _HEIGHT, _SMALLEST)
        colour = STATE_COLOURS[footprint.state]
        shapes.append(
            f'<rect class="footprint" data-state="{footprint.state}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" fill="{colour}" stroke="{colour}"><title>{escape(footprint.name)}: '
            f"{footprint.state}</title></rect>"
        )
    return (
        f'<svg class="map" role="img" aria-label="Footprints of {len(footprints)} items by state" '
        f'viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}">{"".join(_grid(frame))}{"".join(shapes)}</svg>'
    )


Box = tuple[float, float, float, float]


def _parts(bbox: Box) -> list[Box]:
    west, south, east, north = bbox
    if west <= east:
        return [bbox]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


def _frame(boxes: Sequence[Box]) -> Box:
    """Returns what the map shows: all outlines with some room, in the picture's own proportions."""
    if not boxes:
        return (-180.0, -90.0, 180.0, 90.0)
    west, south = min(box[0] for box in boxes), min(box[1] for box in boxes)
    east, north = max(box[2] for box in boxes), max(box[3] for box in boxes)
    width = max(east - west, (north - south) * _WIDTH / _HEIGHT, 0.1) * (1 + _MARGIN)
    height = width * _HEIGHT / _WIDTH
    middle_x, middle_y = (west + east) / 2, (south + north) / 2
    return (middle_x - width / 2, middle_y - height / 2, middle_x + width / 2, middle_y + height / 2)


def _grid(frame: Box) -> Iterable[str]:
    west, south, east, north = frame
    step = _round_step((east - west) / _LINES)
    digits = max(0, -math.floor(math.log10(step)))
    degree = math.ceil(west / step) * step
    while degree <= east:
        x = (degree - west) / (east - west) * _WIDTH
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_HEIGHT:.0f}"/>'
        yield f'<text class="degree" x="{x + 3:.1f}" y="{_HEIGHT - 4:.0f}">{degree:.{digits}f}°</text>'
        degree += step
    degree = math.ceil(south / step) * step
    while degree <= north:
        y = (north - degree) / (north - south) * _HEIGHT
        yield f'<line class="grid" x1="0" x2="{_WIDTH:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="degree" x="3" y="{y - 3:.1f}">{degree:.{digits}f}°</text>'
        degree += step


def _round_step(step: float) -> float:
    size = 10.0 ** math.floor(math.log10(step))
    return next(size * factor for factor in (1, 2, 5, 10) if size * factor >= step)


def draw_days(days: Mapping[str, Mapping[str, int]]) -> str:
    """Draws outcomes by day as stacked bars.

    Args:
        days: number of outcomes by day.

    Returns:
        An SVG element.
    """
    days = dict(list(days.items())[-_MOST_DAYS:])
    every = math.ceil(len(days) / _MOST_LABELS) or 1
    highest = max((sum(counts.values()) for counts in days.values()), default=0) or 1
    room = _WIDTH / max(len(days), 7)
    shapes = []
    for number, (day, counts) in enumerate(days.items()):
        y = _BARS_HEIGHT
        for outcome, colour in _OUTCOME_COLOURS.items():
            count = counts.get(outcome, 0)
            height = count / highest * (_BARS_HEIGHT - 20)
            y -= height
            if count:
                shapes.append(
                    f'<rect class="bar" data-outcome="{outcome}" x="{number * room + room * 0.1:.1f}" y="{y:.1f}" '
                    f'width="{room * 0.8:.1f}" height="{height:.1f}" fill="{colour}">'
                    f"<title>{escape(day)}: {count:,} {outcome}</title></rect>"
                )
        if number % every == 0:
            x, total = number * room + room * 0.1, sum(counts.values())
            shapes.append(f'<text class="degree" x="{x:.1f}" y="{_BARS_HEIGHT + 14:.0f}">{escape(day)}</text>')
            shapes.append(f'<text class="degree" x="{x:.1f}" y="{y - 4:.1f}">{total:,}</text>')
    return (
        f'<svg class="days" role="img" aria-label="Outcomes of {len(days)} days" '
        f'viewBox="0 0 {_WIDTH:.0f} {_BARS_HEIGHT + 20:.0f}">{"".join(shapes)}</svg>'
    )


def legend_of_outcomes(days: Mapping[str, Mapping[str, int]]) -> dict[str, str]:
    """Returns the colour of each outcome that the bars show."""
    there = {outcome for counts in days.values() for outcome, count in counts.items() if count}
    return {outcome: colour for outcome, colour in _OUTCOME_COLOURS.items() if outcome in there}
