"""What several triggers do in the same way.

Each trigger imports what it works with on its first call: all are indexed at the start of an instance, which then runs
few of them (on Flex Consumption one).
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import azure.functions as func

from functions.own_threads import threads_of
from shared.basics.clock import utc_now
from shared.basics.host_limits import host_limits

if TYPE_CHECKING:
    from shared.clients import Clients

# As bytes. Of a body that it hands over as a string the host lets top-level JSON members overwrite the trigger's own
# metadata, so that a STAC Item with a numeric id, say, would fail before any function is called.
BODY = func.DataType.BINARY

# The connection that triggers and SDK clients share.
CONNECTION = "INGEST_STORAGE"


def _enqueued_at(message: func.QueueMessage) -> datetime:
    """Return when a message was put on its queue, to the second: the queue's clock has no more."""
    return message.insertion_time or utc_now()


async def run_message(
    work: Callable[[bytes, datetime], None], message: func.QueueMessage, context: func.Context
) -> None:
    """Do the work of a queue message in a thread of its function, of which there are as many as messages at once.

    Args:
        work: does it, given the body as it lay on the queue and when it was put there.
        message: the message.
        context: the invocation.

    Raises:
        Exception: what the work raised; the host gives the message again.
    """
    limits = host_limits()
    threads = threads_of(context.function_name, limits.queue_width, limits.invocation.total_seconds())
    await threads.run(partial(work, message.get_body(), _enqueued_at(message)), context)


async def run_timer(work: "Callable[[Clients], None]", schedule: str, context: func.Context) -> None:
    """Do the work of a timer in its one thread, so that messages that hang never hold it up, and keep its heartbeat.

    Args:
        work: does it, given the clients.
        schedule: the timer's schedule, for whoever asks later whether it missed a tick.
        context: the invocation.

    Raises:
        Exception: what the work raised; the host logs it and calls the timer again at its next tick.
    """
    threads = threads_of(context.function_name, 1, host_limits().invocation.total_seconds())
    await threads.run(partial(_run_with_heartbeat, work, context.function_name, schedule), context)


def _run_with_heartbeat(work: "Callable[[Clients], None]", timer: str, schedule: str) -> None:
    from shared.clients import get_clients
    from shared.upkeep.heartbeats import heartbeat

    app = get_clients()
    with heartbeat(timer, schedule, app):
        work(app)
