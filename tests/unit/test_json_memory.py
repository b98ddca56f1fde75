"""A JSON text is never parsed into more memory than was estimated of it, so that 32 of the largest fit an instance."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.basics.json_codec import memory_of, read_json
from shared.files.json_stream import MAX_HELD_BYTES, MAX_HELD_MEMORY, features
from shared.items.fan_out import MEMORY_PER_RECORD
from tests.data.documents import item

SIZE = 200_000
UNITS = {
    "empty lists": b"[]",
    "empty objects": b"{}",
    "small objects": b'{"a":1}',
    "nested lists": b"[" * 100 + b"]" * 100,
    "nested objects": b'{"a":' * 100 + b"1" + b"}" * 100,
    "floats": b"1.5",
    "positions": b"[12.345678,45.678901]",
    "strings": b'"ab"',
    "digits": b"1",
    "wide text": b'"' + b"a" * 1_000 + "\N{GRINNING FACE}".encode() + b'"',
    "escaped wide text": b'"' + b"a" * 1_000 + rb"\ud83d\ude00" + b'"',
}


def used_by(text: bytes) -> int:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        value = read_json(text)
        used = tracemalloc.get_traced_memory()[1] - before
        del value
        return used
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_no_shape_takes_more_than_estimated(unit: bytes) -> None:
    text = b"[" + b",".join([unit] * (SIZE // len(unit))) + b"]"
    assert used_by(text) + len(text) <= memory_of(text)


def test_nor_do_keys_that_are_all_different() -> None:
    flat = json.dumps({f"k{number}": 1 for number in range(20_000)}).encode()
    assert used_by(flat) + len(flat) <= memory_of(flat)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.lists(values, min_size=1))
def test_nor_does_any_document(documents: list[object]) -> None:
    text = json.dumps(documents * 50, ensure_ascii=False).encode()
    assert used_by(text) + len(text) <= memory_of(text) + 4_096  # the parser's own


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_no_entry_that_is_read_as_a_stream_takes_more_than_estimated(unit: bytes) -> None:
    text = b'{"features":[[' + b",".join([unit] * (SIZE // 4 // len(unit))) + b"]]}"
    tracemalloc.start()
    try:
        (entry,) = features(iter([text]))
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert entry.value is not None
    assert used <= entry.memory + 2 * len(text)  # the parser's own, and the text


def test_what_an_instance_works_on_at_once_fits_its_memory() -> None:
    positions = [[10.25 + number / 1_000, 48.125] for number in range(40_000)]
    text = json.dumps(item(geometry={"type": "LineString", "coordinates": positions})).encode()
    assert memory_of(text) * 2**20 / len(text) < MAX_HELD_MEMORY  # of 1 MB, GeoCatalog's limit
    assert 32 * (MAX_HELD_MEMORY + MEMORY_PER_RECORD + 2 * MAX_HELD_BYTES) < 1.5 * 2**30
