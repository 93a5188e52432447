"""Routing, interceptors and blame, with plugins handed to the pipeline as a host would."""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from trainer import Finding, Pipeline, Query, RetrievalResult, RunInfo, Segment, Stage, hookimpl, plugin
from trainer.errors import BrokenPlugin, ConfigError, UnknownPlugin, WrongAnswer, WrongSetting
from trainer.guarding import FAILED


@plugin
class Echo:
    """Answers with what it was asked."""

    mark: str = ""

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        return RetrievalResult({"params": query.params, "mark": self.mark}, "echo")


@plugin
class Failing:
    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        raise TimeoutError("nobody answers")


@plugin
class Outer:
    log: list[str]

    @hookimpl(wrapper=True)
    def retrieve(self, query: Query) -> Generator[None, RetrievalResult, RetrievalResult]:
        self.log.append("outer in")
        query.params["seen"] = "outer"
        try:
            return (yield)
        finally:
            self.log.append("outer out")


@plugin
class Inner:
    log: list[str]

    @hookimpl(wrapper=True)
    def retrieve(self, query: Query) -> Generator[None, RetrievalResult, RetrievalResult]:
        self.log.append("inner in")
        result = yield
        self.log.append("inner out")
        return result


@plugin
class Cache:
    """Answers what it remembers before the source is asked."""

    kept: dict[str, RetrievalResult]

    @hookimpl(tryfirst=True)
    def retrieve(self, query: Query) -> RetrievalResult | None:
        return self.kept.get(query.subject)


def test_a_call_reaches_the_named_plugin_alone(tmp_path: Path) -> None:
    pipeline = Pipeline({"retrieve.one": Echo("1"), "retrieve.two": Echo("2")}, {})
    assert pipeline.retrieve(Query("two")).data["mark"] == "2"
    assert pipeline.retrieve(Query("one")).data["mark"] == "1"
    assert pipeline.retrieve(Query("two")).data["mark"] == "2"


def test_a_pipeline_given_its_plugins_discovers_nothing() -> None:
    pipeline = Pipeline({"retrieve.one": Echo()}, {})
    assert [str(entry.name) for entry in pipeline.plugins.catalog] == ["one"]
    with pytest.raises(UnknownPlugin, match="pip install trainer-files"):
        pipeline.retrieve(Query("file", {"path": "x"}))


def test_two_pipelines_share_nothing() -> None:
    one = Pipeline({"retrieve.echo": Echo}, {"echo": {"mark": "one"}})
    two = Pipeline({"retrieve.echo": Echo}, {"echo": {"mark": "two"}})
    assert one.retrieve(Query("echo")).data["mark"] == "one"
    assert two.retrieve(Query("echo")).data["mark"] == "two"


def test_interceptors_wrap_in_the_order_the_user_lists_them() -> None:
    log: list[str] = []
    plugins = {"retrieve.echo": Echo, "intercept.inner": Inner(log), "intercept.outer": Outer(log)}
    Pipeline(plugins, {"plugins": {"intercept": ["outer", "inner"]}}).retrieve(Query("echo"))
    assert log == ["outer in", "inner in", "inner out", "outer out"]
    log.clear()
    Pipeline(plugins, {"plugins": {"intercept": ["inner", "outer"]}}).retrieve(Query("echo"))
    assert log == ["inner in", "outer in", "outer out", "inner out"]


def test_an_interceptor_may_edit_the_request_and_answer_instead() -> None:
    remembered = RetrievalResult("from the cache", "cache")
    pipeline = Pipeline(
        {"retrieve.echo": Echo, "intercept.cache": Cache({"AAPL": remembered}), "intercept.outer": Outer([])}, {}
    )
    assert pipeline.retrieve(Query("echo", subject="AAPL")) is remembered
    assert pipeline.retrieve(Query("echo", subject="MSFT")).data["params"] == {"seen": "outer"}


def test_an_error_keeps_its_type_and_names_who_raised_it() -> None:
    pipeline = Pipeline({"retrieve.failing": Failing(), "intercept.outer": Outer([])}, {})
    with pytest.raises(TimeoutError, match="nobody answers") as caught:
        pipeline.retrieve(Query("failing"))
    assert len(caught.value.__notes__) == 1
    assert "retrieve 'failing'" in caught.value.__notes__[0]


def test_an_interceptor_that_fails_is_the_one_that_is_named() -> None:
    @plugin
    class Clumsy:
        @hookimpl(wrapper=True)
        def retrieve(self, query: Query) -> Generator[None, Any, Any]:
            yield
            raise ZeroDivisionError("clumsy")

    with pytest.raises(ZeroDivisionError) as caught:
        Pipeline({"retrieve.echo": Echo, "intercept.clumsy": Clumsy}, {}).retrieve(Query("echo"))
    assert "intercept 'clumsy'" in caught.value.__notes__[0]


def test_no_answer_at_all_is_a_wrong_answer() -> None:
    @plugin
    class Nothing:
        @hookimpl
        def retrieve(self, query: Query) -> None: ...

    with pytest.raises(WrongAnswer, match=r"answered with nothing \(None\), not a RetrievalResult"):
        Pipeline({"retrieve.nothing": Nothing}, {}).retrieve(Query("nothing"))


def test_an_embedding_that_is_nothing_is_a_wrong_answer() -> None:
    @plugin
    class Empty:
        @hookimpl
        def embed(self, texts: Sequence[str], model: str) -> None: ...

    with pytest.raises(WrongAnswer, match="answered with nothing"):
        Pipeline({"embed.empty": Empty}, {}).embed(["x"], "empty/x")


