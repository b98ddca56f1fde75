"""What a comparison covers, and what it found."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cli.verify.rules import DIFFERENCES, Verdict


@dataclass(frozen=True)
class Scope:
    """What is compared.

    Attributes:
        since: only items that came to their end since this moment; None for all.
        sample: only so many items of each collection, picked at random; None for all.
        strict: whether items without a row are differences.
        complete: whether the source holds everything, so that what it does not have is a difference.
    """

    since: datetime | None = None
    sample: int | None = None
    strict: bool = False
    complete: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether every item of a collection is compared."""
        return self.since is None and self.sample is None


@dataclass
class Findings:
    """What a comparison found.

    Attributes:
        items: the items that do not agree or are told apart: collection, id, and the verdict.
        reasons: why a source's item cannot be read, by collection and id.
        compared: number of rows that were compared, by collection.
    """

    items: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)
    compared: Counter[str] = field(default_factory=Counter)

    def of(self, *verdicts: Verdict) -> list[tuple[str, str]]:
        """Return the items with these verdicts, in order."""
        return sorted(key for key, verdict in self.items.items() if verdict in verdicts)

    @property
    def differences(self) -> int:
        """The number of items that do not agree."""
        return sum(verdict in DIFFERENCES for verdict in self.items.values())

    def as_listed(self) -> list[dict[str, Any]]:
        """Return the items that do not agree or are told apart, as JSON types."""
        return [
            {"collection": key[0], "id": key[1], "verdict": verdict.value}
            | ({"reason": self.reasons[key]} if key in self.reasons else {})
            for key, verdict in sorted(self.items.items())
        ]
