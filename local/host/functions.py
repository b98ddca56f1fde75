"""The functions of an app and their triggers, as Microsoft's runtime indexed them."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from local.host.faults import FunctionFault, HostFault

# BindingMetadata of the Functions host.
_BINDING_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,127}|\$return")


class DataType(StrEnum):
    """How the trigger's data is handed to the function (`dataType` of the binding)."""

    STRING = "string"
    BINARY = "binary"


@dataclass(frozen=True)
class QueueTrigger:
    """A queue trigger; `queue_name` may hold `%SETTING%`."""

    parameter: str
    queue_name: str
    connection: str | None
    data_type: DataType


@dataclass(frozen=True)
class TimerTrigger:
    """A timer trigger; `schedule` is an NCRONTAB expression and may hold `%SETTING%`."""

    parameter: str
    schedule: str
    run_on_startup: bool
    use_monitor: bool


Trigger = QueueTrigger | TimerTrigger


@dataclass(frozen=True)
class Function:
    """One function: its name, the runtime's id of it, and its trigger."""

    name: str
    id: str
    trigger: Trigger

    @property
    def full_name(self) -> str:
        """The name by which the host's own records know the function."""
        return f"Host.Functions.{self.name}"


class UnsupportedFault(HostFault):
    """A function has a binding that only the real host runs."""


def parse_function(document: dict[str, Any]) -> Function:
    """Read one function of the worker's answer.

    Args:
        document: `name`, `id` and `bindings` (JSON texts) of the function.

    Raises:
        FunctionFault: A binding has a name that the host refuses.
        UnsupportedFault: It has a binding that the stand-in does not support.
    """
    name = document["name"]
    bindings = [json.loads(text) for text in document["bindings"]]
    triggers = []
    for binding in bindings:
        if not _BINDING_NAME.fullmatch(binding["name"]):
            raise FunctionFault(
                f"The binding name {binding['name']} is invalid. Please assign a valid name to the binding: "
                "letters and digits, a letter first."
            )
        parse = _TRIGGERS.get(binding["type"].lower())
        if parse is None:
            raise UnsupportedFault(
                f"Function {name} has a binding of type {binding['type']}, which the host stand-in does not support "
                f"(only {', '.join(_TRIGGERS)}); run the other functions with --skip-unsupported, or this app with "
                "Azure Functions Core Tools."
            )
        triggers.append(parse(name, binding))
    if len(triggers) != 1:
        raise UnsupportedFault(f"Function {name} has {len(triggers)} triggers; it must have exactly one.")
    return Function(name, document["id"], triggers[0])


def _queue_trigger(_name: str, binding: dict[str, Any]) -> QueueTrigger:
    return QueueTrigger(binding["name"], binding["queueName"], binding.get("connection") or None, _data_type(binding))


def _timer_trigger(_name: str, binding: dict[str, Any]) -> TimerTrigger:
    return TimerTrigger(
        binding["name"],
        binding["schedule"],
        run_on_startup=_flag(binding, "runOnStartup", default=False),
        use_monitor=_flag(binding, "useMonitor", default=True),
    )


_TRIGGERS: dict[str, Callable[[str, dict[str, Any]], Trigger]] = {
    "queuetrigger": _queue_trigger,
    "timertrigger": _timer_trigger,
}


def _data_type(binding: dict[str, Any]) -> DataType:
    # Without a data type the host reads text. A stream reaches a Python function as bytes, too.
    return DataType.BINARY if str(binding.get("dataType")).lower() in {"binary", "stream"} else DataType.STRING


def _flag(binding: dict[str, Any], name: str, *, default: bool) -> bool:
    value = binding.get(name)
    return default if value is None else str(value).lower() == "true"
