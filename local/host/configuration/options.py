"""Options of the stand-in itself, which the real host does not have; each is an environment variable."""

from dataclasses import dataclass

from local.host.configuration.app_settings import AppSettings
from local.host.configuration.durations import RECEIVE_VISIBILITY, Durations
from local.host.faults import HostFault

# Grace of a host that stops: ASP.NET's shutdown time-out in the Functions host.
_SHUTDOWN_LIMIT = 10
# Limits of a blob lease.
_MIN_LEASE, _MAX_LEASE = 15, 60


@dataclass(frozen=True)
class Options:
    """The stand-in's own options.

    Attributes:
        durations: `LOCAL_HOST_RECEIVE_VISIBILITY`: whole seconds that a received message is invisible; the other
            durations that the host fixes are shortened with it.
        timer_lock: `LOCAL_HOST_TIMER_LOCK`: whole seconds that a timer's lock holds without renewal, and between the
            attempts of others to get it; None for host.json's.
        shutdown_limit: `LOCAL_HOST_SHUTDOWN_LIMIT`: whole seconds that invocations may run on after a stop was asked.
        threads: `LOCAL_HOST_THREADS`: width of the worker's thread pool (see `ThreadPool`); None for the host's rule.
        skip_unsupported: `LOCAL_HOST_SKIP_UNSUPPORTED`: run the other functions of an app that has unsupported ones.
    """

    durations: Durations
    timer_lock: int | None
    shutdown_limit: int
    threads: str | None
    skip_unsupported: bool


def load_options(settings: AppSettings) -> Options:
    """Read the options.

    Raises:
        HostFault: One of them is no whole number, or out of its limits.
    """
    limit = _seconds(settings, "LOCAL_HOST_SHUTDOWN_LIMIT", 0, 3600)
    return Options(
        durations=Durations(
            _seconds(settings, "LOCAL_HOST_RECEIVE_VISIBILITY", 1, RECEIVE_VISIBILITY) or RECEIVE_VISIBILITY
        ),
        timer_lock=_seconds(settings, "LOCAL_HOST_TIMER_LOCK", _MIN_LEASE, _MAX_LEASE),
        shutdown_limit=_SHUTDOWN_LIMIT if limit is None else limit,
        threads=settings.get("LOCAL_HOST_THREADS"),
        skip_unsupported=settings.is_on("LOCAL_HOST_SKIP_UNSUPPORTED"),
    )


def _seconds(settings: AppSettings, name: str, lowest: int, highest: int) -> int | None:
    text = settings.get(name)
    if text is None:
        return None
    if not (text.isdecimal() and lowest <= int(text) <= highest):
        raise HostFault(f"{name} is {text!r}; it must be a whole number of seconds, {lowest} to {highest}.")
    return int(text)
