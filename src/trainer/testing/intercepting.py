"""The contract of an interceptor, as tests: subclass `InterceptContract` and run pytest."""

# ruff: noqa: S101 - a contract is made of assertions

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from trainer.models import Query, RetrievalResult
from trainer.pipeline import Pipeline
from trainer.plugins import hookimpl, plugin
from trainer.testing.contract import Make, PluginContract, together


class Lost(Exception):
    """What the source of this contract raises."""


@plugin
class Numbers:
    """A source that answers with the number it is asked for, and fails for those below zero."""

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        if query.params["n"] < 0:
            raise Lost(query.params["n"])
        return RetrievalResult({"n": query.params["n"]}, "numbers")


class InterceptContract(PluginContract):
    """What every interceptor of `retrieve` promises. A subclass has `plugin`.

    What an interceptor adds to answers on purpose, `expected` says.
    """

    role = "intercept"

    def expected(self, number: int) -> Any:
        """The data that comes out where the source answers `{"n": number}`."""
        return {"n": number}

    def ask(self, pipeline: Pipeline, number: int) -> Any:
        """The data that comes out of the interceptor."""
        return pipeline.retrieve(Query("numbers", {"n": number})).data

    def answers(self, pipeline: Pipeline) -> Any:
        """What comes out for a few numbers."""
        return [self.ask(pipeline, number) for number in range(3)]

    def test_the_answer_that_comes_out_is_that_of_the_plugin_that_was_asked(self, make: Make) -> None:
        pipeline = make()
        for number in (1, 2, 1):
            assert self.ask(pipeline, number) == self.expected(number), "the answer is not the one of the source"

    def test_an_error_comes_out_as_it_was_raised(self, make: Make) -> None:
        pipeline = make()
        with pytest.raises(Lost):
            self.ask(pipeline, -1)
        assert self.ask(pipeline, 1) == self.expected(1), "after an error, the next answer is lost"

    def test_calls_of_many_threads_are_not_mixed_up(self, make: Make) -> None:
        pipeline = make()
        for row in together([partial(self.ask, pipeline, number) for number in range(6)]):
            assert row == [self.expected(number) for number in range(6)], "asked by many threads, answers are mixed up"

    def _pipeline(self, plugin: Any, settings: dict[str, Any]) -> Pipeline:
        tables = {self.role: {self.name: settings}} if settings else {}
        plugins = {f"{self.role}.{self.name}": plugin, "retrieve.numbers": Numbers}
        return Pipeline(plugins, tables)
