"""The fake server of language models: what it says in each protocol, and how it fails."""

from __future__ import annotations

import base64
import json
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given, settings, strategies as st

from trainer.testing.fake_llm import Ask, FakeLLM, Fault, Limits, Part, Reply, Request, Usage, obey
from trainer.testing.fake_llm.asking import Finish
from trainer.testing.fake_llm.eventstream import message
from trainer.testing.fake_llm.faults import Kind
from trainer.testing.fake_llm.fixtures import fake_llm
from trainer.testing.fake_llm.limits import Meter
from trainer.testing.fake_llm.tokens import PrefixCache, pieces, vector, words
from trainer.testing.fake_llm.transport import Arrived, parse

__all__ = ["fake_llm"]  # the fixture, as a conftest.py would import it

TEXT = "Umsatz stieg um 5 % – auf 1.200 €, “netto”, 数字."
MESSAGES = [{"role": "user", "content": "How did revenue move?"}]
BLOCKS = [{"role": "user", "content": [{"text": "How did revenue move?"}]}]
TGI = {"inputs": "How did revenue move?", "parameters": {"details": True}}


def events(data: bytes) -> list[dict[str, str]]:
    """Server-sent events, read as the HTML standard says."""
    found: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    for line in data.decode().replace("\r\n", "\n").split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            found += [fields] if "data" in fields else []
            fields = {}
        elif name == "data" and "data" in fields:
            fields["data"] += "\n" + value
        else:
            fields[name] = value
    return found


def frames(data: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """Messages of an AWS event stream, with their checksums checked."""
    while data:
        total, size, crc = struct.unpack("!III", data[:12])
        assert zlib.crc32(data[:8]) == crc
        assert zlib.crc32(data[: total - 4]) == struct.unpack("!I", data[total - 4 : total])[0]
        head, headers = data[12 : 12 + size], {}
        while head:
            name = head[1 : 1 + head[0]].decode()
            kind, length = struct.unpack("!BH", head[1 + head[0] : 4 + head[0]])
            assert kind == 7
            headers[name] = head[4 + head[0] : 4 + head[0] + length].decode()
            head = head[4 + head[0] + length :]
        yield headers, data[12 + size : total - 4]
        data = data[total:]


def of_openai(data: bytes) -> tuple[str, bool]:
    """The text of a stream, and whether it came to its end."""
    *chunks, last = [event["data"] for event in events(data)]
    chunks += [] if last == "[DONE]" else [last]
    choices = [choice for chunk in chunks for choice in json.loads(chunk).get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices), last == "[DONE]"


def of_anthropic(data: bytes) -> tuple[str, bool]:
    read = [json.loads(event["data"]) for event in events(data)]
    assert [event["event"] for event in events(data)] == [item["type"] for item in read]
    deltas = [item["delta"]["text"] for item in read if item["type"] == "content_block_delta"]
    return "".join(deltas), read[-1]["type"] == "message_stop"


def of_ollama(data: bytes) -> tuple[str, bool]:
    read = [json.loads(line) for line in data.decode().split("\n") if line.strip()]
    return "".join((item.get("message") or {}).get("content") or "" for item in read), bool(read[-1].get("done"))


def of_converse(data: bytes) -> tuple[str, bool]:
    read = [(headers.get(":event-type"), json.loads(payload)) for headers, payload in frames(data)]
    text = "".join(payload["delta"]["text"] for kind, payload in read if kind == "contentBlockDelta")
    return text, read[-1][0] == "metadata"


def of_invoke(data: bytes) -> tuple[str, bool]:
    chunks = [payload for headers, payload in frames(data) if headers.get(":event-type") == "chunk"]
    read = [json.loads(base64.b64decode(json.loads(chunk)["bytes"])) for chunk in chunks]
    deltas = [item["delta"]["text"] for item in read if item["type"] == "content_block_delta"]
    return "".join(deltas), read[-1]["type"] == "message_stop"


def of_sagemaker(data: bytes) -> tuple[str, bool]:
    parts = [payload for headers, payload in frames(data) if headers.get(":event-type") == "PayloadPart"]
    read = [json.loads(event["data"]) for event in events(b"".join(parts))]
    return "".join(item["token"]["text"] or "" for item in read), bool(read and read[-1]["details"])


class Wire(NamedTuple):
    """One protocol as a client speaks it."""

    name: str
    path: str
    body: dict[str, Any]
    plain: Callable[[Any], Any]
    streamed: Callable[[bytes], tuple[str, bool]]
    headers: Mapping[str, str] = MappingProxyType({})
    stream_path: str = ""
    finish: Callable[[Any], Any] = lambda answer: answer["choices"][0]["finish_reason"]
    words: tuple[str, str, str] = ("stop", "length", "content_filter")

    def ask(
        self, llm: FakeLLM, *, stream: bool = False, client: httpx.Client | None = None, **more: Any
    ) -> httpx.Response:
        path = self.stream_path if stream and self.stream_path else self.path
        own = {} if self.name in {"converse", "invoke"} else {"stream": stream}
        with httpx.Client(trust_env=False, verify=False) if client is None else nullcontext(client) as used:
            return used.post(llm.url + path, json={**self.body, **own, **more}, headers=self.headers, timeout=10)


CLAUDE = {"max_tokens": 100, "messages": MESSAGES}
ANTHROPIC = ("end_turn", "max_tokens", "refusal")
WIRES = [
    Wire("openai", "/v1/chat/completions", {"model": "m", "messages": MESSAGES}, lambda a: a["choices"][0]["message"]["content"], of_openai),
    Wire("azure", "/openai/deployments/m/chat/completions?api-version=1", {"messages": MESSAGES}, lambda a: a["choices"][0]["message"]["content"], of_openai),
    Wire("anthropic", "/v1/messages", {"model": "m", **CLAUDE}, lambda a: a["content"][0]["text"], of_anthropic, {"anthropic-version": "2023-06-01"}, "", lambda a: a["stop_reason"], ANTHROPIC),
    Wire("ollama", "/api/chat", {"model": "m", "messages": MESSAGES}, lambda a: a["message"]["content"], of_ollama, {}, "", lambda a: a["done_reason"], ("stop", "length", "stop")),
    Wire("converse", "/model/m/converse", {"messages": BLOCKS}, lambda a: a["output"]["message"]["content"][0]["text"], of_converse, {}, "/model/m/converse-stream", lambda a: a["stopReason"], ("end_turn", "max_tokens", "content_filtered")),
    Wire("invoke", "/model/anthropic.m/invoke", {"anthropic_version": "x", **CLAUDE}, lambda a: a["content"][0]["text"], of_invoke, {}, "/model/anthropic.m/invoke-with-response-stream", lambda a: a["stop_reason"], ANTHROPIC),
    Wire("sagemaker", "/endpoints/m/invocations", TGI, lambda a: a[0]["generated_text"], of_sagemaker, {}, "/endpoints/m/invocations-response-stream", lambda a: a[0]["details"]["finish_reason"], ("eos_token", "length", "stop_sequence")),
]  # fmt: skip
OPENAI, AZURE, CLAUDE_WIRE, OLLAMA, CONVERSE, INVOKE, SAGEMAKER = WIRES

every_wire = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)


