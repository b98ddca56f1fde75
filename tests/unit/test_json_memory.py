"""A JSON text is never parsed into more memory than was estimated of it, so that 32 of the largest fit an instance."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.basics.json_codec import memory_of, read_json
from shared.files.item_files import MAX_COLLECTION_BYTES
from shared.files.large_documents import MAX_MEMORY, SIDE_BY_SIDE_MEMORY
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


def test_real_documents_of_the_sizes_that_the_docs_name_are_taken() -> None:
    items = [item(f"item-{number}", "collection") for number in range(100)]
    text = json.dumps({"type": "FeatureCollection", "features": items}).encode()
    assert memory_of(text) / len(text) * MAX_COLLECTION_BYTES < MAX_MEMORY
    assert 31 * (SIDE_BY_SIDE_MEMORY + 4 * 2**20) + MAX_MEMORY + 2 * MAX_COLLECTION_BYTES < 2 * 2**30
