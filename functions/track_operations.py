"""Timer: follows open operations to their end and writes their outcomes."""

import os

import azure.functions as func

from functions.schedules import DEFAULT_TRACK_SCHEDULE
from functions.triggers import reports_failures

bp = func.Blueprint()


# use_monitor=False: a tick missed while the host was down needs no making up, since the next one looks at everything.
@bp.timer_trigger(
    arg_name="timer", schedule=os.environ.get("TRACK_SCHEDULE") or DEFAULT_TRACK_SCHEDULE, use_monitor=False
)
@reports_failures
def track_operations(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the trigger's own argument
    """Follows open operations until none is open or the run's time is spent."""
    from shared.clients import get_clients
    from shared.operations.tracking import track_operations as follow
    from shared.upkeep.observations import observe_queues

    app = get_clients()
    observe_queues(app)
    follow(app)
