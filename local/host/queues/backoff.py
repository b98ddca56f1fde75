"""The pause between two looks at a queue that was empty."""

import random

# The queue listener's own shortest pause.
_SHORTEST = 0.1


class RandomizedExponentialBackoff:
    """Pauses that start at 100 ms and double with some randomness, up to a longest one."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        # Before the first message the shortest pause comes first.
        self._exponent = 0
        self._pause = 0.0

    def next_pause(self, *, found_something: bool) -> float:
        """Seconds to wait now.

        Args:
            found_something: Whether there was a message since the last pause; then it starts over.
        """
        if found_something:
            self._exponent = 1
            self._pause = _SHORTEST
        elif self._pause < self._longest:
            # Not for secrets: it only spreads several hosts' requests.
            growth = random.uniform(0.8, 1.2) * 2 ** (self._exponent - 1) * _SHORTEST if self._exponent else 0.0  # noqa: S311
            self._pause = min(_SHORTEST + growth, self._longest)
            self._exponent += 1
        return min(self._pause, self._longest)
