import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.basics.errors import BadContent, ErrorCode
from shared.basics.redact import MAX_TEXT
from shared.stac.conversions.assets import MAX_ASSETS
from shared.stac.items import MAX_ITEM_BYTES, PreparedItem, Version, item_version, prepare_item
from shared.stac.urls import unsigned
from tests.data.documents import item

PC_URL = "http://127.0.0.1:8081"
OURS = "https://ours.blob.core.windows.net/cogs"
SAS = "?sv=2024-11-04&se=2026-01-01T00%3A00%3A00Z&sr=c&sp=rl&sig=abc%3D"


def prepared(document: dict[str, Any], **options: Any) -> PreparedItem:
    return prepare_item(document, **{"collection": "scenes", "planetary_computer_url": PC_URL, **options})


def refusal(document: dict[str, Any], **options: Any) -> BadContent:
    with pytest.raises(BadContent) as caught:
        prepared(document, **options)
    return caught.value


def prepared_or_refused(document: dict[str, Any]) -> PreparedItem | BadContent:
    try:
        return prepared(document)
    except BadContent as error:
        return error


def with_assets(**hrefs: str) -> dict[str, Any]:
    return item(assets={key: {"href": href} for key, href in hrefs.items()})


# What is sent


def test_the_item_is_sent_as_it_is_under_its_target_collection() -> None:
    sent = json.loads(prepared(item(collection="other")).body)

    assert sent == item(collection="scenes")


def test_the_given_item_is_not_changed() -> None:
    document = item(assets={"a": {"href": f"{OURS}/a.tif"}, "b": {"href": f"{PC_URL}/api/data/v1/x"}})
    before = copy.deepcopy(document)

    prepared(document, drop_assets=["a"])

    assert document == before


def test_asked_for_and_computed_assets_are_dropped() -> None:
    document = with_assets(
        visual=f"{OURS}/visual.tif",
        preview=f"{OURS}/preview.png",
        rendered_preview="https://planetarycomputer.microsoft.com/api/data/v1/item/preview.png?collection=x",
        tilejson=f"{PC_URL}/api/data/v1/item/tilejson.json",
    )

    sent = json.loads(prepared(document, drop_assets=["preview", "not-there"]).body)

    assert list(sent["assets"]) == ["visual"]


def test_what_geocatalog_adds_is_left_out() -> None:
    document = item(**{"_msft:ts": "2026-04-16T10:00:00Z", "_msft:etag": "x"})

    assert prepared(document).body == prepared(item()).body
    assert prepared(document).content_hash == prepared(item()).content_hash


def test_signed_hrefs_are_sent_signed() -> None:
    sent = json.loads(prepared(with_assets(visual=f"{OURS}/a.tif{SAS}")).body)

    assert sent["assets"]["visual"]["href"].endswith(SAS)


def test_columns_of_the_row() -> None:
    made = prepared(item())

    assert made.datetime == "2026-04-16T10:00:00Z"
    assert made.bbox == "[11.5,48.1,11.5,48.1]"


def test_a_range_without_datetime_is_shown_by_its_start() -> None:
    span = {"datetime": None, "start_datetime": "2026-01-01T00:00:00Z", "end_datetime": "2026-02-01T00:00:00Z"}

    assert prepared(item(properties=span)).datetime == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0", "1.2.3"])
def test_items_of_stac_1_are_not_migrated(version: str) -> None:
    assert json.loads(prepared(item(stac_version=version)).body)["stac_version"] == version


def test_an_older_item_is_migrated() -> None:
    sent = json.loads(prepared(item(stac_version="1.0.0-rc.1")).body)

    assert sent["stac_version"].startswith("1.")
    assert "-" not in sent["stac_version"]


def test_places_that_are_allowed() -> None:
    without = {name: value for name, value in item(geometry=None).items() if name != "bbox"}
    prepared(without)
    prepared(item(bbox=[170.0, -10.0, -170.0, 10.0]))  # over the anti-meridian
    prepared(item(bbox=[11.5, 48.1, 0, 11.5, 48.1, 500]))


# The hash


def shuffled(value: dict[str, Any]) -> dict[str, Any]:
    return {
        name: shuffled(inner) if isinstance(inner, dict) else inner for name, inner in reversed(list(value.items()))
    }


def test_order_of_keys_does_not_change_the_hash() -> None:
    document = with_assets(a=f"{OURS}/a.tif", b=f"{OURS}/b.tif")

    assert prepared(shuffled(document)).content_hash == prepared(document).content_hash


def test_signatures_do_not_change_the_hash() -> None:
    plain = prepared(with_assets(a=f"{OURS}/a.tif")).content_hash

    assert prepared(with_assets(a=f"{OURS}/a.tif{SAS}")).content_hash == plain
    assert prepared(with_assets(a=f"{OURS}/a.tif{SAS.replace('abc', 'xyz')}")).content_hash == plain
    assert prepared(with_assets(a=f"{OURS}/a.tif?X-Amz-Date=1&X-Amz-Signature=2")).content_hash == plain


