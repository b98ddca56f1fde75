"""What a check finds."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: what was looked at.
        verdict: how it stands.
        detail: what was seen.
        remedy: what to do; empty where nothing is.
    """

    check: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def ok(check: str, detail: str) -> Finding:
    """Makes the finding of something that is as it should be."""
    return Finding(check, Verdict.OK, detail)


def warning(check: str, detail: str, remedy: str) -> Finding:
    """Makes the finding of something to look at."""
    return Finding(check, Verdict.WARNING, detail, remedy)


def fault(check: str, detail: str, remedy: str) -> Finding:
    """Makes the finding of something that keeps the ingestion from working."""
    return Finding(check, Verdict.FAULT, detail, remedy)
