"""What `enqueue` puts on the queue, on a storage where no app takes it."""

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from local.azurite import Azurite
from tests.cli.command import Cli
from tests.running_stack import small_collection, small_item


@pytest.fixture
def queue(azurite: Azurite) -> Iterator[QueueClient]:
    client = QueueClient.from_connection_string(azurite.connection_string(), "items")
    Cli({"INGEST_STORAGE": azurite.connection_string()}).ok("enqueue", "-", stdin=json.dumps(small_item("c", "first")))
    client.clear_messages()
    yield client
    client.clear_messages()


@pytest.fixture
def cli(azurite: Azurite) -> Cli:
    return Cli({"INGEST_STORAGE": azurite.connection_string()})


def bodies(queue: QueueClient) -> list[dict[str, Any]]:
    return [
        json.loads(base64.b64decode(message.content))
        for message in queue.receive_messages(messages_per_page=32, max_messages=32)
    ]


def test_options_become_fields_of_the_message(cli: Cli, queue: QueueClient) -> None:
    options = ("--collection", "mine", "--if-exists", "skip", "--force", "--version-by", "s2:generation_time")
    item = small_item("theirs", "a")
    report = cli.json("enqueue", "-", *options, "--drop-assets", "preview,tilejson", stdin=json.dumps(item))
    (sent,) = bodies(queue)
    assert sent["item"] == item
    assert sent["correlation_id"] == report["correlation_id"]
    assert (sent["collection"], sent["if_exists"], sent["force"]) == ("mine", "skip", True)
    assert (sent["version_by"], sent["drop_assets"]) == ("s2:generation_time", ["preview", "tilejson"])


def test_by_reference_sends_the_url_unread(cli: Cli, queue: QueueClient) -> None:
    url = "http://127.0.0.1:1/items.ndjson"  # nobody listens there
    report = cli.json("enqueue", "--by-reference", url, "--collection", "mine")
    assert (report["references"], report["sent"]) == (1, 0)
    (sent,) = bodies(queue)
    assert (sent["href"], sent["collection"], "item" in sent) == (url, "mine", False)


def test_nothing_is_sent_by_a_dry_run_nor_by_a_strict_one_with_a_bad_item(cli: Cli, queue: QueueClient) -> None:
    text = json.dumps([small_item("c", "a"), {"type": "Feature", "id": "bad"}])
    assert cli.json("enqueue", "-", "--dry-run", "--skip-invalid", stdin=text)["sent"] == 1
    assert cli.json("enqueue", "-", "--strict", stdin=text, code=1)["sent"] == 0
    assert queue.get_queue_properties().approximate_message_count == 0
    assert cli.json("enqueue", "-", stdin=text, code=1)["sent"] == 1
    assert [body["item"]["id"] for body in bodies(queue)] == ["a"]


def test_every_item_of_many_is_sent_once(cli: Cli, queue: QueueClient) -> None:
    ids = [f"i{number}" for number in range(150)]
    text = "".join(json.dumps(small_item("c", item_id)) + "\n" for item_id in ids)
    assert cli.json("enqueue", "-", "--workers", "8", stdin=text)["sent"] == 150
    found = [body["item"]["id"] for _ in range(6) for body in bodies(queue)]
    assert sorted(found) == sorted(ids)


def test_a_strict_run_sends_a_definition_only_after_the_check(
    azurite: Azurite, cli: Cli, queue: QueueClient, tmp_path: Path
) -> None:
    definitions = QueueClient.from_connection_string(azurite.connection_string(), "collections")
    (tmp_path / "collection.json").write_text(json.dumps(small_collection("strict")))
    items = tmp_path / "items.json"
    items.write_text(json.dumps([small_item("strict", "a"), {"type": "Feature", "id": "bad"}]))
    report = cli.json("enqueue", str(tmp_path), "--strict", code=1)
    assert (report["sent"], report["collections"]) == (0, [])
    with contextlib.suppress(ResourceNotFoundError):  # nothing was ever sent there
        assert bodies(definitions) == []
    items.write_text(json.dumps([small_item("strict", "a")]))
    assert cli.json("enqueue", str(tmp_path), "--strict")["collections"] == ["strict"]
    assert [body["definition"]["id"] for body in bodies(definitions)] == ["strict"]
    assert [body["item"]["id"] for body in bodies(queue)] == ["a"]
    definitions.clear_messages()
