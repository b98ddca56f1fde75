"""Words for a name that is not known: the nearest one that is."""

import difflib
from collections.abc import Iterable

# Longer lists of what is known help nobody.
_MAX_LISTED = 20


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Says that there is no such key, with the nearest one that there is, or with all of them."""
    return "There is no such key" + nearest(key, known)


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns the end of a sentence on a name that is not known: `; did you mean name?`, `; known are …`, or `.`."""
    names = sorted(known)
    near = difflib.get_close_matches(name[:100], names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known are {', '.join(names)}." if len(names) <= _MAX_LISTED else "."
