"""Timer: keeps every wanted ingestion source alive."""

import os
from typing import TYPE_CHECKING

import azure.functions as func

from functions.schedules import DEFAULT_RENEW_SCHEDULE
from functions.triggers import run_timer

if TYPE_CHECKING:
    from shared.clients import Clients

SCHEDULE = os.environ.get("RENEW_SCHEDULE") or DEFAULT_RENEW_SCHEDULE

bp = func.Blueprint()


# run_on_startup=False: a start of one of many instances is no reason to renew; a missed tick is made up by the monitor.
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def renew_sources(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001 - the trigger's own
    """Create what is missing and replace each SAS before it ends."""
    await run_timer(_renew, SCHEDULE, context)


def _renew(app: "Clients") -> None:
    from shared.upkeep.observations import observe_sources
    from shared.upkeep.source_run import renew_sources as renew

    try:
        renew(app)
    finally:
        observe_sources(app)
