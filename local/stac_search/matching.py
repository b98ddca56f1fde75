"""Matching items exactly: areas, CQL2 filters, and the query extension."""

from collections.abc import Callable, Iterator
from typing import Any

import shapely
from cql2 import Expr
from shapely.geometry import box, shape

from local.stac_search.errors import SearchError
from local.stac_search.item_store import Item
from local.stac_search.parameters import SearchParameters
from local.stac_search.query import matches_query

Matcher = Callable[[Item], bool]


def matchers_of(parameters: SearchParameters) -> Iterator[Matcher]:
    """Return what an item must meet besides what the database has narrowed by.

    Args:
        parameters: The search.

    Yields:
        Functions that tell whether an item meets a part of the search.

    Raises:
        SearchError: A geometry, a filter or a query is wrong.
    """
    if parameters.bbox is not None:
        yield _intersects(_box(parameters.bbox))
    if parameters.intersects is not None:
        yield _intersects(to_shape(parameters.intersects))
    if parameters.query is not None:
        yield matches_query(parameters.query)
    if parameters.filter is not None:
        yield _matches_expression(parse_expression(parameters.filter, "filter"))


def to_shape(geometry: dict[str, Any]) -> shapely.Geometry:
    """Return a GeoJSON geometry as a shape.

    Raises:
        SearchError: It is no geometry, or an empty one.
    """
    try:
        made = shape(geometry)
    except (shapely.errors.ShapelyError, AttributeError, KeyError, TypeError, ValueError, IndexError):
        made = None
    if made is None or made.is_empty:
        raise SearchError("The field 'intersects' must be a GeoJSON geometry.")
    return made


def _box(bounds: list[float]) -> shapely.Geometry:
    west, south, east, north = bounds
    if west <= east:
        return box(west, south, east, north)
    return shapely.union(box(west, south, 180, north), box(-180, south, east, north))


def _intersects(wanted: shapely.Geometry) -> Matcher:
    shapely.prepare(wanted)

    def matches(item: Item) -> bool:
        if item.get("geometry") is None:
            return False
        try:
            return bool(wanted.intersects(to_shape(item["geometry"])))
        except (SearchError, shapely.errors.ShapelyError):
            return False

    return matches


def parse_expression(source: str | dict[str, Any], field: str) -> Expr:
    """Read an expression of CQL2, in text or JSON.

    Args:
        source: the expression.
        field: where it stands, for the message of an error.

    Raises:
        SearchError: it is not CQL2.
    """
    try:
        expression = Expr(source)
        expression.validate()
    except Exception as error:  # noqa: BLE001 - cql2 raises bare Exception for expressions it cannot read
        reason = " ".join(str(error).split())[:300]
        raise SearchError(f"The field '{field}' is not valid CQL2: {reason}.") from None
    return expression


def _matches_expression(expression: Expr) -> Matcher:
    def matches(item: Item) -> bool:
        try:
            return bool(expression.matches(item))
        except Exception:  # noqa: BLE001 - cql2 raises it for what SQL calls unknown, such as a missing property
            return False

    return matches
