"""Timer: follows open operations to their end and writes their outcomes."""

import os
from typing import TYPE_CHECKING

import azure.functions as func

from functions.schedules import DEFAULT_TRACK_SCHEDULE
from functions.triggers import run_timer

if TYPE_CHECKING:
    from shared.clients import Clients

SCHEDULE = os.environ.get("TRACK_SCHEDULE") or DEFAULT_TRACK_SCHEDULE

bp = func.Blueprint()


# With the monitor, which is the default: without it every tick during a start, a stop or a change of instance is lost.
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def track_operations(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001 - the trigger's own
    """Follow open operations until none is open or the run's time is spent."""
    await run_timer(_track, SCHEDULE, context)


def _track(app: "Clients") -> None:
    from shared.operations.tracking import track_operations as follow
    from shared.upkeep.observations import observe_queues

    observe_queues(app)
    follow(app)
