import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.basics.json_codec import canonical_json, read_json, write_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcé", max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_is_written_is_read_again(value: object) -> None:
    assert read_json(write_json(value)) == value
    assert read_json(canonical_json(value)) == value


@given(JSON)
def test_output_is_compact_utf_8(value: object) -> None:
    assert json.loads(write_json(value).decode("utf-8")) == value


@given(st.dictionaries(st.text("abcdef", max_size=3), st.integers()))
def test_canonical_form_does_not_depend_on_the_order_of_keys(value: dict[str, int]) -> None:
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1,]",
        "{'a': 1}",
        '{"a":NaN}',
        "Infinity",
        "-Infinity",
        '{"a":[1e400]}',
        "-1e400",
        "1" * 400 + ".0",
        "9" * 5000,
        '"\\ud800"',
        "[" * 5000 + "]" * 5000,
        '{"a":' * 5000 + "1" + "}" * 5000,
        "\ufeff{}",
        "{} {}",
        "nul",
    ],
)
def test_what_is_no_usable_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever its words, the kind is what callers catch
        read_json(text)


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_json(b'"\xff\xfe"')


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_refused(data: bytes) -> None:
    try:
        value = read_json(data)
    except ValueError:
        return
    write_json(value)
    canonical_json(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_numbers_that_json_cannot_carry_are_not_written(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(value)
