from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.basics.blob_urls import BlobUrl
from shared.basics.errors import BadContent
from shared.sources.signed_hrefs import is_covering, signed_hrefs, without_covered_signatures
from tests.data.documents import item

NOW = datetime(2026, 4, 16, 10, tzinfo=UTC)
MARGIN = timedelta(minutes=15)
BLOB = "https://ours.blob.core.windows.net/cogs/a.tif"
ENDED, VALID = NOW - timedelta(minutes=1), NOW + timedelta(hours=1)
IDENTITY = {"source_id": "s", "kind": "BlobManagedIdentity"}


def sas(ends: datetime, **others: str) -> str:
    fields = {"sv": "2021-06-08", "sp": "rl", "sr": "c", "se": ends.isoformat(), **others, "sig": "a+b/c="}
    return urlencode(fields)


def signed_item(query: str, key: str = "data", **others: str) -> dict[str, Any]:
    assets = {key: {"href": f"{BLOB}?{query}", "title": "kept"}}
    return item(assets=assets | {name: {"href": href} for name, href in others.items()})


def sent(document: dict[str, Any], row: Mapping[str, Any] | None, dropped: tuple[str, ...] = ()) -> dict[str, Any]:
    def source_of(container: BlobUrl) -> Mapping[str, Any] | None:
        assert container.container_url == "https://ours.blob.core.windows.net/cogs"
        return row

    return without_covered_signatures(document, source_of, dropped=dropped, wanted_margin=MARGIN, now=NOW)


def sas_source(rest: timedelta, life: timedelta = timedelta(hours=10)) -> dict[str, Any]:
    ends = NOW + rest
    return {"source_id": "s", "kind": "SasToken", "expires_at": ends, "renewed_at": ends - life}


@pytest.mark.parametrize("ends", [ENDED, VALID])
def test_a_signature_goes_where_a_source_serves_instead(ends: datetime) -> None:
    document = signed_item(
        f"versionid=2026-01-01T00%3A00%3A00.0000000Z&{sas(ends)}&snapshot=2025-01-01", other="https://x.example/a?sig=1"
    )
    before = str(document)
    made = sent(document, IDENTITY)
    assert made["assets"]["data"] == {
        "href": f"{BLOB}?versionid=2026-01-01T00%3A00%3A00.0000000Z&snapshot=2025-01-01", "title": "kept",
    }  # fmt: skip
    assert made["assets"]["other"]["href"] == "https://x.example/a?sig=1"
    assert str(document) == before


NOT_COVERING = [
    {"source_id": "", "kind": "SasToken"},
    {"source_id": "s", "kind": "SasToken"},
    sas_source(timedelta(minutes=-1)),
    sas_source(timedelta(minutes=59)),
]


@pytest.mark.parametrize("row", [None, *NOT_COVERING])
def test_a_valid_signature_stays_where_no_source_outlives_the_operation(row: Mapping[str, Any] | None) -> None:
    document = signed_item(sas(VALID))
    assert sent(document, row) == document


@pytest.mark.parametrize("row", NOT_COVERING)
def test_an_ended_signature_waits_for_a_source_that_is_known(row: Mapping[str, Any]) -> None:
    document = signed_item(sas(ENDED))
    assert sent(document, row) == document


def test_an_ended_signature_without_any_source_is_told() -> None:
    document = signed_item(sas(ENDED), key="B01")
    with pytest.raises(
        BadContent, match=r"asset B01 carries a signature .* which ended at 2026-04-16T09:59:00Z"
    ) as told:
        sent(document, None)
    assert "sig" not in told.value.message.replace("signature", "").replace("Sign", "")
    assert sent(document, None, dropped=("B01",)) == document


@pytest.mark.parametrize(
    "query",
    ["", "sig=abc", "sv=1&se=2020-01-01", "X-Amz-Signature=1", "sv=2021-06-08&si=policy&sig=a", "sv=1&sig=2&se=no"],
)
def test_what_is_no_ended_sas_is_sent_as_it_is(query: str) -> None:
    document = signed_item(query)
    assert sent(document, None) == document


@pytest.mark.parametrize(
    "assets", [None, [], "x", {"a": None}, {"a": {"href": 7}}, {"a": {"href": "https://[?sig=1&sv=1"}}]
)
def test_malformed_assets_have_no_signatures(assets: object) -> None:
    assert signed_hrefs({"assets": assets}) == []


@given(
    rest=st.timedeltas(timedelta(hours=-1), timedelta(days=8)),
    life=st.timedeltas(timedelta(minutes=1), timedelta(days=7)),
    wanted=st.timedeltas(timedelta(0), timedelta(days=1)),
)
def test_a_source_covers_only_while_it_lasts_and_a_fresh_one_always_does(
    rest: timedelta, life: timedelta, wanted: timedelta
) -> None:
    covers = is_covering(sas_source(rest, life), wanted, NOW)
    assert not (covers and rest <= timedelta(0))
    assert covers or rest <= life / 4