def test_another_query_is_content() -> None:
    assert prepared(with_assets(a=f"{OURS}/a.tif?v=1")).content_hash != (
        prepared(with_assets(a=f"{OURS}/a.tif?v=2")).content_hash
    )
    assert unsigned(f"{OURS}/a.tif?v=1") == f"{OURS}/a.tif?v=1"


def test_dropped_assets_do_not_change_the_hash() -> None:
    document = with_assets(a=f"{OURS}/a.tif", preview=f"{OURS}/p.png")

    assert prepared(document, drop_assets=["preview"]).content_hash == (
        prepared(with_assets(a=f"{OURS}/a.tif")).content_hash
    )


def test_the_target_collection_is_part_of_the_hash() -> None:
    assert prepared(item(), collection="other").content_hash != prepared(item()).content_hash


@given(
    st.dictionaries(st.text("abc:", min_size=1, max_size=3), st.integers() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text("abc:", min_size=1, max_size=3), st.integers() | st.text(max_size=3), max_size=3),
)
def test_the_hash_is_equal_if_and_only_if_the_content_is(one: dict[str, Any], other: dict[str, Any]) -> None:
    made = [prepared(item(properties={**fields, "datetime": "2026-04-16T10:00:00Z"})) for fields in (one, other)]

    assert (made[0].content_hash == made[1].content_hash) == (one == other)


# The version


@pytest.mark.parametrize(
    ("properties", "version_by", "expected"),
    [
        ({"updated": "2026-04-16T10:00:00Z"}, None, datetime(2026, 4, 16, 10, tzinfo=UTC)),
        ({"s2:generation_time": "2026-04-16T10:00:00.1234567Z"}, "s2:generation_time",
         datetime(2026, 4, 16, 10, 0, 0, 123456, tzinfo=UTC)),
        ({"updated": "2026-04-16T10:00:00Z"}, "s2:generation_time", None),
        ({}, None, None),
        ({"updated": "soon"}, None, None),
        ({"updated": 7}, None, None),
        ({"updated": "0001-01-01T00:00:00Z"}, None, None),
        ({"updated": "0001-01-01T00:00:00+05:00"}, None, None),
        ({"updated": "9999-12-31T23:59:59-05:00"}, None, None),
        ({"updated": {}}, None, None),
    ],
)  # fmt: skip
def test_version(properties: dict[str, Any], version_by: str | None, expected: datetime | None) -> None:
    assert item_version({"properties": properties}, version_by) == (expected and Version(expected))


@pytest.mark.parametrize("document", [{}, {"properties": None}, {"properties": "x"}])
def test_version_of_what_has_no_properties(document: dict[str, Any]) -> None:
    assert item_version(document, None) is None


# Refusals


@pytest.mark.parametrize("count", [MAX_ASSETS, MAX_ASSETS + 1])
def test_number_of_assets(count: int) -> None:
    document = with_assets(**{f"a{number}": f"{OURS}/{number}.tif" for number in range(count)})

    if count > MAX_ASSETS:
        assert refusal(document).code == ErrorCode.TOO_MANY_ASSETS
        prepared(document, drop_assets=["a0"])
    else:
        prepared(document)


@pytest.mark.parametrize("surplus", [0, 1])
def test_size_of_an_item(surplus: int) -> None:
    empty = len(prepared(item(properties={"datetime": "2026-04-16T10:00:00Z", "text": ""})).body)
    text = "x" * (MAX_ITEM_BYTES - empty + surplus)
    document = item(properties={"datetime": "2026-04-16T10:00:00Z", "text": text})

    if surplus:
        assert refusal(document).code == ErrorCode.ITEM_TOO_LARGE
    else:
        assert len(prepared(document).body) == MAX_ITEM_BYTES


def test_an_item_read_back_from_geocatalog_is_refused() -> None:
    href = "https://managed.blob.core.windows.net/scenes-0a1b2c3d/scenes-0a1b2c3d/0af/scene-1/visual.tif"

    assert refusal(with_assets(visual=href)).code == ErrorCode.MANAGED_ITEM


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from([*item(), "stac_extensions"]), ODD, max_size=3),
    st.sampled_from(["1.0.0", "1.1.0", "0.9.0", "1.0.0-beta.2"]),
)
def test_any_item_is_prepared_or_refused_with_a_sentence(changes: dict[str, Any], version: str) -> None:
    made = prepared_or_refused(item(**{"stac_version": version, **changes}))

    if isinstance(made, BadContent):
        assert made.message.endswith((".", "…"))
        assert len(made.message) <= MAX_TEXT
    else:
        assert json.loads(made.body)["collection"] == "scenes"


@given(st.text(max_size=30) | st.sampled_from(["//host/x", "https:///x", "https://[", "https://a:b@c/x", "data:,x"]))
def test_any_href_is_taken_or_refused(href: str) -> None:
    made = prepared_or_refused(with_assets(a=href))

    if isinstance(made, BadContent):
        assert made.code in {ErrorCode.BAD_ASSET, ErrorCode.INVALID_STAC}
    else:
        assert "://" in href
