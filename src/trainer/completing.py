"""What stands around every call of a model: budget, pace, retries, price. Providers only speak to servers."""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from trainer.errors import BadReply, Budget, CompletionError, ConfigError, Filtered, RateLimited, Transport, Truncated
from trainer.models import CompletionRequest, CompletionResult, Prompt, Usage, now
from trainer.pace import Clock, ModelPace
from trainer.paths import own_folder
from trainer.routing import provider
from trainer.settings import build
from trainer.spending import SPENDING, Allowance, Price, Purse, StoreAllowance

if TYPE_CHECKING:
    from trainer.config import Config
    from trainer.plugins import Plugins
    from trainer.stores import DataStore

progress = logging.getLogger("trainer.progress.complete")
Call = Callable[[CompletionRequest], CompletionResult]
LARGEST_ANSWER = 8192  # tokens; asked for where an answer has to be paid from a budget and nothing else was said
BASE, CAP = 0.5, 30.0  # seconds: the first and the longest pause between two attempts
PARAMS = ("max_tokens", "max_completion_tokens")


@frozen
class Policy:
    """The `[completion]` table: what holds for every model.

    `timeout` is how many seconds a server may be silent and `deadline` how many a completion may take in all, with
    its `retries` and the waiting. Pace and costs are unlimited unless set: `requests_per_minute` and
    `tokens_per_minute` for each provider, for all processes of the machine; `max_cost` of a run and `max_cost_day` of
    a day, in USD.
    `prices` maps a model to its price per million tokens: `{input = 2.5, output = 10, cached = 1.25}`.
    """

    timeout: float = 120.0
    deadline: float = 900.0
    retries: int = 4
    max_tokens: int | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    max_cost: float | None = None
    max_cost_day: float | None = None
    prices: Mapping[str, Any] = field(factory=dict)

    def price(self, model: str) -> Price | None:
        """The price of a model, if it is configured. Raises `ConfigError` for one that cannot be read."""
        table = self.prices.get(model)
        if table is None:
            return None
        try:
            return Price(**{name: float(value) for name, value in table.items()})
        except (AttributeError, TypeError, ValueError) as error:
            raise ConfigError(
                f"the price of {model} cannot be read: {error}", "Write {input = 2.5, output = 10}, in USD per million."
            ) from error


