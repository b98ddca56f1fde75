import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.basics.errors import BadMessage, ErrorCode
from shared.stac.ids import check_collection_id, check_item_id


@pytest.mark.parametrize("item_id", ["a", "S2A_MSIL2A_20260416T101031_R022_T32UPU", "x" * 149, "a+b,(c).d-e_f", "..."])
def test_item_ids_that_geocatalog_takes(item_id: str) -> None:
    assert check_item_id(item_id) == item_id


@pytest.mark.parametrize("collection_id", ["a", "sentinel-2-l2a", "my_set.v1", "x" * 500])
def test_collection_ids_that_geocatalog_takes(collection_id: str) -> None:
    assert check_collection_id(collection_id) == collection_id


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        " ",
        "a b",
        "a/b",
        "../other",
        ".",
        "..",
        "a\\b",
        "a%2Fb",
        "a?b",
        "a#b",
        "a\n",
        "a\x00",
        "\u0430",
        "\uff41",
        "\u2024\u2024",
        "caf\u00e9",
        "a\u200b",
        1,
        1.5,
        True,
        ["a"],
        {"id": "a"},
    ],
)
def test_ids_that_geocatalog_does_not_take(wrong: object) -> None:
    for check in (check_item_id, check_collection_id):
        with pytest.raises(BadMessage) as caught:
            check(wrong)
        assert caught.value.code == ErrorCode.BAD_ID
        assert caught.value.message.isprintable()


def test_lengths() -> None:
    with pytest.raises(BadMessage):
        check_item_id("x" * 150)
    with pytest.raises(BadMessage, match="…"):
        check_collection_id("x" * 501)


def test_characters_of_items_are_not_all_for_collections() -> None:
    for character in "+,()":
        check_item_id(f"a{character}")
        with pytest.raises(BadMessage):
            check_collection_id(f"a{character}")


@given(st.text(max_size=20))
def test_what_passes_is_one_plain_path_segment(text: str) -> None:
    try:
        item_id = check_item_id(text)
    except BadMessage:
        return
    assert re.fullmatch(r"[A-Za-z0-9\-_+,().]+", item_id)
    assert item_id not in {".", ".."}
