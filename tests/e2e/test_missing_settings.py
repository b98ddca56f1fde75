"""With settings missing the app still loads every function, and the first message is told all that is missing."""

import base64
from pathlib import Path

import requests
from azure.storage.queue import QueueClient

from local.azurite import Azurite
from local.stack.parts import Part
from local.stack.stack import PROJECT
from shared.storage.queues import create_queue
from tests.running_stack import wait_for

FUNCTIONS = {
    "ingest_item",
    "track_operations",
    "renew_sources",
    "configure_collection",
    "delete_item",
    "receive_blob",
    "record_items_poison",
    "record_collections_poison",
    "record_deletions_poison",
    "record_blob_events_poison",
    "remove_expired",
    "follow_feeds",
}


def test_all_functions_load_and_every_missing_setting_is_named(azurite: Azurite, tmp_path: Path) -> None:
    connection = azurite.connection_string()
    environment = {
        "AzureWebJobsStorage": connection,
        "INGEST_STORAGE": connection,
        "GEOCATALOG_URL": "",
        "MAX_REQUESTS_PER_SECOND": "fast",
        "OPERATION_DEADLINE": "tomorrow",
    }
    log = tmp_path / "host.log"
    host = Part("host", "local.host", ["--app", str(PROJECT)], log=log, environment=environment)
    try:
        host.wait_ready()
        listed = requests.get(f"{host.url}/admin/functions", timeout=10).json()
        assert {function["name"] for function in listed} == FUNCTIONS
        with QueueClient.from_connection_string(connection, "deletions") as queue:
            create_queue(queue)
            queue.send_message(base64.b64encode(b'{"collection": "a", "id": "b"}').decode())
            wait_for(lambda: "SettingsError: Settings to mend" in log.read_text(), "the error")
            queue.clear_messages()
    finally:
        host.stop()
    told = next(line for line in log.read_text().splitlines() if "SettingsError: Settings to mend" in line)
    for name in ("GEOCATALOG_URL is missing", "MAX_REQUESTS_PER_SECOND: ", "OPERATION_DEADLINE: "):
        assert name in told
    assert "fast" not in told
