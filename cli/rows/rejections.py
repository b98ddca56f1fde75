"""Finds out whether a message that was sent became a dead letter."""

import datetime as dt
from collections.abc import Iterable

from shared.clients import Clients
from shared.deadletters import body_of
from shared.errors import BadMessage
from shared.messages import decode_body, read_object


def rejections(queue: str, correlation_ids: Iterable[str], app: Clients, *, since: dt.datetime) -> dict[str, str]:
    """Looks for dead letters by their marks.

    Args:
        queue: the queue the messages were sent to.
        correlation_ids: their marks.
        app: the clients.
        since: when they were sent, by this machine's clock.

    Returns:
        The reason of each that became a dead letter, by its mark.
    """
    wanted = set(correlation_ids)
    reasons: dict[str, str] = {}
    earliest = since - _CLOCKS_DIFFER
    for row in app.deadletters.rows(queue):
        if row.get("last_seen") and row["last_seen"] < earliest:
            continue
        try:
            mark = read_object(decode_body(body_of(row))).get("correlation_id")
        except BadMessage:
            continue
        if mark in wanted:
            reasons[str(mark)] = str(row.get("reason") or "")
    return reasons


_CLOCKS_DIFFER = dt.timedelta(hours=1)
