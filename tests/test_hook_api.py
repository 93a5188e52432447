"""What plugins may rely on changes on purpose only, and who relies on what is retired is told so."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from typing import Any

import pytest

from trainer import Document, Pipeline, Query, RetrievalResult, hookimpl, plugin
from trainer.hookspecs import hookspec

from .conftest import ROOT

RETIRED = DeprecationWarning("`depth` of retrieve is retired: read `query.params`, and leave it out")
GONE = DeprecationWarning("convert is retired: implement `render`")


class Specs:
    """The verbs of a release that has retired an argument of one, and the whole of another."""

    @hookspec(firstresult=True, warn_on_impl_args={"depth": RETIRED})
    def retrieve(self, query: Query, depth: int) -> RetrievalResult | None: ...

    @hookspec(firstresult=True, warn_on_impl=GONE)
    def convert(self, document: Document, to: str) -> Document | None: ...


@plugin
class Old:
    """Written for the release before."""

    @hookimpl
    def retrieve(self, query: Query, depth: int) -> RetrievalResult:
        return RetrievalResult({"depth": depth}, "old")


@plugin
class Older:
    """Written for one that is longer ago."""

    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        return Document("converted", to)


@plugin
class New:
    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        return RetrievalResult({"depth": query.params["depth"]}, "new")


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    monkeypatch.setattr("trainer.plugins.hookspecs", Specs())
    return Pipeline({"retrieve.old": Old, "retrieve.new": New, "convert.a-to-b": Older}, {})


def retrieved(pipeline: Pipeline, name: str) -> Any:
    """What a release that has retired `depth` calls: with it, as long as it may be asked for."""
    query = Query(name, {"depth": 3})
    return pipeline.plugins.call("retrieve", name, RetrievalResult, query=query, depth=3).data


def test_what_plugins_and_hosts_rely_on_is_as_it_was_recorded() -> None:
    words = [sys.executable, str(ROOT / "scripts/api.py"), "--check"]
    settled = {name: value for name, value in os.environ.items() if not name.startswith("TRAINER_")}
    done = subprocess.run(words, env=settled, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_plugin_that_asks_for_a_retired_argument_gets_it_and_its_author_is_told_where(pipeline: Pipeline) -> None:
    with pytest.warns(DeprecationWarning, match="read `query.params`") as told:
        assert retrieved(pipeline, "old") == {"depth": 3}
    assert {warning.filename for warning in told} == {__file__}
    assert told[0].lineno == Old.retrieve.__code__.co_firstlineno


def test_a_plugin_that_leaves_it_out_is_told_nothing(pipeline: Pipeline) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert retrieved(pipeline, "new") == {"depth": 3}


def test_a_plugin_of_a_retired_hook_is_told_and_still_called(pipeline: Pipeline) -> None:
    with pytest.warns(DeprecationWarning, match="implement `render`"):
        assert pipeline.convert(Document("x", "a"), "b").content == "converted"


def test_where_warnings_are_errors_the_plugin_is_refused_each_time_and_others_work(pipeline: Pipeline) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(DeprecationWarning, match="is retired"):
                retrieved(pipeline, "old")
        assert retrieved(pipeline, "new") == {"depth": 3}
