"""What the host lets the app do at once and how long: host.json with its overrides, as the host itself reads them."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from shared.basics.errors import SettingsError

_HOST_JSON = Path(__file__).resolve().parents[2] / "host.json"
# Any value of host.json can be overridden by an app setting of this prefix, with `__` between the levels, in any case
# of letters (learn.microsoft.com/azure/azure-functions/functions-host-json#override-hostjson-values).
_OVERRIDE = "azurefunctionsjobhost__"
# The host's own values where host.json is silent (learn.microsoft.com/azure/azure-functions/functions-host-json).
_DEFAULT_BATCH = 16
_DEFAULT_TIMEOUT = timedelta(minutes=30)
_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)")

# No invocation takes longer, however long functionTimeout is. One that reaches functionTimeout costs the whole worker.
_LONGEST_INVOCATION = timedelta(minutes=4)
# Nor more than this share of functionTimeout, which is 4 of 5 minutes in this project's host.json.
_SHARE_OF_TIMEOUT = 0.8


@dataclass(frozen=True)
class HostLimits:
    """Limits of one instance.

    Attributes:
        queue_width: messages of one queue that are given to the app at once.
        invocation: how long an invocation may take, from its receipt.
    """

    queue_width: int
    invocation: timedelta


@cache
def host_limits() -> HostLimits:
    """Return the limits of this process.

    Raises:
        SettingsError: see read_host_limits.
    """
    return read_host_limits(json.loads(_HOST_JSON.read_text(encoding="utf-8")), os.environ)


def read_host_limits(host_json: Mapping[str, Any], environment: Mapping[str, str]) -> HostLimits:
    """Read the limits from the content of host.json and the overrides among the app settings.

    Args:
        host_json: the content of host.json.
        environment: names and values of the app settings.

    Raises:
        SettingsError: a value is not what the host takes.
    """
    given = {name.lower(): value for name, value in environment.items()}

    def value(path: str) -> Any:  # noqa: ANN401 - JSON is any value
        found: Any = host_json
        for name in path.split("__"):
            found = found.get(name) if isinstance(found, Mapping) else None
        return given.get(_OVERRIDE + path.lower(), found)

    batch = _whole_number("batchSize", value("extensions__queues__batchSize"), _DEFAULT_BATCH)
    default_threshold = batch // 2 * (os.cpu_count() or 1)
    threshold = _whole_number("newBatchThreshold", value("extensions__queues__newBatchThreshold"), default_threshold)
    timeout = _timeout(value("functionTimeout"))
    return HostLimits(
        queue_width=max(batch + threshold, 1),
        invocation=min(_LONGEST_INVOCATION, timeout * _SHARE_OF_TIMEOUT) if timeout else _LONGEST_INVOCATION,
    )


def _whole_number(name: str, value: object, default: int) -> int:
    if value is None:
        return default
    text = str(value).strip()
    if not text.isdecimal():
        raise SettingsError(f"host.json or its override: {name} must be a whole number.")
    return int(text)


def _timeout(value: object) -> timedelta | None:
    """Read functionTimeout; None where it is unlimited."""
    if value is None:
        return _DEFAULT_TIMEOUT
    text = str(value).strip()
    if text in {"-1", "-00:00:01"}:
        return None
    match = _TIME_SPAN.fullmatch(text)
    if match is None:
        raise SettingsError("host.json or its override: functionTimeout must be a time such as 00:05:00, or -1.")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
