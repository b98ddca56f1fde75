"""host.json: the settings of the host that the stand-in follows."""

import json
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from local.host.configuration.app_settings import AppSettings
from local.host.faults import HostFault
from local.host.logs import LEVELS

# Any setting of host.json can be overridden by an app setting of this prefix, with `__` between the levels.
_OVERRIDE_SECTION = "AzureFunctionsJobHost"
_TIME_SPAN = re.compile(r"(?:(?P<days>\d+)\.)?(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+(?:\.\d+)?)")

# Limits of the Storage Queues extension.
_MAX_BATCH_SIZE = 32
_MIN_POLLING_INTERVAL = 0.1

# Default of all plans but Consumption.
_DEFAULT_FUNCTION_TIMEOUT = 30 * 60.0

# Limits of the singleton locks of the WebJobs SDK, which come from those of blob leases.
_MIN_LOCK, _MAX_LOCK = 15.0, 60.0


class MessageEncoding(StrEnum):
    """How the bodies of queue messages are encoded."""

    BASE64 = "base64"
    NONE = "none"


@dataclass(frozen=True)
class QueueOptions:
    """`extensions.queues`; times in seconds."""

    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int
    visibility_timeout: float
    max_polling_interval: float
    message_encoding: MessageEncoding


@dataclass(frozen=True)
class HostJson:
    """What the stand-in reads of host.json.

    Attributes:
        function_timeout: Seconds after which an invocation fails and the worker is restarted; None for never.
        queues: Options of queue triggers.
        log_levels: `logging.logLevel`: level names by category prefix.
        listener_lock_period: Seconds a timer's lock holds without renewal (`singleton.listenerLockPeriod`).
        listener_lock_recovery: Seconds between attempts to get a lock that another host holds.
        ignored: Settings that are there and have no effect here.
    """

    function_timeout: float | None
    queues: QueueOptions
    log_levels: dict[str, str]
    listener_lock_period: float
    listener_lock_recovery: float
    ignored: list[str]


