"""One call of a function, and how it ended."""

import uuid
from dataclasses import dataclass, field

from local.host.functions import Function

#: The trigger's metadata: kind (`string` or `json`) and value by name.
Metadata = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Invocation:
    """What the worker needs to call a function once.

    Attributes:
        function: Which function.
        data_type: The runtime's name for the kind of data: `string`, `bytes` or `json`.
        data: The trigger's data; text in UTF-8.
        metadata: The trigger's metadata.
        reason: Why the function runs, for the log.
    """

    function: Function
    data_type: str
    data: bytes
    metadata: Metadata
    reason: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class InvocationResult:
    """How an invocation ended; `error` and `stack` are None when it succeeded."""

    succeeded: bool
    error: str | None = None
    stack: str | None = None
