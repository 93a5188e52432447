"""The contract of a provider of models, as tests: subclass `CompleteContract`, give it a provider, and run pytest.

`AnswerContract` is the part of it that needs no server, for providers that write their answers themselves.
`ProviderContract` is about the class that the entry point names, and its settings.
"""

# ruff: noqa: S101 - a contract is made of assertions

from __future__ import annotations

import copy
import gc
import logging
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, ClassVar, Literal, TypeVar

import pytest
from attrs import evolve, frozen

from trainer.errors import (
    Auth,
    BadReply,
    Budget,
    CompletionError,
    ConfigError,
    ContextLength,
    Filtered,
    Overloaded,
    Quota,
    RateLimited,
    Transport,
    Truncated,
    UnknownModel,
)
from trainer.instruction import Instruction
from trainer.models import CompletionRequest, CompletionResult, Message, Prompt, Usage
from trainer.pipeline import Pipeline
from trainer.testing.contract import PluginContract
from trainer.testing.fake_llm import FakeLLM, Fault, Limits, Reply, Request, Usage as Counted
from trainer.testing.fake_llm.faults import Problem, Raw, Stop

T = TypeVar("T")

KEY = "sk-canary-0123456789abcdef"
TEXT = """# Überblick

Revenue rose by 3.5 % to 1,200 million € – “net” of it 日本 12 🙂.

| a | b |
|---|---|
| 1 | −2 |
"""
SCHEMA = {"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]}
SILENCE = 0.3  # seconds of silence allowed where the server falls silent
PATIENCE = 20.0  # seconds after which a call counts as one that never ends
HEAVY = ("aiohttp", "anthropic", "boto3", "botocore", "httpx", "litellm", "numpy", "openai", "requests")


@frozen
class Case:
    """A fault and what has to be made of it: an error of one of these kinds, worth another try or not.

    `after` is the least and the most that its `retry_after` may be; `shown` tells that some text comes before the
    fault if the answer is streamed; `silent`, that the server says nothing until the request gives up.
    """

    fault: Fault
    kinds: tuple[type[CompletionError], ...]
    retryable: bool
    after: tuple[float, float] | None = None
    shown: bool = False
    silent: bool = False


CUT = (Transport, Truncated)
FAULTS: Mapping[str, Case] = {
    "rate_limited": Case(Fault.rate_limited(), (RateLimited,), True),
    "rate_limited_seconds": Case(Fault.rate_limited(7), (RateLimited,), True, after=(7, 7)),
    "rate_limited_date": Case(Fault.rate_limited(3000, date=True), (RateLimited,), True, after=(2900, 3001)),
    "quota": Case(Fault.quota(), (Quota,), False),
    "unauthorized": Case(Fault.unauthorized(), (Auth,), False),
    "forbidden": Case(Fault.forbidden(), (Auth,), False),
    "too_long": Case(Fault.too_long(), (ContextLength,), False),
    "bad_request": Case(Fault.bad_request(), (CompletionError,), False),
    "moderated": Case(Fault.moderated(), (Filtered,), False),
    "unknown_model": Case(Fault.unknown_model(), (UnknownModel,), False),
    "server_error": Case(Fault.server_error(), (Overloaded,), True),
    "bad_gateway": Case(Fault.bad_gateway(), (Overloaded,), True),
    "unavailable": Case(Fault.unavailable(), (Overloaded,), True),
    "unavailable_seconds": Case(Fault.unavailable(7), (Overloaded,), True, after=(7, 7)),
    "overloaded": Case(Fault.overloaded(), (Overloaded,), True),
    "overloaded_529": Case(Fault.overloaded(529), (Overloaded,), True),
    "reset": Case(Fault.reset(), (Transport,), True),
    "reset_midway": Case(Fault.reset(0.5), CUT, True, shown=True),
    "closed": Case(Fault.closed(), (Transport,), True),
    "cut": Case(Fault.cut(), CUT, True, shown=True),
    "ends_early": Case(Fault.ends_early(), (*CUT, BadReply), True, shown=True),
    "ends_before_its_end": Case(Fault.ends_early(0.99), (*CUT, BadReply), True, shown=True),
    "error_midway": Case(Fault.error_frame(), (Overloaded,), True, shown=True),
    "rate_limited_midway": Case(Fault.error_frame("rate_limited"), (RateLimited,), True, shown=True),
    "hang": Case(Fault.hang(), (Transport,), True, silent=True),
    "hang_midway": Case(Fault.hang(0.5), (Transport,), True, shown=True, silent=True),
    "null_content": Case(Fault.null_content(), (BadReply,), True),
    "no_choices": Case(Fault.no_choices(), (BadReply,), True),
    "html": Case(Fault.html(), (BadReply,), True),
    "invalid_json": Case(Fault.invalid_json(), (BadReply,), True),
    "empty_body": Case(Fault.empty_body(), (BadReply,), True),
}
MANNERS: Mapping[str, Fault] = {
    "crlf": Fault.crlf(),
    "odd_fields": Fault.odd_fields(),
    "split_in_bytes": Fault.split(1),
    "split": Fault.split(3),
    "dribble": Fault.dribble(0.0005, 50),
}
LEAKS: Mapping[str, Fault] = {
    **{kind: Fault(kind, Problem(kind, f"Bad key: {KEY}!")) for kind in ("unauthorized", "bad_request", "overloaded")},
    "rate_limited": Fault.rate_limited(message=f"{KEY} asks too often"),
    "a_page": Fault("page", raw=Raw(f"<html>{KEY}</html>".encode())),
    "a_page_of_a_proxy": Fault("page", raw=Raw(f"<html>{KEY}</html>".encode(), 502)),
    "midway": Fault("midway", stop=Stop(0.5, "end", Problem("overloaded", f"{KEY} is in the way"))),
}

streamed = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])


