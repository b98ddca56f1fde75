"""Starts a part again that ended by itself, as the platform does with a Functions host."""

import time

from local.stack.parts import Part

# The platform starts a stopped host within seconds. One that ends again and again must not take the whole machine.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0
# A host that ran so long begins with the first pause again.
_LASTING_SECONDS = 60.0


class Restarts:
    """The restarts of one part.

    Attributes:
        part: the part.
        count: how often it was started again.
        last_reason: why it ended the last time; None if it never did.
    """

    def __init__(self, part: Part) -> None:
        self.part = part
        self.count = 0
        self.last_reason: str | None = None
        self._started = time.monotonic()
        self._pause = _FIRST_PAUSE
        self._again_at: float | None = None

    def check(self) -> bool:
        """Start the part again where it has ended and the pause is over.

        Returns:
            Whether something has changed: the part was found ended, or was started again.
        """
        now = time.monotonic()
        if self._again_at is None:
            reason = self.part.ended()
            if reason is None:
                return False
            if now - self._started > _LASTING_SECONDS:
                self._pause = _FIRST_PAUSE
            self.last_reason = reason
            self._again_at = now + self._pause
            return True
        if now < self._again_at:
            return False
        self._again_at = None
        self._started = now
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self.count += 1
        self.part.restart()
        return True
