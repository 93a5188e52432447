"""What is asked through litellm, what is known of models, and who answers to which name."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import trainer_litellm
from trainer import Pipeline
from trainer.errors import Auth, BadReply, ConfigError, RateLimited, UnknownModel
from trainer.models import CompletionRequest, Message, Prompt, Usage
from trainer.testing.fake_llm import FakeLLM, Fault, Reply
from trainer_litellm import LiteLLMProvider, LLMProvider, OpenAIProvider, create_provider, prices, quiet
from trainer_litellm.asking import NO_INSTRUCTION
from trainer_litellm.faults import SECRET_NAME, Secrets, told
from trainer_litellm.limits import wait
from trainer_litellm.named import NAMES

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the:DeprecationWarning:litellm")
KEY = "sk-0123456789"
CLAUDE = "anthropic/claude-sonnet-4-5"


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM(cache_minimum=1) as llm:
        yield llm


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if SECRET_NAME.search(name)]:
        monkeypatch.delenv(name)


def asked(model: str, *messages: Message, **params: Any) -> CompletionRequest:
    return CompletionRequest(model, Prompt(messages or (Message("user", "Hello"),), NO_INSTRUCTION), params)


def test_a_text_alone_can_be_asked(llm: FakeLLM) -> None:
    llm.say("Hello to you.")
    answer = create_provider("openai", api_key=KEY, api_base=f"{llm.url}/v1").complete(
        "Hello", "gpt-4o", temperature=0.1
    )
    assert (answer.content, answer.provider, answer.usage) == ("Hello to you.", "openai", Usage(1, 3))
    assert llm.requests[0].json["temperature"] == 0.1


def test_a_stream_gives_its_pieces_and_then_the_result(llm: FakeLLM) -> None:
    llm.say("Hello to you.")
    pieces = create_provider("anthropic", api_key=KEY, api_base=llm.url).stream("Hello", CLAUDE)
    said = []
    while True:
        try:
            said.append(next(pieces))
        except StopIteration as end:
            assert end.value.content == "".join(said) == "Hello to you."
            return


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_cost_is_that_of_the_tokens_the_server_counted(llm: FakeLLM, streamed: bool) -> None:
    plugin = create_provider("anthropic", api_key=KEY, api_base=llm.url)
    request = asked(CLAUDE, Message("system", "stable part", cache=True), Message("user", "now"))
    request.on_text = (lambda _: None) if streamed else None
    llm.say("word " * 100)
    for number in (1, 2):  # the first writes the cache, the second reads it
        answer = plugin.complete(request)
        assert answer.usage == Usage(3, 100, **({"written": 2} if number == 1 else {"cached": 2}))
        per_token = 3.75 if number == 1 else 0.3
        assert answer.cost == pytest.approx((1 * 3 + 2 * per_token + 100 * 15) / 1e6)
        assert plugin.get_cost(CLAUDE, answer.usage) == pytest.approx(answer.cost)


def test_an_unknown_price_is_not_zero(llm: FakeLLM) -> None:
    plugin = create_provider("openai", api_key=KEY, api_base=f"{llm.url}/v1")
    assert plugin.complete("Hello", "our-own-model").cost is None
    assert plugin.get_cost("our-own-model", Usage(10, 10)) is None
    llm.say(Reply("uncounted", usage=None))
    assert plugin.complete("Hello", "gpt-4o").cost is None


@pytest.mark.parametrize(
    ("name", "model", "path", "marked"),
    [
        ("anthropic", CLAUDE, "", True),
        ("openai", "openai/gpt-4o", "/v1", False),
        ("openai", "openai/claude-proxy", "/v1", False),
    ],
)
def test_only_who_wants_marks_for_the_cache_gets_them(
    llm: FakeLLM, name: str, model: str, path: str, marked: bool
) -> None:
    plugin = create_provider(name, api_key=KEY, api_base=llm.url + path)
    plugin.complete(asked(model, *(Message("user", str(number), cache=True) for number in range(6))))
    assert sum(part.cache for part in llm.requests[0].ask.parts) == (4 if marked else 0)
    assert ("cache_control" in llm.requests[0].body.decode()) is marked


def test_the_answer_of_anthropic_has_a_limit_that_was_chosen(llm: FakeLLM) -> None:
    plugin = create_provider("anthropic", api_key=KEY, api_base=llm.url)
    plugin.complete(asked(CLAUDE))
    plugin.complete(asked(CLAUDE, max_tokens=77))
    assert [one.ask.max_tokens for one in llm.requests] == [8192, 77]


def test_a_key_of_the_settings_goes_to_its_provider_only(llm: FakeLLM) -> None:
    with pytest.raises(ValueError, match="need a provider"):
        LiteLLMProvider(api_key=KEY)
    pipeline = Pipeline(plugins={"complete.any": LiteLLMProvider()})
    with pytest.raises(Auth, match="GROQ_API_KEY is not set"):
        pipeline.complete(asked("groq/llama-3.3-70b"))


def test_what_nobody_else_answers_to_goes_to_any(llm: FakeLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAI_API_KEY", KEY)
    monkeypatch.setenv("XAI_API_BASE", f"{llm.url}/v1")
    pipeline = Pipeline(plugins={"complete.any": LiteLLMProvider(), "complete.litellm": LiteLLMProvider()})
    for model in ("xai/grok-4", "litellm/xai/grok-4"):
        answer = pipeline.complete(asked(model))
        assert (answer.model, answer.provider, llm.requests[-1].model) == (model, "xai", "grok-4")


@pytest.mark.parametrize("model", ["opnai/gpt-4o", "gpt-4o"])
def test_a_prefix_that_nobody_answers_to_is_told_with_the_nearest_one(model: str) -> None:
    with pytest.raises(UnknownModel, match="complete") as caught:
        LiteLLMProvider().complete("Hello", model)
    assert not model.startswith("opnai") or "did you mean 'openai'" in caught.value.problem
    assert caught.value.exit_code == 2


def test_an_azure_deployment_is_asked_at_its_own_address(llm: FakeLLM) -> None:
    plugin = create_provider("azure", api_key=KEY, api_base=llm.url, api_version="2024-10-21")
    assert plugin.complete("Hello", "azure/my-deployment").provider == "azure"
    assert llm.requests[0].path.startswith("/openai/deployments/my-deployment/chat/completions?api-version=2024-10-21")


def test_texts_become_a_matrix_in_their_order(llm: FakeLLM) -> None:
    plugin = create_provider("openai", api_key=KEY, api_base=f"{llm.url}/v1")
    matrix = plugin.embed(["revenue rose", "profit fell", "revenue rose"], "openai/text-embedding-3-small")
    assert (matrix.shape, matrix.dtype) == ((3, 64), np.float32)
    assert (matrix[0] == matrix[2]).all()
    assert not (matrix[0] == matrix[1]).all()
    llm.script(*[Fault.rate_limited(0.01)] * 5)  # litellm tries some providers again
    with pytest.raises(RateLimited) as caught:
        plugin.embed(["a"], "openai/text-embedding-3-small")
    assert caught.value.retry_after == 0.01
    with FakeLLM() as other:
        other.say(Fault.invalid_json())
        plugin = create_provider("openai", api_key=KEY, api_base=f"{other.url}/v1")
        with pytest.raises(BadReply):
            plugin.embed(["a"], "openai/text-embedding-3-small")


def test_models_are_listed_with_their_prices_and_limits() -> None:
    [claude] = [one for one in create_provider("anthropic").list_models() if one.name == "claude-sonnet-4-5"]
    assert (claude.provider, claude.context, claude.output) == ("anthropic", 200_000, 64_000)
    assert (claude.input_price, claude.output_price) == (3.0, 15.0)
    assert LiteLLMProvider().model_info("gemini/gemini-2.5-pro").provider == "gemini"
    assert create_provider("azure").model_info("gpt-4o").name == "gpt-4o"
    assert LiteLLMProvider().model_info("nobody/nothing") is None
    assert len(LiteLLMProvider().list_models()) > 1000


def test_every_model_that_is_listed_is_found_by_its_name() -> None:
    for one in prices.models():
        found = prices.model_info(f"{one.provider}/{one.name}")
        assert found is not None
        assert found.name == one.name


def test_every_name_has_its_provider_and_its_class() -> None:
    points = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["entry-points"]
    for name, target in points["trainer.complete"].items():
        cls = getattr(trainer_litellm, target.partition(":")[2])
        assert isinstance(cls(), LLMProvider)
        assert cls().provider == ("" if name in ("any", "litellm") else name)
    assert points["trainer.embed"].items() <= points["trainer.complete"].items()
    assert create_provider("xai", api_key=KEY)._name("grok-4") == "xai/grok-4"
    litellm = quiet.load()
    assert {cls().provider for cls in NAMES.values()} <= {str(one.value) for one in litellm.LlmProviders}


def test_nothing_is_deployed_through_it() -> None:
    with pytest.raises(ConfigError, match="cannot be deployed"):
        create_provider("openai").deploy_model("gpt-4o")


def test_every_exception_of_litellm_has_a_kind() -> None:
    quiet.load()
    from litellm import exceptions

    for name, kind in vars(exceptions).items():
        if isinstance(kind, type) and issubclass(kind, Exception):
            error = kind.__new__(kind)
            Exception.__init__(error, f"{name}: told with {KEY}")
            error.message, error.status_code = f"told with {KEY}", 418
            error.model = error.llm_provider = "m"
            error.num_retries = error.max_retries = error.original_exception = None
            ours = told(error, "some/model", Secrets([KEY]))
            assert ours.problem.startswith("some/model: ")
            assert KEY not in str(ours)
            assert ours.remedy


def test_settings_are_not_shown() -> None:
    plugin = OpenAIProvider(api_key=KEY, params={"token": KEY})
    assert KEY not in repr(plugin)
    assert KEY not in str(plugin)


@given(st.text(max_size=20) | st.from_regex(r"(\d+h)?(\d+m)?(\d+(\.\d+)?(ms|s)?)?", fullmatch=True))
def test_a_time_to_wait_is_never_negative_and_never_an_error(text: str) -> None:
    seconds = wait(text)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("6m0.5s", 360.5), ("120ms", 0.12), ("1h2m3s", 3723.0), ("", None), ("soon", None)],
)
def test_a_time_to_wait_is_read_in_all_its_forms(text: str, seconds: float | None) -> None:
    assert wait(text) == seconds


def test_a_date_to_wait_for_is_counted_from_now() -> None:
    date = datetime.now(UTC) + timedelta(seconds=100)
    for text in (date.isoformat(), format_datetime(date, usegmt=True), date.strftime("%Y-%m-%dT%H:%M:%SZ")):
        assert 90 < (wait(text) or 0) <= 101
