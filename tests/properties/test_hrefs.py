"""What a message may make the app fetch: only from allowed hosts, within limits, and never with redirects."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from azure.storage.blob import ContainerClient

from shared.basics.errors import BadMessage, ErrorCode, IngestionError, Unavailable
from shared.clients import Clients
from tests.properties.apps import Account, make_app

LIMIT = 1000
CONTENT = b'{"type": "Feature"}'


class Site(BaseHTTPRequestHandler):
    """Answers with the status that the path begins with; 200 with content."""

    def do_GET(self) -> None:
        status = int(self.path.strip("/").split("/")[0])
        content = CONTENT * 100 if "large" in self.path else CONTENT
        if "ranges" in self.path and "Range" in self.headers:
            content = content[int(self.headers["Range"].removeprefix("bytes=").removesuffix("-")) :]
            status = 206 if content else 416
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/200/elsewhere")
        self.send_header("Content-Length", str(len(content) + (9 if "short" in self.path else 0)))
        self.end_headers()
        step = 1 if "slow" in self.path else max(len(content), 1)
        for start in range(0, len(content), step):
            self.wfile.write(content[start : start + step])
            if "slow" in self.path:
                time.sleep(0.02)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def serving() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """Run a small HTTP site and give its host with the port."""
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def app(account: Account, host: str) -> Clients:
    """Build clients that may fetch from the site and from one name that leads nowhere public."""
    return make_app(account, "http://127.0.0.1:9", ALLOWED_HREF_HOSTS=f"{host},localtest.invalid,10.0.0.1")


def refusal(app: Clients, href: str) -> IngestionError:
    with pytest.raises(IngestionError) as caught:
        app.hrefs.read_all(href, limit=LIMIT)
    return caught.value


def test_an_allowed_host_is_read(app: Clients, host: str) -> None:
    assert app.hrefs.read_all(f"http://{host}/200/item.json?sig=x", limit=LIMIT) == CONTENT


@pytest.mark.parametrize("path", ["200/ranges/large", "200/no/large"])
def test_a_file_is_read_from_a_byte_on(app: Clients, host: str, path: str) -> None:
    with app.hrefs.open(f"http://{host}/{path}", start=7) as chunks:
        assert b"".join(chunks) == (CONTENT * 100)[7:]
    with app.hrefs.open(f"http://{host}/{path}", start=10_000) as chunks:
        assert b"".join(chunks) == b""


@pytest.mark.both_storages
def test_an_own_blob_is_read_from_a_byte_on(app: Clients) -> None:
    content = bytes(range(256)) * 10_000  # of several reads
    blob = app.storage.blobs.get_container_client("incoming").upload_blob("bytes", content, overwrite=True)
    for start in (1, 1_048_577, len(content)):
        with app.hrefs.open(blob.url, start=start) as chunks:
            assert b"".join(chunks) == content[start:]


@pytest.mark.parametrize(
    ("href", "said"),
    [
        ("https://other.example/item.json", "other.example:443 is not allowed"),
        ("http://other.example/item.json", "other.example:80 is not allowed"),
        ("http://127.0.0.1:1/item.json", "127.0.0.1:1 is not allowed"),
        ("http://localhost/item.json", "localhost:80 is not allowed"),
        ("http://[::1]/item.json", "not allowed"),
        ("http://169.254.169.254/metadata/identity", "169.254.169.254:80 is not allowed"),
        ("https://localtest.invalid@other.example/x", "user name or password"),
        ("https://someone:hunter2@localtest.invalid/x", "user name or password"),
        ("https://localtest.invalid.other.example/x", "not allowed"),
        ("https://10.0.0.1/item.json", "the app's own network"),
        ("http://10.0.0.1/item.json", "not https"),
        ("ftp://localtest.invalid/x", "not an absolute https URL"),
        ("file:///etc/passwd", "not an absolute https URL"),
        ("data:application/json,{}", "not an absolute https URL"),
        ("item.json", "not an absolute https URL"),
        ("//localtest.invalid/x", "not an absolute https URL"),
        ("https://", "not an absolute https URL"),
        ("https://[::1/x", "not a URL"),
        ("https://localtest.invalid:port/x", "not a URL"),
    ],
)
def test_what_is_never_fetched(app: Clients, href: str, said: str) -> None:
    error = refusal(app, href)

    assert isinstance(error, BadMessage)
    assert error.code == ErrorCode.HREF_REFUSED
    assert said in error.message
    assert "hunter2" not in error.message


def test_a_name_without_an_address_is_tried_again(app: Clients) -> None:
    assert isinstance(refusal(app, "https://localtest.invalid/x"), Unavailable)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (302, BadMessage, ErrorCode.HREF_REFUSED),
        (401, BadMessage, ErrorCode.HREF_REFUSED),
        (403, BadMessage, ErrorCode.HREF_REFUSED),
        (204, BadMessage, ErrorCode.HREF_NOT_FOUND),
        (404, BadMessage, ErrorCode.HREF_NOT_FOUND),
        (410, BadMessage, ErrorCode.HREF_NOT_FOUND),
        (408, Unavailable, ErrorCode.UNAVAILABLE),
        (429, Unavailable, ErrorCode.UNAVAILABLE),
        (500, Unavailable, ErrorCode.UNAVAILABLE),
        (503, Unavailable, ErrorCode.UNAVAILABLE),
    ],
)
def test_answers(app: Clients, host: str, status: int, kind: type[IngestionError], code: ErrorCode) -> None:
    error = refusal(app, f"http://{host}/{status}/item.json?sig=hunter2")

    assert isinstance(error, kind)
    assert error.code == code
    assert "hunter2" not in error.message
    assert host in error.message


def test_a_file_over_the_limit_is_refused(app: Clients, host: str) -> None:
    assert refusal(app, f"http://{host}/200/large").code == ErrorCode.HREF_TOO_LARGE


def test_a_transfer_that_breaks_off_is_tried_again(app: Clients, host: str) -> None:
    assert isinstance(refusal(app, f"http://{host}/200/short"), Unavailable)


def test_a_transfer_that_never_ends_is_left(account: Account, host: str) -> None:
    hurried = make_app(account, "http://127.0.0.1:9", ALLOWED_HREF_HOSTS=host, TIME_SCALE="0.001")

    error = refusal(hurried, f"http://{host}/200/slow/large")

    assert isinstance(error, Unavailable)
    assert "for longer than" in error.message


# The app's own containers


def own(app: Clients, container: str) -> ContainerClient:
    return app.storage.blobs.get_container_client(container)


@pytest.mark.both_storages
@pytest.mark.parametrize("container", ["payloads", "incoming"])
def test_own_containers_are_read(app: Clients, container: str) -> None:
    blob = own(app, container).upload_blob("folder/a b.json", CONTENT, overwrite=True)

    assert app.hrefs.read_all(blob.url, limit=LIMIT) == CONTENT


def test_a_blob_that_is_not_there(app: Clients) -> None:
    error = refusal(app, f"{own(app, 'incoming').url}/nothing.json")

    assert error.code == ErrorCode.HREF_NOT_FOUND
    assert "incoming" in error.message


@pytest.mark.both_storages
@pytest.mark.parametrize(
    "climbing",
    ["../secrets/key.json", "%2e%2e/secrets/key.json", "x/../../secrets/key.json", "..%2Fsecrets/key.json",
     "..%5Csecrets/key.json", "./../secrets/key.json"],
)  # fmt: skip
def test_a_name_does_not_lead_out_of_its_container(app: Clients, climbing: str) -> None:
    secrets = own(app, "secrets")
    if not secrets.exists():
        secrets.create_container()
    secrets.upload_blob("key.json", CONTENT, overwrite=True)

    assert refusal(app, f"{own(app, 'incoming').url}/{climbing}").code == ErrorCode.HREF_REFUSED


def test_another_container_of_the_own_account_is_not_read(app: Clients) -> None:
    error = refusal(app, f"{own(app, 'azure-webjobs-secrets').url}/key.json")

    assert error.code == ErrorCode.HREF_REFUSED


def test_the_list_of_sources_may_lie_in_any_own_container(app: Clients) -> None:
    settings = own(app, "configuration")
    if not settings.exists():
        settings.create_container()
    blob = settings.upload_blob("sources.json", b"[]", overwrite=True)

    assert app.hrefs.read_own(blob.url, limit=LIMIT) == b"[]"
    with pytest.raises(BadMessage, match="not that of a blob"):
        app.hrefs.read_own("https://other.example/c/sources.json", limit=LIMIT)