class Completer:
    """A provider's call with the policy around it: for each attempt a turn, money put aside, and its settling.

    `price` gives a model's price where the policy has none. Safe for threads.
    """

    def __init__(
        self,
        call: Call,
        policy: Policy,
        *,
        pace: ModelPace | None = None,
        purses: Sequence[Purse] = (),
        price: Callable[[str], Price | None] = lambda _: None,
        clock: Clock = time,
    ) -> None:
        self._call, self._policy, self._pace, self._purses = call, policy, pace, purses
        self._price, self._clock = price, clock

    def complete(self, request: CompletionRequest) -> CompletionResult:
        """The whole, valid answer; if it had to be mended once to fit its schema, its cost is that of both turns.

        Raises what the last attempt raised (see `trainer.errors.CompletionError` and its kinds), and `Budget`.
        """
        end = self._clock.monotonic() + self._policy.deadline
        answer = self._attempts(request, end)
        if request.schema is None:
            return answer
        from trainer.structured import ASK, fault, repair_turn

        if (problem := fault(answer.content, request.schema)) is None:
            return answer
        if request.on_restart is not None:
            request.on_restart()
        again = evolve(
            request,
            prompt=repair_turn(request.prompt, answer.content, ASK.format(problem)),
            on_text=None if request.on_restart is None else request.on_text,
        )
        second = self._attempts(again, end)
        if (problem := fault(second.content, request.schema)) is not None:
            raise BadReply(
                f"the answer of {request.model} does not fit the schema, and did not after one repair: {problem}",
                "Mend the schema or the instruction, or use another model.",
                partial=second.content,
            )
        return joined(answer, second)

    def _attempts(self, request: CompletionRequest, end: float) -> CompletionResult:
        attempt, shown = 0, _Shown(request.on_text)
        while True:
            attempt += 1
            try:
                answer = self._once(evolve(request, on_text=shown if request.on_text is not None else None), end)
                return evolve(answer, metadata={**answer.metadata, "attempts": attempt})
            except CompletionError as error:
                delay = self._delay(error, attempt)
                late = self._clock.monotonic() + delay > end
                void = shown.any and request.on_restart is None  # what was shown cannot be taken back
                if not error.retryable or attempt > self._policy.retries or late or void:
                    if attempt > 1:
                        error.add_note(f"after {attempt} attempts")
                    raise
                if shown.any and request.on_restart is not None:
                    request.on_restart()
                    shown.any = False
                progress.info("%s: %s; trying again in %.1f s", request.model, error.problem, delay)
                self._clock.sleep(delay)

    def _delay(self, error: CompletionError, attempt: int) -> float:
        """Full jitter, and no less than what the server asked for, for everyone."""
        asked = error.retry_after or 0.0
        if asked and self._pace and isinstance(error, RateLimited):
            self._pace.pause(asked)
        backoff = random.Random().uniform(0, min(CAP, BASE * 2**attempt))  # noqa: S311  # no secret, nor the host's
        return max(asked, backoff)

    def _once(self, request: CompletionRequest, end: float) -> CompletionResult:
        price = self._policy.price(request.model) or self._price(request.model)
        limit = next((request.params[name] for name in PARAMS if name in request.params), self._policy.max_tokens)
        if self._purses and limit is None:
            limit = LARGEST_ANSWER
        if limit is not None and not any(name in request.params for name in PARAMS):
            request = evolve(request, params={**request.params, "max_tokens": limit})
        largest = Usage(estimate(request.prompt), limit or 0)
        reserved = self._reserve(request.model, price, largest)
        spent = 0.0
        try:
            if self._pace:
                self._pace.wait(largest.input + largest.output, end)
            left = max(0.001, min(request.timeout, end - self._clock.monotonic()))
            answer = self._priced(whole(self._call(evolve(request, timeout=left))), price)
            spent = price.cost(largest) if answer.cost is None and price else answer.cost or 0.0
        except CompletionError as error:
            # What was read and made before the answer broke off is charged for, as far as anyone can know.
            if price and (error.partial or isinstance(error, Transport | BadReply)):
                spent = price.cost(Usage(largest.input, min(largest.output, len(error.partial))))
            raise
        finally:
            for name, purse in reserved.items():
                purse.settle(name, spent)
        if self._pace:
            used = largest.input + largest.output if answer.tokens_used is None else answer.tokens_used
            self._pace.learn(answer.metadata.get("limits", {}), largest.input + largest.output - used)
        return answer

    def _reserve(self, model: str, price: Price | None, largest: Usage) -> dict[str, Purse]:
        if not self._purses or model.startswith("offline/"):
            return {}
        if price is None:
            raise Budget(
                f"the price of {model} is not known, so its cost cannot be kept below a limit",
                f'Write it into trainer.toml: [completion.prices] "{model}" = {{input = …, output = …}}.',
            )
        reserved: dict[str, Purse] = {}
        try:
            for purse in self._purses:
                reserved[purse.reserve(price.cost(largest))] = purse
        except Budget:
            for name, purse in reserved.items():
                purse.settle(name, 0.0)
            raise
        return reserved

    def _priced(self, answer: CompletionResult, price: Price | None) -> CompletionResult:
        if answer.cost is not None or answer.usage is None or price is None:
            return answer
        return evolve(answer, cost=price.cost(answer.usage))


