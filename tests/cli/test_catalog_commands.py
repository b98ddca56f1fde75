"""`search`, `download`, `delete`, `cancel`, `sources` and `doctor`, on a running stack."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from local.geocatalog.catalog import DEFAULT_MANAGED_IDENTITY
from tests.cli.command import Cli
from tests.running_stack import RunningStack, small_item, wait_for


def test_search_download_and_delete(cli: Cli, stack: RunningStack, scenes: dict[str, Any], tmp_path: Path) -> None:
    collection, (first, second) = scenes["collection"], sorted(scenes["ids"])
    found = cli.json("search", "--collections", collection, "--bbox", "-22.46,63.83,-22.39,63.89", "--sign")
    assert {item["id"] for item in found["features"]} == {first, second}
    assert len(cli.json("search", "--collections", collection, "--ids", first)["features"]) == 1
    assert cli.json("search", "--collections", collection, "--datetime", "../2000-01-01")["features"] == []
    assert len(cli.json("search", "--collections", collection, "--filter", f"id = '{first}'")["features"]) == 1

    signed = next(item for item in found["features"] if item["id"] == first)["assets"]["B09"]["href"]
    target = tmp_path / "files"
    arguments = ("download", collection, first, "--assets", "B09,B08", "--to", str(target))
    files = {file["asset"]: file for file in cli.json(*arguments)["files"]}
    assert files.keys() == {"B09", "B08"}
    assert Path(files["B09"]["path"]).read_bytes() == requests.get(signed, timeout=10).content
    assert not list(target.rglob("*.part"))
    assert all(file["was_there"] for file in cli.json(*arguments)["files"])
    assert "B01, B02" in cli.run("download", collection, first, "--assets", "nothing").stderr
    assert cli.json("download", collection, first, "no-such-item", "--assets", "B09", "--to", str(target), code=1)[
        "missing_items"
    ] == ["no-such-item"]

    ids = tmp_path / "ids.txt"
    ids.write_text(f"# one a line\n{first}\n\n")
    done = cli.run("delete", collection, "--ids-from", str(ids), "--json")
    assert f"1 items of collection {collection} are to be deleted" in done.stderr
    assert json.loads(done.stdout)["deleted"] == [first]
    assert stack.in_catalog(collection).keys() == {second}
    refused = cli.run("delete", collection, "--all-items")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert cli.json("delete", collection, "--datetime", "2024-01-01/..", "--yes")["deleted"] == [second]
    assert cli.json("delete", collection, "--confirm", collection)["deleted"] is True
    assert stack.clients.geocatalog.get_collection(collection) is None
    assert collection not in cli.json("status")["collections"]
    assert cli.json("items", collection)["items"] == []


def test_operations_are_canceled_one_by_one(cli: Cli, stack: RunningStack) -> None:
    stack.create_collection("canceled")
    stack.catalog("PUT", "/_emulator/behavior", json={"ingest_seconds": [60, 60]}).raise_for_status()
    try:
        item = small_item("canceled", "slow") | {"assets": {}}
        cli.ok("enqueue", "-", stdin=json.dumps(item))
        wait_for(lambda: stack.statuses("canceled").get("slow") == "Submitted", "the submitted item")
        dry = cli.json("cancel", "--collection", "canceled", "--dry-run")["operations"]
        assert len(dry) == 1
        assert cli.json("cancel", "--collection", "canceled")["operations"][0]["is_asked"] is True
        wait_for(lambda: stack.statuses("canceled").get("slow") == "Canceled", "the canceled item")
        asked = stack.catalog("GET", "/_emulator/requests").json()
    finally:
        stack.catalog("POST", "/_emulator/reset").raise_for_status()
    assert not any(r["method"] == "DELETE" and r["path"].rstrip("/") == "/inma/operations" for r in asked)
    assert cli.json("cancel", "no-such-operation", code=1)["operations"][0]["is_asked"] is False
    assert len(cli.json("replay", "canceled", "--state", "Canceled")["replayed"]) == 1
    cli.ok("watch", "-c", "canceled", "--until", "60s")


def test_sources_are_added_and_removed(cli: Cli) -> None:
    # Any container: a SAS is not looked at before an asset is read.
    url = f"{cli.settings['INGEST_STORAGE'].partition('BlobEndpoint=')[2].partition(';')[0]}/added"
    added = cli.json("sources", "add", url, "--planetary-computer", "no-such-collection", "--timeout", "60", code=1)
    assert added["source"]["error_code"]
    listed = cli.json("sources")
    assert listed["faults"] == []
    assert listed["unread"] is None
    assert url in {source["container_url"] for source in listed["sources"] if source["is_managed"]}
    assert cli.json("sources", "remove", url)["removed"] is True
    assert url not in {source["container_url"] for source in cli.json("sources")["sources"]}
    assert cli.run("sources", "remove", url).returncode == 1


def delete_source(source_id: str, stack: RunningStack) -> None:
    """Deletes a source in GeoCatalog, which the command never does."""
    token = stack.clients.credential.get_token(stack.clients.settings.geocatalog_scope).token
    path = f"/inma/ingestion-sources/{source_id}?api-version=2026-04-15"
    stack.catalog("DELETE", path, headers={"Authorization": f"Bearer {token}"})


def test_a_source_that_cannot_replace_the_older_one_fails_the_command(cli: Cli, stack: RunningStack) -> None:
    url = f"{cli.settings['INGEST_STORAGE'].partition('BlobEndpoint=')[2].partition(';')[0]}/replaced"
    attached = ("--managed-identity", DEFAULT_MANAGED_IDENTITY)
    old = cli.json("sources", "add", url, *attached, "--timeout", "60")["source"]
    try:
        unattached = ("--managed-identity", "00000000-0000-0000-0000-000000000001")
        new = cli.json("sources", "add", url, *unattached, "--timeout", "60", code=1)["source"]
        assert (new["source_id"], new["error_code"]) == (old["source_id"], "ManagedIdentityInfoNotFound")
    finally:
        cli.ok("sources", "remove", url)
        delete_source(old["source_id"], stack)


def test_sources_shows_those_of_others_and_the_open_operations(cli: Cli, stack: RunningStack) -> None:
    clients = stack.clients
    sas = {"sv": "2024", "st": "2026-01-01T00:00:00Z", "se": "2126-01-01T00:00:00Z", "sp": "rl", "sr": "c", "sig": "x"}
    made = []
    for number in range(101):  # more than GeoCatalog lists on one page
        connection = {"containerUrl": f"https://others.blob.core.windows.net/c{number}", "sasToken": urlencode(sas)}
        source = clients.geocatalog.post_source({"kind": "SasToken", "connectionInfo": connection})
        assert isinstance(source, dict)
        made.append(source["id"])
    stack.create_collection("of-others")
    stack.catalog("PUT", "/_emulator/behavior", json={"ingest_seconds": [60, 60]}).raise_for_status()
    try:
        asset = {"href": "https://others.blob.core.windows.net/c7/a.tif", "type": "image/tiff"}
        cli.ok("enqueue", "-", stdin=json.dumps(small_item("of-others", "slow") | {"assets": {"data": asset}}))
        wait_for(lambda: stack.statuses("of-others").get("slow") == "Submitted", "the submitted item")
        others = {found["container_url"]: found for found in cli.json("sources")["sources"] if not found["is_managed"]}
        assert len(others) == 101
        assert {url: found["open_operations"] for url, found in others.items() if found["open_operations"]} == {
            "https://others.blob.core.windows.net/c7": 1
        }
        assert others["https://others.blob.core.windows.net/c0"]["seconds_left"] > 0
        assert "unmanaged" in cli.ok("sources")
        unset = Cli({name: value for name, value in cli.settings.items() if name != "GEOCATALOG_URL"})
        assert unset.json("sources")["unread"] == "GEOCATALOG_URL is not set."
        cli.ok("cancel", "--collection", "of-others")
    finally:
        stack.catalog("POST", "/_emulator/reset").raise_for_status()
        for source_id in made:
            delete_source(source_id, stack)


@pytest.mark.parametrize("command", ["sources", "doctor"])
def test_faults_of_the_list_of_sources_are_shown(cli: Cli, stack: RunningStack, command: str) -> None:
    def is_shown() -> bool:
        # The running app reads its list, in which all is well, every few seconds.
        stack.clients.sources.note_faults(["Entry 2: container_url: is missing."])
        done = cli.run(command)
        return "INGESTION_SOURCES: Entry 2: container_url: is missing." in done.stdout + done.stderr

    wait_for(is_shown, "the fault to be shown")
    stack.clients.sources.note_faults([])


def test_doctor_finds_a_healthy_stack_healthy_and_says_what_to_do_otherwise(cli: Cli) -> None:
    findings = cli.json("doctor")["findings"]
    checks = {finding["check"] for finding in findings}
    assert checks >= {"versions", "settings", "clock", "queues", "tables", "containers", "work", "geocatalog"}
    assert not [finding for finding in findings if finding["verdict"] == "fault"]

    wrong = Cli({**cli.settings, "GEOCATALOG_SCOPE": "https://wrong.example/.default"}).json("doctor", code=1)
    fault = next(finding for finding in wrong["findings"] if finding["verdict"] == "fault")
    assert fault["check"] == "geocatalog"
    assert "GEOCATALOG_SCOPE" in fault["remedy"]

    connection = cli.settings["INGEST_STORAGE"]
    key = connection.partition("AccountKey=")[2].partition(";")[0]
    denied = Cli({**cli.settings, "INGEST_STORAGE": connection.replace(key, "d3Jvbmc=")}).json("doctor", code=1)
    assert {f["check"] for f in denied["findings"] if f["verdict"] == "fault"} >= {"queues", "tables", "containers"}
    assert "d3Jvbmc=" not in json.dumps(denied)
