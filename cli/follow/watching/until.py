"""Reads when a watch is to end."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from cli.options.moments import parse_moment


class UntilKind(StrEnum):
    """What ends a watch."""

    DONE = "done"
    SUBMITTED = "submitted"
    NEVER = "never"


@dataclass(frozen=True)
class Until:
    """When a watch ends.

    Attributes:
        kind: what ends it.
        moment: when it ends at the latest.
    """

    kind: UntilKind = UntilKind.DONE
    moment: dt.datetime | None = None


def parse_until(text: str) -> Until:
    """Reads when a watch ends: `done`, `submitted`, `never`, a duration or a timestamp.

    Raises:
        CommandError: it is none of them.
    """
    if text.lower() in set(UntilKind):
        return Until(UntilKind(text.lower()))
    return Until(UntilKind.DONE, parse_moment(text, is_past=False, option="--until"))
