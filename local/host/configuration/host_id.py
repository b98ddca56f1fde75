"""The host id: by it the hosts of one app share their locks and timer records."""

import hashlib
import re
import socket
from pathlib import Path

from local.host.configuration.app_settings import AppSettings
from local.host.faults import HostFault

_SETTING = "AzureFunctionsWebHost__hostid"
_VALID = re.compile(r"[a-z0-9](?:-?[a-z0-9]){0,31}")
_LONGEST = 32


def host_id(app: Path, settings: AppSettings) -> str:
    """The id of the host of a function app.

    Args:
        app: Folder of the app; without the setting the id is made of the machine's name and this path.
        settings: Its settings; `AzureFunctionsWebHost__hostid` sets the id.

    Raises:
        HostFault: The setting is no valid id.
    """
    chosen = settings.get(_SETTING)
    if chosen is not None:
        if len(chosen) > _LONGEST or not _VALID.fullmatch(chosen):
            raise HostFault(
                f"{_SETTING} is {chosen!r}; it must be at most 32 lower case letters, digits and single hyphens."
            )
        return chosen
    machine = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower()).strip("-")[:20].strip("-")
    digest = hashlib.sha256(str(app.resolve()).encode()).hexdigest()[:10]
    return f"{machine}-{digest}" if machine else f"host-{digest}"