class AnswerContract:
    """What every provider promises of its answers. A subclass has `model` and the fixture `plugin`."""

    model: ClassVar[str]
    """What is asked, as `provider/model`."""
    excuses: ClassVar[Mapping[str, str]] = {}
    """What this provider cannot do, and why.

    The keys are names of tests, of faults (`ends_early`), or of faults in one way of asking (`ends_early-streamed`).
    They are tried all the same: an excuse that is not needed fails, and so does one whose name is unknown.
    """
    in_pieces: ClassVar[bool] = True
    """Whether text arrives in pieces where `on_text` is given; else it is shown when it is whole."""
    heavy: ClassVar[tuple[str, ...]] = HEAVY
    """Modules that importing the plugin must not import."""

    @pytest.fixture
    def plugin(self) -> Any:
        """The provider under test."""
        raise NotImplementedError

    @pytest.fixture
    def break_off(self) -> Callable[[], object] | None:
        """What has the server end its next answer in the middle; `None` where there is no server."""
        return None

    def request(self, text: str = "Write about ACME.", **options: Any) -> CompletionRequest:
        """A request of this contract; `options` are the fields of a `CompletionRequest`."""
        messages = (Message("system", "You write reports.", cache=True), Message("user", text))
        return CompletionRequest(self.model, Prompt(messages, Instruction.parse(text, "test.md")), **options)

    def echo(self, number: int) -> tuple[CompletionRequest, Callable[[str], bool]]:
        """One of many requests, and whether a text is the answer to it and to no other."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _excused(self, request: pytest.FixtureRequest) -> None:
        names = {request.node.originalname, *_ids(request.node)}
        for name, reason in self.excuses.items():
            if name in names:
                request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    def test_every_excuse_is_for_something_that_is_tested(self, request: pytest.FixtureRequest) -> None:
        known = {name for name in dir(self) if name.startswith("test_")}
        for item in request.session.items:
            if isinstance(item, pytest.Function) and item.cls is type(self):
                known |= _ids(item)
        assert not self.excuses.keys() - known - {*FAULTS, *MANNERS, *LEAKS}

    def test_pieces_of_text_join_to_the_content(self, plugin: Any) -> None:
        pieces: list[str] = []
        answer = plugin.complete(self.request(on_text=pieces.append))
        assert isinstance(answer, CompletionResult)
        assert "".join(pieces) == answer.content
        assert answer.content
        assert all(pieces)
        assert len(pieces) > 1 or not self.in_pieces

    @streamed
    def test_an_answer_says_who_gave_it_and_that_it_is_whole(self, plugin: Any, streamed: bool) -> None:
        request = self.request(on_text=(lambda _: None) if streamed else None)
        answer = plugin.complete(request)
        assert (answer.model, answer.finish) == (self.model, "stop")
        assert answer.provider

    def test_what_on_text_raises_comes_out_unchanged(self, plugin: Any) -> None:
        gone = Gone()

        def leave(_: str) -> None:
            raise gone

        with pytest.raises(Gone) as caught:
            plugin.complete(self.request(on_text=leave))
        assert caught.value is gone

    @streamed
    def test_a_request_is_neither_changed_nor_kept(self, plugin: Any, streamed: bool) -> None:
        request = self.request(
            params={"temperature": 0.5, "stop": ["§"]}, on_text=(lambda _: None) if streamed else None
        )
        before = copy.copy(request), copy.deepcopy(request.params), request.prompt.hash
        plugin.complete(request)
        assert (request, request.params, request.prompt.hash) == before
        watched = weakref.ref(request.prompt)
        del request, before
        gc.collect()
        assert watched() is None

    @streamed
    def test_an_answer_that_breaks_off_is_none(
        self, plugin: Any, break_off: Callable[[], object] | None, streamed: bool
    ) -> None:
        if break_off is None:
            return
        request = self.request(on_text=(lambda _: None) if streamed else None)
        break_off()
        try:
            answer = plugin.complete(request)
        except (BadReply, Transport, Truncated):
            return
        assert answer.finish != "stop", f"an answer that broke off is told as a whole one: {answer.content[-40:]!r}"

    def test_requests_of_many_threads_are_not_mixed_up(self, plugin: Any) -> None:
        shown: list[list[str]] = [[] for _ in range(96)]

        def one(number: int) -> bool:
            request, mine = self.echo(number)
            if number % 2:
                request = evolve(request, on_text=shown[number].append)
            content = plugin.complete(request).content
            return mine(content) and (not number % 2 or "".join(shown[number]) == content)

        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(one, range(96)))

    def test_importing_it_imports_nothing_heavy(self, plugin: Any) -> None:
        assert not _imported(type(plugin).__module__) & set(self.heavy)


class CompleteContract(AnswerContract):
    """What every provider that asks a server promises. A subclass has `model`, `make` and `key_variable`."""

    key_variable: ClassVar[str] = ""
    """The environment variable with its key; empty for a provider that needs no key."""
    log_level: ClassVar[int] = logging.DEBUG
    """From which level on logs are searched for the key."""

    def make(self, url: str, key: str) -> Any:
        """The provider, bound to the fake server at `url`; an empty `key` stands for none in the settings."""
        raise NotImplementedError

    @pytest.fixture
    def llm(self) -> Iterator[FakeLLM]:
        """The server."""
        with FakeLLM() as llm:
            llm.say(_told)
            yield llm

    @pytest.fixture
    def plugin(self, llm: FakeLLM) -> Iterator[Any]:
        """The provider under test, with a key."""
        with _closing(self.make(llm.url, KEY)) as plugin:
            yield plugin

    @pytest.fixture
    def break_off(self, llm: FakeLLM) -> Callable[[], object]:
        """Has the server end its next answer in the middle."""
        return lambda: llm.script(Fault.ends_early())

    def echo(self, number: int) -> tuple[CompletionRequest, Callable[[str], bool]]:
        """A request with a number; the server repeats its prompt."""
        request = self.request(f"number {number}, please")
        return request, lambda text: text.endswith(f"number {number}, please")

    @pytest.mark.parametrize("name", FAULTS)
    @streamed
    def test_a_fault_is_told_as_what_it_is(self, llm: FakeLLM, plugin: Any, name: str, streamed: bool) -> None:
        case, pieces = FAULTS[name], list[str]()
        llm.script(case.fault)
        request = self.request(timeout=SILENCE if case.silent else 10.0, on_text=pieces.append if streamed else None)
        with pytest.raises(case.kinds) as caught:
            _in_time(lambda: plugin.complete(request))
        error = caught.value
        assert error.problem
        assert error.retryable is case.retryable
        assert len(llm.requests) == 1  # a provider tries nothing again
        if case.after:
            assert error.retry_after is not None
            assert case.after[0] <= error.retry_after <= case.after[1]
        if streamed:
            assert error.partial == "".join(pieces)
            assert TEXT.startswith(error.partial)
            assert bool(error.partial) is (case.shown and self.in_pieces)
        assert plugin.complete(self.request()).content == TEXT  # what went wrong is over

    @pytest.mark.parametrize("name", MANNERS)
    @streamed
    def test_odd_manners_do_not_change_the_text(self, llm: FakeLLM, plugin: Any, name: str, streamed: bool) -> None:
        pieces: list[str] = []
        llm.script(MANNERS[name])
        answer = plugin.complete(self.request(on_text=pieces.append if streamed else None))
        assert answer.content == TEXT
        assert not streamed or "".join(pieces) == TEXT

    @streamed
    def test_a_wrong_content_type_never_makes_another_text(self, llm: FakeLLM, plugin: Any, streamed: bool) -> None:
        llm.script(Fault.wrong_type())
        try:
            answer = plugin.complete(self.request(on_text=(lambda _: None) if streamed else None))
        except BadReply:
            return
        assert answer.content == TEXT

    @pytest.mark.parametrize("finish", ["length", "filter"])
    @streamed
    def test_an_answer_that_ends_early_says_so(self, llm: FakeLLM, plugin: Any, finish: str, streamed: bool) -> None:
        llm.script(Fault.length("The first half of") if finish == "length" else Fault.filtered("The first half of"))
        answer = plugin.complete(self.request(on_text=(lambda _: None) if streamed else None))
        assert (answer.content, answer.finish) == ("The first half of", finish)

    @streamed
    def test_the_limit_of_tokens_reaches_the_server(self, llm: FakeLLM, plugin: Any, streamed: bool) -> None:
        request = self.request(params={"max_tokens": 3}, on_text=(lambda _: None) if streamed else None)
        assert plugin.complete(request).finish == "length"
        assert llm.requests[0].ask.max_tokens == 3

    def test_the_prompt_arrives_in_its_order_with_its_roles(self, llm: FakeLLM, plugin: Any) -> None:
        roles: tuple[Literal["system", "user", "assistant"], ...] = ("system", "user", "assistant", "user")
        messages = tuple(Message(role, f"{role} {number} é\n") for number, role in enumerate(roles))
        plugin.complete(CompletionRequest(self.model, Prompt(messages, Instruction.parse("x", "test.md"))))
        arrived = llm.requests[0]
        assert arrived.model == self.model.rpartition("/")[2]
        assert [(part.role, part.text) for part in arrived.ask.parts] == [(one.role, one.text) for one in messages]

    @streamed
    def test_a_schema_reaches_the_server(self, llm: FakeLLM, plugin: Any, streamed: bool) -> None:
        plugin.complete(self.request(schema=SCHEMA, on_text=(lambda _: None) if streamed else None))
        assert llm.requests[0].schema == SCHEMA

    @streamed
    def test_tokens_are_those_that_the_server_counted(self, llm: FakeLLM, plugin: Any, streamed: bool) -> None:
        llm.script(Reply(TEXT, usage=Counted(1000, 7)))
        answer = plugin.complete(self.request(on_text=(lambda _: None) if streamed else None))
        assert answer.usage == Usage(1000, 7)
        assert answer.tokens_used == 1007

    @streamed
    def test_tokens_read_from_a_cache_are_part_of_the_prompt(self, llm: FakeLLM, plugin: Any, streamed: bool) -> None:
        llm.script(Reply(TEXT, usage=Counted(1000, 7, cache_read=600)))
        answer = plugin.complete(self.request(on_text=(lambda _: None) if streamed else None))
        assert answer.usage == Usage(1000, 7, cached=600)

    @streamed
    def test_tokens_that_nobody_counted_are_unknown(self, llm: FakeLLM, plugin: Any, streamed: bool) -> None:
        llm.script(Reply(TEXT, usage=None))
        answer = plugin.complete(self.request(on_text=(lambda _: None) if streamed else None))
        assert answer.usage is None
        assert answer.tokens_used is None
        assert answer.cost is None

    def test_what_is_left_until_a_limit_is_told(self) -> None:
        with FakeLLM(limits=Limits(requests=600, tokens=60_000)) as llm, _closing(self.make(llm.url, KEY)) as plugin:
            limits = plugin.complete(self.request()).metadata["limits"]
        assert limits["requests"] == 599
        assert 50_000 < limits["tokens"] < 60_000
        assert 0 < limits["requests_reset"] < 60
        assert 0 < limits["tokens_reset"] < 60

    def test_one_request_is_sent_and_the_connection_used_again(self, llm: FakeLLM, plugin: Any) -> None:
        for number in range(1, 6):
            plugin.complete(self.request())
            assert len(llm.requests) == number
        assert llm.connections == 1

    def test_leaving_in_the_middle_closes_the_connection(self, llm: FakeLLM, plugin: Any) -> None:
        llm.script(Fault.hang(0.5))

        def leave(_: str) -> None:
            raise Gone

        with pytest.raises(Gone if self.in_pieces else Transport):
            plugin.complete(self.request(on_text=leave, timeout=10.0 if self.in_pieces else SILENCE))
        assert _soon(lambda: llm.in_flight == 0)
        assert plugin.complete(self.request()).content == TEXT

    def test_a_server_that_keeps_talking_may_take_longer_than_the_timeout(self) -> None:
        with FakeLLM(pace=0.1) as llm, _closing(self.make(llm.url, KEY)) as plugin:
            llm.say("word " * 12)
            answer = plugin.complete(self.request(timeout=1.0, on_text=lambda _: None))
        assert answer.content == "word " * 12

    def test_nobody_listening_is_told_as_such(self, llm: FakeLLM, plugin: Any) -> None:
        with llm.refusing(), pytest.raises(Transport) as caught:
            plugin.complete(self.request())
        assert caught.value.remedy
        assert plugin.complete(self.request()).content == TEXT

    def test_the_key_is_shown_nowhere(self, plugin: Any, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(self.log_level)
        plugin.complete(self.request())
        assert KEY not in repr(plugin)
        assert KEY not in str(plugin)
        assert KEY not in caplog.text

    @pytest.mark.parametrize("name", LEAKS)
    @streamed
    def test_a_server_that_repeats_the_key_does_not_give_it_away(
        self, llm: FakeLLM, plugin: Any, name: str, streamed: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(self.log_level)
        llm.script(LEAKS[name])
        with pytest.raises(CompletionError) as caught:
            plugin.complete(self.request(on_text=(lambda _: None) if streamed else None))
        told = [*traceback.format_exception(caught.value), repr(caught.value), str(caught.value), caught.value.remedy]
        assert KEY not in "".join(told)
        assert KEY not in caplog.text

    def test_without_a_key_the_variable_to_set_is_named(self, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch) -> None:
        if self.key_variable:
            monkeypatch.delenv(self.key_variable, raising=False)
        with _closing(self.make(llm.url, "")) as plugin:
            if not self.key_variable:
                assert plugin.complete(self.request()).content == TEXT
                return
            with pytest.raises(Auth, match=self.key_variable):
                plugin.complete(self.request())
            assert not llm.requests
            monkeypatch.setenv(self.key_variable, KEY)
            assert plugin.complete(self.request()).content == TEXT
        assert any(KEY in value for value in llm.requests[0].headers.values())

    @pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}\r\nx: y", f"{KEY}é"], ids=["newline", "header", "letter"])
    def test_a_key_that_cannot_be_sent_is_a_wrong_setting(self, llm: FakeLLM, key: str) -> None:
        with _closing(self.make(llm.url, key)) as plugin, pytest.raises((ConfigError, Auth)) as caught:
            plugin.complete(self.request())
        assert KEY not in "".join(traceback.format_exception(caught.value))
        assert not llm.requests

    def test_the_policy_of_a_pipeline_holds_around_it(self, llm: FakeLLM, plugin: Any) -> None:
        """Retries, the limits of tokens and of time, the price, and a budget."""
        llm.script(Fault.overloaded(), Reply(TEXT, usage=Counted(1000, 10)))
        with self.within(plugin, max_tokens=100) as pipeline:
            answer = pipeline.complete(self.request())
            assert answer.metadata["attempts"] == 2, "what may pass is not tried again"
            assert [request.ask.max_tokens for request in llm.requests] == [100, 100], "max_tokens is not the policy's"
            assert answer.cost, "the price is known, and what the answer cost is not"
            llm.script(Fault.length("The first half of"))
            with pytest.raises(Truncated):
                pipeline.complete(self.request())
            llm.script(Fault.hang())
        with self.within(plugin, deadline=SILENCE, retries=0) as pipeline, pytest.raises(Transport):
            _in_time(lambda: pipeline.complete(self.request()))
        sent = len(llm.requests)
        with self.within(plugin, max_cost_day=0.0001) as pipeline, pytest.raises(Budget):
            pipeline.complete(self.request())
        assert len(llm.requests) == sent, "a request was sent that no budget paid for"

    def within(self, plugin: Any, **policy: Any) -> Pipeline:
        """A pipeline with this provider, a table `[completion]`, and a price."""
        from trainer.testing.memory import Memory

        prices = {self.model: {"input": 1.0, "output": 2.0}}
        plugins = {f"complete.{self.model.partition('/')[0]}": plugin, "store.memory": Memory}
        return Pipeline(plugins, {"pipeline": {"store": "memory:"}, "completion": {"prices": prices, **policy}})


class ProviderContract(PluginContract):
    """What the class of a provider promises. A subclass has `plugin`, and maybe the fixture `settings`."""

    role = "complete"
    model: ClassVar[str] = "model"
    """The model's name, without its provider."""

    def answers(self, pipeline: Pipeline) -> Any:
        """What it answers to one prompt."""
        prompt = Prompt((Message("user", "Write about ACME."),), Instruction.parse("Write.", "test.md"))
        request = CompletionRequest(f"{self.name}/{self.model}", prompt, timeout=PATIENCE)
        return pipeline.plugins.call("complete", self.name, CompletionResult, request=request).content


class Gone(BaseException):
    """A reader went away."""


def _told(asked: Request) -> str:
    """What the server says: a text, or the prompt where many ask and each has to get its own."""
    return asked.prompt if "number" in asked.prompt else TEXT


@cache
def _imported(module: str) -> set[str]:
    """What importing a module imports."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


class _closing:  # noqa: N801  # as in contextlib, for what may have no `close`
    def __init__(self, plugin: Any) -> None:
        self._plugin = plugin

    def __enter__(self) -> Any:
        return self._plugin

    def __exit__(self, *_: object) -> None:
        getattr(self._plugin, "close", bool)()


def _ids(item: Any) -> set[str]:
    """The names under which a test with parameters can be excused: its name, and its name with the way of asking."""
    if not hasattr(item, "callspec"):
        return set()
    words = item.callspec.params
    ways = {True: "streamed", False: "plain"}
    names = {str(value) for name, value in words.items() if name != "streamed"} or {item.originalname}
    return names | {f"{name}-{ways[words['streamed']]}" for name in names if "streamed" in words}


def _in_time(call: Callable[[], T]) -> T:
    """What a call returns or raises; TimeoutError if it never ends."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # handed on to who waits
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future.result(PATIENCE)


def _soon(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    return true()
