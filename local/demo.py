"""`make demo`: the GeoCatalog tutorial from end to end on this machine, through the queues, each step verified.

Every step uses what a user would use, the `geocatalog` command; what it did is then checked by other means:
pystac-client, plain HTTP and the storage account.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
from pystac_client import Client
from rich.console import Console
from rich.table import Table

from local.azurite_install import AzuriteError
from local.stack.parts import PartError
from local.stack.stack import Stack, StackOptions
from shared.clients import Clients, build_clients
from shared.settings import read_settings

# The tutorial's own selections.
SOURCE_COLLECTION = "sentinel-2-l2a"
BBOX = (-22.455626, 63.834083, -22.395201, 63.880750)
DATE_RANGE = "2024-02-04/2024-02-11"
MAX_ITEMS = 6
BAND = "B09"
MOSAIC = {
    "id": "mos1",
    "name": "Most recent available",
    "description": "Most recent available imagery in this collection",
    "cql": [],
}

_TIMEOUT = (5, 30)
console = Console(highlight=False)


class NotVerifiedError(Exception):
    """A step ran and its effect is not what it should be; the message says what is wrong."""


@dataclass
class Demo:
    """What the steps share.

    Attributes:
        app: the app's own clients, to look at effects.
        environment: settings for the command.
        folder: where files of the demo go.
        collection: id of the collection that is made and deleted.
        items: the items that the search found, by id.
    """

    app: Clients
    environment: dict[str, str]
    folder: Path
    collection: str
    items: dict[str, dict[str, Any]] = field(default_factory=dict)

    def command(self, *arguments: str) -> None:
        """Runs the `geocatalog` command before the user's eyes.

        Raises:
            NotVerifiedError: it failed.
        """
        console.print(f"[dim]$ geocatalog {' '.join(map(_shown, arguments))}[/dim]")
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments], env={**os.environ, **self.environment}, check=False
        )
        if done.returncode:
            raise NotVerifiedError(f"geocatalog {arguments[0]} ended with {done.returncode}.")

    def found(self) -> list[dict[str, Any]]:
        """Searches the GeoCatalog as the tutorial does, with signed hrefs."""
        query = {"collections": [self.collection], "bbox": list(BBOX), "limit": 100}
        features: list[dict[str, Any]] = self.app.geocatalog.search(query, sign=True)["features"]
        return features


def _shown(argument: str) -> str:
    return f"'{argument}'" if " " in argument else argument


def _check(condition: object, otherwise: str) -> None:
    if not condition:
        raise NotVerifiedError(otherwise)


def create_collection(demo: Demo) -> str:
    """Creates the collection with thumbnail, render options and mosaic, from the Planetary Computer's."""
    file = demo.folder / "collection.json"
    wanted = {
        "planetary_computer": SOURCE_COLLECTION,
        "collection": demo.collection,
        "title": demo.collection,
        "mosaics": [MOSAIC],
    }
    file.write_text(json.dumps(wanted, indent=2), encoding="utf-8")
    demo.command("apply", str(file))
    catalog = demo.app.geocatalog
    made = catalog.get_collection(demo.collection) or {}
    _check(made.get("title") == demo.collection, "the collection is not there")
    _check("thumbnail" in made.get("assets", {}), "the collection has no thumbnail")
    _check("msft:storage_account" not in made, "the collection kept a field of the Planetary Computer")
    options = catalog.get_configuration(demo.collection, "render-options") or []
    wanted_options = demo.app.planetary_computer.mosaic_info(SOURCE_COLLECTION)["renderOptions"]
    _check(len(options) == len(wanted_options), f"{len(options)} of {len(wanted_options)} render options are there")
    mosaics = {mosaic["id"] for mosaic in catalog.get_configuration(demo.collection, "mosaics") or []}
    _check("mos1" in mosaics, "the mosaic is not there")
    return f"thumbnail, {len(options)} render options, mosaic mos1"


def register_source(demo: Demo) -> str:
    """Shows the ingestion source that came with the collection and that the app keeps alive."""
    demo.command("sources")
    rows = demo.app.sources.rows()
    _check(len(rows) == 1 and rows[0].get("source_id"), "no ingestion source is registered")
    live = demo.app.geocatalog.get_source(str(rows[0]["source_id"])) or {}
    _check(live.get("kind") == "SasToken", "the ingestion source is not in GeoCatalog")
    return f"SAS until {live['connectionInfo']['expiration'][:19]}Z"


def search_source(demo: Demo) -> str:
    """Searches the Planetary Computer for the tutorial's scenes, as the tutorial does."""
    client = Client.open(f"{demo.environment['PLANETARY_COMPUTER_URL']}/api/stac/v1")
    search = client.search(collections=[SOURCE_COLLECTION], bbox=list(BBOX), datetime=DATE_RANGE)
    demo.items = {item["id"]: item for item in search.items_as_dicts()}
    for item in demo.items.values():
        console.print(f"  {item['id']}  {item['properties']['eo:cloud_cover']:.0f} % cloud")
    _check(len(demo.items) == MAX_ITEMS, f"the search found {len(demo.items)} scenes, not {MAX_ITEMS}")
    return f"{len(demo.items)} scenes over southern Iceland"


