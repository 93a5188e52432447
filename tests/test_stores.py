"""The one JSON text of a value, and what no store takes."""

from __future__ import annotations

import enum
import json
from collections import OrderedDict
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, strategies as st

pytest.register_assert_rewrite("trainer.testing.stores")

from trainer.errors import StoreError  # noqa: E402 - the line above must come first
from trainer.stores import canonical_json, content_hash  # noqa: E402
from trainer.testing.memory import MemoryStore  # noqa: E402
from trainer.testing.stores import StoreContract  # noqa: E402

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=12)


class TestInMemory(StoreContract):
    """The store of the testing kit keeps the contract that it is the measure of."""

    has_indexes = False

    @pytest.fixture
    def store(self, clock: Any) -> MemoryStore:
        return MemoryStore(clock=clock)


@given(value=values)
def test_a_value_is_read_back_exactly_and_its_text_does_not_depend_on_order(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value
    if isinstance(value, dict):
        assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)
    assert content_hash(canonical_json(value)) == content_hash(canonical_json(json.loads(canonical_json(value))))


class Word(enum.StrEnum):
    ONE = "one"


@pytest.mark.parametrize(("value", "expected"), [(Word.ONE, '"one"'), (OrderedDict(b=1, a=(2,)), '{"a":[2],"b":1}')])
def test_kinds_of_text_and_mappings_are_taken_as_what_they_are(value: Any, expected: str) -> None:
    assert canonical_json(value) == expected


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"a": [1, float("nan")]}, "data.a[1] is nan"),
        ([float("inf")], "data[0] is inf"),
        ({"a": 2**63}, "data.a is an integer of more than 64 bits"),
        (-(2**63) - 1, "data is an integer of more than 64 bits"),
        ({"a": {"b": "x\0y"}}, "data.a.b holds a character"),
        (["\ud800"], "data[0] holds a character"),
        ({1: "x"}, "data has the key 1"),
        ({"a\0": 1}, "data has the key"),
        ({"a": {None: 1}}, "data.a has the key None"),
        ({"a": {1, 2}}, "data.a is a set"),
        (b"x", "data is a bytes"),
        (MappingProxyType({}), "data is a mappingproxy"),
    ],
)
def test_what_databases_would_bend_is_refused_with_its_place(value: Any, problem: str) -> None:
    with pytest.raises(StoreError) as caught:
        canonical_json(value)
    assert caught.value.problem.startswith(problem)
