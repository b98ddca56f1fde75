"""Old spellings of CQL become CQL2 and what is no CQL2 is told, whatever JSON stands there."""

from typing import Any

import pytest
from cql2 import Expr
from hypothesis import given
from hypothesis import strategies as st

from shared.stac.cql import cql_fault, in_cql2
from tests.data.configurations import MOSAICS

DATETIME = {"property": "datetime"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["=", "and", "datetime", "2024-01-01", ".."]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["op", "args", "property", "interval", "timestamp", "date"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            {"op": "anyinteracts", "args": [DATETIME, {"interval": ["2024-01-01", "2024-02-01"]}]},
            {"op": "t_intersects", "args": [DATETIME, {"interval": ["2024-01-01", "2024-02-01"]}]},
        ),
        (
            {"op": "anyinteracts", "args": [DATETIME, ["2024-01-01", None]]},
            {"op": "t_intersects", "args": [DATETIME, {"interval": ["2024-01-01", ".."]}]},
        ),
        (
            {"op": "t_during", "args": [DATETIME, {"interval": [{"date": "2024-01-01"}, "2024-02-01"]}]},
            {"op": "t_during", "args": [DATETIME, {"interval": ["2024-01-01", "2024-02-01"]}]},
        ),
        (
            {"op": "=", "args": [DATETIME, {"timestamp": "2024-01-01"}]},
            {"op": "=", "args": [DATETIME, {"timestamp": "2024-01-01T00:00:00Z"}]},
        ),
        ({"op": "=", "args": [{"property": "a"}, ["x"]]}, {"op": "a_equals", "args": [{"property": "a"}, ["x"]]}),
        (
            {"op": "neq", "args": [{"property": "a"}, ["x"]]},
            {"op": "not", "args": [{"op": "a_equals", "args": [{"property": "a"}, ["x"]]}]},
        ),
        (
            {"op": "and", "args": [{"op": "lte", "args": [{"property": "a"}, 1]}]},
            {"op": "and", "args": [{"op": "<=", "args": [{"property": "a"}, 1]}]},
        ),
    ],
)
def test_old_spellings(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert in_cql2(old) == new
    assert in_cql2(new) == new


def test_the_mosaics_of_real_configurations_are_then_cql2() -> None:
    expressions = [in_cql2(expression) for mosaic in MOSAICS for expression in mosaic["cql"]]
    assert [cql_fault(expression) for expression in expressions] == [None] * 5
    for expression in expressions:
        Expr(expression).validate()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"op": "t_intersect", "args": []}, "did you mean t_intersects?"),
        ({"op": "and", "args": [{"op": "soundslike", "args": []}]}, "has no operator 'soundslike'"),
        ("eo:cloud_cover < 10", "give an object such as"),
        (None, "give an object such as"),
    ],
)
def test_what_cannot_be_cql2_is_told(wrong: object, said: str) -> None:
    assert said in str(cql_fault(in_cql2(wrong)))


@given(JSON)
def test_any_json_changes_once_and_is_told(expression: Any) -> None:  # noqa: ANN401 - JSON is any value
    once = in_cql2(expression)

    assert in_cql2(once) == once
    fault = cql_fault(once)
    assert fault is None or fault.endswith((".", "?"))