@every_wire
def test_every_protocol_says_the_text(wire: Wire, fake_llm: FakeLLM) -> None:
    fake_llm.say(TEXT)
    answer = wire.ask(fake_llm)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert (wire.plain(answer.json()), wire.finish(answer.json())) == (TEXT, wire.words[0])
    assert fake_llm.requests[0].prompt == "How did revenue move?"
    assert fake_llm.requests[0].model.removeprefix("anthropic.") == "m"


TAME = [Fault.crlf(), Fault.odd_fields(), Fault.split(), Fault.split(1), Fault.dribble(0.0001, 200), Fault.wrong_type(), Fault.slow(0.01), Fault("")]  # fmt: skip


@pytest.mark.parametrize("fault", TAME, ids=lambda fault: fault.name or "well")
@every_wire
def test_every_stream_has_the_whole_text_however_oddly_it_is_sent(wire: Wire, fault: Fault, fake_llm: FakeLLM) -> None:
    fake_llm.say(TEXT)
    fake_llm.script(fault)
    answer = wire.ask(fake_llm, stream=True)
    assert wire.streamed(answer.content) == (TEXT, True)
    assert answer.headers["transfer-encoding"] == "chunked"
    assert (answer.headers["content-type"] == "text/plain") == (fault.name == "wrong_type")
    assert fake_llm.requests[0].stream


def test_odd_fields_and_line_ends_are_really_there(fake_llm: FakeLLM) -> None:
    fake_llm.script(Fault.odd_fields(), Fault.crlf())
    odd, crlf = [OPENAI.ask(fake_llm, stream=True).content for _ in range(2)]
    assert b": a comment\n" in odd
    assert b"unknown: field\n" in odd
    assert any("\n" in event["data"] for event in events(odd))
    assert crlf.count(b"\n") == crlf.count(b"\r\n") > 0


def test_split_chunks_cut_characters_in_two(fake_llm: FakeLLM) -> None:
    fake_llm.say("数")
    fake_llm.script(Fault.split(1))
    with httpx.Client(trust_env=False) as client, client.stream("POST", fake_llm.url + OPENAI.path, json={**OPENAI.body, "stream": True}) as answer:  # fmt: skip
        assert {len(chunk) for chunk in answer.iter_raw()} == {1}


STATUS: dict[Kind, tuple[int, ...]] = {  # openai, azure, anthropic, ollama, converse, invoke, sagemaker
    "rate_limited": (429, 429, 429, 429, 429, 429, 429),
    "quota": (429, 429, 402, 429, 400, 400, 400),
    "unauthorized": (401, 401, 401, 401, 403, 403, 403),
    "forbidden": (403,) * 7,
    "too_long": (400, 400, 400, 400, 400, 400, 424),
    "bad_request": (400, 400, 400, 400, 400, 400, 424),
    "moderated": (400, 400, 400, 400, 400, 400, 424),
    "unknown_model": (404, 404, 404, 404, 404, 404, 400),
    "server_error": (500,) * 7,
    "unavailable": (503,) * 7,
    "overloaded": (503, 503, 529, 503, 503, 503, 424),
}


@pytest.mark.parametrize("kind", STATUS)
def test_every_protocol_reports_an_error_its_own_way(kind: Kind, fake_llm: FakeLLM) -> None:
    answers = []
    for wire in WIRES:
        fake_llm.script(getattr(Fault, kind)())
        answers.append(wire.ask(fake_llm, stream=True))
    assert tuple(answer.status_code for answer in answers) == STATUS[kind]
    openai, _, claude, ollama, converse, _, sagemaker = [answer.json() for answer in answers]
    assert (openai["error"]["message"], claude["type"]) == (openai["error"]["message"], "error")
    assert all(
        isinstance(text, str) and text for text in (ollama["error"], claude["error"]["type"], converse["message"])
    )
    assert sagemaker["Message"]
    assert all(answer.headers["x-amzn-errortype"] for answer in answers[4:])


