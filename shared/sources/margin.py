"""How long before its end a token is replaced."""

from datetime import timedelta


def renewal_margin(life: timedelta, wanted: timedelta) -> timedelta:
    """Return how long before its end a token is replaced: a fifth of its life or what is wanted, at most half of it."""
    return min(max(wanted, life / 5), life / 2)
