"""Ids and names of render options and mosaics that GeoCatalog takes: valid, unique, readable, the same every run."""

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from shared.errors import BadContent, ErrorCode
from shared.json_codec import canonical_json

# Render options and mosaics: id 1 to 30 characters of this pattern; names at most 40 and 30
# (Microsoft.PlanetaryComputer models.stac.config.tsp, RenderOption and StacMosaic).
MAX_ID = 30
MAX_RENDER_OPTION_NAME = 40
MAX_MOSAIC_NAME = 30
ID_PATTERN = re.compile(r"(?![-_])[A-Za-z0-9_-]{1,30}(?<![-_])", re.ASCII)

_DIGEST = 6
_NEITHER_WORD_NOR_SPACE = re.compile(r"[^A-Za-z0-9\s]")


def slug(name: str) -> str:
    """Makes an id of a name as the service's tutorial does, without what would make it invalid; it may be empty."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "-".join(_NEITHER_WORD_NOR_SPACE.sub("", ascii_name).lower().split())


def with_ids(entries: list[dict[str, Any]], *, max_name: int, fallback: str) -> list[dict[str, Any]]:
    """Gives every entry an id and a name that GeoCatalog takes.

    An id that is given is kept. One made from a name that is too long or taken ends in a digest of the entry, so that
    it is the same in every run. A name that is shortened stands in full in the description. Of entries that are wholly
    equal only the first is kept.

    Args:
        entries: render options or mosaics, in the service's shape.
        max_name: longest name the service takes, in characters.
        fallback: what an id is made of where the name has no letter or digit.

    Raises:
        BadContent: two different entries have the same id.
    """
    entries = list({canonical_json(entry): entry for entry in entries}.values())
    given_ids = [str(entry["id"]) for entry in entries if entry.get("id")]
    taken_ids = set(given_ids)
    if len(taken_ids) < len(given_ids):
        twice = next(one for one in given_ids if given_ids.count(one) > 1)
        raise BadContent(
            f"Two of the {fallback}s have the id {twice[:MAX_ID]!r}; give each its own.",
            code=ErrorCode.CONFIGURATION_REFUSED,
        )
    taken_names: set[str] = set()
    named = []
    for entry in entries:
        full_name = str(entry.get("name") or entry.get("id") or "").strip() or fallback
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
    return _first_free((f"{stem}-{digest}" for digest in _digests(entry)), taken)


def _short_name(name: str, entry: Mapping[str, Any], taken: set[str], longest: int) -> str:
    short = name if len(name) <= longest else name[: longest - 1].rstrip() + "…"
    if short not in taken:
        return short
    stem = name[: longest - _DIGEST - 2].rstrip()
    return _first_free((f"{stem}… {digest}" for digest in _digests(entry)), taken)


def _first_free(candidates: Iterator[str], taken: set[str]) -> str:
    return next(candidate for candidate in candidates if candidate not in taken)


def _digests(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yields short digests of an entry: the first nearly always serves, the others where that one is taken."""
    content = canonical_json(entry)
    for number in itertools.count():
        yield hashlib.sha256(content + b"\n" * number).hexdigest()[:_DIGEST]
