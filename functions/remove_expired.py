"""Timer: once an hour removes rows that are older than STATUS_RETENTION."""

import azure.functions as func

from functions.triggers import reports_failures

bp = func.Blueprint()


@bp.timer_trigger(arg_name="timer", schedule="0 30 * * * *")
@reports_failures
def remove_expired(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the trigger's own argument
    """Removes rows of finished items and dead letters that are old enough."""
    from shared.clients import get_clients
    from shared.upkeep.retention import remove_expired as remove

    remove(get_clients())
