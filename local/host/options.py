"""Options of the stand-in itself, which the real host does not have; each is an environment variable."""

from dataclasses import dataclass

from local.host.app_settings import AppSettings
from local.host.faults import HostFault

# What the real host has: 10 minutes of invisibility, at most so long to end.
_RECEIVE_VISIBILITY = 600.0
_SHUTDOWN_LIMIT = 10.0
# Limits of a blob lease.
_MIN_LEASE, _MAX_LEASE = 15.0, 60.0
# With a lock that is shortened for tests, others look for it this many times while it holds.
_RECOVERIES_PER_LOCK = 10


@dataclass(frozen=True)
class Options:
    """The stand-in's own options; times in seconds.

    Attributes:
        receive_visibility: `LOCAL_HOST_RECEIVE_VISIBILITY`: how long a received message is invisible.
        timer_lock: `LOCAL_HOST_TIMER_LOCK`: how long a timer's lock holds without renewal; None for host.json's.
        shutdown_limit: `LOCAL_HOST_SHUTDOWN_LIMIT`: how long invocations may go on after a stop was asked for.
        threads: `LOCAL_HOST_THREADS`: width of the worker's thread pool (see `ThreadPool`); None for the host's rule.
    """

    receive_visibility: float
    timer_lock: float | None
    shutdown_limit: float
    threads: str | None

    @property
    def timer_lock_recovery(self) -> float | None:
        """Pause between attempts to get a shortened lock that another host holds; None for host.json's."""
        return self.timer_lock / _RECOVERIES_PER_LOCK if self.timer_lock else None


def load_options(settings: AppSettings) -> Options:
    """Read the options.

    Raises:
        HostFault: One of them is no number, or out of its limits.
    """
    timer_lock = _seconds(settings, "LOCAL_HOST_TIMER_LOCK", None, _MIN_LEASE, _MAX_LEASE)
    visibility = _seconds(settings, "LOCAL_HOST_RECEIVE_VISIBILITY", _RECEIVE_VISIBILITY, 1, _RECEIVE_VISIBILITY)
    limit = _seconds(settings, "LOCAL_HOST_SHUTDOWN_LIMIT", _SHUTDOWN_LIMIT, 0, 3600)
    return Options(
        receive_visibility=visibility or _RECEIVE_VISIBILITY,
        timer_lock=timer_lock,
        shutdown_limit=_SHUTDOWN_LIMIT if limit is None else limit,
        threads=settings.get("LOCAL_HOST_THREADS"),
    )


def _seconds(settings: AppSettings, name: str, default: float | None, lowest: float, highest: float) -> float | None:
    text = settings.get(name)
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not lowest <= seconds <= highest:
        raise HostFault(f"{name} is {text!r}; it must be a number of seconds, {lowest:g} to {highest:g}.")
    return seconds
