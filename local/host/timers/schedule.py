"""NCRONTAB schedules in the time zone of the app."""

import zoneinfo
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from croniter import croniter

from local.host.configuration.app_settings import AppSettings
from local.host.faults import FunctionFault

_LOCAL_TIME_FILE = Path("/etc/localtime")
_FIELDS_WITHOUT_SECONDS, _FIELDS_WITH_SECONDS = 5, 6

# Occurrences looked at to tell whether a schedule ticks more often than once a minute.
_LOOK_AHEAD = 5
_MONITORED_INTERVAL = timedelta(minutes=1)


class Schedule:
    """An NCRONTAB expression: five fields, or six with the seconds first."""

    def __init__(self, expression: str, zone: tzinfo) -> None:
        """Read an expression.

        Args:
            expression: The NCRONTAB expression.
            zone: The time zone it is meant in.

        Raises:
            FunctionFault: It is no such expression.
        """
        self._expression = expression
        self._zone = zone
        self._has_seconds = len(expression.split()) == _FIELDS_WITH_SECONDS
        fault = FunctionFault(
            f"The schedule '{expression}' is no NCRONTAB expression: write "
            "'{second} {minute} {hour} {day} {month} {day of week}'."
        )
        if len(expression.split()) not in {_FIELDS_WITHOUT_SECONDS, _FIELDS_WITH_SECONDS}:
            raise fault
        try:
            self.next_after(datetime.now(zone))
        except ValueError:
            raise fault from None

    def next_after(self, moment: datetime) -> datetime:
        """The first occurrence after an aware moment."""
        # NCRONTAB wants day and day of week both to fit, where cron is content with either.
        occurrences = croniter(
            self._expression,
            moment.astimezone(self._zone),
            second_at_beginning=self._has_seconds,
            day_or=False,
        )
        following: datetime = occurrences.get_next(datetime)
        return following

    def is_monitored(self) -> bool:
        """Whether a record of its runs is kept: not for one that ticks more often than once a minute."""
        moment = self.next_after(datetime.now(self._zone))
        for _ in range(_LOOK_AHEAD):
            following = self.next_after(moment)
            if following - moment < _MONITORED_INTERVAL:
                return False
            moment = following
        return True

    def now(self) -> datetime:
        """The present moment in the schedule's time zone."""
        return datetime.now(self._zone)


def time_zone(settings: AppSettings) -> tzinfo:
    """The zone of timer schedules: `WEBSITE_TIME_ZONE`, `TZ`, or the machine's own.

    Raises:
        FunctionFault: The setting names no time zone.
    """
    name = settings.get("WEBSITE_TIME_ZONE") or settings.get("TZ")
    if name is not None:
        try:
            return zoneinfo.ZoneInfo(name.removeprefix(":"))
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise FunctionFault(
                f"WEBSITE_TIME_ZONE (or TZ) is {name!r}, which is no time zone; use a name such as Europe/Reykjavik."
            ) from None
    if _LOCAL_TIME_FILE.exists():
        with _LOCAL_TIME_FILE.open("rb") as file:
            return zoneinfo.ZoneInfo.from_file(file)
    return datetime.now().astimezone().tzinfo or zoneinfo.ZoneInfo("UTC")
