"""What several triggers read in the same way.

Each trigger imports what it works with on its first call: all are indexed at the start of an instance, which then runs
few of them (on Flex Consumption one).
"""

import functools
from collections.abc import Callable
from datetime import datetime
from typing import ParamSpec

import azure.functions as func

from shared import telemetry
from shared.basics.clock import utc_now

P = ParamSpec("P")

# As bytes. Of a body that it hands over as a string the host lets top-level JSON members overwrite the trigger's own
# metadata, so that a STAC Item with a numeric id, say, would fail before any function is called.
BODY = func.DataType.BINARY

# The connection that triggers and SDK clients share.
CONNECTION = "INGEST_STORAGE"


def enqueued_at(message: func.QueueMessage) -> datetime:
    """Returns when a message was put on its queue, to the second: the queue's clock has no more."""
    return message.insertion_time or utc_now()


def reports_failures(function: Callable[P, None]) -> Callable[P, None]:
    """Has telemetry tell of the exception that a function ends with; the host sees it all the same."""

    @functools.wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> None:
        with telemetry.invocation(function.__name__):
            function(*args, **options)

    return call
