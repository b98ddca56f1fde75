from urllib.parse import unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.stac.bases import based_at
from shared.stac.urls import encoded, has_stray_percent, has_template, resolve, unsigned
from tests.data.documents import item

SAS = "sv=2024-11-04&st=2026-01-01T00%3A00%3A00Z&se=2026-01-02T00%3A00%3A00Z&sr=c&sp=rl&sig=a%2Fb%3D"


@pytest.mark.parametrize(
    ("href", "base", "absolute"),
    [
        ("./d.tif", "https://h.example/a/item.json", "https://h.example/a/d.tif"),
        ("/d.tif", "https://h.example/a/item.json", "https://h.example/d.tif"),
        ("../d.tif", "https://h.example/a/b/item.json", "https://h.example/a/d.tif"),
        ("//other.example/d.tif", "http://h.example/a", "http://other.example/d.tif"),
        ("d.tif?v=1", "s3://bucket/a/item.json", "s3://bucket/a/d.tif?v=1"),
        ("https://o.example/d.tif", "https://h.example/a", "https://o.example/d.tif"),
        ("/vsis3/bucket/d.tif", "https://h.example/a", "/vsis3/bucket/d.tif"),
    ],
)
def test_references_are_resolved(href: str, base: str, absolute: str) -> None:
    assert resolve(href, base) == absolute


@given(st.text("abc/.?%2", max_size=12))
def test_references_are_resolved_as_urljoin_does_for_every_scheme(href: str) -> None:
    expected = urljoin("https://host/x/y/z.json", href)

    assert resolve(href, "gs://host/x/y/z.json").removeprefix("gs") == expected.removeprefix("https")


@given(st.text(max_size=30))
def test_encoding_changes_only_what_is_forbidden_and_loses_nothing(name: str) -> None:
    url = f"https://h.example/{name}".encode(errors="ignore").decode()
    if "sig=" in url:
        return
    made = encoded(url)

    assert made.isascii()
    assert encoded(made) == made
    assert unquote(made) == unquote(url)


def test_encoded_bytes_reserved_characters_and_signed_queries_stay() -> None:
    assert encoded("https://h.example/a b/%20[1]/ü.tif") == "https://h.example/a%20b/%20[1]/%C3%BC.tif"
    signed = f"https://h.example/a.tif?{SAS}"
    assert encoded(signed) == signed


def test_stray_percents_and_templates_are_found() -> None:
    assert has_stray_percent("https://h.example/100%.tif")
    assert not has_stray_percent("https://h.example/100%25.tif")
    assert has_template("https://h.example/{z}/{x}/{y}.png")
    assert not has_template("https://h.example/z.png")


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (SAS, ""),
        (f"snapshot=2026-01-01T00:00:00.0Z&{SAS}", "?snapshot=2026-01-01T00:00:00.0Z"),
        (f"{SAS}&versionid=7", "?versionid=7"),
        ("v=1&st=2", "?v=1&st=2"),
        ("X-Amz-Date=1&X-Amz-Signature=2&versionId=3", "?versionId=3"),
        ("Expires=1&Signature=2&Key-Pair-Id=3", ""),
    ],
)
def test_only_what_signs_is_taken_off(query: str, left: str) -> None:
    assert unsigned(f"https://h.example/a.tif?{query}") == f"https://h.example/a.tif{left}"


def self_link(document: dict[str, object]) -> list[object]:
    links = document["links"]
    assert isinstance(links, list)
    return [link["href"] for link in links if link["rel"] == "self"]


def test_a_document_that_is_read_by_its_url_is_based_there() -> None:
    document = item(
        assets={"a": {"href": "a.tif"}}, links=[{"rel": "self", "href": "https://h.example/elsewhere/item.json"}]
    )

    assert self_link(based_at(document, document_url="https://h.example/i.json?sig=x&se=y")) == [
        "https://h.example/i.json"
    ]
    assert self_link(based_at(document, file_url="https://h.example/f.ndjson")) == [
        "https://h.example/elsewhere/item.json"
    ]


def test_an_entry_without_an_absolute_self_link_is_based_at_its_file() -> None:
    document = item(assets={"a": {"href": "a.tif"}}, links=[{"rel": "self", "href": "./item.json"}])

    assert self_link(based_at(document, file_url="https://h.example/f.ndjson")) == ["https://h.example/f.ndjson"]
    assert based_at(document) is document


def test_an_item_without_relative_hrefs_stays_as_it_is() -> None:
    document = item()

    assert based_at(document, document_url="https://h.example/i.json") is document