def test_a_quota_can_be_told_from_a_rate(fake_llm: FakeLLM) -> None:
    fake_llm.script(Fault.quota(), Fault.rate_limited(), Fault.quota(402))
    quota, rate, payment = [OPENAI.ask(fake_llm) for _ in range(3)]
    assert [answer.json()["error"]["code"] for answer in (quota, rate)] == ["insufficient_quota", "rate_limit_exceeded"]
    assert payment.status_code == 402


def test_retry_after_comes_in_seconds_as_a_date_or_not_at_all(fake_llm: FakeLLM) -> None:
    before = datetime.now(UTC)
    fake_llm.script(
        Fault.rate_limited(2), Fault.rate_limited(30, date=True), Fault.rate_limited(), Fault.unavailable(1.5)
    )
    seconds, date, nothing, half = [OPENAI.ask(fake_llm).headers.get("retry-after") for _ in range(4)]
    assert (seconds, nothing, half) == ("2", None, "1.5")
    assert date
    assert (parsedate_to_datetime(date) - before).total_seconds() >= 29.99


def test_status_and_message_of_an_error_can_be_chosen(fake_llm: FakeLLM) -> None:
    fake_llm.script(Fault.server_error(502), Fault.overloaded(529), Fault.bad_request("temperature: too hot"))
    answers = [OPENAI.ask(fake_llm) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [502, 529, 400]
    assert answers[2].json()["error"]["message"] == "temperature: too hot"


@pytest.mark.parametrize("stream", [False, True])
@every_wire
def test_connections_break_where_the_script_says(wire: Wire, stream: bool, fake_llm: FakeLLM) -> None:
    broken: list[tuple[Fault, type[httpx.TransportError]]] = [
        (Fault.reset(), httpx.ReadError),
        (Fault.reset(0.5), httpx.ReadError),
        (Fault.closed(), httpx.RemoteProtocolError),
        (Fault.cut(), httpx.RemoteProtocolError),
        (Fault.cut(0), httpx.RemoteProtocolError),
    ]
    for fault, error in broken:
        fake_llm.script(fault)
        with pytest.raises(error):
            wire.ask(fake_llm, stream=stream)
    assert wire.ask(fake_llm, stream=stream).status_code == 200


@every_wire
def test_a_stream_can_end_too_early_in_good_http(wire: Wire, fake_llm: FakeLLM) -> None:
    fake_llm.say("one two three four")
    fake_llm.script(Fault.ends_early(), Fault.ends_early(1.0))
    half, all_but_the_end = [wire.streamed(wire.ask(fake_llm, stream=True).content) for _ in range(2)]
    whole = "one two three " if wire is SAGEMAKER else "one two three four"  # its last token is its end
    assert half == ("one two ", False)
    assert all_but_the_end == (whole, False)


@every_wire
def test_an_answer_that_ends_too_early_is_no_json(wire: Wire, fake_llm: FakeLLM) -> None:
    fake_llm.script(Fault.ends_early())
    with pytest.raises(ValueError, match="line 1"):
        wire.ask(fake_llm).json()


@every_wire
def test_a_stream_can_report_an_error_after_a_part_of_its_text(wire: Wire, fake_llm: FakeLLM) -> None:
    fake_llm.say("one two three four")
    fake_llm.script(*[Fault.error_frame()] * 2)
    plain, stream = wire.ask(fake_llm), wire.ask(fake_llm, stream=True)
    assert (plain.status_code, stream.status_code) == (STATUS["overloaded"][WIRES.index(wire)], 200)
    assert plain.json()
    if wire.name in {"openai", "azure", "anthropic"}:
        assert json.loads(events(stream.content)[-1]["data"])["error"]["message"]
    elif wire is OLLAMA:
        assert json.loads(stream.text.splitlines()[-1])["error"]
    else:
        headers, payload = list(frames(stream.content))[-1]
        assert headers[":message-type"] == "exception"
        assert headers[":exception-type"] == (
            "ModelStreamError" if wire is SAGEMAKER else "serviceUnavailableException"
        )
        assert json.loads(payload)
    assert wire.streamed(stream.content) == ("one two ", False)


@every_wire
def test_a_model_can_stop_for_other_reasons(wire: Wire, fake_llm: FakeLLM) -> None:
    fake_llm.script(Fault.length(), Fault.filtered("half a"), Reply("by hand", "length"))
    answers = [wire.ask(fake_llm).json() for _ in range(3)]
    assert [wire.finish(answer) for answer in answers] == [wire.words[1], wire.words[2], wire.words[1]]
    assert [wire.plain(answer) for answer in answers[1:]] == ["half a", "by hand"]


@every_wire
def test_an_answer_can_be_well_formed_and_empty(wire: Wire, fake_llm: FakeLLM) -> None:
    fake_llm.script(*[Fault.null_content(), Fault.no_choices()] * 2)
    assert wire.plain(wire.ask(fake_llm).json()) is None
    with pytest.raises((IndexError, KeyError)):
        wire.plain(wire.ask(fake_llm).json())
    for _ in range(2):
        content = wire.ask(fake_llm, stream=True).content
        assert not content or wire.streamed(content)[0] == ""


@every_wire
def test_what_a_proxy_says_is_no_answer(wire: Wire, fake_llm: FakeLLM) -> None:
    fake_llm.script(Fault.html(), Fault.bad_gateway(), Fault.invalid_json(), Fault.empty_body())
    html, gateway, invalid, empty = [wire.ask(fake_llm, stream=True) for _ in range(4)]
    assert [answer.status_code for answer in (html, gateway, invalid, empty)] == [200, 502, 200, 200]
    assert "<h1>502 Bad Gateway</h1>" in gateway.text
    assert [answer.headers["content-type"] for answer in (html, invalid)] == [
        "text/html; charset=utf-8",
        "application/json",
    ]
    assert empty.content == b""
    with pytest.raises(ValueError, match="char"):
        invalid.json()


def test_a_server_can_hang_until_it_is_closed() -> None:
    with ThreadPoolExecutor(2) as pool, FakeLLM() as llm:
        llm.say("one two three four")
        llm.script(Fault.hang(), Fault.hang(0.5))
        waiting = [pool.submit(OPENAI.ask, llm, stream=True) for _ in range(2)]
        llm.wait_for(2)
        assert llm.in_flight == 2
        assert not any(future.done() for future in waiting)
        with pytest.raises(TimeoutError, match="2 of 3 requests"):
            llm.wait_for(3, timeout=0.01)
    assert all(isinstance(future.exception(), httpx.ReadError) for future in waiting)


def test_a_client_that_gives_up_is_forgotten(fake_llm: FakeLLM) -> None:
    fake_llm.script(Fault.hang(), Fault.slow(60))
    for _ in range(2):
        with (
            pytest.raises(httpx.ReadTimeout),
            httpx.Client(trust_env=False, timeout=httpx.Timeout(10, read=0.05)) as client,
        ):
            client.post(fake_llm.url + OPENAI.path, json=OPENAI.body)
    assert OPENAI.ask(fake_llm).status_code == 200


def test_connections_can_be_refused_for_a_while(fake_llm: FakeLLM) -> None:
    url = fake_llm.url
    with httpx.Client(trust_env=False) as client:
        assert OPENAI.ask(fake_llm, client=client).status_code == 200
        with fake_llm.refusing(), pytest.raises(httpx.ConnectError):
            OPENAI.ask(fake_llm)
        assert fake_llm.url == url
        assert OPENAI.ask(fake_llm).status_code == 200


def test_a_port_that_is_taken_is_an_error_at_once(fake_llm: FakeLLM) -> None:
    with pytest.raises(OSError, match="in use"), FakeLLM(port=urlsplit(fake_llm.url).port or 0):
        pytest.fail("two servers at one port")


def test_a_script_is_played_in_order_and_then_it_is_the_default_again(fake_llm: FakeLLM) -> None:
    fake_llm.say(lambda request: f"{request.model} says {request.prompt.split()[-1]}")
    fake_llm.script("one", Reply("two"), lambda request: Fault.server_error(501 + request.number - 3))
    answers = [OPENAI.ask(fake_llm) for _ in range(4)]
    assert [OPENAI.plain(answers[index].json()) for index in (0, 1, 3)] == ["one", "two", "m says move?"]
    assert (answers[2].status_code, fake_llm.scripted) == (501, 0)


def test_looking_things_up_takes_nothing_from_the_script_unless_it_is_named(fake_llm: FakeLLM) -> None:
    fake_llm.script("one")
    fake_llm.script(Fault.unauthorized(), path="/v1/models")
    asked = [httpx.get(fake_llm.url + "/v1/models", trust_env=False).status_code for _ in range(2)]
    assert (asked, fake_llm.scripted) == ([401, 200], 1)


def test_what_a_function_raises_is_raised_where_the_server_was_made() -> None:
    llm = FakeLLM()
    llm.say(lambda request: str(1 / 0))
    with pytest.raises(ZeroDivisionError), llm:
        OPENAI.ask(llm)
    assert len(llm.requests) == 1


def test_a_default_can_be_a_fault(fake_llm: FakeLLM) -> None:
    fake_llm.say(Fault.overloaded())
    assert [OPENAI.ask(fake_llm).status_code for _ in range(2)] == [503, 503]
    fake_llm.script(Fault.length())
    assert OPENAI.ask(fake_llm).json()["choices"][0]["finish_reason"] == "length"


def test_requests_are_kept_with_their_keys_and_shown_without(fake_llm: FakeLLM) -> None:
    secrets = {"authorization": "Bearer s3cret-1", "x-api-key": "s3cret-2", "api-key": "s3cret-3", "x-amz-security-token": "s3cret-4"}  # fmt: skip
    httpx.post(fake_llm.url + "/v1/chat/completions?key=s3cret-5", json=OPENAI.body, headers=secrets, trust_env=False)
    request = fake_llm.requests[0]
    assert {name: request.headers[name] for name in secrets} == secrets
    assert (request.method, request.json, request.protocol, request.number) == ("POST", OPENAI.body, "openai", 1)
    assert request.path.endswith("?key=s3cret-5")
    assert "s3cret" not in repr(request)
    assert "'content-type': 'application/json'" in repr(request)


@every_wire
def test_with_a_key_only_those_who_have_it_are_served(wire: Wire) -> None:
    with FakeLLM(key="sk-right") as llm:
        llm.script("never played")
        assert wire.ask(llm).status_code == STATUS["unauthorized"][WIRES.index(wire)]
        assert llm.scripted == 1
        with httpx.Client(trust_env=False, headers={"authorization": "Bearer sk-right"}) as client:
            assert wire.ask(llm, client=client).status_code == 200


def test_limits_are_told_and_kept() -> None:
    with FakeLLM(limits=Limits(requests=2, tokens=1000)) as llm:
        openai, claude, late = OPENAI.ask(llm), CLAUDE_WIRE.ask(llm), OPENAI.ask(llm)
    assert (openai.headers["x-ratelimit-limit-requests"], openai.headers["x-ratelimit-remaining-requests"]) == (
        "2",
        "1",
    )
    assert (openai.headers["x-ratelimit-limit-tokens"], openai.headers["x-ratelimit-remaining-tokens"]) == (
        "1000",
        "996",
    )
    assert openai.headers["x-ratelimit-reset-requests"].endswith("s")
    assert claude.headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert datetime.fromisoformat(claude.headers["anthropic-ratelimit-requests-reset"]) > datetime(
        2025, 1, 1, tzinfo=UTC
    )
    assert (late.status_code, late.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert 0 < float(late.headers["retry-after"]) <= 30


@given(st.integers(1, 600), st.floats(1, 60), st.lists(st.tuples(st.floats(0, 5), st.integers(0, 200)), max_size=40))
def test_no_more_passes_a_limit_than_has_flowed_in(limit: int, window: float, asked: list[tuple[float, int]]) -> None:
    meter, now, passed = Meter(Limits(tokens=limit, window=window)), 0.0, 0
    burst = max(1.0, limit * window / 60)
    for pause, tokens in asked:
        now += pause
        wait = meter.take(tokens, now)
        passed += 0 if wait else min(tokens, int(burst) + 1)
        assert passed <= burst + now * limit / 60 + len(asked)  # a request larger than the bucket counts as a full one
        if wait:
            assert meter.take(tokens, now + wait + 0.001) == 0
            now += wait + 0.001
            passed += min(tokens, int(burst) + 1)


def test_usage_is_counted_in_words_given_or_left_out(fake_llm: FakeLLM) -> None:
    fake_llm.script("one two", Reply("x", usage=Usage(100, 7, cache_read=64)), Reply("x", usage=None))
    counted, given_, nothing = [OPENAI.ask(fake_llm).json() for _ in range(3)]
    assert [counted["usage"][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")] == [4, 2, 6]
    assert (given_["usage"]["total_tokens"], given_["usage"]["prompt_tokens_details"]["cached_tokens"]) == (107, 64)
    assert "usage" not in nothing


def test_tokens_can_be_counted_another_way() -> None:
    with FakeLLM(count=len) as llm:
        llm.say("abc")
        assert OPENAI.ask(llm).json()["usage"]["completion_tokens"] == 3


def test_a_stream_tells_its_usage_only_if_it_is_asked(fake_llm: FakeLLM) -> None:
    bare = OPENAI.ask(fake_llm, stream=True)
    full = OPENAI.ask(fake_llm, stream=True, stream_options={"include_usage": True})
    without, with_ = [[json.loads(event["data"]) for event in events(answer.content)[:-1]] for answer in (bare, full)]
    assert not any("usage" in chunk for chunk in without)
    assert (with_[-1]["choices"], with_[-1]["usage"]["prompt_tokens"], with_[0]["usage"]) == ([], 4, None)


def test_the_first_chunk_of_azure_has_no_choices(fake_llm: FakeLLM) -> None:
    chunk = json.loads(events(AZURE.ask(fake_llm, stream=True).content)[0]["data"])
    assert chunk["choices"] == []
    assert chunk["prompt_filter_results"]


@every_wire
def test_the_limit_of_tokens_in_a_request_is_kept(wire: Wire, fake_llm: FakeLLM) -> None:
    limits = {"ollama": {"options": {"num_predict": 2}}, "converse": {"inferenceConfig": {"maxTokens": 2}}, "sagemaker": {"parameters": {"max_new_tokens": 2, "details": True}}}  # fmt: skip
    fake_llm.say("one two three")
    answer = wire.ask(fake_llm, **limits.get(wire.name, {"max_tokens": 2})).json()
    assert (wire.plain(answer), wire.finish(answer)) == ("one two ", wire.words[1])


def test_prefixes_are_written_to_the_cache_and_then_read() -> None:
    system = [{"type": "text", "text": "a b c d", "cache_control": {"type": "ephemeral"}}]
    point = [{"text": "a b c d"}, {"cachePoint": {"type": "default"}}]
    long = [{"role": "system", "content": "a b c d"}, *MESSAGES]
    with FakeLLM(cache_minimum=4) as llm:
        claude = [CLAUDE_WIRE.ask(llm, system=system).json()["usage"] for _ in range(2)]
        bedrock = [CONVERSE.ask(llm, system=point).json()["usage"] for _ in range(2)]
        openai = [OPENAI.ask(llm, messages=long).json()["usage"] for _ in range(2)]
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    assert [tuple(used[name] for name in names) for used in claude] == [(4, 4, 0), (4, 0, 4)]
    names = ("inputTokens", "cacheWriteInputTokens", "cacheReadInputTokens")
    assert [tuple(used[name] for name in names) for used in bedrock] == [(4, 4, 0), (4, 0, 4)]
    assert [(used["prompt_tokens"], used["prompt_tokens_details"]["cached_tokens"]) for used in openai] == [
        (8, 0),
        (8, 8),
    ]


texts = st.text("ab ", max_size=8)


@given(
    st.lists(st.lists(st.builds(Part, st.just("user"), texts, st.booleans()), max_size=5), max_size=6), st.booleans()
)
def test_what_is_cached_is_a_part_of_the_prompt(prompts: list[list[Part]], marked: bool) -> None:
    cache = PrefixCache(words, 2)
    for parts in prompts:
        ask = Ask("complete", "m", tuple(parts))
        first, again = [cache.usage("p", ask, Reply("x y"), marked=marked) for _ in range(2)]
        assert first.input == again.input == sum(words(part.text) for part in parts)
        assert 0 <= first.cache_read + first.cache_write <= first.input
        assert (again.cache_write, again.output) == (0, 2)
        assert again.cache_read >= first.cache_read + first.cache_write


@given(st.text())
def test_the_pieces_of_a_text_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}, "b": {"enum": ["x", "y"]}}}, {"a": 3, "b": "x"}),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "array", "items": {"type": "boolean"}, "minItems": 2}}}, [True, True]),
        ({"properties": {"a": {"anyOf": [{"type": "null"}, {"type": "string"}]}, "b": {"const": 7}}}, {"a": None, "b": 7}),
        ({"$ref": "#/$defs/T", "$defs": {"T": {"properties": {"n": {"type": "integer", "exclusiveMinimum": 4}, "all": {"type": "array", "items": {"$ref": "#/$defs/T"}}, "up": {"$ref": "#/$defs/T"}}}}}, {"n": 5, "all": []}),
        ({"$ref": "#/$defs/L", "$defs": {"L": {"required": ["next"], "properties": {"next": {"anyOf": [{"$ref": "#/$defs/L"}, {"type": "null"}]}}}}}, {"next": None}),
        ({"allOf": [{"properties": {"a": {"type": ["string", "null"], "minLength": 6}}}, {"properties": {"b": {"type": "number", "maximum": -1}}}]}, {"a": "wordss", "b": -1}),
    ],
)  # fmt: skip
def test_an_answer_can_obey_a_schema(schema: dict[str, Any], value: Any, fake_llm: FakeLLM) -> None:
    fake_llm.say(obey)
    shape = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    answers = [
        OPENAI.ask(fake_llm, response_format=shape),
        OLLAMA.ask(fake_llm, format=schema),
        CLAUDE_WIRE.ask(fake_llm, output_config={"format": {"type": "json_schema", "schema": schema}}),
        CONVERSE.ask(fake_llm, outputConfig={"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(schema)}}}}),
    ]  # fmt: skip
    read = [
        wire.plain(answer.json()) for wire, answer in zip((OPENAI, OLLAMA, CLAUDE_WIRE, CONVERSE), answers, strict=True)
    ]
    assert [json.loads(text) for text in read] == [value] * 4
    assert fake_llm.requests[0].schema == schema


def test_texts_are_embedded_the_same_way_everywhere(fake_llm: FakeLLM) -> None:
    given_ = {"model": "e", "input": ["net income", "net revenue", "blue whale"]}
    with httpx.Client(trust_env=False, base_url=fake_llm.url) as client:
        plain = client.post("/v1/embeddings", json=given_).json()
        packed = client.post("/v1/embeddings", json={**given_, "encoding_format": "base64"}).json()
        ollama = client.post("/api/embed", json=given_).json()["embeddings"]
        titan = client.post(
            "/model/amazon.titan-embed-text-v2:0/invoke", json={"inputText": "net income", "dimensions": 64}
        ).json()
    vectors = [item["embedding"] for item in plain["data"]]
    assert vectors == ollama
    assert titan == {"embedding": vectors[0], "inputTextTokenCount": 2}
    for item, own in zip(packed["data"], vectors, strict=True):
        assert list(struct.unpack("<64f", base64.b64decode(item["embedding"]))) == pytest.approx(own)
    near, far = [sum(a * b for a, b in zip(vectors[0], other, strict=True)) for other in vectors[1:]]
    assert near > far
    assert plain["usage"] == {"prompt_tokens": 6, "total_tokens": 6}


@given(st.text(), st.integers(1, 64))
def test_every_vector_has_length_one(text: str, dimensions: int) -> None:
    assert sum(value * value for value in vector(text, dimensions)) == pytest.approx(1.0)


def test_models_are_listed_in_every_protocol() -> None:
    claude = {"anthropic-version": "2023-06-01"}
    with FakeLLM(models=("anthropic.a", "b")) as llm, httpx.Client(trust_env=False, base_url=llm.url) as client:
        read = {
            "openai": [item["id"] for item in client.get("/v1/models").json()["data"]],
            "anthropic": [item["id"] for item in client.get("/v1/models", headers=claude).json()["data"]],
            "ollama": [item["name"] for item in client.get("/api/tags").json()["models"]],
            "bedrock": [item["modelId"] for item in client.get("/foundation-models").json()["modelSummaries"]],
        }
        assert set(map(tuple, read.values())) == {("anthropic.a", "b")}
        assert client.get("/v1/models/b").json()["id"] == "b"
        assert client.get("/v1/models/b", headers=claude).json()["type"] == "model"
        assert client.get("/foundation-models/anthropic.a").json()["modelDetails"]["providerName"] == "anthropic"
        assert client.get("/api/version").json()["version"]
        assert client.post("/api/show", json={"model": "b"}).json()["capabilities"] == ["completion"]
        assert (client.get("/").text, client.head("/").status_code) == ("Ollama is running", 200)
        assert client.get("/nowhere").status_code == 404
        count = client.post("/v1/messages/count_tokens", json=CLAUDE_WIRE.body, headers=claude)
        assert count.json() == {"input_tokens": 4}


FAMILIES: dict[str, tuple[dict[str, Any], Callable[[Any], Any], str]] = {
    "meta.llama": ({"prompt": "x"}, lambda a: a["generation"], "stop_reason"),
    "us.mistral.large": ({"prompt": "x"}, lambda a: a["outputs"][0]["text"], "outputs"),
    "amazon.titan-text": ({"inputText": "x"}, lambda a: a["results"][0]["outputText"], "results"),
    "amazon.nova-pro": ({"messages": BLOCKS}, lambda a: a["output"]["message"]["content"][0]["text"], "stopReason"),
    "openai.gpt-oss": ({"messages": MESSAGES}, lambda a: a["choices"][0]["message"]["content"], "usage"),
}


@pytest.mark.parametrize("model", FAMILIES)
def test_each_family_of_bedrock_has_its_own_body(model: str, fake_llm: FakeLLM) -> None:
    body, text, key = FAMILIES[model]
    with httpx.Client(trust_env=False, base_url=fake_llm.url) as client:
        fake_llm.say("one two")
        answer = client.post(f"/model/{model}/invoke", json=body).json()
        stream = client.post(f"/model/{model}/invoke-with-response-stream", json=body).content
        assert client.post(f"/model/{model}/invoke", json={}).status_code == 400
    assert text(answer) == "one two"
    assert key in answer
    sent = [base64.b64decode(json.loads(payload)["bytes"]).decode() for _, payload in frames(stream)]
    assert [any(f'"{word}' in chunk for chunk in sent) for word in ("one ", "two")] == [True, True]


REFUSED = [
    (OPENAI, {"messages": []}, {}),
    (OPENAI, {"model": ""}, {}),
    (OPENAI, {"stream_options": {"include_usage": True}}, {}),
    (OPENAI, {"max_tokens": "many"}, {}),
    (CLAUDE_WIRE, {"max_tokens": None}, {}),
    (CLAUDE_WIRE, {}, {"anthropic-version": ""}),
    (CLAUDE_WIRE, {"messages": [{"role": "system", "content": "x"}]}, {}),
    (CLAUDE_WIRE, {"system": [{"type": "text", "text": "x", "cache_control": {}}] * 5}, {}),
    (INVOKE, {"max_tokens": None}, {}),
    (SAGEMAKER, {"inputs": None}, {}),
]


@pytest.mark.parametrize(("wire", "more", "headers"), REFUSED)
def test_what_a_real_server_refuses_is_refused(wire: Wire, more: dict[str, Any], headers: dict[str, str], fake_llm: FakeLLM) -> None:  # fmt: skip
    sent = {name: value for name, value in {**wire.headers, **headers}.items() if value}
    fake_llm.script("never played")
    answer = httpx.post(fake_llm.url + wire.path, json={**wire.body, **more}, headers=sent, trust_env=False)
    assert answer.status_code == (424 if wire is SAGEMAKER else 400)
    assert fake_llm.scripted == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["model", "messages", "max_tokens", "stream", "system", "inputs", "parameters", "input", "prompt", "options", "format", "response_format", "dimensions", "anthropic_version", "inferenceConfig", "stream_options"])  # fmt: skip


def test_no_body_breaks_the_server() -> None:
    paths = [wire.path for wire in WIRES] + ["/v1/embeddings", "/api/generate", "/api/embed", "/model/meta.x/invoke", "/model/openai.x/invoke"]  # fmt: skip
    with FakeLLM() as llm, httpx.Client(trust_env=False, base_url=llm.url) as client:

        @settings(max_examples=150, deadline=None)
        @given(st.sampled_from(paths), st.dictionaries(keys, json_values, max_size=5) | json_values, st.booleans())
        def ask(path: str, more: Any, valid: bool) -> None:
            body = {"model": "m", "messages": MESSAGES, **more} if valid and isinstance(more, dict) else more
            answer = client.post(path, json=body, headers={"anthropic-version": "x"})
            assert answer.status_code in {200, 400, 424}

        ask()
        assert llm.failures == []


head_words = st.from_regex(r"[a-z]{1,8}", fullmatch=True)


@given(
    st.binary(max_size=80),
    st.dictionaries(head_words, head_words, max_size=3),
    st.integers(0, 40),
    st.binary(max_size=20),
)
def test_a_request_is_read_when_it_is_whole_and_not_before(body: bytes, headers: dict[str, str], size: int, rest: bytes) -> None:  # fmt: skip
    headers = {f"x-{name}": value for name, value in headers.items()}
    if size:
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        sent = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        headers |= {"transfer-encoding": "chunked"}
    else:
        sent = body
        headers |= {"content-length": str(len(body))}
    lines = "".join(f"{name.title()}: {value}\r\n" for name, value in headers.items())
    whole = f"POST /x HTTP/1.1\r\n{lines}\r\n".encode() + sent
    assert all(parse(bytearray(whole[:cut])) is None for cut in range(len(whole)))
    arrived = parse(bytearray(whole + rest))
    assert arrived is not None
    assert (arrived.method, arrived.path, arrived.headers, arrived.body) == ("POST", "/x", headers, body)
    assert arrived.taken == len(whole)


@given(st.binary(max_size=200))
def test_what_is_no_http_is_a_value_error_or_not_whole(data: bytes) -> None:
    try:
        parse(bytearray(data))
    except ValueError:
        return


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=20), max_size=4), st.binary(max_size=100))
def test_a_message_of_an_event_stream_is_what_was_put_in(headers: dict[str, str], payload: bytes) -> None:
    assert list(frames(message(headers, payload) * 2)) == [(headers, payload)] * 2


