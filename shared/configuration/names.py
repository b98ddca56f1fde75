"""Ids and names of render options and mosaics that GeoCatalog takes: valid, unique, readable, the same every run."""

import hashlib
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from shared.basics.json_codec import canonical_json
from shared.configuration.shapes import MAX_ID

# Names of render options and of mosaics (Microsoft.PlanetaryComputer models.stac.config.tsp, RenderOption and
# StacMosaic).
MAX_RENDER_OPTION_NAME = 40
MAX_MOSAIC_NAME = 30

_DIGEST = 6
_NEITHER_WORD_NOR_SPACE = re.compile(r"[^A-Za-z0-9\s]")


def slug(name: str) -> str:
    """Makes an id of a name as the service's tutorial does, without what would make it invalid; it may be empty."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "-".join(_NEITHER_WORD_NOR_SPACE.sub("", ascii_name).lower().split())


def with_ids(entries: list[dict[str, Any]], *, max_name: int, fallback: str) -> list[dict[str, Any]]:
    """Gives every entry an id and a name that GeoCatalog takes.

    An id that is given is kept. Of a name that is too long for an id, or makes the same id as another, the id ends in a
    digest of the name. Neither depends on the order of the entries. A name that is shortened stands in full in the
    description. Of entries that are wholly equal only the first is kept.

    Args:
        entries: render options or mosaics, in the service's shape; no two of them have the same id.
        max_name: longest name the service takes, in characters.
        fallback: what an id is made of where the name has no letter or digit.
    """
    entries = list({canonical_json(entry): entry for entry in entries}.values())
    full_names = [str(entry.get("name") or entry.get("id") or "").strip() or fallback for entry in entries]
    ids = _ids(entries, full_names, fallback)
    names = _names(entries, full_names, max_name)
    return [
        {**entry, "id": made_id, "name": name, **_description(entry, name, full_name)}
        for entry, made_id, name, full_name in zip(entries, ids, names, full_names, strict=True)
    ]


def _ids(entries: list[dict[str, Any]], full_names: list[str], fallback: str) -> list[str]:
    taken = {str(entry["id"]) for entry in entries if entry.get("id")}
    slugs = [slug(name) for name in full_names]
    counted = Counter(made for made, entry in zip(slugs, entries, strict=True) if not entry.get("id"))
    same_name = Counter(full_names)
    ids = []
    for entry, name, made in zip(entries, full_names, slugs, strict=True):
        chosen = str(entry.get("id") or "")
        if not chosen and made and len(made) <= MAX_ID and counted[made] == 1 and made not in taken:
            chosen = made
        if not chosen:
            stem = (made or fallback)[: MAX_ID - _DIGEST - 1].strip("-_")
            content = canonical_json(entry) if same_name[name] > 1 else name.encode()
            chosen = _first_free((f"{stem}-{digest}" for digest in _digests(content)), taken)
        taken.add(chosen)
        ids.append(chosen)
    return ids


def _names(entries: list[dict[str, Any]], full_names: list[str], longest: int) -> list[str]:
    """Shortens at the end where that tells the names apart, else in the middle, else with a digest."""
    names = [name if len(name) <= longest else _end_cut(name, longest) for name in full_names]
    for shorten in (_middle_cut, None):
        counted = Counter(names)
        for number, name in enumerate(names):
            if counted[name] > 1:
                names[number] = _told_apart(entries[number], full_names[number], names, longest, shorten)
    return names


def _told_apart(
    entry: Mapping[str, Any], full_name: str, taken: Collection[str], longest: int,
    shorten: Callable[[str, int], str] | None,
) -> str:  # fmt: skip
    if shorten is not None:
        return full_name if len(full_name) <= longest else shorten(full_name, longest)
    stem = full_name[: longest - _DIGEST - 2].rstrip()
    return _first_free((f"{stem}… {digest}" for digest in _digests(canonical_json(entry))), taken)


def _end_cut(name: str, longest: int) -> str:
    return name[: longest - 1].rstrip() + "…"


def _middle_cut(name: str, longest: int) -> str:
    tail = longest // 2
    return name[: longest - 1 - tail].rstrip() + "…" + name[-tail:].lstrip()


def _description(entry: Mapping[str, Any], name: str, full_name: str) -> dict[str, str]:
    if name == full_name:
        return {}
    description = str(entry.get("description") or "").strip()
    return {"description": description if full_name in description else f"{full_name}. {description}".strip()}


def _first_free(candidates: Iterator[str], taken: Collection[str]) -> str:
    return next(candidate for candidate in candidates if candidate not in taken)


def _digests(content: bytes) -> Iterator[str]:
    """Yields short digests: the first nearly always serves, the others where that one is taken."""
    for number in itertools.count():
        yield hashlib.sha256(content + b"\n" * number).hexdigest()[:_DIGEST]
