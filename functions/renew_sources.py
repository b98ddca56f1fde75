"""Timer: keeps every wanted ingestion source alive."""

import os

import azure.functions as func

from functions.schedules import DEFAULT_RENEW_SCHEDULE
from functions.triggers import reports_failures

bp = func.Blueprint()


# run_on_startup=False: a start of one of many instances is no reason to renew; a missed tick is made up by the monitor.
@bp.timer_trigger(arg_name="timer", schedule=os.environ.get("RENEW_SCHEDULE") or DEFAULT_RENEW_SCHEDULE)
@reports_failures
def renew_sources(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the trigger's own argument
    """Creates what is missing and replaces each SAS before it ends."""
    from shared.clients import get_clients
    from shared.sources.renewal import renew_sources as renew
    from shared.upkeep.observations import observe_sources

    app = get_clients()
    try:
        renew(app)
    finally:
        observe_sources(app)