def ingest_items(demo: Demo) -> str:
    """Sends the scenes to queue `items` and watches until all are ingested."""
    demo.command(
        "enqueue",
        *("--search", f"{demo.environment['PLANETARY_COMPUTER_URL']}/api/stac/v1"),
        *("--collections", SOURCE_COLLECTION),
        *("--bbox", ",".join(map(str, BBOX))),
        *("--datetime", DATE_RANGE),
        *("--max-items", str(MAX_ITEMS)),
        *("--collection", demo.collection),
        # A stored file in real scenes, and missing from some; the computed assets are left out by themselves.
        *("--drop-assets", "preview"),
    )
    demo.command("watch", "--collection", demo.collection)
    features = {feature["id"]: feature for feature in demo.found()}
    _check(features.keys() == demo.items.keys(), f"GeoCatalog holds {len(features)} of {len(demo.items)} scenes")
    left_out = {"rendered_preview", "tilejson", "preview"}
    _check(
        all(not left_out & feature["assets"].keys() for feature in features.values()),
        "an asset that should have been left out was ingested",
    )
    return f"{len(features)} scenes, {sum(len(feature['assets']) for feature in features.values())} assets copied"


def show_outcomes(demo: Demo) -> str:
    """Shows the outcome table."""
    demo.command("items", demo.collection)
    statuses = [str(row["status"]) for row in demo.app.status.query_prefix(demo.collection, "item~")]
    _check(statuses == ["Succeeded"] * MAX_ITEMS, f"the status table says {statuses}")
    return f"{len(statuses)} Succeeded"


def download_band(demo: Demo) -> str:
    """Downloads band B09 through its signed href and compares it byte for byte with the source."""
    target = demo.folder / "download"
    item_id = min(demo.items)
    demo.command("download", demo.collection, item_id, "--assets", BAND, "--to", str(target))
    files = [path for path in target.rglob("*") if path.is_file()]
    _check(len(files) == 1, f"{len(files)} files were downloaded")
    sas = demo.app.planetary_computer.sas_token(SOURCE_COLLECTION).token
    source = requests.get(f"{demo.items[item_id]['assets'][BAND]['href']}?{sas}", timeout=_TIMEOUT)
    source.raise_for_status()
    _check(files[0].read_bytes() == source.content, "the download is not the source's file")
    signed = next(feature for feature in demo.found() if feature["id"] == item_id)["assets"][BAND]["href"]
    unsigned = requests.get(signed.partition("?")[0], timeout=_TIMEOUT)
    _check(unsigned.status_code >= HTTPStatus.BAD_REQUEST, "the file opens without a signature")
    return f"{len(source.content):,} bytes, equal to the source"


def delete_items(demo: Demo) -> str:
    """Deletes the items and confirms that they are gone."""
    demo.command("delete", demo.collection, *sorted(demo.items), "--yes")
    _check(demo.found() == [], "some items are still there")
    return f"{len(demo.items)} deleted, the search finds none"


def delete_collection(demo: Demo) -> str:
    """Deletes the collection."""
    demo.command("delete", demo.collection, "--confirm", demo.collection)
    _check(demo.app.geocatalog.get_collection(demo.collection) is None, "the collection is still there")
    return "gone"


STEPS: dict[str, Callable[[Demo], str]] = {
    "Create the collection": create_collection,
    "Register the ingestion source": register_source,
    "Search the Planetary Computer": search_source,
    "Ingest the items": ingest_items,
    "Show the outcomes": show_outcomes,
    "Search GeoCatalog and download": download_band,
    "Delete the items": delete_items,
    "Delete the collection": delete_collection,
}


def main() -> int:
    """Runs the demo.

    Returns:
        0 if every step was verified, otherwise 1.
    """
    started = time.monotonic()
    state = Path(tempfile.mkdtemp(prefix="geocatalog-demo-"))
    console.rule("Starting the local stack")
    stack = Stack(StackOptions(state=state), say=lambda name, url: console.print(f"  {name:<28} {url}"))
    try:
        stack.start()
    except (AzuriteError, PartError) as error:
        console.print(f"The local stack did not start: {error}")
        return 1
    took = time.monotonic() - started
    try:
        # The tutorial's own way to a name that is not taken.
        collection = f"{SOURCE_COLLECTION}-tutorial-{random.randint(0, 1000)}"  # noqa: S311
        os.environ.update(stack.environment)
        demo = Demo(build_clients(read_settings(stack.environment)), stack.environment, state, collection)
        verified = _run_steps(demo, took)
    finally:
        stack.stop()
        shutil.rmtree(state, ignore_errors=True)
    return 0 if verified else 1


def _run_steps(demo: Demo, stack_seconds: float) -> bool:
    summary = Table("Step", "Verified", "Seconds", title="What ran")
    summary.add_row("Start the local stack", "8 parts answer", f"{stack_seconds:.1f}")
    total, verified = stack_seconds, True
    for title, step in STEPS.items():
        console.rule(title)
        began = time.monotonic()
        try:
            said = step(demo)
        except (NotVerifiedError, requests.RequestException, KeyError) as error:
            said, verified = f"[red]NOT VERIFIED: {error}[/red]", False
        took = time.monotonic() - began
        total += took
        summary.add_row(title, said, f"{took:.1f}")
        if not verified:
            break
    console.print()
    console.print(summary)
    console.print(f"{'Every step was verified' if verified else 'A step was not verified'}; {total:.0f} s in all.")
    return verified


if __name__ == "__main__":
    sys.exit(main())
