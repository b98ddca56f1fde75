import json
from datetime import timedelta
from typing import Any

import pytest

from shared.sources.source_list import parse_sources
from shared.sources.specs import parse_source

URL = "https://ours.blob.core.windows.net/scenes"
BY_IDENTITY: dict[str, Any] = {"user_delegation": {}}


@pytest.mark.parametrize(
    ("url", "read"),
    [
        (URL, URL),
        (f"{URL}/", URL),
        ("https://OURS.blob.core.windows.net/scenes", URL),
        ("https://ours.blob.core.windows.net/$web", "https://ours.blob.core.windows.net/$web"),
        ("http://127.0.0.1:10000/account/scenes", "http://127.0.0.1:10000/account/scenes"),
    ],
)
def test_a_container_url_is_read(url: str, read: str) -> None:
    assert parse_source({"container_url": url, "sas": BY_IDENTITY}).container_url == read


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "must be an absolute https URL"),
        ("scenes", "must be an absolute https URL"),
        ("s3://bucket/scenes", "must be an absolute https URL"),
        ("https://[::1/scenes", "is not a URL"),
        ("https://ours.blob.core.windows.net:port/scenes", "is not a URL"),
        ("http://ours.blob.core.windows.net/scenes", "must be https"),
        ("https://ours.blob.core.windows.net", "names no container: add its name"),
        ("https://ours.blob.core.windows.net/", "names no container: add its name"),
        (f"{URL}/2024", f"a source is good for a whole container, here {URL}"),
        (f"{URL}/a.tif", "must be the URL of a container, not of something in it"),
        ("https://ours.blob.core.windows.net/Scenes", "its name must be 3 to 63 of a-z, 0-9 and single hyphens"),
        (f"{URL}?sv=2024&sig=SECRET", "must not hold a SAS"),
        (f"{URL}?", "must not hold a SAS"),
        (f"{URL}#sig=SECRET", "must not hold a user name, a password or a fragment"),
        ("https://user:SECRET@ours.blob.core.windows.net/scenes", "must not hold a user name"),
    ],
)
def test_what_is_no_container_url_says_why(url: str, sentence: str) -> None:
    found = parse_sources(json.dumps([{"container_url": url, "sas": BY_IDENTITY}]))
    assert not found.specs
    (fault,) = found.faults
    assert fault.startswith("Entry 1")
    assert sentence in fault
    assert "SECRET" not in fault


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("nonsense", "must be a JSON object"),
        ({}, "container_url: is missing"),
        ({"container_url": URL}, "give exactly one of managed_identity and sas"),
        (
            {"container_url": URL, "sas": BY_IDENTITY, "managed_identity": {"object_id": "0" * 32}},
            "give exactly one of managed_identity and sas",
        ),
        ({"container_url": URL, "sas": {}}, "give exactly one of user_delegation, planetary_computer and setting"),
        ({"container_url": URL, "sas": {**BY_IDENTITY, "setting": "S"}}, "give exactly one of user_delegation"),
        ({"container_url": URL, "sas": {"planetery_computer": "x"}}, "did you mean planetary_computer?"),
        ({"container_url": URL, "sas": {"vault": "x"}}, "known are planetary_computer, setting, user_delegation"),
        ({"container": URL, "sas": BY_IDENTITY}, "did you mean container_url?"),
        ({"container_url": URL, "managed_identity": {"object_id": "me"}}, "a GUID"),
        ({"container_url": URL, "managed_identity": {"objectid": "0" * 32}}, "did you mean object_id?"),
        ({"container_url": URL, "sas": {"user_delegation": {"lifetime": "P8D"}}}, "must be from PT10M to P7D"),
        ({"container_url": URL, "sas": {"user_delegation": {"lifetime": "PT1M"}}}, "must be from PT10M to P7D"),
        ({"container_url": URL, "sas": {"user_delegation": {"lifetime": "long"}}}, "sas.user_delegation.lifetime"),
    ],
)
def test_a_faulty_entry_says_what_to_mend(entry: Any, sentence: str) -> None:  # noqa: ANN401 - any JSON
    right = {"container_url": f"{URL}-other", "sas": BY_IDENTITY}
    found = parse_sources(json.dumps([entry, right]))
    assert [spec.container_url for spec in found.specs] == [f"{URL}-other"]
    (fault,) = found.faults
    assert sentence in fault
    assert fault.endswith("." if "did you mean" not in fault.rpartition("; ")[2] else "?")


def test_a_container_that_is_there_twice_is_used_once() -> None:
    entries = [
        {"container_url": URL, "sas": {"user_delegation": {"lifetime": "P2D"}}},
        {"container_url": f"{URL}/", "sas": {"setting": "S"}},
    ]
    found = parse_sources(json.dumps(entries))
    assert found.faults == [f"Entry 2: container {URL} is there twice; the first is used."]
    (spec,) = found.specs
    assert spec.sas is not None
    assert spec.sas.user_delegation is not None
    assert spec.sas.user_delegation.lifetime == timedelta(days=2)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("nonsense", "neither a JSON list nor the URL"), ("", "neither"), ("{}", "must be a JSON list"), ("1", "must be")],
)
def test_what_is_no_list_is_one_fault(text: str, sentence: str) -> None:
    found = parse_sources(text)
    assert not found.specs
    assert sentence in found.faults[0]
