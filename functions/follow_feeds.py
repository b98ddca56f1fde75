"""Timer: reads what feeds have new."""

import os
from typing import TYPE_CHECKING

import azure.functions as func

from functions.schedules import DEFAULT_FEED_SCHEDULE
from functions.triggers import run_timer

if TYPE_CHECKING:
    from shared.clients import Clients

SCHEDULE = os.environ.get("FEED_SCHEDULE") or DEFAULT_FEED_SCHEDULE

bp = func.Blueprint()


@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def follow_feeds(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001 - the trigger's own
    """Give every feed its turn; what time does not allow is read at the next tick."""
    await run_timer(_follow, SCHEDULE, context)


def _follow(app: "Clients") -> None:
    from shared.feeds.following import follow_feeds as follow
    from shared.feeds.following import observe_feeds

    try:
        follow(app)
    finally:
        observe_feeds(app)
