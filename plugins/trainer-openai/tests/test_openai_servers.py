"""The five names, their settings, and what they do besides completing: listing models, making vectors."""

from __future__ import annotations

import base64
import json
import re
import socket
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trainer import CompletionRequest, Instruction, Pipeline, Prompt
from trainer.catalog import Catalog
from trainer.errors import Auth, BadReply, ConfigError, Filtered, Transport, Truncated, UnknownModel
from trainer.models import Message, ModelInfo
from trainer.testing.fake_llm import FakeLLM, Fault, Reply
from trainer.testing.fake_llm.faults import Problem, Raw
from trainer.testing.replay import ReplayServer
from trainer_openai import (
    CompatibleProvider,
    LlamaCppProvider,
    LMStudioProvider,
    OllamaProvider,
    OpenAIProvider,
    VLLMProvider,
)
from trainer_openai.embedding import LARGEST, MOST, batches

CLASSES: dict[str, type[CompatibleProvider]] = {
    "llamacpp": LlamaCppProvider,
    "lmstudio": LMStudioProvider,
    "ollama": OllamaProvider,
    "openai": OpenAIProvider,
    "vllm": VLLMProvider,
}
KEY = "sk-0123456789"


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as llm:
        yield llm


@pytest.fixture
def ollama(llm: FakeLLM) -> Iterator[OllamaProvider]:
    provider = OllamaProvider(base_url=f"{llm.url}/v1")
    yield provider
    provider.close()


def request(model: str = "ollama/fake-large", **options: Any) -> CompletionRequest:
    prompt = Prompt((Message("user", "Say hello."),), Instruction.parse("Say hello.", "hello.md"))
    return CompletionRequest(model, prompt, **options)


def stream(*frames: Any) -> Fault:
    """A stream of these frames, and no more."""
    sent = "".join(f"data: {frame if isinstance(frame, str) else json.dumps(frame)}\n\n" for frame in frames)
    return Fault("stream", raw=Raw(sent.encode(), 200, "text/event-stream"))


def chunk(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


@pytest.mark.parametrize("name", CLASSES)
def test_each_name_is_an_entry_point_for_text_and_for_vectors(name: str, llm: FakeLLM) -> None:
    settings = {name: {"base_url": f"{llm.url}/v1", "api_key": KEY}}
    assert name in Catalog.discover().names("complete")
    assert name in Catalog.discover().names("embed")
    llm.say("hello")
    with Pipeline({f"complete.{name}": CLASSES[name], f"embed.{name}": CLASSES[name]}, settings) as pipeline:
        answer = pipeline.complete(request(f"{name}/org/fake:7b"))
        vectors = pipeline.embed(["a", "b"], f"{name}/org/fake-embed")
    assert (answer.content, answer.model, answer.provider) == ("hello", f"{name}/org/fake:7b", name)
    assert [one.model for one in llm.requests] == ["org/fake:7b", "org/fake-embed"]
    assert all(one.headers["authorization"] == f"Bearer {KEY}" for one in llm.requests)
    assert vectors.shape == (2, 64)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("ollama", "ollama serve"),
        ("lmstudio", "lms server start"),
        ("llamacpp", "llama-server"),
        ("vllm", "vllm serve"),
    ],
)
def test_a_server_of_this_machine_that_is_not_running_is_told_how_to_start(name: str, start: str) -> None:
    with FakeLLM() as llm:
        url = llm.url
    with pytest.raises(Transport, match=start):
        CLASSES[name](base_url=f"{url}/v1").complete(request(f"{name}/x"))


def test_defaults_are_the_usual_addresses() -> None:
    assert {name: one().base_url for name, one in CLASSES.items()} == {
        "llamacpp": "http://127.0.0.1:8080/v1",
        "lmstudio": "http://127.0.0.1:1234/v1",
        "ollama": "http://127.0.0.1:11434/v1",
        "openai": "https://api.openai.com/v1",
        "vllm": "http://127.0.0.1:8000/v1",
    }


def test_a_model_that_ollama_has_not_is_told_how_to_get(llm: FakeLLM, ollama: OllamaProvider) -> None:
    llm.script(Fault.unknown_model())
    with pytest.raises(UnknownModel, match="ollama pull"):
        ollama.complete(request())


