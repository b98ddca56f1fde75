"""Timer: keeps every wanted ingestion source alive."""

import os

import azure.functions as func

from shared.clients import get_clients
from shared.settings import DEFAULT_RENEW_SCHEDULE
from shared.sources import renew_sources as renew

bp = func.Blueprint()


# run_on_startup=False: a start of one of many instances is no reason to renew; a missed tick is made up by the monitor.
@bp.timer_trigger(arg_name="timer", schedule=os.environ.get("RENEW_SCHEDULE") or DEFAULT_RENEW_SCHEDULE)
def renew_sources(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the trigger's own argument
    """Creates what is missing and replaces each SAS before it ends."""
    renew(get_clients())
