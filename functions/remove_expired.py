"""Timer: once an hour removes rows that are older than STATUS_RETENTION."""

from typing import TYPE_CHECKING

import azure.functions as func

from functions.schedules import REMOVE_SCHEDULE
from functions.triggers import run_timer

if TYPE_CHECKING:
    from shared.clients import Clients

bp = func.Blueprint()


@bp.timer_trigger(arg_name="timer", schedule=REMOVE_SCHEDULE)
async def remove_expired(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001 - the trigger's own
    """Remove rows of finished items and dead letters that are old enough."""
    await run_timer(_remove, REMOVE_SCHEDULE, context)


def _remove(app: "Clients") -> None:
    from shared.upkeep.retention import remove_expired as remove

    remove(app)
