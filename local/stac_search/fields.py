"""The `fields` extension: show a part of each item."""

from typing import Any

from local.stac_search.parameters import Fields
from local.stac_search.paths import path_to

# Always shown, whatever `fields` says: a client could not read an item without them.
_ALWAYS_SHOWN = frozenset({"id", "collection", "type"})
_DEFAULT_INCLUDE = frozenset(
    {*_ALWAYS_SHOWN, "stac_version", "bbox", "geometry", "links", "assets", "properties.datetime"}
)


def show_fields(item: dict[str, Any], fields: Fields | None) -> dict[str, Any]:
    """Leave out what a client did not ask to see.

    Args:
        item: An item, links included.
        fields: The `fields` of the search.

    Returns:
        The item, or a part of it.
    """
    if fields is None:
        return item
    include = set(fields.include)
    if not include and not fields.exclude:
        include = set(_DEFAULT_INCLUDE)
    shown = item if not include else _pick(item, include | _ALWAYS_SHOWN)
    for name in fields.exclude:
        if name not in include and name not in _ALWAYS_SHOWN:
            shown = _without(shown, path_to(name, shown))
    return shown


def _pick(item: dict[str, Any], names: set[str]) -> dict[str, Any]:
    picked: dict[str, Any] = {}
    for name in sorted(names):  # what holds another comes before it
        path = path_to(name, item)
        if path:
            _copy(path, item, picked)
    return picked


def _copy(path: list[str], source: dict[str, Any], target: dict[str, Any]) -> None:
    head, *rest = path
    if rest:
        target[head] = dict(target.get(head, {}))
        _copy(rest, source[head], target[head])
    else:
        target[head] = source[head]


def _without(item: dict[str, Any], path: list[str]) -> dict[str, Any]:
    if not path:
        return item
    head, *rest = path
    if rest:
        return {**item, head: _without(item[head], rest)}
    return {key: value for key, value in item.items() if key != head}
