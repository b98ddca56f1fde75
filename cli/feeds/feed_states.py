"""How feeds stand, for people and programs."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from cli.output.printing import in_words
from shared.clients import Clients
from shared.feeds.reading import Pass
from shared.feeds.wanted import interval_of
from shared.records.feed_store import FeedRow

_LATE_INTERVALS = 3


@dataclass(frozen=True)
class FeedState:
    """One feed.

    Attributes:
        row: its row.
        unfinished: how many of its items are not finished.
    """

    row: FeedRow
    unfinished: int

    @property
    def is_at_fault(self) -> bool:
        """Whether it stands still for another reason than an operator's pause."""
        return bool(self.row.error_code) or self.row.paused_by == "app"

    def is_late(self, now: dt.datetime) -> bool:
        """Tell whether it was not read for three of its intervals."""
        since = self.row.last_read or self.row.added_at
        if not self.row.wanted or self.row.paused_by or since is None:
            return False
        return now - since > _LATE_INTERVALS * interval_of(self.row)

    def in_words(self, now: dt.datetime) -> str:
        """Say how it stands."""
        row = self.row
        if not row.wanted:
            return "stopped: no longer in FEEDS"
        if row.paused_at:
            said = f"paused {in_words(now - row.paused_at)} ago" + (
                "" if row.paused_by == "operator" else " by the app"
            )
        elif row.last_read is None:
            said = "not read yet"
        elif row.follow and row.followed_at is None:
            share = f" of {row.matched:,}" if row.matched else ""
            said = f"first fill: {Pass.loaded(row.follow).read:,} items read{share}"
        else:
            said = f"read {in_words(now - row.last_read)} ago"
            said += ", a full pass is under way" if row.full else ""
        if self.unfinished:
            said += f", {self.unfinished:,} items under way"
        return f"{said} — {row.error_code}: {row.error_message}" if row.error_code else said

    def fields(self) -> dict[str, Any]:
        """Return it as JSON types."""
        hidden = {"etag", "claimed_by", "claimed_until", "spec", "listed_spec", "follow", "full"}
        row = self.row
        return {
            **{name: value for name, value in vars(row).items() if name not in hidden},
            "feed": row.wanted,
            "is_listed": bool(row.listed_spec),
            "unfinished": self.unfinished,
            "pass": _pass_fields(row.follow),
            "full_pass": _pass_fields(row.full),
        }


def _pass_fields(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    now = Pass.loaded(text)
    return {
        "began": now.reading.began,
        "pages": now.pages,
        "read": now.read,
        "sent": now.sent,
        "replaced": now.replaced,
    }


def read_feeds(app: Clients) -> list[FeedState]:
    """Return how every feed stands.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    return [read_feed(row, app) for row in sorted(app.feeds.rows(), key=lambda row: row.name)]


def read_feed(row: FeedRow, app: Clients) -> FeedState:
    """Return how a feed stands.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    return FeedState(row, sum(len(page.entries) for page in app.feeds.pages(row.name)))
