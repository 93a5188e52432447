"""The contract of an analysis, as tests: subclass `AnalyzeContract`, give it records, and run pytest."""

# ruff: noqa: S101 - a contract is made of assertions

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import pytest

from trainer.models import Analysis, Question
from trainer.pipeline import Pipeline
from trainer.stores import DataStore
from trainer.testing.contract import Make, PluginContract, kept, not_json, only_typed_errors, refusal, together
from trainer.testing.memory import MemoryStore


class AnalyzeContract(PluginContract):
    """What every analysis promises. A subclass has `plugin`, `records` and `questions`."""

    role = "analyze"
    records: ClassVar[Mapping[str, Any]]
    """What is in the store: data by key (`source:subject:day`)."""
    questions: ClassVar[Sequence[Mapping[str, Any]]] = ({},)
    """The options of questions that have an answer."""
    refused: ClassVar[Sequence[Mapping[str, Any]]] = ()
    """The options of questions that cannot be asked."""

    @pytest.fixture
    def store(self) -> Iterator[DataStore]:
        """A store that holds the records."""
        store = MemoryStore()
        for key, data in self.records.items():
            store.store(key, copy.deepcopy(data), source=key.partition(":")[0])
        yield store
        store.close()

    def ask(self, pipeline: Pipeline, store: DataStore, options: Mapping[str, Any]) -> Analysis:
        """What the analysis answers to a question about what is in `store`."""
        return self.put(pipeline, store, Question(self.name, copy.deepcopy(dict(options))))

    def put(self, pipeline: Pipeline, store: DataStore, question: Question) -> Analysis:
        """What the analysis answers to `question` itself."""
        return pipeline.plugins.call("analyze", self.name, Analysis, question=question, store=store)

    def answers(self, pipeline: Pipeline) -> Any:
        """What it answers to all questions."""
        store = MemoryStore()
        for key, data in self.records.items():
            store.store(key, copy.deepcopy(data), source=key.partition(":")[0])
        return [_told(self.ask(pipeline, store, options)) for options in self.questions]

    def test_what_it_answers_survives_json(self, make: Make, store: DataStore) -> None:
        pipeline = make()
        for options in self.questions:
            answer = self.ask(pipeline, store, options)
            assert answer.name.strip(), "the answer has no name"
            assert answer.summary.strip(), "the answer has no summary for people"
            fault = not_json([dict(row) for row in answer.rows], "rows")
            assert not fault, f"the answer does not survive JSON: {fault}"

    def test_the_same_question_has_the_same_answer(self, make: Make) -> None:
        pipeline = make()
        assert self.answers(pipeline) == self.answers(pipeline), "asked again, it answers something else"

    def test_what_is_stored_makes_the_answer(self, make: Make, store: DataStore) -> None:
        pipeline, empty = make(), MemoryStore()
        for options in self.questions:
            full = _told(self.ask(pipeline, store, options))
            with only_typed_errors("an empty store"):
                assert _told(self.ask(pipeline, empty, options)) != full, "an empty store has the answer of a full one"

    def test_the_store_is_left_as_it_was(self, make: Make, store: DataStore) -> None:
        pipeline = make()
        before = [(one.ref, one.data, one.updated_at) for one in store.query()]
        for options in self.questions:
            self.ask(pipeline, store, options)
        assert [(one.ref, one.data, one.updated_at) for one in store.query()] == before, "the store was written to"

    def test_a_question_is_neither_changed_nor_kept(self, make: Make, store: DataStore) -> None:
        pipeline = make()
        for options in self.questions:
            question = Question(self.name, copy.deepcopy(dict(options)))
            self.put(pipeline, store, question)
            assert question == Question(self.name, dict(options)), "the question was changed"
            assert not kept(question, partial(self.put, pipeline, store)), "the analysis keeps the question"

    def test_questions_of_many_threads_are_not_mixed_up(self, make: Make, store: DataStore) -> None:
        pipeline = make()
        alone = [_told(self.ask(pipeline, store, options)) for options in self.questions] * 4
        calls = [partial(self.ask, pipeline, store, options) for options in self.questions] * 4
        for row in together(calls):
            assert [*map(_told, row)] == alone, "asked by many threads, one gets the answer of another"

    def test_what_cannot_be_asked_is_told_by_a_typed_error_in_two_lines(self, make: Make, store: DataStore) -> None:
        pipeline = make()
        for options in self.refused:
            refusal(str(options), partial(self.ask, pipeline, store, options))


def _told(answer: Analysis) -> tuple[str, list[dict[str, Any]]]:
    return answer.summary, [dict(row) for row in answer.rows]
