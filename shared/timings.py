"""How long the app waits for what: one table, whose proportions the guarantees rest on."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Timings:
    """Durations of the ingestion protocol.

    The order `call budget < functionTimeout of host.json (5 min) < claim` makes a claim that has run out one whose
    function can no longer write.

    Attributes:
        read_timeout: wait for one answer of GeoCatalog; it answers in well under a second, and two such waits still
            fit the call budget.
        call_budget: from the claim to the last moment a write may be started.
        claim: how long a message owns its item.
        first_delay: wait before the second try of a message; it doubles with each further one.
        longest_delay: where that doubling ends.
        quiet: how long nothing newer is sent after a write whose response was lost, so that the lost one, if it is
            still on its way, cannot overtake.
        operation_check: wait before a newer version looks again whether the open operation has ended.
        fan_out_budget: how long one run sends the items of a file before it hands over to the next.
        fetch: how long the transfer of one file may take, with what is done to its items meanwhile.
    """

    read_timeout: timedelta = timedelta(seconds=55)
    call_budget: timedelta = timedelta(minutes=2)
    claim: timedelta = timedelta(minutes=6)
    first_delay: timedelta = timedelta(seconds=15)
    longest_delay: timedelta = timedelta(minutes=15)
    quiet: timedelta = timedelta(minutes=1)
    operation_check: timedelta = timedelta(seconds=20)
    fan_out_budget: timedelta = timedelta(minutes=1)
    fetch: timedelta = timedelta(minutes=3)

    def scaled(self, factor: float) -> "Timings":
        """Returns the same proportions on a faster clock, for the local stack and tests (setting TIME_SCALE)."""
        return Timings(**{name: value * factor for name, value in vars(self).items()})
