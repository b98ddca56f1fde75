"""The pause that every instance keeps after a 429 or 503 of GeoCatalog, in table `pacing`."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient, UpdateMode

from shared.basics.clock import utc_now
from shared.basics.errors import Paused
from shared.storage.tables import PACING, Table
from shared.timings import Timings

# How long an instance believes what it last read of the shared pause: one read in two seconds instead of one an item.
_READ_EVERY = timedelta(seconds=2)
# No pause lasts longer, whatever a Retry-After says: a day is more than any maintenance, and a wrong figure ends.
_LONGEST_PAUSE = timedelta(days=1)


class SharedPause:
    """The moment before which no instance asks GeoCatalog, set by whoever meets a 429 or 503.

    Args:
        tables: client of the storage account's tables.
        timings: how long the first pause is where the service does not say, and the longest.
        now: tells the present moment.
    """

    def __init__(self, tables: TableServiceClient, timings: Timings, *, now: Callable[[], datetime] = utc_now) -> None:
        self._table = Table(tables, PACING)
        self._timings = timings
        self._now = now
        self._last_length = timedelta(0)
        self._lock = threading.Lock()
        self._not_before: datetime | None = None
        self._read_at: datetime | None = None

    def remaining(self) -> timedelta:
        """Returns how long to wait before asking GeoCatalog; zero if not at all.

        Raises:
            azure.core.exceptions.AzureError: the storage could not be reached.
        """
        now = self._now()
        with self._lock:
            due = self._read_at is None or now - self._read_at > _READ_EVERY
            if due:
                self._read_at = now
        if due:
            self._keep_later(self._read())
        not_before = self._not_before
        return max(not_before - now, timedelta(0)) if not_before else timedelta(0)

    def respect(self) -> None:
        """Refuses to go on while GeoCatalog is not to be asked.

        Raises:
            Paused: the pause lasts; it says how long.
            azure.core.exceptions.AzureError: the storage could not be reached.
        """
        remaining = self.remaining()
        if remaining > timedelta(0):
            raise Paused(retry_after=remaining)

    def pause(self, retry_after: timedelta | None) -> None:
        """Make every instance wait.

        Args:
            retry_after: how long the service asked to wait, kept up to a day; None lets each pause be longer than the
                one before, up to the longest delay, until the service answers again.
        """
        now = self._now()
        if self._not_before and self._not_before > now and retry_after is None:
            return  # one of many calls that met the same refusal
        if self._not_before and now - self._not_before > self._timings.longest_delay:
            self._last_length = timedelta(0)  # that long ago is another story
        grown = max(self._timings.first_delay / 3, self._last_length * 2)
        length = min(retry_after, _LONGEST_PAUSE) if retry_after else min(grown, self._timings.longest_delay)
        if self._not_before and now + length <= self._not_before:
            return
        self._last_length = length
        self._keep_later(now + length)
        entity = {"PartitionKey": "geocatalog", "RowKey": "not_before", "not_before": now + length}
        # Last writer wins: a pause shortened by a race is set again by the next 429.
        self._table.run(lambda client: client.upsert_entity(entity, mode=UpdateMode.REPLACE))

    def answered(self) -> None:
        """Notes that GeoCatalog took a request: the next pause starts short again."""
        self._last_length = timedelta(0)

    def _read(self) -> datetime | None:
        try:
            entity = self._table.run(lambda client: client.get_entity("geocatalog", "not_before"))
        except ResourceNotFoundError:
            return None
        return datetime.fromisoformat(str(entity["not_before"]))

    def _keep_later(self, moment: datetime | None) -> None:
        with self._lock:
            if moment and (self._not_before is None or moment > self._not_before):
                self._not_before = moment