def test_a_connection_serves_request_after_request(fake_llm: FakeLLM) -> None:
    fake_llm.script("one", Fault.slow(0.02), "three")
    with httpx.Client(trust_env=False) as client:
        assert [OPENAI.ask(fake_llm, client=client).status_code for _ in range(3)] == [200] * 3
        assert (fake_llm.connections, {request.connection for request in fake_llm.requests}) == (1, {1})


def test_requests_sent_at_once_are_answered_in_order(fake_llm: FakeLLM) -> None:
    fake_llm.script(Reply("one"), Fault.slow(0.02), Reply("three"))
    body = json.dumps(OPENAI.body).encode()
    request = b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", urlsplit(fake_llm.url).port)) as client:
        client.sendall((request + b"\r\n" + body) * 2 + request + b"connection: close\r\n\r\n" + body)
        got = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    assert got.count("HTTP/1.1 200 OK") == 3
    assert got.index('"one"') < got.index("fake server") < got.index('"three"')


def test_what_is_no_http_is_answered_with_400(fake_llm: FakeLLM) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(fake_llm.url).port)) as client:
        client.sendall(b"hello\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 400")
    assert fake_llm.requests == []


def test_sixty_four_requests_are_held_at_once() -> None:
    with ThreadPoolExecutor(64) as pool, httpx.Client(trust_env=False, limits=httpx.Limits(max_connections=64)) as client, FakeLLM() as llm:  # fmt: skip
        llm.say(Fault.hang())
        waiting = [pool.submit(OPENAI.ask, llm, client=client) for _ in range(64)]
        llm.wait_for(64)
        assert (llm.in_flight, llm.peak, llm.connections) == (64, 64, 64)
    assert all(isinstance(future.exception(), httpx.ReadError) for future in waiting)


