"""After a run full of failures no secret stands in a log, a table or a result."""

import base64
import json
from collections.abc import Iterator

import pytest

from shared.storage.tables import TABLES
from tests.running_stack import RunningStack, running_stack, small_collection, small_item, wait_for

SECRET = "c2VjcmV0LXNpZ25hdHVyZQ"
SAS = f"sv=2026-01-01&se=2099-01-01T00%3A00%3A00Z&sr=c&sp=rl&sig={SECRET}%3D"
COLLECTION = "secrets"
# Where bodies may be kept, compressed: the item's message and the dead letter's body.
KEPT_BODIES = frozenset({"message", "body"})


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("secrets"), "--assets", "trust") as running:
        running.create_collection(COLLECTION)
        yield running


def signed_item(collection: str, item_id: str, **properties: str) -> dict[str, object]:
    item = small_item(collection, item_id, **properties)
    item["assets"]["data"]["href"] += f"?{SAS}"
    return item


def test_no_secret_is_written_anywhere(stack: RunningStack) -> None:
    failure = {"code": "PublicAccessRestricted", "message": f"Source: https://a.blob.core.windows.net/c/x.tif?{SAS}"}
    stack.catalog(
        "PUT", "/_emulator/behavior", json={"operation_failures": [{**failure, "types": ["AddItem"], "count": 1}]}
    )
    stack.send("items", signed_item(COLLECTION, "held-by-operation"))
    wait_for(lambda: stack.statuses(COLLECTION).get("held-by-operation") == "Held", "the held item")

    stack.send("items", signed_item(COLLECTION, "ingested"))
    stack.send("items", signed_item("no-such-collection", "held"))
    stack.send(
        "items", {**signed_item(COLLECTION, "not-stac"), "geometry": f"https://user:{SECRET}@example.com/?{SAS}"}
    )
    stack.send("items", {"href": f"https://elsewhere.example.org/x.json?{SAS}"})
    stack.send("items", {"href": f"https://user:{SECRET}@example.com/x.json"})
    stack.send("items", f"not json {SAS} Bearer {SECRET}", plain=True)
    stack.send("items", {"item": signed_item(COLLECTION, "both"), "href": f"https://example.com/?{SAS}"})
    stack.send("items", {"item": {}, "collection": f"?{SAS}"})
    stack.send("deletions", {"collection": COLLECTION, "id": f"a?{SAS}"})
    thumbnail = {"href": f"https://elsewhere.example.org/t.png?{SAS}"}
    stack.send("collections", {"definition": small_collection("pictured"), "thumbnail": thumbnail})
    stack.result(id="ingested", outcome="ingested")
    stack.result(id="not-stac", outcome="failed")
    stack.result(collection="pictured", outcome="failed")
    wait_for(lambda: len(stack.results(outcome="rejected")) >= 6, "the rejections")
    wait_for(lambda: stack.statuses("no-such-collection").get("held") == "Held", "the item without a collection")

    token = stack.clients.credential.get_token(stack.clients.settings.geocatalog_scope).token
    key = stack.env["INGEST_STORAGE"].partition("AccountKey=")[2].partition(";")[0]
    secrets = {SECRET, "sig=", "eyJ", token, key, stack.env["IDENTITY_HEADER"]}
    for place, text in written(stack):
        for secret in secrets:
            assert secret not in text, (
                f"{secret[:6]}… stands in {place}: …{text[max(0, text.find(secret) - 200) :][:260]}"
            )


def written(stack: RunningStack) -> Iterator[tuple[str, str]]:
    for log in (stack.state / "logs").glob("*.log"):
        yield f"log {log.name}", log.read_text(encoding="utf-8", errors="replace")
    for name in TABLES:
        for row in stack.clients.storage.tables.get_table_client(name).list_entities():
            columns = {column: str(value) for column, value in row.items() if column not in KEPT_BODIES}
            yield f"table {name}", json.dumps(columns)
    yield "results", json.dumps(stack.results())
    for message in stack.queue("results").peek_messages(max_messages=32):
        yield "results", base64.b64decode(message.content).decode()
