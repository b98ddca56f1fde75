"""Names of an item's fields, as searches spell them."""

from local.basics.json_text import Json


def path_to(name: str, item: dict[str, Json]) -> list[str]:
    """Return the keys that lead to a field.

    Args:
        name: Keys with dots between, of which one may hold dots itself. Properties may stand without `properties.`.
        item: The item.

    Returns:
        The keys; none where the item has no such field.
    """
    return _keys(name, item) or _keys(f"properties.{name}", item)


def value_at(name: str, item: dict[str, Json]) -> Json:
    """Return the value of a field, named as in `path_to`; None where the item has none."""
    path = path_to(name, item)
    value: Json = item if path else None
    for key in path:
        value = value[key]
    return value


def _keys(name: str, value: object) -> list[str]:
    if not isinstance(value, dict):
        return []
    if name in value:
        return [name]
    for end in (place for place, letter in enumerate(name) if letter == "."):
        rest = _keys(name[end + 1 :], value.get(name[:end]))
        if rest:
            return [name[:end], *rest]
    return []