def test_latency_and_pace_delay_what_they_should() -> None:
    llm = FakeLLM(latency=7.0, pace=3.0)

    def delays(path: str, **more: Any) -> tuple[float, float]:
        delivery = llm.arrived(Arrived("POST", path, {}, json.dumps({**OPENAI.body, **more}).encode(), 0), 1)
        return delivery.delay, delivery.pace

    llm.script(Fault.slow(5).after(1), Fault.dribble(0.5), Fault.server_error())
    assert delays("/v1/models") == (0.0, 0.0)
    assert [delays(OPENAI.path) for _ in range(4)] == [(13.0, 0.0), (7.0, 0.5), (7.0, 0.0), (7.0, 0.0)]
    assert delays(OPENAI.path, stream=True) == (7.0, 3.0)


def test_it_runs_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "trainer.testing.fake_llm", "--latency", "0.001", "--say", "hello"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        answer = httpx.post(url + OPENAI.path, json=OPENAI.body, trust_env=False).json()
        process.communicate(timeout=20)
    assert (OPENAI.plain(answer), process.returncode) == ("hello", 0)


@pytest.fixture
def aws(fake_llm: FakeLLM, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Makes clients of AWS that talk to the fake server."""
    boto3 = pytest.importorskip("boto3")
    config = pytest.importorskip("botocore.config").Config(retries={"total_max_attempts": 1})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "fake")
    return lambda name: boto3.client(name, endpoint_url=fake_llm.url, region_name="us-east-1", config=config)


def test_boto3_reads_converse_and_its_stream(aws: Callable[[str], Any], fake_llm: FakeLLM) -> None:
    fake_llm.say(TEXT)
    fake_llm.script("one", Fault.odd_fields())
    client = aws("bedrock-runtime")
    answer = client.converse(modelId="arn:aws:bedrock:x/y:0", messages=BLOCKS)
    assert (answer["output"]["message"]["content"], answer["stopReason"]) == ([{"text": "one"}], "end_turn")
    stream = list(client.converse_stream(modelId="m", messages=BLOCKS)["stream"])
    assert "".join(e["contentBlockDelta"]["delta"]["text"] for e in stream if "contentBlockDelta" in e) == TEXT
    assert fake_llm.requests[0].model == "arn:aws:bedrock:x/y:0"
    fake_llm.script(Fault.rate_limited(), Fault.error_frame("rate_limited"))
    with pytest.raises(client.exceptions.ThrottlingException):
        client.converse(modelId="m", messages=BLOCKS)
    with pytest.raises(Exception, match="throttlingException"):
        list(client.converse_stream(modelId="m", messages=BLOCKS)["stream"])


def test_boto3_reads_sagemaker_and_its_stream(aws: Callable[[str], Any], fake_llm: FakeLLM) -> None:
    fake_llm.say(TEXT)
    client = aws("sagemaker-runtime")
    asked = {"EndpointName": "e", "ContentType": "application/json"}
    plain = client.invoke_endpoint(**asked, Body=json.dumps(TGI))["Body"].read()
    assert json.loads(plain)[0]["generated_text"] == TEXT
    stream = client.invoke_endpoint_with_response_stream(**asked, Body=json.dumps({**TGI, "stream": True}))["Body"]
    read = events(b"".join(event["PayloadPart"]["Bytes"] for event in stream))
    assert "".join(json.loads(event["data"])["token"]["text"] for event in read) == TEXT
    fake_llm.script(Fault.too_long())
    with pytest.raises(client.exceptions.ModelError):
        client.invoke_endpoint(**asked, Body=json.dumps(TGI))


def test_boto3_lists_models(aws: Callable[[str], Any]) -> None:
    listed = aws("bedrock").list_foundation_models()["modelSummaries"]
    assert [card["modelId"] for card in listed] == ["fake-large", "fake-small", "fake-embed"]


def test_a_request_of_no_protocol_has_no_prompt() -> None:
    request = Request("GET", "/", {}, b"no json", 0.0, 1, 1)
    finish: Finish = "stop"
    assert (request.json, request.prompt, request.stream, Reply().finish) == (None, "", False, finish)
