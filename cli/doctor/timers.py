"""Checks that the app's timers run, by the heartbeat that each writes into table `pacing`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cli.doctor.findings import Finding, fault, ok, warning
from cli.output.printing import in_words
from shared.clients import Clients
from shared.upkeep.heartbeats import Heartbeat, read_heartbeats

TIMERS = ("track_operations", "renew_sources", "follow_feeds", "remove_expired")
# A run may take so long (shared/basics/host_limits.py); ticks that come meanwhile are not missed.
_LONGEST_RUN = timedelta(minutes=4)
# Between a tick and its row: an instance may have to start first.
_LATE = timedelta(seconds=30)
_MISSED = 2

_REMEDY = "The app does not run, or not this timer: see docs/runbook.md, App silent; locally, `geocatalog local up`."


def check_timers(app: Clients) -> Iterator[Finding]:
    """Look at the last run of each timer: whether it missed two ticks, and how it ended.

    Raises:
        azure.core.exceptions.AzureError: table `pacing` could not be read.
    """
    beats = read_heartbeats(app.storage)
    now = app.now()
    for timer in TIMERS:
        beat = beats.get(timer)
        if beat is None:
            yield warning("timers", f"{timer} has not run yet", f"Wait for its first tick. {_REMEDY}")
        else:
            yield _judged(beat, now)


def _judged(beat: Heartbeat, now: datetime) -> Finding:
    said = f"{beat.timer} ran {in_words(now - beat.start)} ago (version {beat.version})"
    ended = f"; its last run ended with {beat.error}" if beat.error else ""
    if has_missed(beat, now):
        return fault("timers", f"{said} and has missed {_MISSED} ticks of {beat.schedule!r} since{ended}", _REMEDY)
    if beat.error:
        return warning("timers", said + ended, "Fix what the error names; the next tick tries again.")
    return ok("timers", said)


def has_missed(beat: Heartbeat, now: datetime) -> bool:
    """Tell whether a timer has missed two ticks.

    Args:
        beat: its last run.
        now: the present moment.
    """
    from local.host.timers.schedule import Schedule  # noqa: PLC0415 - needs croniter, which no other command does

    is_running = beat.end is None or beat.end < beat.start
    covered = beat.start + _LONGEST_RUN if is_running else max(beat.start, beat.end or beat.start)
    schedule = Schedule(beat.schedule, UTC)
    for _ in range(_MISSED):
        covered = schedule.next_after(covered)
        if covered > now - _LATE:
            return False
    return True
