"""The durations that the host and its storage client fix; tests shorten all of them together."""

import random
from dataclasses import dataclass

#: Seconds that a received message is invisible (Microsoft.Azure.WebJobs.Extensions.Storage.Queues).
RECEIVE_VISIBILITY = 600
# Pauses between the tries of the storage client: the first, doubled each time, give or take a fifth (Azure.Core,
# with the six tries that the storage extensions set). Together about 25 s.
_FIRST_PAUSE = 0.8
_RETRIES = 5
_JITTER = 0.2
# A try without an answer is given up after this time (Azure.Core's NetworkTimeout).
_NETWORK_TIMEOUT = 100.0
# Not shortened below this: a busy machine is slow to answer, which is no outage.
_LEAST_NETWORK_TIMEOUT = 10.0
# Worker restarts of the Functions host: the second within the window waits, the third death ends the host.
_RESTART_PAUSE = 10.0
_RESTART_WINDOW = 30 * 60.0


@dataclass(frozen=True)
class Durations:
    """Durations in seconds, by the share of their real length.

    Attributes:
        receive_visibility: How long a received message is invisible; storage counts whole seconds.
    """

    receive_visibility: int = RECEIVE_VISIBILITY

    @property
    def scale(self) -> float:
        """The share of their real length: 1 unless the visibility is shortened."""
        return self.receive_visibility / RECEIVE_VISIBILITY

    @property
    def renewal_interval(self) -> float:
        """Time from a receive or a renewal to the next renewal: half of the invisibility."""
        return self.receive_visibility / 2

    def visibility_timeout(self, configured: float) -> int:
        """Return host.json's `visibilityTimeout` in whole seconds; one that is set stays above 0."""
        return max(1, round(configured * self.scale)) if configured else 0

    def storage_pauses(self) -> list[float]:
        """Return the pauses between the tries of one storage call."""
        return [
            # Not for secrets: it only spreads requests.
            self.scale * _FIRST_PAUSE * 2**number * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
            for number in range(_RETRIES)
        ]

    @property
    def network_timeout(self) -> float:
        """How long one try of a storage call waits for an answer."""
        return max(_LEAST_NETWORK_TIMEOUT, _NETWORK_TIMEOUT * self.scale)

    @property
    def restart_pause(self) -> float:
        """How long the second restart of the worker within the window waits."""
        return _RESTART_PAUSE * self.scale

    @property
    def restart_window(self) -> float:
        """The time in which a third death of the worker ends the host."""
        return _RESTART_WINDOW * self.scale
