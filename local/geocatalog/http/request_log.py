"""What the emulator was asked, for tests and benchmarks to look at."""

from collections import deque
from dataclasses import dataclass, field

from local.geocatalog import timestamps

# Enough for a benchmark of 50,000 items with their polls; about 60 MB at most, so that memory stays bounded.
KEPT_REQUESTS = 200_000


@dataclass(slots=True)
class LoggedRequest:
    """One request.

    Attributes:
        method: Its HTTP method.
        path: Its path, without the query.
        status: Of the answer; None while there is none, and where the connection was dropped.
        time: When it came, in nanoseconds since 1970.
    """

    method: str
    path: str
    status: int | None = None
    time: int = field(default_factory=timestamps.now)

    def to_dict(self) -> dict[str, object]:
        """Give the request as JSON."""
        return {
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "time": timestamps.six_digits(self.time),
        }


class RequestLog:
    """The newest requests, oldest first."""

    def __init__(self) -> None:
        self._requests: deque[LoggedRequest] = deque(maxlen=KEPT_REQUESTS)

    def add(self, method: str, path: str) -> LoggedRequest:
        """Keep a request that has just come; its status is set when it is answered."""
        request = LoggedRequest(method, path)
        self._requests.append(request)
        return request

    def clear(self) -> None:
        """Forget all requests."""
        self._requests.clear()

    def to_list(self) -> list[dict[str, object]]:
        """Give the kept requests as JSON objects."""
        return [request.to_dict() for request in self._requests]
