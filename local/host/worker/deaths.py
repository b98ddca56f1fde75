"""How soon a worker that died is replaced, and when the host gives up."""

from collections import deque

from local.host.configuration.durations import Durations

# Deaths within half an hour that end the host process ("Exceeded language worker restart retry count").
_MOST_DEATHS = 3


class WorkerDeaths:
    """The deaths of the worker within the last half hour."""

    def __init__(self, durations: Durations) -> None:
        self._durations = durations
        self._moments: deque[float] = deque(maxlen=_MOST_DEATHS)

    def pause(self, now: float) -> float | None:
        """Note a death.

        Args:
            now: The moment of a monotonic clock, in seconds.

        Returns:
            Seconds to wait before the next worker is started: none after the first death, about 10 s after the
            second. None when the host has to end, after the third within half an hour.
        """
        self._moments.append(now)
        recent = sum(now - moment <= self._durations.restart_window for moment in self._moments)
        if recent >= _MOST_DEATHS:
            return None
        return self._durations.restart_pause if recent > 1 else 0.0
