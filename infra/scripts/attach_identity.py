"""After provisioning: attach the ingestion identity to a GeoCatalog that existed before. A new one has it already."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from hook_tools import HookFailed, az, deployed, say

API_VERSION = "2026-04-15"


def main() -> int:
    """Attach the identity where a GeoCatalog is named; return the exit code."""
    name = os.environ.get("EXISTING_GEOCATALOG_NAME")
    if not name:
        return 0
    try:
        attach(name, deployed("INGESTION_IDENTITY_ID"))
    except HookFailed as failure:
        say(f"The ingestion identity was not attached to {name}. {failure} Then run `azd hooks run postprovision`.")
        return 1
    return 0


def attach(name: str, identity: str) -> None:
    """Add an identity to those of a GeoCatalog.

    PATCH adds to the user-assigned identities that are attached already
    (learn.microsoft.com/azure/planetary-computer/assign-managed-identity-geocatalog-resource). Of a system-assigned one
    `type` decides, so that kind is named again where the GeoCatalog has it.

    Args:
        name: Name of the GeoCatalog.
        identity: Resource id of a user-assigned identity.
    """
    subscription = os.environ.get("EXISTING_GEOCATALOG_SUBSCRIPTION_ID") or deployed("AZURE_SUBSCRIPTION_ID")
    group = deployed("EXISTING_GEOCATALOG_RESOURCE_GROUP")
    path = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Orbital/geoCatalogs/{name}"
    url = ("--url", f"{path}?api-version={API_VERSION}")
    present = az("rest", "--method", "get", *url)[0].get("identity") or {}
    if identity.lower() in map(str.lower, present.get("userAssignedIdentities") or {}):
        return
    kind = "SystemAssigned,UserAssigned" if "SystemAssigned" in present.get("type", "") else "UserAssigned"
    body = {"identity": {"type": kind, "userAssignedIdentities": {identity: {}}}}
    # From a file, since Windows takes the quotes out of an argument.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "body.json")
        file.write_text(json.dumps(body), encoding="utf-8")
        az("rest", "--method", "patch", *url, "--headers", "Content-Type=application/json", "--body", f"@{file}")


if __name__ == "__main__":
    sys.exit(main())
