"""Ids and names of render options and mosaics that GeoCatalog takes: valid, unique, readable, the same every run."""

import hashlib
import re
import string
import unicodedata
from collections.abc import Mapping
from typing import Any

# Render options and mosaics: id 1 to 30 characters of this pattern; names at most 40 and 30
# (Microsoft.PlanetaryComputer models.stac.config.tsp, RenderOption and StacMosaic).
MAX_ID = 30
MAX_RENDER_OPTION_NAME = 40
MAX_MOSAIC_NAME = 30
ID_PATTERN = re.compile(r"(?![-_])[A-Za-z0-9_-]{1,30}(?<![-_])", re.ASCII)

_DIGEST = 6
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def slug(name: str) -> str:
    """Makes an id of a name as the service's tutorial does, without what would make it invalid; it may be empty."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = ascii_name.translate(_WITHOUT_PUNCTUATION).lower().split()
    return "-".join(words)


def with_ids(entries: list[dict[str, Any]], *, max_name: int, fallback: str) -> list[dict[str, Any]]:
    """Gives every entry an id and a name that GeoCatalog takes.

    An id that is given is kept. One made from a name that is too long or taken ends in a digest of the entry, so that
    it is the same in every run. A name that is shortened stands in full in the description.

    Args:
        entries: render options or mosaics, in the service's shape.
        max_name: longest name the service takes, in characters.
        fallback: what an id is made of where the name has no letter or digit.
    """
    taken_ids = {str(entry["id"]) for entry in entries if entry.get("id")}
    taken_names: set[str] = set()
    named = []
    for entry in entries:
        full_name = str(entry.get("name") or entry.get("id") or fallback).strip()
        changed = dict(entry)
        if not changed.get("id"):
            changed["id"] = _new_id(full_name, entry, taken_ids, fallback)
            taken_ids.add(str(changed["id"]))
        changed["name"] = _short_name(full_name, entry, taken_names, max_name)
        taken_names.add(str(changed["name"]))
        if changed["name"] != full_name:
            description = str(entry.get("description") or "").strip()
            changed["description"] = description if full_name in description else f"{full_name}. {description}".strip()
        named.append(changed)
    return named


def _new_id(name: str, entry: Mapping[str, Any], taken: set[str], fallback: str) -> str:
    made = slug(name)
    if made and len(made) <= MAX_ID and made not in taken:
        return made
    stem = (made or fallback)[: MAX_ID - _DIGEST - 1].strip("-_")
    return f"{stem}-{_digest(entry)}"


def _short_name(name: str, entry: Mapping[str, Any], taken: set[str], longest: int) -> str:
    short = name if len(name) <= longest else name[: longest - 1].rstrip() + "…"
    if short not in taken:
        return short
    return f"{name[: longest - _DIGEST - 2].rstrip()}… {_digest(entry)}"


def _digest(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(entry.items())).encode()).hexdigest()[:_DIGEST]
