import pytest

from shared.basics.blob_urls import BlobUrl, parse_blob_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://ours.blob.core.windows.net/cogs/a/b.tif",
            BlobUrl("https://ours.blob.core.windows.net", "ours", "cogs", "a/b.tif"),
        ),
        (
            "https://ours.blob.core.windows.net/cogs?sv=1&sig=x",
            BlobUrl("https://ours.blob.core.windows.net", "ours", "cogs", ""),
        ),
        (
            "https://OURS.blob.core.windows.net/cogs/a%20b%2Fc.tif",
            BlobUrl("https://ours.blob.core.windows.net", "ours", "cogs", "a b/c.tif"),
        ),
        (
            "http://127.0.0.1:10000/devstoreaccount1/payloads/x.json",
            BlobUrl("http://127.0.0.1:10000/devstoreaccount1", "devstoreaccount1", "payloads", "x.json"),
        ),
        ("http://localhost:10000/acc/c", BlobUrl("http://localhost:10000/acc", "acc", "c", "")),
        ("http://[::1]:10000/acc/c/b", BlobUrl("http://[::1]:10000/acc", "acc", "c", "b")),
    ],
)
def test_parts_of_a_url(url: str, expected: BlobUrl) -> None:
    assert parse_blob_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cogs/a.tif",
        "s3://bucket/key",
        "https://",
        "https://ours.blob.core.windows.net",
        "https://ours.blob.core.windows.net/",
        "http://127.0.0.1:10000/acc",
        "http://127.0.0.1:10000/acc/",
        "https://[::1",
        "/vsicurl/https://a",
    ],
)
def test_what_names_no_container(url: str) -> None:
    assert parse_blob_url(url) is None


def test_url_of_the_container() -> None:
    url = parse_blob_url("http://127.0.0.1:10000/acc/c/b.tif")

    assert url
    assert url.container_url == "http://127.0.0.1:10000/acc/c"