class Models:
    """The models of a pipeline: a call goes to the plugin of its provider, with the policy around it.

    `policy` is the `[completion]` table. Close it, to give back what was drawn of a day's limit.
    """

    def __init__(self, plugins: Plugins, config: Config, open_store: Callable[[], DataStore]) -> None:
        self._plugins, self._open_store = plugins, open_store
        self.policy = build(Policy, config.table("completion"), "the completion table", config.where("completion"))
        self._paces: dict[str, ModelPace] = {}
        self._days: dict[str, StoreAllowance] = {}
        self._lock = threading.Lock()

    def complete(self, request: CompletionRequest, purses: Sequence[Purse] = ()) -> CompletionResult:
        """As `Completer.complete`; `purses` are limits of the cost beside that of the day."""
        name = provider(request.model, self._plugins.names("complete"))

        def call(asked: CompletionRequest) -> CompletionResult:
            return self._plugins.call("complete", name, CompletionResult, request=asked)

        completer = Completer(
            call, self.policy, pace=self._pace(name), purses=[*purses, *self._day()], price=partial(self._price, name)
        )
        return completer.complete(request)

    def allowances(self) -> list[Purse]:
        """The limit of a new run's cost, if there is one."""
        return [] if self.policy.max_cost is None else [Allowance(self.policy.max_cost)]

    def close(self) -> None:
        """Give back what was drawn and not spent."""
        with self._lock:
            while self._days:
                self._days.popitem()[1].close()

    def _pace(self, name: str) -> ModelPace:
        pace = self._paces.get(name)
        if pace is None:
            requests, tokens = self.policy.requests_per_minute, self.policy.tokens_per_minute
            path = own_folder("XDG_STATE_HOME", ".local/state") / "turns.db"
            pace = self._paces.setdefault(name, ModelPace(path, name, requests, tokens))
        return pace

    def _day(self) -> list[Purse]:
        if self.policy.max_cost_day is None:
            return []
        key = f"{SPENDING}:{now():%Y-%m-%d}"
        with self._lock:
            if key not in self._days:
                self._days[key] = StoreAllowance(self._open_store(), key, self.policy.max_cost_day, "this day")
            return [self._days[key]]

    def _price(self, name: str, model: str) -> Price | None:
        """What the provider's plugin knows of a model's price, or else the one that knows of all."""
        asked = [(name, model.partition("/")[2]), ("any", model)]
        for plugin, called in asked if "any" in self._plugins.names("complete") else asked[:1]:
            info = getattr(self._plugins.load("complete", plugin), "model_info", lambda _: None)(called)
            if info is not None and info.input_price is not None and info.output_price is not None:
                return Price(info.input_price, info.output_price)
        return None


class _Shown:
    """Passes text on, and knows whether there was any."""

    def __init__(self, on_text: Callable[[str], None] | None) -> None:
        self._on_text, self.any = on_text, False

    def __call__(self, text: str) -> None:
        self.any = True
        if self._on_text is not None:
            self._on_text(text)


def whole(answer: CompletionResult) -> CompletionResult:
    """The answer, if it is whole. Raises `Truncated`, `Filtered` or `BadReply`, each with the text there is."""
    if answer.finish == "filter":
        raise Filtered(
            f"the filter of {answer.model} held its answer back", "Nothing was written.", partial=answer.content
        )
    if answer.finish != "stop":
        raise Truncated(
            f"{answer.model} ended its answer early ({answer.finish})",
            "Nothing was written. Ask for less, or raise max_tokens.",
            partial=answer.content,
        )
    if not answer.content.strip():
        raise BadReply(f"{answer.model} answered with nothing", "Try again, or another model.")
    return answer


def estimate(prompt: Prompt) -> int:
    """A number of tokens that the prompt will hardly exceed: one for two bytes, where text has one for four."""
    return math.ceil(sum(len(message.text.encode("utf-8", "replace")) + 8 for message in prompt.messages) / 2)


def joined(other: CompletionResult, kept: CompletionResult, *, repaired: bool = True) -> CompletionResult:
    """The answer that is kept, at the cost of both."""
    known = other.cost is not None and kept.cost is not None
    counted = other.tokens_used is not None and kept.tokens_used is not None
    return evolve(
        kept,
        cost=(other.cost or 0) + (kept.cost or 0) if known else None,
        tokens_used=(other.tokens_used or 0) + (kept.tokens_used or 0) if counted else None,
        metadata={**kept.metadata, "repaired": repaired},
    )
