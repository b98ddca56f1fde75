"""One run of renew_sources: keeps every wanted source alive, then resumes what was held for want of one."""

import logging
from datetime import timedelta

from shared.basics.errors import SettingsError
from shared.clients import Clients
from shared.items.resume import resume_for_sources
from shared.sources.renewal import RENEWAL_BUDGET, keep_all_alive
from shared.sources.wanted import wanted_sources

log = logging.getLogger(__name__)


def renew_sources(app: Clients, *, budget: timedelta = RENEWAL_BUDGET) -> int:
    """Bring every wanted source to life or keep it alive, and resume the items that were held for it.

    Args:
        app: the clients.
        budget: after how long no further source is begun; the next run begins with what was left.

    Returns:
        How many sources were created or replaced.

    Raises:
        SettingsError: INGESTION_SOURCES is malformed; every source that could be read was renewed.
        azure.core.exceptions.AzureError: the table could not be read or written.
    """
    wanted = wanted_sources(app)
    app.sources.note_faults(wanted.faults)
    for fault in wanted.faults:
        log.warning("INGESTION_SOURCES: %s", fault)
    renewed = keep_all_alive(wanted.specs.values(), app, budget)
    resume_for_sources(wanted.specs, app)
    if wanted.faults:
        raise SettingsError("INGESTION_SOURCES: " + " ".join(wanted.faults))
    return renewed