def test_a_key_that_is_refused_names_the_variable(llm: FakeLLM, ollama: OllamaProvider) -> None:
    llm.script(Fault.unauthorized())
    with pytest.raises(Auth, match="OLLAMA_API_KEY"):
        ollama.complete(request())


@pytest.mark.parametrize(
    ("base_url", "model", "given", "sent"),
    [
        ("https://api.openai.com/v1", "gpt-4o", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("https://eu.api.openai.com/v1", "gpt-4o", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("https://api.openai.com.example.org/v1", "gpt-4o", {"max_tokens": 5}, {"max_tokens": 5}),
        ("https://example.org/v1", "o3-mini", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("https://example.org/v1", "gpt-5.1", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("https://example.org/v1", "olmo", {"max_tokens": 5, "top_p": 1}, {"max_tokens": 5, "top_p": 1}),
        ("https://api.openai.com/v1", "o3", {"max_tokens": 5, "max_completion_tokens": 9}, {"max_completion_tokens": 9}),
    ],
)  # fmt: skip
def test_the_limit_of_tokens_has_the_name_that_openai_wants(
    base_url: str, model: str, given: dict[str, Any], sent: dict[str, Any]
) -> None:
    asked = request(f"openai/{model}", params=given)
    assert OpenAIProvider(base_url=base_url).params(asked) == sent
    assert asked.params == given


def test_parameters_and_headers_go_as_they_are(llm: FakeLLM) -> None:
    shape = {"type": "json_object"}
    params = {"temperature": 0.1, "seed": 1, "response_format": shape, "stream_options": {"x": 1}, "model": "no"}
    provider = VLLMProvider(base_url=f"{llm.url}/v1", headers={"X-Team": "research", "Authorization": "Basic abc"})
    provider.complete(request("vllm/m", params=params, schema={"type": "object"}))
    provider.close()
    body, headers = llm.requests[0].json, llm.requests[0].headers
    assert {name: body[name] for name in ("temperature", "seed", "response_format", "model", "stream")} == {
        "temperature": 0.1, "seed": 1, "response_format": shape, "model": "m", "stream": True
    }  # fmt: skip
    assert body["stream_options"] == {"x": 1, "include_usage": True}
    assert (headers["x-team"], headers["authorization"]) == ("research", "Basic abc")


@pytest.mark.parametrize("params", [{"x": object()}, {"temperature": float("nan")}], ids=["object", "nan"])
def test_parameters_that_are_no_json_are_a_wrong_setting(
    llm: FakeLLM, ollama: OllamaProvider, params: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError):
        ollama.complete(request(params=params))
    assert not llm.requests


@pytest.mark.parametrize(
    "base_url",
    ["", "127.0.0.1:8000/v1", "ftp://example.org/v1", "http://", "http://user:secret@example.org/v1", "http://example.org/v1?x=1"],
)  # fmt: skip
def test_an_address_that_is_none_is_a_wrong_setting(base_url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        VLLMProvider(base_url=base_url).complete(request("vllm/x"))
    assert "secret" not in str(caught.value)


def test_a_header_that_cannot_be_sent_is_a_wrong_setting(llm: FakeLLM) -> None:
    for headers in ({"x-team": "a\r\nx: y"}, {"x-team": "é"}, {"x team": "a"}):
        with pytest.raises(ConfigError):
            VLLMProvider(base_url=f"{llm.url}/v1", headers=headers).complete(request("vllm/x"))
    assert not llm.requests


def test_a_redirect_is_not_followed_with_the_key(llm: FakeLLM) -> None:
    with FakeLLM() as other:
        llm.script(Fault("redirect", Problem("server_error", status=307, also={"location": f"{other.url}/v1"})))
        with pytest.raises(ConfigError, match="redirects"):
            OpenAIProvider(base_url=f"{llm.url}/v1", api_key=KEY).complete(request("openai/x"))
        assert not other.requests


def test_tls_that_does_not_work_is_not_tried_again() -> None:
    def speak_plainly(listener: socket.socket) -> None:
        line, _ = listener.accept()
        with line:
            line.recv(65536)
            line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        pool.submit(speak_plainly, listener)
        with pytest.raises(ConfigError, match="SSL"):
            VLLMProvider(base_url=f"https://127.0.0.1:{listener.getsockname()[1]}/v1").complete(request("vllm/x"))


def test_proxies_are_for_other_machines(llm: FakeLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    llm.say("by the proxy")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", llm.url)
    far = VLLMProvider(base_url="http://models.invalid/v1")
    assert far.complete(request("vllm/x")).content == "by the proxy"
    assert llm.requests[0].path == "http://models.invalid/v1/chat/completions"
    far.close()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    near = VLLMProvider(base_url=f"{llm.url}/v1")
    assert near.complete(request("vllm/x")).content == "by the proxy"
    near.close()


@pytest.mark.parametrize(
    ("variable", "value"), [("http_proxy", "ftp://user:word@proxy.invalid"), ("SSL_CERT_FILE", "/nowhere/some.pem")]
)
def test_an_environment_that_cannot_be_used_is_told_without_its_secrets(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=f"(?i){variable}") as caught:
        VLLMProvider(base_url="http://models.invalid/v1").complete(request("vllm/x"))
    assert not re.search("user|nowhere", "".join(traceback.format_exception(caught.value)))


def test_a_stream_without_done_is_whole_if_the_model_said_so(llm: FakeLLM, ollama: OllamaProvider) -> None:
    llm.script(stream(chunk("all of it"), chunk("", "stop")))
    assert ollama.complete(request()).content == "all of it"


def test_a_stream_with_done_is_not_whole_if_the_model_did_not_say_so(llm: FakeLLM, ollama: OllamaProvider) -> None:
    llm.script(stream(chunk("half of it"), "[DONE]"))
    with pytest.raises(Truncated) as caught:
        ollama.complete(request())
    assert (caught.value.partial, caught.value.retryable) == ("half of it", True)


def test_what_breaks_after_the_end_takes_nothing_away(llm: FakeLLM, ollama: OllamaProvider) -> None:
    sent = stream(chunk("all of it", "stop"))
    assert sent.raw
    llm.script(
        Fault("cut", raw=Raw(sent.raw.body + b"data: [DON", 200, "text/event-stream"), stop=Fault.cut(0.99).stop)
    )
    assert ollama.complete(request()).content == "all of it"


def test_a_frame_that_is_no_json_is_told_with_the_text_so_far(llm: FakeLLM, ollama: OllamaProvider) -> None:
    llm.script(stream(chunk("half"), "{broken"))
    with pytest.raises(BadReply, match="broken") as caught:
        ollama.complete(request())
    assert caught.value.partial == "half"


def test_a_refusal_in_a_stream_is_told(llm: FakeLLM, ollama: OllamaProvider) -> None:
    llm.script(stream({"choices": [{"delta": {"refusal": "I must not"}, "finish_reason": "stop"}]}, "[DONE]"))
    with pytest.raises(Filtered, match="I must not"):
        ollama.complete(request())


def test_pieces_can_be_had_without_a_callback(llm: FakeLLM, ollama: OllamaProvider) -> None:
    llm.say("one two three")
    pieces = ollama.stream(request())
    assert next(pieces) == "one "
    pieces.close()
    assert list(ollama.stream(request())) == ["one ", "two ", "three"]


def test_metadata_names_the_answer_and_the_model_that_gave_it(llm: FakeLLM, ollama: OllamaProvider) -> None:
    llm.say(Reply("hello", model="fake-large-2026"))
    assert ollama.complete(request()).metadata == {"id": "chatcmpl-fake-1", "model": "fake-large-2026"}


def test_connections_are_used_again_and_can_be_closed(llm: FakeLLM, ollama: OllamaProvider) -> None:
    llm.latency = 0.05
    for _ in range(2):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: ollama.complete(request()), range(16)))
    assert llm.peak == 8
    assert llm.connections == 8
    ollama.close()
    ollama.complete(request())
    assert llm.connections == 9


def test_closing_while_others_ask_closes_their_connections_after_them(llm: FakeLLM, ollama: OllamaProvider) -> None:
    pieces = ollama.stream(request())
    next(pieces)
    ollama.close()
    assert list(pieces)
    ollama.complete(request())
    assert llm.connections == 2


def test_models_are_listed(llm: FakeLLM, ollama: OllamaProvider) -> None:
    assert ollama.model_info("fake-small") is None
    assert [model.name for model in ollama.list_models()] == ["fake-embed", "fake-large", "fake-small"]
    assert ollama.model_info("fake-small") == ModelInfo("fake-small", "ollama")


@pytest.mark.parametrize(
    ("card", "context"),
    [
        ({"id": "m", "max_model_len": 4096}, 4096),
        ({"id": "m", "meta": {"n_ctx_train": 131072, "n_params": 1}}, 131072),
        ({"id": "m", "context_window": 8192, "meta": None}, 8192),
        ({"id": "m", "context_length": "long"}, None),
    ],
)
def test_contexts_are_read_as_each_server_tells_them(card: dict[str, Any], context: int | None) -> None:
    with ReplayServer() as server:
        server.add("/v1/models", {"data": [card, {"no": "id"}]})
        provider = VLLMProvider(base_url=f"{server.url}/v1")
        assert provider.list_models() == [ModelInfo("m", "vllm", context=context)]
        provider.close()


def test_a_list_of_models_that_is_none_is_told() -> None:
    with ReplayServer() as server:
        server.add("/v1/models", {"models": []})
        provider = VLLMProvider(base_url=f"{server.url}/v1")
        with pytest.raises(BadReply):
            provider.list_models()
        provider.close()


def test_vectors_are_in_the_order_of_their_texts(llm: FakeLLM, ollama: OllamaProvider) -> None:
    texts = [f"text {number}" for number in range(2 * MOST + 5)]
    vectors = ollama.embed(texts, "ollama/fake-embed")
    assert (str(vectors.dtype), vectors.shape) == ("float32", (len(texts), 64))
    assert [len(one.ask.texts) for one in llm.requests] == [MOST, MOST, 5]
    for place in (0, MOST - 1, MOST, len(texts) - 1):
        assert (vectors[place] == ollama.embed([texts[place]], "ollama/fake-embed")[0]).all()


def test_no_texts_make_no_vectors_and_no_request(llm: FakeLLM, ollama: OllamaProvider) -> None:
    assert ollama.embed([], "ollama/fake-embed").shape == (0, 0)
    assert not llm.requests


def answer(*items: Any) -> Fault:
    return Fault("vectors", raw=Raw(json.dumps({"data": items}).encode(), 200, "application/json"))


def test_vectors_may_be_numbers_or_bytes_and_in_any_order(llm: FakeLLM, ollama: OllamaProvider) -> None:
    packed = base64.b64encode(b"\0\0\x80\x3f\0\0\0\x40").decode()
    llm.script(answer({"index": 1, "embedding": packed}, {"index": 0, "embedding": [3, 0.5]}))
    assert ollama.embed(["a", "b"], "m").tolist() == [[3, 0.5], [1, 2]]


@pytest.mark.parametrize(
    "items",
    [
        [],
        [{"index": 0, "embedding": [1.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 2, "embedding": [1.0]}],
        [{"index": 0, "embedding": "!"}, {"index": 1, "embedding": "AAA="}],
        [{"index": 0, "embedding": None}, {"index": 1, "embedding": [[1.0]]}],
        [1, 2],
    ],
    ids=str,
)
def test_vectors_that_do_not_fit_are_told(llm: FakeLLM, ollama: OllamaProvider, items: list[Any]) -> None:
    llm.script(answer(*items))
    with pytest.raises(BadReply):
        ollama.embed(["a", "b"], "m")


def test_vectors_fail_with_typed_errors(llm: FakeLLM, ollama: OllamaProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    llm.script(Fault.unknown_model())
    with pytest.raises(UnknownModel):
        ollama.embed(["a"], "m")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(Auth, match="OPENAI_API_KEY"):
        OpenAIProvider(base_url=f"{llm.url}/v1").embed(["a"], "m")


def test_vectors_without_numpy_name_what_to_install(
    llm: FakeLLM, ollama: OllamaProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ConfigError, match=r"trainer-openai\[embed\]"):
        ollama.embed(["a"], "m")
    assert not llm.requests


@given(st.lists(st.integers(0, LARGEST // 2), max_size=20).map(lambda sizes: ["é" * (size // 2) for size in sizes]))
def test_batches_hold_all_texts_in_order_and_no_more_than_servers_take(texts: list[str]) -> None:
    made = list(batches(texts))
    assert [text for batch in made for text in batch] == texts
    assert all(batch for batch in made)
    for batch in made:
        assert len(batch) <= MOST
        assert len(batch) == 1 or sum(len(text.encode()) for text in batch) <= LARGEST
