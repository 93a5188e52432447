"""Bedrock: what is sent, what is listed, who asks and where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session
from hypothesis import given, strategies as st

from trainer import Pipeline
from trainer.errors import (
    Auth,
    BadReply,
    CompletionError,
    ConfigError,
    ContextLength,
    Overloaded,
    RateLimited,
    UnknownModel,
)
from trainer.models import CompletionRequest, Message, Prompt, Usage
from trainer.testing.fake_llm import FakeLLM, Fault, Reply
from trainer_bedrock import AWSBedrockProvider
from trainer_bedrock.aws import CODES, Account, kind_of
from trainer_bedrock.converse import body
from trainer_bedrock.provider import NO_INSTRUCTION

CLAUDE = "bedrock/eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "bedrock/meta.llama3-3-70b-instruct-v1:0"
KEYS = {"access_key": "AKIA0123456789", "secret_key": "secret-0123456789"}


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM(models=("amazon.nova-pro-v1:0", "amazon.titan-embed-text-v2:0"), cache_minimum=1) as llm:
        yield llm


def provider(llm: FakeLLM, **settings: Any) -> AWSBedrockProvider:
    return AWSBedrockProvider(
        **{"region": "eu-central-1", "endpoint": llm.url, "control_endpoint": llm.url, **KEYS, **settings}
    )


def asked(model: str, *messages: Message, **params: Any) -> CompletionRequest:
    return CompletionRequest(model, Prompt(messages or (Message("user", "Hello"),), NO_INSTRUCTION), params)


def test_a_text_alone_can_be_asked(llm: FakeLLM) -> None:
    llm.say("Hello to you.")
    answer = provider(llm).complete("Hello", model=LLAMA, max_tokens=100)
    assert (answer.content, answer.model, answer.provider) == ("Hello to you.", LLAMA, "bedrock")
    assert llm.requests[0].ask.max_tokens == 100


def test_a_stream_gives_its_pieces_and_then_the_result(llm: FakeLLM) -> None:
    llm.say("Hello to you.")
    pieces = provider(llm).stream("Hello", LLAMA)
    said = []
    while True:
        try:
            said.append(next(pieces))
        except StopIteration as end:
            assert end.value.content == "".join(said) == "Hello to you."
            assert end.value.usage == Usage(1, 3)
            return


def test_stable_parts_are_cached_and_counted(llm: FakeLLM) -> None:
    messages = (
        Message("system", "You write reports.", cache=True),
        Message("user", "background", cache=True),
        Message("user", "now"),
    )
    plugin = provider(llm)
    first, second = (plugin.complete(asked(CLAUDE, *messages)).usage for _ in range(2))
    assert first == Usage(5, first.output, written=4)
    assert second == Usage(5, second.output, cached=4)


def test_a_model_that_takes_no_cache_points_gets_none(llm: FakeLLM) -> None:
    provider(llm).complete(asked(LLAMA, Message("user", "background", cache=True)))
    assert llm.requests[0].json["messages"] == [{"role": "user", "content": [{"text": "background"}]}]


def test_no_more_beginnings_are_marked_than_bedrock_takes() -> None:
    messages = [Message("user", str(number), cache=True) for number in range(6)]
    sent = body(asked(CLAUDE, *messages), "anthropic.claude-x")["messages"]
    assert [min(block) for block in sent[0]["content"]] == ["text", "text", *["text", "cachePoint"] * 4]


@given(st.lists(st.sampled_from(["system", "user", "assistant"]), min_size=1, max_size=12))
def test_roles_take_turns_and_no_text_is_lost(roles: list[Any]) -> None:
    messages = [Message(role, f"{number}") for number, role in enumerate(roles)]
    sent = body(asked(LLAMA, *messages), "meta.llama3")
    turns = [turn["role"] for turn in sent["messages"]]
    assert all(one != other for one, other in pairwise(turns))
    told = [block["text"] for turn in sent["messages"] for block in turn["content"]]
    assert told == [message.text for message in messages if message.role != "system"]
    assert [block["text"] for block in sent.get("system", [])] == [one.text for one in messages if one.role == "system"]


def test_parameters_go_where_bedrock_wants_them() -> None:
    sent = body(
        asked(
            CLAUDE,
            max_tokens=5,
            stop="x",
            top_k=3,
            guardrailConfig={"guardrailIdentifier": "g", "guardrailVersion": "1"},
        ),
        "anthropic.claude-x",
    )
    assert sent["inferenceConfig"] == {"maxTokens": 5, "stopSequences": ["x"]}
    assert sent["additionalModelRequestFields"] == {"top_k": 3}
    assert sent["guardrailConfig"] == {"guardrailIdentifier": "g", "guardrailVersion": "1"}
    model = get_session().get_service_model("bedrock-runtime").operation_model("Converse")
    assert sent.keys() <= model.input_shape.members.keys()


def test_a_parameter_that_bedrock_does_not_know_is_told(llm: FakeLLM) -> None:
    with pytest.raises(CompletionError, match="maxTokens") as caught:
        provider(llm).complete("Hello", LLAMA, max_tokens="many")
    assert not caught.value.retryable
    assert not llm.requests


def test_an_arn_is_a_name_too(llm: FakeLLM) -> None:
    arn = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-x"
    provider(llm).complete("Hello", f"bedrock/{arn}")
    assert llm.requests[0].ask.model == arn


def test_models_are_listed_with_their_prices_and_without_those_that_write_nothing(llm: FakeLLM) -> None:
    prices = {"amazon.nova-pro-v1:0": {"input": 0.8, "output": 3.2}}
    plugin = provider(llm, prices=prices)
    [nova] = plugin.list_models()
    assert (nova.name, nova.provider, nova.input_price, nova.output_price) == (
        "amazon.nova-pro-v1:0",
        "bedrock",
        0.8,
        3.2,
    )
    assert plugin.model_info("bedrock/amazon.nova-pro-v1:0") == nova
    assert plugin.model_info("unheard-of") is None


def test_a_cost_is_known_where_the_price_is(llm: FakeLLM) -> None:
    llm.say(Reply("word " * 10))
    plugin = provider(llm, prices={"amazon.nova-pro-v1:0": {"input": 1.0, "output": 2.0}})
    assert plugin.complete("Hello", "bedrock/amazon.nova-pro-v1:0").cost == pytest.approx((1 + 20) / 1e6)
    assert plugin.complete("Hello", LLAMA).cost is None


def test_access_is_checked_with_one_token(llm: FakeLLM) -> None:
    plugin = provider(llm)
    plugin.check_access(LLAMA)
    assert llm.requests[0].ask.max_tokens == 1
    llm.script(Fault.forbidden(), Fault.unknown_model())
    with pytest.raises(Auth):
        plugin.check_access(LLAMA)
    with pytest.raises(UnknownModel):
        plugin.check_access(LLAMA)


def test_the_region_and_the_profile_are_those_of_the_settings(
    llm: FakeLLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(
        "[profile work]\nregion = ap-south-1\naws_access_key_id = AKIAWORK\naws_secret_access_key = hush\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    nobody = {"access_key": "", "secret_key": "", "profile": "work"}
    provider(llm, region="", **nobody).complete("Hello", LLAMA)
    provider(llm, region="us-west-2", **nobody).complete("Hello", LLAMA)
    signed = [one.headers["authorization"] for one in llm.requests]
    assert ["AKIAWORK" in one for one in signed] == [True, True]
    assert ["/ap-south-1/bedrock/" in signed[0], "/us-west-2/bedrock/" in signed[1]] == [True, True]


@pytest.mark.parametrize("settings", [{"profile": "nobody"}, {"region": "not a region"}], ids=["profile", "region"])
def test_a_setting_that_aws_does_not_know_is_told(llm: FakeLLM, settings: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        provider(llm, **{"endpoint": "", **settings}).complete("Hello", LLAMA)
    assert next(iter(settings.values())) in caught.value.problem


def test_bedrock_deploys_nothing(llm: FakeLLM) -> None:
    with pytest.raises(ConfigError, match="needs no deployment"):
        provider(llm).deploy_model("meta.llama3")


def test_a_pipeline_finds_it_by_its_name(llm: FakeLLM) -> None:
    pipeline = Pipeline(plugins={"complete.bedrock": provider(llm)})
    assert pipeline.complete(asked(CLAUDE)).provider == "bedrock"


def test_secrets_are_shown_nowhere(llm: FakeLLM) -> None:
    plugin = provider(llm, session_token="token-0123456789")
    for told in (repr(plugin), str(plugin), repr(Account("", "", *KEYS.values(), "token-0123456789"))):
        assert "0123456789" not in told


@pytest.mark.parametrize("service", ["bedrock-runtime", "sagemaker-runtime"])
def test_every_error_that_the_service_knows_has_a_kind(service: str) -> None:
    model = get_session().get_service_model(service)
    names = {shape.name for name in model.operation_names for shape in model.operation_model(name).error_shapes}
    assert names
    assert {name for name in names if name.removesuffix("Exception") not in CODES} == set()


@pytest.mark.parametrize(
    ("code", "status", "words", "kind"),
    [
        ("throttlingException", 0, "", RateLimited),  # as it stands in a stream
        ("ModelErrorException", 424, "the model crashed", Overloaded),
        ("ModelError", 422, "inputs tokens + max_new_tokens must be <= 4096", ContextLength),
        ("ValidationException", 400, "input is too long for requested model", ContextLength),
        ("ValidationException", 400, "the provided model identifier is invalid", CompletionError),
        ("NobodyKnowsThis", 503, "", Overloaded),
        ("NobodyKnowsThis", 403, "", Auth),
        ("", 200, "", BadReply),
    ],
)
def test_a_code_has_its_kind(code: str, status: int, words: str, kind: type[CompletionError]) -> None:
    assert kind_of(code, status, words) is kind


def test_the_schema_is_sent_as_bedrock_takes_it() -> None:
    request = asked(CLAUDE)
    request.schema = {"type": "object"}
    shape = body(request, "anthropic.claude-x")["outputConfig"]["textFormat"]
    assert json.loads(shape["structure"]["jsonSchema"]["schema"]) == {"type": "object"}
