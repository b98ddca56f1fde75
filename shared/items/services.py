"""What the path of an item works with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.clients import Clients
from shared.delivery.delivery import Delivery
from shared.records.shared_pause import SharedPause
from shared.records.status_store import StatusStore
from shared.services.geocatalog import GeoCatalog
from shared.timings import Timings


@dataclass(frozen=True)
class ItemServices:
    """The clients and durations that claiming, submitting and ending items take.

    Attributes:
        status: table `status`.
        geocatalog: the GeoCatalog.
        delivery: sends messages again, announces outcomes.
        pause: the pause that every instance keeps.
        timings: how long to wait for what.
        operation_deadline: the age from which an open operation no longer holds up newer content.
        now: tells the present moment.
    """

    status: StatusStore
    geocatalog: GeoCatalog
    delivery: Delivery
    pause: SharedPause
    timings: Timings
    operation_deadline: timedelta
    now: Callable[[], datetime]


def item_services(app: Clients) -> ItemServices:
    """Return what the path of an item works with."""
    return ItemServices(
        status=app.status,
        geocatalog=app.geocatalog,
        delivery=app.delivery,
        pause=app.pause,
        timings=app.timings,
        operation_deadline=app.settings.operation_deadline,
        now=app.now,
    )
