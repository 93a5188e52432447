"""Around every call of a model: attempts, turns, money, and nothing but whole answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st

from trainer import CompletionRequest, CompletionResult, Instruction, Message, Pipeline, Prompt, hookimpl, plugin
from trainer.completing import Completer, Policy, estimate
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
from trainer.models import ModelInfo, Usage
from trainer.pace import ModelPace
from trainer.spending import Allowance, Price, StoreAllowance
from trainer.testing.memory import MemoryStore
from trainer.testing.replay import SimulatedClock

PROMPT = Prompt((Message("system", "Be brief."), Message("user", "What is 2 + 2?")), Instruction.parse("x"))
PRICED = Policy(prices={"test/one": {"input": 1.0, "output": 10.0}})
RETRYABLE = [Overloaded("o"), Transport("t"), BadReply("b"), RateLimited("r"), Truncated("c", retryable=True)]
FINAL = [Auth("a"), Quota("q"), ContextLength("c"), Filtered("f"), UnknownModel("u"), Truncated("t"), Budget("b")]


def good(text: str = "4", **fields: Any) -> CompletionResult:
    return CompletionResult(text, "test/one", "test", **fields)


class Scripted:
    """A provider that answers with what is next in its script, and then always with the last."""

    def __init__(self, *script: CompletionResult | Exception | Callable[[CompletionRequest], CompletionResult]) -> None:
        self.script, self.asked = list(script), []
        self.lock = threading.Lock()

    def __call__(self, request: CompletionRequest) -> CompletionResult:
        with self.lock:
            self.asked.append(request)
            item = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(item, Exception):
            raise item
        return item(request) if callable(item) else item


def ask(provider: Any, policy: Policy = PRICED, *, clock: Any = None, **fields: Any) -> CompletionResult:
    options = {name: fields.pop(name) for name in ("pace", "purses", "price") if name in fields}
    completer = Completer(provider, policy, clock=clock or SimulatedClock(0.0), **options)
    return completer.complete(CompletionRequest("test/one", PROMPT, **fields))


@pytest.mark.parametrize("error", RETRYABLE, ids=lambda error: type(error).__name__)
def test_what_may_pass_is_tried_again(error: CompletionError) -> None:
    provider = Scripted(error, error, good())
    assert ask(provider).metadata["attempts"] == 3


@pytest.mark.parametrize("error", FINAL, ids=lambda error: type(error).__name__)
def test_what_cannot_pass_is_raised_at_once(error: CompletionError) -> None:
    provider = Scripted(error, good())
    with pytest.raises(type(error)):
        ask(provider)
    assert len(provider.asked) == 1


def test_attempts_end_with_the_last_error() -> None:
    provider = Scripted(Overloaded("busy"))
    with pytest.raises(Overloaded) as caught:
        ask(provider, evolve(PRICED, retries=2))
    assert len(provider.asked) == 3
    assert caught.value.__notes__ == ["after 3 attempts"]


def test_a_server_is_left_alone_for_as_long_as_it_asked() -> None:
    clock = SimulatedClock(0.0)
    ask(Scripted(RateLimited("r", retry_after=7), good()), clock=clock)
    assert 7 <= clock.now < 8


@given(seconds=st.floats(0, 100))
def test_pauses_grow_but_never_pass_half_a_minute_unless_asked_for(seconds: float) -> None:
    clock = SimulatedClock(0.0)
    ask(Scripted(*[RateLimited("r", retry_after=seconds)] * 4, good()), evolve(PRICED, deadline=1e6), clock=clock)
    assert 4 * seconds <= clock.now <= 4 * max(seconds, 30)


def test_the_deadline_ends_the_attempts() -> None:
    provider = Scripted(RateLimited("r", retry_after=100))
    clock = SimulatedClock(0.0)
    with pytest.raises(RateLimited):
        ask(provider, evolve(PRICED, deadline=250, retries=99), clock=clock)
    assert len(provider.asked) == 3
    assert clock.now <= 250


def test_a_server_may_not_be_silent_for_longer_than_is_left() -> None:
    provider = Scripted(RateLimited("r", retry_after=80), good())
    ask(provider, evolve(PRICED, deadline=100))
    assert provider.asked[0].timeout == 100
    assert provider.asked[1].timeout == pytest.approx(20, abs=1)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (good("a report that st", finish="length"), Truncated),
        (good("", finish="filter"), Filtered),
        (good("  \n"), BadReply),
        (good("half", finish="partial"), Truncated),
    ],
)
def test_an_answer_that_is_not_whole_is_an_error_with_its_text(answer: CompletionResult, error: Any) -> None:
    with pytest.raises(error) as caught:
        ask(Scripted(answer), evolve(PRICED, retries=0))
    assert caught.value.partial == answer.content.strip()


def test_text_that_was_shown_is_taken_back_before_another_attempt_or_there_is_none() -> None:
    def breaks(request: CompletionRequest) -> CompletionResult:
        assert request.on_text
        request.on_text("ab")
        raise Transport("gone", partial="ab")

    def works(request: CompletionRequest) -> CompletionResult:
        assert request.on_text
        request.on_text("abc")
        return good("abc")

    shown: list[str] = []
    with pytest.raises(Transport):
        ask(Scripted(breaks, works), on_text=shown.append)
    assert shown == ["ab"]
    assert ask(Scripted(breaks, works), on_text=shown.append, on_restart=shown.clear).content == "abc"
    assert shown == ["abc"]


def test_a_cost_is_that_of_the_tokens_and_unknown_without_them() -> None:
    usage = Usage(1_000_000, 100_000, cached=500_000)
    assert ask(Scripted(good(usage=usage))).cost == 2.0
    cached = Policy(prices={"test/one": {"input": 1.0, "output": 10.0, "cached": 0.1}})
    assert ask(Scripted(good(usage=usage)), cached).cost == pytest.approx(1.55)
    assert ask(Scripted(good())).cost is None
    assert ask(Scripted(good(usage=usage)), Policy()).cost is None
    assert ask(Scripted(good(usage=usage)), Policy(), price=lambda _: Price(2, 20)).cost == 4.0
    assert ask(Scripted(good(usage=usage, cost=0.5))).cost == 0.5


def test_a_price_that_cannot_be_read_is_named() -> None:
    for table in ({"input": "much", "output": 1}, {"in": 1}, 5):
        with pytest.raises(ConfigError, match="price of test/one"):
            ask(Scripted(good()), Policy(prices={"test/one": table}))


def test_a_budget_is_never_exceeded_by_threads() -> None:
    spent, lock = [], threading.Lock()

    def costly(request: CompletionRequest) -> CompletionResult:
        time.sleep(0.005)
        usage = Usage(estimate(request.prompt), 30)
        with lock:
            spent.append(PRICED.price("test/one").cost(usage))  # type: ignore[union-attr]
        return good(usage=usage)

    purse, refused = Allowance(0.001), 0
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(ask, costly, purses=[purse], params={"max_tokens": 30}) for _ in range(20)]
        for call in calls:
            refused += isinstance(call.exception(), Budget)
    assert sum(spent) == pytest.approx(purse.spent)
    assert 0.0006 < sum(spent) <= 0.001
    assert refused == 20 - len(spent) > 0


def test_a_limit_of_cost_needs_a_price_and_asks_for_an_end_of_the_answer() -> None:
    provider = Scripted(good(usage=Usage(10, 10)))
    with pytest.raises(Budget, match="price of test/one is not known"):
        ask(provider, Policy(), purses=[Allowance(1)])
    ask(provider, purses=[Allowance(1)])
    assert [request.params for request in provider.asked] == [{"max_tokens": 8192}]
    assert CompletionRequest("test/one", PROMPT).params == {}


def test_what_broke_off_is_paid_for_and_what_was_refused_is_not() -> None:
    purse = Allowance(1)
    with pytest.raises(Truncated):
        ask(Scripted(good("x" * 1000, finish="length")), purses=[purse])
    assert purse.spent > 0.009
    before = purse.spent
    with pytest.raises(Auth):
        ask(Scripted(Auth("no")), purses=[purse])
    assert purse.spent == before


def test_processes_with_one_store_have_one_limit_even_if_one_was_killed() -> None:
    store = MemoryStore()
    one, other = (StoreAllowance(store, "trainer.spending:day", 1.0) for _ in range(2))
    one.settle(one.reserve(0.5), 0.3)
    other.reserve(0.45)  # and then its process is killed
    with pytest.raises(Budget, match="this batch may cost 1 USD"):
        StoreAllowance(store, "trainer.spending:day", 1.0).reserve(0.2)
    one.settle(one.reserve(0.2), 0.1)
    one.close()
    left = StoreAllowance(store, "trainer.spending:day", 1.0)
    left.settle(left.reserve(0.1), 0.1)
    with pytest.raises(Budget):
        left.reserve(0.06)


@settings(deadline=None)
@given(calls=st.lists(st.tuples(st.integers(0, 2), st.floats(0.001, 0.3), st.floats(0, 1)), max_size=40))
def test_no_course_of_spending_exceeds_a_shared_limit(calls: list[tuple[int, float, float]]) -> None:
    store, total = MemoryStore(), 0.0
    purses = [StoreAllowance(store, "s", 1.0) for _ in range(3)]
    for who, amount, share in calls:
        try:
            name = purses[who].reserve(amount)
        except Budget:
            continue
        purses[who].settle(name, amount * share)
        total += amount * share
    assert total <= 1.0 + 1e-9
    for purse in purses:
        purse.close()
    if (record := store.retrieve("s")) is not None:
        assert record.data["drawn"] == pytest.approx(total)


def test_money_put_aside_in_one_purse_is_given_back_when_another_is_empty() -> None:
    run, day = Allowance(1), StoreAllowance(MemoryStore(), "s", 0.0001, "this day")
    with pytest.raises(Budget, match="this day"):
        ask(Scripted(good()), purses=[run, day])
    assert (run.spent, run.reserve(1.0) != "") == (0, True)


def test_ten_calls_at_three_hundred_a_minute_take_what_they_must(tmp_path: Path) -> None:
    clock = SimulatedClock(0.0)
    pace = ModelPace(tmp_path / "turns.db", "test", 300, None, clock)
    for _ in range(10):
        ask(Scripted(good()), pace=pace, clock=clock)
    assert clock.now == pytest.approx(1.8, rel=0.05)


def test_tokens_that_were_used_decide_when_the_next_request_goes_out(tmp_path: Path) -> None:
    clock = SimulatedClock(0.0)
    pace = ModelPace(tmp_path / "turns.db", "test", None, 6000, clock)
    for _ in range(3):
        ask(Scripted(good(usage=Usage(100, 100))), pace=pace, clock=clock)
    assert clock.now == pytest.approx(4.0, rel=0.05)  # two pauses for 200 tokens at 100 a second


def test_a_provider_that_is_at_its_limit_is_left_alone_by_all_threads(tmp_path: Path) -> None:
    clock = SimulatedClock(0.0)
    pace = ModelPace(tmp_path / "turns.db", "test", None, None, clock)
    limits = {"requests": 0, "requests_reset": 5.0, "tokens": 100, "tokens_reset": 60.0}
    ask(Scripted(good(metadata={"limits": limits})), pace=pace, clock=clock)
    ask(Scripted(good()), pace=pace, clock=clock)
    assert clock.now == pytest.approx(5, abs=0.1)
    with pytest.raises(RateLimited):
        ask(Scripted(RateLimited("r", retry_after=50)), evolve(PRICED, deadline=10), pace=pace, clock=clock)
    with pytest.raises(RateLimited, match="wants no request for another"):
        ask(Scripted(good()), evolve(PRICED, deadline=10), pace=pace, clock=clock)


SCHEMA = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}


def test_an_answer_that_does_not_fit_its_schema_is_mended_once() -> None:
    provider = Scripted(good('{"n": "four"}', usage=Usage(1, 1)), good('```json\n{"n": 4}\n```', usage=Usage(1, 1)))
    answer = ask(provider, schema=SCHEMA)
    assert json.loads(answer.content.strip("`json\n")) == {"n": 4}
    assert (answer.metadata["repaired"], answer.tokens_used, answer.cost) == (True, 4, pytest.approx(22e-6))
    said = provider.asked[1].prompt.messages[-2:]
    assert said[0].text == '{"n": "four"}'
    assert "$.n: 'four' is not of type 'integer'" in said[1].text


@pytest.mark.parametrize("text", ["not JSON", "[]", '{"n": 1.5}'])
def test_an_answer_that_never_fits_is_an_error_with_its_text(text: str) -> None:
    provider = Scripted(good(text))
    with pytest.raises(BadReply, match="does not fit the schema") as caught:
        ask(provider, schema=SCHEMA)
    assert (caught.value.partial, len(provider.asked)) == (text, 2)


def test_a_schema_that_is_none_is_the_users_error() -> None:
    with pytest.raises(ConfigError, match="not a JSON schema"):
        ask(Scripted(good("{}")), schema={"type": "objekt"})


@plugin
class Priced:
    """A provider that knows prices of models, under the names that it is told to expect."""

    prices: dict[str, float]

    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        return good(usage=Usage(1_000_000, 0))

    def model_info(self, name: str) -> ModelInfo | None:
        price = self.prices.get(name)
        return None if price is None else ModelInfo(name, "p", input_price=price, output_price=1.0)


def test_a_price_is_the_configured_one_or_the_providers_or_that_of_the_plugin_for_all_others() -> None:
    plugins = {"complete.test": Priced({"own": 2.0}), "complete.any": Priced({"test/own": 3.0, "test/other": 4.0})}
    config = {"completion": {"prices": {"test/set": {"input": 1.0, "output": 1.0}}}}
    with Pipeline(plugins, config) as pipeline:
        costs = [
            pipeline.complete(CompletionRequest(f"test/{name}", PROMPT)).cost for name in ("set", "own", "other", "x")
        ]
    assert costs == [1.0, 2.0, 4.0, None]