class _Section:
    """Typed reading of one object of host.json, with the overrides of the app settings."""

    def __init__(self, path: str, document: object, overrides: dict[str, str]) -> None:
        if not isinstance(document, dict):
            raise HostFault(f"host.json: '{path or 'the document'}' is no object.")
        self._path = path
        self._values = {name.casefold(): value for name, value in document.items()}
        self._overrides = overrides
        for name, value in overrides.items():
            if "__" not in name:
                self._values[name] = value

    def section(self, name: str) -> "_Section":
        prefix = f"{name.casefold()}__"
        overrides = {
            key.removeprefix(prefix): value for key, value in self._overrides.items() if key.startswith(prefix)
        }
        return _Section(self._name(name), self._values.get(name.casefold()) or {}, overrides)

    def has(self, name: str) -> bool:
        return name.casefold() in self._values

    def items(self) -> dict[str, Any]:
        return dict(self._values)

    def integer(self, name: str, default: int, lowest: int, highest: int | None = None) -> int:
        value = self._values.get(name.casefold(), default)
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise self._fault(name, value, "a whole number") from None
        if number < lowest or (highest is not None and number > highest):
            limits = f"{lowest} or more" if highest is None else f"{lowest} to {highest}"
            raise self._fault(name, value, limits)
        return number

    def seconds(self, name: str, default: float, lowest: float = 0.0, highest: float | None = None) -> float:
        value = self._values.get(name.casefold())
        if value is None:
            return default
        seconds = parse_time_span(str(value))
        if seconds is None:
            raise self._fault(name, value, "a time as hh:mm:ss")
        if seconds < lowest or (highest is not None and seconds > highest):
            limits = f"{lowest} s or more" if highest is None else f"{lowest} to {highest} s"
            raise self._fault(name, value, limits)
        return seconds

    def choice(self, name: str, default: MessageEncoding) -> MessageEncoding:
        value = str(self._values.get(name.casefold(), default)).lower()
        try:
            return MessageEncoding(value)
        except ValueError:
            raise self._fault(name, value, " or ".join(MessageEncoding)) from None

    def flag(self, name: str) -> bool:
        return str(self._values.get(name.casefold(), False)).lower() == "true"

    def _name(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _fault(self, name: str, value: object, expected: str) -> HostFault:
        return HostFault(f"host.json: '{self._name(name)}' is {value!r}; it must be {expected}.")


def parse_time_span(text: str) -> float | None:
    """Seconds of a .NET TimeSpan (`[d.]hh:mm:ss[.fff]`), or None if the text is no such thing."""
    match = _TIME_SPAN.fullmatch(text.strip())
    if match is None:
        return None
    parts = {name: float(value) for name, value in match.groupdict().items() if value}
    return timedelta(**parts).total_seconds()


def cores(settings: AppSettings) -> int:
    """The number of cores that the defaults of concurrency count with; 1 on the Consumption plan."""
    return 1 if settings.get("WEBSITE_SKU") == "Dynamic" else os.cpu_count() or 1


def load_host_json(app: Path, settings: AppSettings) -> HostJson:
    """Read host.json of a function app.

    Args:
        app: Folder of the app.
        settings: Its application settings, which may override parts.

    Raises:
        HostFault: The file is missing, is no JSON or holds a value that the host would refuse.
    """
    path = app / "host.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise HostFault(
            f"There is no host.json in {app}: start in the folder of a function app or name it with --app."
        ) from None
    except (OSError, ValueError) as error:
        raise HostFault(f"{path} cannot be read as JSON ({error}); correct it.") from None
    root = _Section("", document, settings.section(_OVERRIDE_SECTION))
    if root.items().get("version") != "2.0":
        raise HostFault(f'{path} must have "version": "2.0".')
    extensions = root.section("extensions")
    singleton = root.section("singleton")
    levels = {name: str(level) for name, level in root.section("logging").section("logLevel").items().items()}
    for category, level in levels.items():
        if level.lower() not in LEVELS:
            raise HostFault(
                f"host.json: 'logging.logLevel.{category}' is {level!r}; it must be one of {', '.join(LEVELS)}."
            )
    return HostJson(
        function_timeout=_function_timeout(root),
        queues=_queue_options(extensions.section("queues"), cores(settings)),
        log_levels=levels,
        listener_lock_period=singleton.seconds("listenerLockPeriod", _MAX_LOCK, _MIN_LOCK, _MAX_LOCK),
        listener_lock_recovery=singleton.seconds("listenerLockRecoveryPollingInterval", 60.0, _MIN_LOCK),
        ignored=_ignored(root),
    )


def _function_timeout(root: _Section) -> float | None:
    if str(root.items().get("functiontimeout")) in {"-1", "-00:00:01"}:
        return None
    return root.seconds("functionTimeout", _DEFAULT_FUNCTION_TIMEOUT, lowest=1.0)


def _queue_options(queues: _Section, core_count: int) -> QueueOptions:
    batch_size = queues.integer("batchSize", 16, 1, _MAX_BATCH_SIZE)
    return QueueOptions(
        batch_size=batch_size,
        new_batch_threshold=queues.integer("newBatchThreshold", batch_size // 2 * core_count, 0),
        max_dequeue_count=queues.integer("maxDequeueCount", 5, 1),
        visibility_timeout=queues.seconds("visibilityTimeout", 0.0),
        max_polling_interval=queues.seconds("maxPollingInterval", 60.0, lowest=_MIN_POLLING_INTERVAL),
        message_encoding=queues.choice("messageEncoding", MessageEncoding.BASE64),
    )


def _ignored(root: _Section) -> list[str]:
    ignored = []
    if root.section("concurrency").flag("dynamicConcurrencyEnabled"):
        ignored.append("concurrency.dynamicConcurrencyEnabled")
    if root.has("retry"):
        ignored.append("retry")
    return ignored
