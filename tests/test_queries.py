"""Filters and pipelines mean what MongoDB's manual says, and what an independent implementation answers."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from trainer.aggregation import aggregate
from trainer.errors import UnsupportedQuery
from trainer.filters import matches, order, parse
from trainer.testing.cases import cases

from .conftest import ROOT

DOCUMENT = {
    "ticker": "AAPL",
    "n": 2,
    "tags": ["tech", 5],
    "facts": [{"year": 2023, "v": [1, 2]}, {"year": 2024, "v": 3}],
    "none": None,
}
values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=2),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("filter", "holds"),
    [
        ({"facts.v": 2}, True),
        ({"facts.v": [1, 2]}, True),
        ({"facts.year": {"$gt": 2023, "$lt": 2024}}, True),  # one year is above, another below
        ({"facts": {"$elemMatch": {"year": 2023, "v": 3}}}, False),
        ({"facts": {"$elemMatch": {"year": 2024, "v": 3}}}, True),
        ({"tags": {"$elemMatch": {"$gt": 1}}}, True),
        ({"tags": {"$not": {"$elemMatch": {"$gt": 1}}}}, False),
        ({"facts.v": {"$size": 2}}, True),
        ({"none": {"$exists": True}}, True),
        ({"absent": {"$ne": 1}}, True),
        ({"none": None, "absent": None}, True),
        ({"n": {"$in": ["2", 2.0]}}, True),
        ({"n": True}, False),
        ({"tags": {"$nin": ["tech"]}}, False),
        ({"$nor": [{"n": 1}, {"n": 3}]}, True),
        ({"facts": {"$all": [{"year": 2024, "v": 3}]}}, True),
    ],
    ids=str,
)
def test_a_filter_holds_as_the_manual_says(filter: dict[str, Any], holds: bool) -> None:
    assert matches(DOCUMENT, parse(filter)) is holds


@pytest.mark.parametrize(
    ("filter", "named"),
    [
        ({"a": {"$regex": "x"}}, "$regex"), ({"a": {"$gt": 1, "b": 2}}, "b"), ({"a": {"$in": 5}}, "$in"),
        ({"a": {"$gt": None}}, "$gt"), ({"a.b": None}, "a.b"), ({"a": {"$exists": 1}}, "$exists"), ({"$and": []}, "$and"),
        ({"$and": [5]}, "5"), ({"a.0": 1}, "0"), ({"a.12.b": 1}, "12"), ({"": 1}, "''"), ({"a..b": 1}, "a..b"),
        ({"metadata.": 1}, "metadata."), ({"a.$b": 1}, "$b"), ({'a"b': 1}, 'a"b'), ({"a\\b": 1}, "a\\\\b"),
        ({"a\nb": 1}, "a\\nb"), ({".".join("a" * 33): 1}, "32 parts"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_by_name(filter: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedQuery) as refused:
        parse(filter)
    assert named in refused.value.problem


def test_recorded_answers_of_an_independent_implementation_are_ours() -> None:
    same = 0
    for found, asked, told in json.loads(gzip.decompress((ROOT / "tests/recorded/mingo.json.gz").read_bytes())):
        for (wanted, stages), (keys, made) in zip(asked, told, strict=True):
            try:
                ours = [document["_id"] for document in found if matches(document, parse(wanted))]
                assert keys is None or ours == keys, wanted
                same += keys is not None
            except UnsupportedQuery:
                pass
            try:
                assert made is None or order(aggregate(found, stages)) == order(made), stages
                same += made is not None
            except UnsupportedQuery:
                pass
    assert same > 3900


@pytest.mark.parametrize(
    ("pipeline", "answer"),
    [
        ([{"$project": {"facts.v": 1, "_id": 0}}], [{"facts": [{"v": [1, 2]}, {"v": 3}]}]),
        ([{"$project": {"t": "$ticker"}}], [{"t": "AAPL"}]),
        ([{"$project": {"facts": 0, "tags": 0, "none": 0}}], [{"ticker": "AAPL", "n": 2}]),
        ([{"$addFields": {"n": "$absent", "y": "$facts.year"}}, {"$project": {"n": 1, "y": 1}}], [{"y": [2023, 2024]}]),
        (
            [{"$unwind": {"path": "$tags", "includeArrayIndex": "i"}}, {"$project": {"tags": 1, "i": 1}}],
            [{"tags": "tech", "i": 0}, {"tags": 5, "i": 1}],
        ),
        ([{"$unwind": "$none"}], []),
        ([{"$unwind": {"path": "$none", "preserveNullAndEmptyArrays": True}}, {"$count": "n"}], [{"n": 1}]),
        (
            [{"$group": {"_id": {"t": "$ticker"}, "all": {"$push": "$n"}, "last": {"$last": "$absent"}}}],
            [{"_id": {"t": "AAPL"}, "all": [2], "last": None}],
        ),
        ([{"$group": {"_id": None, "x": {"$max": "$none"}, "a": {"$avg": "$ticker"}}}], [{"_id": None, "x": None, "a": None}]),
    ],
    ids=str,
)  # fmt: skip
def test_a_pipeline_makes_what_the_manual_says(pipeline: Any, answer: Any) -> None:
    assert aggregate([DOCUMENT], pipeline) == answer


@pytest.mark.parametrize(
    "pipeline",
    [
        {}, [1], [{}], [{"$match": {}, "$count": "n"}], [{"$out": "x"}], [{"$limit": 0}], [{"$skip": -1}],
        [{"$sort": {"a": 2}}], [{"$sort": {"a": True}}], [{"$sort": {}}], [{"$count": "a.b"}], [{"$count": ""}],
        [{"$group": {"n": {"$sum": 1}}}], [{"$group": {"_id": None, "n": 1}}], [{"$group": {"_id": "$$ROOT"}}],
        [{"$group": {"_id": {"$year": "$a"}}}], [{"$project": {"a": 1, "b": 0}}], [{"$project": {"a": 1, "a.b": 1}}],
        [{"$project": {"a": {"b": 1}}}], [{"$addFields": {"a.b": 1}}], [{"$unwind": "a"}], [{"$unwind": {"paths": "$a"}}],
    ],
    ids=str,
)  # fmt: skip
def test_a_pipeline_that_is_not_understood_is_refused(pipeline: Any) -> None:
    with pytest.raises(UnsupportedQuery):
        aggregate([DOCUMENT], pipeline)


def test_values_that_are_nested_without_end_are_refused_or_equal_nothing() -> None:
    deep = _nested(3000)
    with pytest.raises(UnsupportedQuery, match="more than 32 levels"):
        parse({"a": _nested(40)})
    assert not matches({"a": deep}, parse({"a": [1]}))
    with pytest.raises(UnsupportedQuery, match="nested too deep"):
        aggregate([{"a": deep}], [{"$group": {"_id": "$a"}}])


def test_sums_are_exact_and_rounded_once() -> None:
    numbers = [0.1] * 10 + [1e16, 1, -1e16]
    total = [{"$group": {"_id": None, "s": {"$sum": "$n"}}}]
    assert aggregate([{"n": number} for number in numbers], total) == [{"_id": None, "s": 2.0}]
    assert aggregate([{"n": 2**63 - 1}, {"n": 1}, {"n": 0.0}], total) == [{"_id": None, "s": 2.0**63}]
    with pytest.raises(UnsupportedQuery, match="larger than any number"):
        aggregate([{"n": 1e308}, {"n": 1e308}], total)


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@given(items=st.lists(values, max_size=6))
def test_every_value_has_its_place_in_one_order(items: list[Any]) -> None:
    assert [item["v"] for item in aggregate([{"v": [item]} for item in items], [{"$sort": {"v": 1}}])] == [
        [item] for item in sorted(items, key=order)
    ]


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_no_query_changes_the_documents_it_is_asked_of(seed: int) -> None:
    for documents, queries in cases(seed, 3, 20):
        before = json.dumps(documents)
        for wanted, pipeline in queries:
            with suppress(UnsupportedQuery):
                tree = parse(wanted)
                assert {matches(one, tree) for one in documents.values()} <= {True, False}
            with suppress(UnsupportedQuery):
                aggregate(documents.values(), pipeline)
        assert json.dumps(documents) == before
