import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.configuration.names import MAX_MOSAIC_NAME, MAX_RENDER_OPTION_NAME, slug, with_ids
from shared.configuration.shapes import MAX_ID

# The service's own pattern (models.stac.config.tsp), with the length beside it.
ID_PATTERN = re.compile(r"^(?!\-|_)[a-zA-Z0-9_-]*(?<!\-|_)$")
NAMES = (
    st.text(max_size=60)
    | st.text("日本語の名前 مرحبا🌍 \u200f\u0301", max_size=60)
    | st.text("ab -_.,", max_size=60)
    | st.sampled_from(["Natural color", "Natural-Color", "natural color", "x" * 60, "x" * 61, "", " ", "…"])
)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES}, optional={"description": st.text(max_size=10), "options": st.sampled_from(["a", "b"])}
    ),
    max_size=8,
)
LIMITS = pytest.mark.parametrize("longest", [MAX_RENDER_OPTION_NAME, MAX_MOSAIC_NAME])


def named(entries: list[dict[str, Any]], longest: int = MAX_MOSAIC_NAME) -> list[dict[str, Any]]:
    return with_ids(entries, max_name=longest, fallback="option")


@LIMITS
@given(entries=ENTRIES)
def test_ids_are_valid_and_unique(longest: int, entries: list[dict[str, Any]]) -> None:
    ids = [entry["id"] for entry in named(entries, longest)]

    assert all(ID_PATTERN.fullmatch(one) and 1 <= len(one) <= MAX_ID for one in ids)
    assert len(set(ids)) == len(ids)


@LIMITS
@given(entries=ENTRIES)
def test_names_are_within_the_limit_and_distinguishable(longest: int, entries: list[dict[str, Any]]) -> None:
    names = [entry["name"] for entry in named(entries, longest)]

    assert all(0 < len(name) <= longest for name in names)
    assert len(set(names)) == len(names)


@LIMITS
@given(entries=ENTRIES)
def test_to_name_twice_changes_nothing(longest: int, entries: list[dict[str, Any]]) -> None:
    once = named(entries, longest)

    assert named(once, longest) == once
    assert named(entries, longest) == once


@given(ENTRIES)
def test_all_else_is_kept(entries: list[dict[str, Any]]) -> None:
    made = named(entries)

    assert {entry.get("options") for entry in made} == {entry.get("options") for entry in entries}
    assert len(made) == len({repr(sorted(entry.items())) for entry in entries})


@given(st.text(min_size=41, max_size=80).filter(lambda name: name == name.strip()))
def test_a_name_that_is_shortened_stands_in_full_in_the_description(name: str) -> None:
    (made,) = named([{"name": name}])

    assert name in made["description"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Natural color", "natural-color"),
        ("Normalized Difference Veg. Inde", "normalized-difference-veg-inde"),
        ("Énergie  été", "energie-ete"),
        ("SCL: scene classification", "scl-scene-classification"),
        ("!!!", ""),
        ("日本", ""),
        ("a\x00b", "ab"),
    ],
)
def test_slug(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_the_order_of_keys_does_not_change_an_id() -> None:
    long = "x" * 60
    one = named([{"name": long, "options": {"a": 1, "b": 2}}])
    other = named([{"options": {"b": 2, "a": 1}, "name": long}])

    assert one[0]["id"] == other[0]["id"]


def test_given_ids_are_kept_and_not_given_to_others() -> None:
    made = named([{"name": "True color"}, {"id": "true-color", "name": "Mine"}])

    assert made[1]["id"] == "true-color"
    assert made[0]["id"].startswith("true-color-")


@LIMITS
@given(entries=ENTRIES, data=st.data())
def test_the_order_of_entries_changes_neither_ids_nor_names(
    longest: int, entries: list[dict[str, Any]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(entries))

    def made(some: list[dict[str, Any]]) -> set[str]:
        return {f"{one['id']}|{one['name']}|{one.get('options')}" for one in named(some, longest)}

    assert made(shuffled) == made(entries)


def test_an_option_that_is_changed_keeps_its_id() -> None:
    long = "A name that is far too long for what GeoCatalog takes"

    assert named([{"name": long, "options": "a"}])[0]["id"] == named([{"name": long, "options": "b"}])[0]["id"]


@pytest.mark.parametrize(
    ("full", "short"),
    [
        # Told apart by the end that is kept, or by what is kept of the middle.
        (
            ["Soil depth estimate of the layer, 0-5 cm (mm)", "Soil depth estimate of the layer, 5-20 cm (mm)"],
            ["Soil depth estimate of the layer, 0-5 c…", "Soil depth estimate of the layer, 5-20…"],
        ),
        (
            ["Range-weighted rarity of species, for vertebrates", "Range-weighted rarity of species, for pollinators"],
            ["Range-weighted rarity of species, for v…", "Range-weighted rarity of species, for p…"],
        ),
        (
            [
                "Range-weighted rarity of all known species, vertebrates",
                "Range-weighted rarity of all known species, fish",
            ],
            ["Range-weighted rari…species, vertebrates", "Range-weighted rari…known species, fish"],
        ),
    ],
)
def test_shortened_names_are_told_apart_by_words(full: list[str], short: list[str]) -> None:
    assert [made["name"] for made in named([{"name": name} for name in full], MAX_RENDER_OPTION_NAME)] == short


def test_equal_entries_are_one() -> None:
    assert len(named([{"name": "x"}, {"name": "x"}])) == 1
