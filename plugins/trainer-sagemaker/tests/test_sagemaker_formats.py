"""What containers read and write: Text Generation Inference, templates, and streams in any pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trainer import Pipeline
from trainer.errors import BadReply, ConfigError, ContextLength, Overloaded, RateLimited, Truncated
from trainer.models import CompletionRequest, Message, Prompt
from trainer.testing.completing import TEXT
from trainer.testing.fake_llm import FakeLLM, Fault
from trainer_bedrock.provider import NO_INSTRUCTION
from trainer_sagemaker import AWSSageMakerProvider
from trainer_sagemaker.formats import TGI, OpenAI, Part, Template, events

MINE = {
    "request": {"text": "{prompt}", "options": {"heat": "{temperature}", "k": 3, "stop": ["{stop}"]}},
    "answer": "out.0.text",
}


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as llm:
        llm.say(TEXT)
        yield llm


def provider(llm: FakeLLM, **settings: Any) -> AWSSageMakerProvider:
    keys = {"access_key": "AKIA0123456789", "secret_key": "secret-0123456789"}
    return AWSSageMakerProvider(region="eu-central-1", endpoint=llm.url, **keys, **settings)


def asked(**options: Any) -> CompletionRequest:
    messages = (Message("system", "Be brief."), Message("user", "What is {x}?"))
    return CompletionRequest("sagemaker/mine", Prompt(messages, NO_INSTRUCTION), **options)


def test_a_container_of_hugging_face_is_asked_in_its_own_form(llm: FakeLLM) -> None:
    answer = provider(llm, format="tgi").complete("Hello", model="sagemaker/mine", max_tokens=50, temperature=0.2)
    assert (answer.content, answer.finish, answer.usage) == (TEXT, "stop", None)
    sent = llm.requests[0].json
    assert sent["inputs"] == "Hello"
    assert sent["parameters"] == {"details": True, "return_full_text": False, "max_new_tokens": 50, "temperature": 0.2}


def test_it_is_read_token_by_token_too(llm: FakeLLM) -> None:
    pieces: list[str] = []
    answer = provider(llm, format="tgi").complete(asked(on_text=pieces.append))
    assert "".join(pieces) == answer.content == TEXT
    assert len(pieces) > 5


def test_it_says_that_it_reached_its_limit(llm: FakeLLM) -> None:
    assert provider(llm, format="tgi").complete("Hello", "mine", max_tokens=2).finish == "length"
    assert provider(llm, format="tgi").complete(asked(params={"max_tokens": 2}, on_text=print)).finish == "length"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.too_long(), ContextLength),
        (Fault.overloaded(), Overloaded),
        (Fault.null_content(), BadReply),
        (Fault.no_choices(), BadReply),
        (Fault.invalid_json(), BadReply),
        (Fault.rate_limited(), RateLimited),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_goes_wrong_in_a_container_is_told_as_what_it_is(
    llm: FakeLLM, fault: Fault, kind: type[Exception]
) -> None:
    llm.script(fault)
    with pytest.raises(kind):
        provider(llm, format="tgi").complete(asked())


def test_a_stream_that_just_ends_is_no_answer(llm: FakeLLM) -> None:
    llm.script(Fault.ends_early())
    with pytest.raises(Truncated) as caught:
        provider(llm, format="tgi").complete(asked(on_text=lambda _: None))
    assert caught.value.retryable
    assert TEXT.startswith(caught.value.partial)


def test_a_format_that_does_not_fit_the_container_is_told(llm: FakeLLM) -> None:
    with pytest.raises(BadReply, match="not of its format"):
        provider(
            llm, format="mine", templates={"mine": {"request": {"inputs": "{prompt}"}, "answer": "text"}}
        ).complete(asked())


def test_each_endpoint_may_have_its_own_format(llm: FakeLLM) -> None:
    template = {"request": {"inputs": "{prompt}", "parameters": {}}, "answer": "0.generated_text"}
    plugin = provider(llm, formats={"old": "tgi", "mine": "ours"}, templates={"ours": template})
    pieces: list[str] = []
    assert plugin.complete(asked(on_text=pieces.append)).content == TEXT
    assert pieces == [TEXT]  # a container of one's own answers in one piece
    assert plugin.complete("Hi", "sagemaker/old").content == TEXT
    assert plugin.complete("Hi", "sagemaker/other").content == TEXT
    assert [sorted(one.json) for one in llm.requests] == [
        ["inputs", "parameters"],
        ["inputs", "parameters"],
        ["messages"],
    ]


def test_a_template_puts_values_in_their_places_and_leaves_out_what_there_is_not() -> None:
    body = Template(**MINE).body(asked(params={"temperature": 0.5}), stream=False)
    assert body == {"text": "Be brief.\n\nWhat is {x}?", "options": {"heat": 0.5, "k": 3, "stop": [None]}}
    assert "heat" not in Template(**MINE).body(asked(), stream=False)["options"]
    assert Template(**MINE).whole({"out": [{"text": "yes"}]}) == Part("yes", "stop")


def test_a_format_that_nobody_knows_lists_those_there_are(llm: FakeLLM) -> None:
    with pytest.raises(ConfigError, match="'grpc'") as caught:
        provider(llm, format="grpc").complete(asked())
    assert "openai, tgi" in caught.value.remedy
    assert not llm.requests


def test_a_pipeline_finds_it_by_its_name(llm: FakeLLM) -> None:
    pipeline = Pipeline(plugins={"complete.sagemaker": provider(llm)})
    assert pipeline.complete(asked()).content == TEXT


@pytest.mark.parametrize("kind", [OpenAI(), TGI()], ids=["openai", "tgi"])
@given(sizes=st.lists(st.integers(1, 40), min_size=1))
def test_a_stream_reads_the_same_in_whatever_pieces_it_comes(kind: Any, sizes: list[int]) -> None:
    told = [
        {"choices": [{"delta": {"content": "Ü€"}}]} if isinstance(kind, OpenAI) else {"token": {"text": "Ü€"}},
        {"choices": [{"delta": {}, "finish_reason": "stop"}]}
        if isinstance(kind, OpenAI)
        else {"token": {"text": ""}, "details": {"finish_reason": "eos_token"}},
    ]
    raw = (
        b"".join(f"data: {json.dumps(one, ensure_ascii=False)}\r\n\r\n".encode() for one in told)
        + b": x\n\ndata: [DONE]\n\n"
    )
    chunks, at = [], 0
    for size in sizes * len(raw):
        chunks.append(raw[at : at + size])
        at += size
        if at >= len(raw):
            break
    parts = [kind.piece(event) for event in events(chunks)]
    assert [(part.text, part.finish) for part in parts] == [("Ü€", ""), ("", "stop")]
