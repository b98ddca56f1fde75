"""After a deployment: check that Azure lists all functions of the app; end with 1 and name the missing ones if not.

A host that cannot load the app reports `Running` all the same, without any function, and messages wait on their queues.
It can be run again at any time: `azd hooks run postdeploy --service ingestion`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import NamedTuple

from hook_tools import ROOT, HookFailed, az, deployed, say

# 10 minutes in all. The first start of a deployment takes one or two; Azure learns of the functions when that is done.
TRIES, PAUSE_SECONDS = 40, 15
API_VERSION = "2024-11-01"


class Site(NamedTuple):
    """Where the Function App is."""

    subscription: str
    group: str
    app: str


def main() -> int:
    """Compare until all functions are listed or the tries are spent; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=TRIES, help="how often to ask Azure (default: %(default)s)")
    parser.add_argument(
        "--pause", type=float, default=PAUSE_SECONDS, help="seconds between tries (default: %(default)s)"
    )
    arguments = parser.parse_args()
    try:
        fault = wait_for_functions(arguments.tries, arguments.pause)
    except HookFailed as failure:
        fault = str(failure)
    if not fault:
        return 0
    say(
        f"The app was deployed, but: {fault} What these functions work on waits on its queues; nothing is lost. "
        "See docs/runbook.md#app-silent, then run `azd hooks run postdeploy --service ingestion`."
    )
    return 1


def wait_for_functions(tries: int, pause: float) -> str:
    """Ask Azure until it lists all functions of the app or the tries are spent; return what is wrong, if anything."""
    site = Site(
        deployed("AZURE_SUBSCRIPTION_ID"), deployed("AZURE_RESOURCE_GROUP"), deployed("AZURE_FUNCTION_APP_NAME")
    )
    declared = json.loads((ROOT / "infra" / "functions.json").read_text(encoding="utf-8"))
    fault = ""
    for attempt in range(1, tries + 1):
        try:
            missing = sorted(set(declared) - listed_functions(site))
            fault = f"Azure does not list {', '.join(missing)}." if missing else ""
        except HookFailed as failure:
            fault = str(failure)
        if not fault:
            say(f"Azure lists all {len(declared)} functions of the app.")
            break
        say(f"Try {attempt} of {tries}: {fault}")
        if attempt < tries:
            time.sleep(pause)
    return fault


def listed_functions(site: Site) -> set[str]:
    """Return the names of the functions that Azure knows of the app.

    Azure is asked to read them anew first, since it may still list those of the deployment before
    (learn.microsoft.com/azure/azure-functions/functions-deployment-technologies#trigger-syncing).
    """
    path = f"/subscriptions/{site.subscription}/resourceGroups/{site.group}/providers/Microsoft.Web/sites/{site.app}"
    az("rest", "--method", "post", "--url", f"{path}/syncfunctiontriggers?api-version={API_VERSION}")
    where = ("--subscription", site.subscription, "--resource-group", site.group, "--name", site.app)
    # Each is named APP/FUNCTION.
    return {function["name"].rpartition("/")[2] for function in az("functionapp", "function", "list", *where)}


if __name__ == "__main__":
    sys.exit(main())