def test_a_class_under_one_name_answers_all_its_verbs_with_one_instance() -> None:
    @plugin
    class Both:
        @hookimpl
        def retrieve(self, query: Query) -> RetrievalResult:
            return RetrievalResult(id(self), "both")

        @hookimpl
        def embed(self, texts: Sequence[str], model: str) -> int:
            return id(self)

    pipeline = Pipeline({"retrieve.both": Both, "embed.both": Both}, {})
    assert pipeline.retrieve(Query("both")).data == pipeline.embed([], "both/x")


def test_a_table_of_verb_and_name_goes_before_that_of_the_name() -> None:
    config = {"echo": {"mark": "general"}, "retrieve": {"echo": {"mark": "special"}}}
    assert Pipeline({"retrieve.echo": Echo}, config).retrieve(Query("echo")).data["mark"] == "special"


def test_settings_for_a_ready_made_plugin_are_refused() -> None:
    with pytest.raises(ConfigError, match="handed over ready made"):
        Pipeline({"retrieve.echo": Echo()}, {"echo": {"mark": "x"}}).retrieve(Query("echo"))


def test_a_setting_without_default_is_asked_for() -> None:
    @plugin
    class Needy:
        identity: str

        @hookimpl
        def retrieve(self, query: Query) -> RetrievalResult:
            return RetrievalResult(self.identity, "needy")

    with pytest.raises(WrongSetting, match="identity is missing"):
        Pipeline({"retrieve.needy": Needy}, {}).retrieve(Query("needy"))


def test_a_class_that_cannot_be_built_is_a_wrong_setting_and_not_a_traceback() -> None:
    with pytest.raises(BrokenPlugin, match="cannot be imported"):
        Pipeline({"retrieve.gone": "no_module_of_this_name:X"}, {}).retrieve(Query("gone"))


@pytest.mark.parametrize("name", ["retrieve", "fetch.x", "retrieve.", ".x"])
def test_a_plugin_must_be_named_by_verb_and_name(name: str) -> None:
    with pytest.raises(ConfigError, match=r"Write verb\.name"):
        Pipeline({name: Echo}, {})


def test_guards_are_asked_in_the_order_the_user_lists_them() -> None:
    @plugin
    class Guard:
        name: str

        @hookimpl
        def secure(self, stage: Stage, segments: Sequence[Segment], run: RunInfo) -> list[Finding]:
            return [Finding(self.name, "any", "seen")]

    plugins = {f"secure.{name}": Guard(name) for name in ("a", "b", "c")}
    pipeline = Pipeline(plugins, {"plugins": {"secure": ["b", "c", "a"]}})
    assert [finding.guard for finding in pipeline.secure(Stage.INPUT, [Segment("x")])] == ["b", "c", "a"]


def test_no_setting_of_a_plugin_shows_in_an_error() -> None:
    @plugin
    class Keyed:
        api_key: str

        @hookimpl
        def retrieve(self, query: Query) -> int:
            return 1

    with pytest.raises(WrongAnswer) as caught:
        Pipeline({"retrieve.keyed": Keyed("canary-key")}, {}).retrieve(Query("keyed"))
    assert "canary-key" not in str(caught.value)


def test_that_a_guard_fails_is_a_finding_that_says_where_and_quotes_nothing() -> None:
    @plugin
    class Asleep:
        @hookimpl
        def secure(self, stage: Stage, segments: Sequence[Segment], run: RunInfo) -> list[Finding]:
            raise RuntimeError(f"cannot read {segments[0].text}")

    (finding,) = Pipeline({"secure.asleep": Asleep}, {}).secure(Stage.INPUT, [Segment("hush")])
    assert (finding.guard, finding.category, finding.severity) == ("asleep", FAILED, "high")
    assert re.fullmatch(r"it could not look at the text: RuntimeError \(test_plugins\.py, line \d+\)", finding.message)


def test_a_guard_that_answers_with_something_else_has_failed_too() -> None:
    @plugin
    class Odd:
        @hookimpl
        def secure(self, stage: Stage, segments: Sequence[Segment], run: RunInfo) -> list[str]:
            return ["all is well"]

    (finding,) = Pipeline({"secure.odd": Odd}, {}).secure(Stage.INPUT, [Segment("x")])
    assert (finding.category, "TypeError" in finding.message) == (FAILED, True)


def test_a_guard_that_cannot_be_set_up_is_an_error_at_every_level() -> None:
    for level in ("permissive", "moderate", "strict"):
        pipeline = Pipeline({"secure.gone": "no_such_module:Guard"}, {"pipeline": {"level": level}})
        with pytest.raises(BrokenPlugin, match="no_such_module"):
            pipeline.secure(Stage.INPUT, [Segment("x")])


def test_sixteen_threads_naming_plugins_for_the_first_time_each_get_their_own_answer() -> None:
    log: list[str] = []
    plugins: dict[str, Any] = {f"retrieve.echo{number}": Echo(str(number)) for number in range(30)}
    pipeline = Pipeline({**plugins, "intercept.inner": Inner(log)}, {})
    wrong: list[str] = []
    start = threading.Barrier(16)

    def work() -> None:
        start.wait()
        for number in range(30):
            if pipeline.retrieve(Query(f"echo{number}")).data["mark"] != str(number):
                wrong.append(str(number))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(log) == 16 * 30 * 2
