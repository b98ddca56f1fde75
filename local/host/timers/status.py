"""The record of a timer's runs, from which a host that starts knows whether it has missed one."""

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.core.exceptions import AzureError

from local.host.storage.errors import one_line
from local.host.storage.host_blobs import HostBlob
from local.host.timers.schedule import Schedule

_logger = logging.getLogger("Host.Timers")

# .NET's default moment: never.
_NEVER = "0001-01-01T00:00:00"


@dataclass(frozen=True)
class TimerStatus:
    """When a timer ran last, is due next, and when this was written; None means never."""

    last: datetime | None
    next: datetime
    last_updated: datetime | None

    def document(self) -> dict[str, str]:
        """The record as JSON values, as the host writes it and hands it to the function."""
        return {"Last": _text(self.last), "Next": _text(self.next), "LastUpdated": _text(self.last_updated)}


class TimerMonitor:
    """Keeps the record of one timer in a blob."""

    def __init__(self, blob: HostBlob) -> None:
        self._blob = blob

    def read(self) -> TimerStatus | None:
        """The record, or None if there is none that can be read."""
        try:
            text = self._blob.read()
            return None if text is None else _parse(json.loads(text))
        except AzureError as error:
            _logger.warning("The timer record %s cannot be read: %s", self._blob.path, one_line(error))
        except (ValueError, KeyError, TypeError) as error:
            _logger.warning("The timer record %s is none: %r", self._blob.path, error)
        return None

    def write(self, status: TimerStatus) -> None:
        """Replace the record; a failure is logged, as it only makes a run past due that was not."""
        try:
            self._blob.write(json.dumps(status.document()))
        except AzureError as error:
            _logger.warning("The timer record %s cannot be written: %s", self._blob.path, one_line(error))


def check_past_due(monitor: TimerMonitor, schedule: Schedule, now: datetime) -> tuple[TimerStatus, bool]:
    """Look at the record of a timer when its listener starts.

    Args:
        monitor: Where the record is; it is written when there is none or when the schedule has changed.
        schedule: The timer's schedule.
        now: The present moment.

    Returns:
        The status to go on with, and whether an occurrence was missed.
    """
    status = monitor.read()
    if status is None:
        # Written at once, so that even a timer that never ran is found past due after a long stop.
        following = schedule.next_after(now)
        monitor.write(TimerStatus(None, following, now))
        # The first run is shown no LastUpdated, although the record has one.
        return TimerStatus(None, following, None), False
    base = status.last or status.last_updated or now
    expected = schedule.next_after(base)
    if status.next != expected:
        # The schedule has changed; what the new one would have done in the past is not made up for.
        status = TimerStatus(None, schedule.next_after(now) if now > expected else expected, base)
        monitor.write(status)
    return status, now > status.next


def _parse(document: dict[str, Any]) -> TimerStatus:
    following = _moment(document["Next"])
    if following is None:
        raise ValueError("it has no Next")
    return TimerStatus(_moment(document.get("Last")), following, _moment(document.get("LastUpdated")))


def _moment(text: str | None) -> datetime | None:
    if not text or text.startswith("0001-"):
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.astimezone()


def _text(moment: datetime | None) -> str:
    return moment.isoformat() if moment else _NEVER
