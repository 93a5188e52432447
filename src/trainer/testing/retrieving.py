"""The contract of a source, as tests: subclass `RetrieveContract`, say what it may be asked, and run pytest."""

# ruff: noqa: S101 - a contract is made of assertions

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from trainer.errors import RetrievalError, TrainerError
from trainer.lineage import keep
from trainer.models import Query, RetrievalResult
from trainer.pipeline import Pipeline
from trainer.testing.contract import Make, PluginContract, kept, not_json, only_typed_errors, refusal, together
from trainer.testing.memory import MemoryStore

Params = Mapping[str, Any]
# What an instruction, or a model that fills one in, may write in the place of a parameter.
ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, 10**30, 1e308, float("nan"), "", " ", "\0", "\ud800", "é" * 3000, "../../../../etc/passwd",
    "'; DROP TABLE x; --", "{X}", [], [[]], {}, {"a": {"b": None}},
)  # fmt: skip


class RetrieveContract(PluginContract):
    """What every source promises. A subclass has `plugin`, `queries` and `refused`."""

    role = "retrieve"
    queries: ClassVar[Sequence[Params]]
    """The parameters of at least two queries that have different answers."""
    refused: ClassVar[Sequence[Params]]
    """Those of queries that have none: nothing under that name, or what cannot be asked."""

    def ask(self, pipeline: Pipeline, params: Params) -> RetrievalResult:
        """What the source answers."""
        return pipeline.retrieve(Query(self.name, copy.deepcopy(dict(params))))

    def answers(self, pipeline: Pipeline) -> Any:
        """The data of all queries."""
        return [self.ask(pipeline, params).data for params in self.queries]

    def test_what_it_answers_survives_json(self, make: Make) -> None:
        pipeline = make()
        for params in self.queries:
            result = self.ask(pipeline, params)
            fault = not_json(result.data, "data") or not_json(result.metadata, "metadata")
            assert not fault, f"the answer does not survive JSON: {fault}"

    def test_an_answer_says_where_and_when_it_came_from(self, make: Make) -> None:
        pipeline, store = make(), MemoryStore()
        for params in self.queries:
            result = self.ask(pipeline, params)
            assert result.source.strip(), "the answer names no source"
            assert result.retrieved_at.tzinfo, "retrieved_at has no time zone: use trainer.models.now()"
            assert re.fullmatch("|[0-9a-f]{64}", result.raw_hash), "raw_hash is no SHA-256 in hexadecimal"
            assert not re.search(r"://[^/@\s]*:[^/@\s]*@", result.url), "the url shows a password"
            if not not_json(result.data):
                record = keep(store, Query(self.name, dict(params)), result)
                assert record.source == result.source

    def test_different_queries_have_different_answers_and_the_same_one_the_same(self, make: Make) -> None:
        assert len(self.queries) > 1, "give at least two queries, so that answers can be told apart"
        pipeline = make()
        first, again = self.answers(pipeline), self.answers(pipeline)
        assert first == again, "the same query has another answer the second time"
        for number, answer in enumerate(first):
            assert answer not in first[:number], f"query {number} has the answer of another query"

    def test_an_answer_that_is_changed_changes_no_later_one(self, make: Make) -> None:
        pipeline = make()
        for params in self.queries:
            before = copy.deepcopy(self.ask(pipeline, params).data)
            _spoil(self.ask(pipeline, params).data)
            after = self.ask(pipeline, params).data
            assert after == before, "the source hands out an object that it keeps: copy it"

    def test_a_query_is_not_changed(self, make: Make) -> None:
        pipeline = make()
        for params in (*self.queries, *self.refused):
            query = Query(self.name, copy.deepcopy(dict(params)))
            try:
                pipeline.retrieve(query)
            except TrainerError:
                pass
            except Exception:  # noqa: S112  # that errors are typed is a promise of its own
                continue
            assert query == Query(self.name, dict(params)), "the source has changed the query it was asked"

    def test_a_query_is_not_kept(self, make: Make) -> None:
        pipeline = make()
        for params in self.queries:
            query = Query(self.name, copy.deepcopy(dict(params)))
            assert not kept(query, pipeline.retrieve), "the source keeps the query it was asked"

    def test_queries_of_many_threads_are_not_mixed_up(self, make: Make) -> None:
        pipeline = make()
        alone = self.answers(pipeline)
        calls = [lambda params=params: self.ask(pipeline, params).data for params in self.queries] * 3
        for row in together(calls):
            assert row == alone * 3, "asked by many threads, the source gives one the answer of another"

    def test_what_has_no_answer_is_told_by_a_typed_error_in_two_lines(self, make: Make) -> None:
        assert self.refused, "give at least one query that has no answer"
        pipeline = make()
        for params in self.refused:
            error = refusal(str(params), partial(self.ask, pipeline, params))
            fits = isinstance(error, RetrievalError) or error.exit_code == 2
            assert fits, f"{params} is told as a {type(error).__name__}, which is no RetrievalError"

    def test_an_odd_value_is_answered_or_told_by_a_typed_error(self, make: Make) -> None:
        pipeline = make()
        for name, value in ((name, value) for name in self.queries[0] for value in ODD_VALUES):
            with only_typed_errors(f"{name} = {repr(value)[:40]}"):
                self.ask(pipeline, {**self.queries[0], name: value})


def _spoil(data: Any) -> None:
    """Change everything in `data` that can be changed."""
    if isinstance(data, dict | list):
        for item in data.values() if isinstance(data, dict) else data:
            _spoil(item)
        data.clear()
