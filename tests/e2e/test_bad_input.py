"""Bad input gets a sentence, a place and a remedy, and nothing else is lost."""

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from tests.running_stack import RunningStack, running_stack, small_item, wait_for

COLLECTION = "bad-input"


@pytest.fixture(scope="module")
def file_server() -> Iterator[str]:
    """Serves the files that hrefs lead to."""
    files = {
        "/page.html": b"<!doctype html><html><body>Not found</body></html>",
        "/ten-megabytes.json": json.dumps(small_item(COLLECTION, "ten", note="x" * 10_000_000)).encode(),
        "/item.json": json.dumps(small_item(COLLECTION, "served"), indent=2).encode(),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def reading_stack(tmp_path_factory: pytest.TempPathFactory, file_server: str) -> Iterator[RunningStack]:
    allowed = {"ALLOWED_HREF_HOSTS": file_server.removeprefix("http://")}
    with running_stack(tmp_path_factory.mktemp("bad"), "--assets", "trust", settings=allowed) as running:
        running.create_collection(COLLECTION)
        yield running


def test_each_bad_message_says_what_is_wrong_and_a_good_one_among_them_is_ingested(
    reading_stack: RunningStack, file_server: str
) -> None:
    stack = reading_stack
    item = small_item(COLLECTION, "good")
    rejected: dict[str, tuple[object, str]] = {
        "not json": ("this is not JSON", "neither JSON nor base64"),
        "not a message": ('{"hello": "world"}', "has no item or href"),
        "both": ({"item": item, "href": "https://example.com/x.json"}, "exactly one of item and href"),
        "numeric id": (
            {"type": "Feature", "id": 5, "collection": COLLECTION, "dequeueCount": "many"},
            "The item id of type int",
        ),
        "unknown field": ({"item": item, "colection": "x"}, "colection: "),
        "not allowed": ({"href": "https://elsewhere.example.org/x.json"}, "add it to ALLOWED_HREF_HOSTS"),
        "nothing there": ({"href": f"{file_server}/nothing.json"}, "there is nothing at the href"),
        "html": ({"href": f"{file_server}/page.html"}, "page.html is HTML"),
    }
    for body, _ in rejected.values():
        stack.send("items", body, plain=True)
    failed: dict[str, tuple[object, str]] = {
        "not-stac": ({**small_item(COLLECTION, "not-stac"), "geometry": "here"}, "not a GeoJSON geometry"),
        "ten": ({"href": f"{file_server}/ten-megabytes.json"}, "and GeoCatalog takes at most 1,048,576"),
    }
    for body, _ in failed.values():
        stack.send("items", body)
    stack.send("items", item)
    stack.send("items", {"href": f"{file_server}/item.json"})
    for item_id in ("good", "served"):
        stack.result(id=item_id, outcome="ingested")
    for item_id, (_, sentence) in failed.items():
        assert sentence in stack.result(id=item_id, outcome="failed")["error_message"]
    wait_for(lambda: len(stack.results(outcome="rejected")) >= len(rejected), "all rejections")
    reasons = [str(letter["reason"]) for letter in stack.deadletters("items")]
    for name, (_, sentence) in rejected.items():
        assert any(sentence in reason for reason in reasons), f"{name}: {reasons}"
    assert len(reasons) == len(rejected)


def test_an_unknown_collection_holds_the_item_until_it_is_there(reading_stack: RunningStack) -> None:
    stack = reading_stack
    stack.send("items", small_item("not-yet", "early"))
    wait_for(lambda: stack.statuses("not-yet").get("early") == "Held", "the item to be held")
    assert "Create the collection" in str(stack.rows("not-yet")["early"]["error_message"])
    stack.create_collection("not-yet")
    assert stack.command("resume", "not-yet").returncode == 0
    stack.result(id="early", outcome="ingested")
