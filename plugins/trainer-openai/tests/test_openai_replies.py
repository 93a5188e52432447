"""What servers say, in all their ways of saying it: errors, limits, tokens, answers that are none."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trainer.errors import (
    Auth,
    BadReply,
    CompletionError,
    ContextLength,
    Filtered,
    Overloaded,
    Quota,
    RateLimited,
    TrainerError,
    UnknownModel,
)
from trainer.models import Usage
from trainer_openai import faults
from trainer_openai.limits import LONGEST, duration, limits, retry_after
from trainer_openai.replies import Reading, usage

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["choices", "delta", "message", "content", "index", "finish_reason", "usage", "error", "code", "refusal", "object", "prompt_tokens", "completion_tokens", "prompt_tokens_details", "cached_tokens"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


def bad(what: str, value: Any) -> CompletionError:
    return BadReply(f"{what}: {value!r}")


def meant(status: int, body: bytes | dict[str, Any]) -> CompletionError:
    told = faults.read(status, body if isinstance(body, bytes) else json.dumps(body).encode())
    return faults.error("example", "m", told, {}, {})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"object": "error", "message": "This model's maximum context length is 3 tokens.", "type": "BadRequestError", "param": None, "code": 400}, ContextLength),
        (400, {"error": {"code": 400, "message": "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it", "type": "exceed_context_size_error"}}, ContextLength),
        (500, {"error": {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"}}, ContextLength),
        (400, {"error": "Trying to keep the first 111490 tokens when context the overflows. However, the model is loaded with context length of only 32768 tokens"}, ContextLength),
        (400, {"error": "The number of tokens to keep from the initial prompt is greater than the context length"}, ContextLength),
        (413, b"<html>Request Entity Too Large</html>", ContextLength),
        (400, {"error": {"message": "context is not a known parameter", "type": "invalid_request_error"}}, CompletionError),
        (402, {"error": {"message": "Insufficient Balance", "type": "unknown_error", "code": "invalid_request_error"}}, Quota),
        (404, {"detail": "Not Found"}, UnknownModel),
        (404, {"error": {"message": 'model "x" not found, try pulling it first', "type": "api_error", "param": None, "code": None}}, UnknownModel),
        (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, CompletionError),
        (400, {"error": {"message": "no", "code": "content_filter"}}, Filtered),
        (503, b"", Overloaded),
        (524, b"<!doctype html><title>524</title>", Overloaded),
        (429, b"[]", RateLimited),
        (401, b"null", Auth),
        (418, b'{"error": {}}', CompletionError),
    ],
)  # fmt: skip
def test_each_server_is_understood_in_its_own_words(
    status: int, body: bytes | dict[str, Any], kind: type[CompletionError]
) -> None:
    error = meant(status, body)
    assert type(error) is kind
    assert str(status) in error.problem


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ({"error": {"message": "gone", "type": "InternalServerError", "code": 500}}, Overloaded),
        ({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, RateLimited),
        ({"error": {"message": "slow down", "code": 429}}, RateLimited),
        ({"error": {"message": "no money", "type": "insufficient_quota"}}, Quota),
        ({"error": "boom"}, Overloaded),
        ({"object": "error", "message": "boom", "code": 400}, CompletionError),
    ],
)
def test_errors_in_a_stream_have_no_status_of_http(frame: dict[str, Any], kind: type[CompletionError]) -> None:
    told = faults.complaint(frame)
    assert told
    assert type(faults.error("example", "m", told, {}, {})) is kind


def test_a_server_that_may_not_stream_names_the_setting() -> None:
    told = {
        "message": "Your organization must be verified to stream this model.",
        "param": "stream",
        "code": "unsupported_value",
    }
    assert "streaming = false" in meant(400, {"error": told}).remedy


def test_what_is_quoted_is_short() -> None:
    assert len(meant(500, b"<p>word</p>" * 10_000).problem) < 500


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("6m0s", 360), ("17ms", 0.017), ("1h2m3.5s", 3723.5), ("1d", 86400), ("0.5", 0.5), ("59", 59), ("9999999", LONGEST),
     ("", None), ("soon", None), ("-1", None), ("nan", None), ("inf", None), ("1s!", None), ("m", None)],
)  # fmt: skip
def test_durations(text: str, seconds: float | None) -> None:
    assert duration(text) == (None if seconds is None else pytest.approx(seconds))


def test_limits_are_read_from_their_headers() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert limits(headers) == {"requests": 59, "requests_reset": 1.0, "tokens": 149984, "tokens_reset": 360.0}
    assert limits({"x-ratelimit-remaining-requests": "many", "x-ratelimit-reset-tokens": "soon"}) == {}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"}, 0),
        ({"retry-after": "1e9"}, LONGEST),
        ({"retry-after": "soon"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "3s"}, 3),
        ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "3s"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_says_how_long_to_wait() -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    assert retry_after({"retry-after": format_datetime(later, usegmt=True)}) == pytest.approx(3600, abs=60)


@given(text=st.text(max_size=12) | st.floats().map(str) | st.integers().map(str))
def test_no_header_makes_a_wait_that_nobody_can_keep(text: str) -> None:
    for wait in (retry_after({"retry-after": text}), retry_after({"retry-after-ms": text}), duration(text)):
        assert wait is None or (math.isfinite(wait) and 0 <= wait <= LONGEST)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2}, Usage(5, 2)),
        ({"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": None}, Usage(5, 2)),
        ({"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 9}}, Usage(5, 2, cached=5)),
        ({"prompt_tokens": 5}, None),
        ({"prompt_tokens": "5", "completion_tokens": 2}, None),
        (None, None),
    ],
)  # fmt: skip
def test_tokens(value: Any, wanted: Usage | None) -> None:
    assert usage(value) == wanted


@given(values=st.lists(JSON, max_size=4), part=st.sampled_from(["delta", "message"]))
def test_no_json_makes_anything_but_text_or_a_typed_error(values: list[Any], part: str) -> None:
    reading = Reading(bad)
    said = ""
    try:
        for value in values:
            if told := faults.complaint(value):
                raise faults.error("example", "m", told, {}, {})
            said += reading.take(value, part)
        reading.check("m")
    except TrainerError:
        pass
    assert reading.text == said or not said


def take(*values: Any, part: str = "delta") -> Reading:
    reading = Reading(bad)
    for value in values:
        reading.take(value, part)
    return reading


def test_only_the_first_of_several_choices_is_read() -> None:
    reading = take(
        {"choices": [{"index": 1, "delta": {"content": "other"}, "finish_reason": "length"}]},
        {"choices": [{"index": 0, "delta": {"content": "mine"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
        {"choices": None},
    )
    assert (reading.text, reading.finish, reading.usage) == ("mine", "stop", Usage(1, 1))


def test_an_empty_reason_does_not_undo_the_one_before() -> None:
    first = {"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}
    assert take(first, {"choices": [{"delta": {}, "finish_reason": ""}]}).finish == "stop"


def test_a_refusal_is_no_answer() -> None:
    with pytest.raises(Filtered, match="I cannot help"):
        take({"choices": [{"delta": {"refusal": "I cannot help", "content": None}, "finish_reason": "stop"}]}).check(
            "m"
        )


@pytest.mark.parametrize("finish", ["length", "tool_calls", "filter"])
def test_an_empty_answer_that_says_why_is_left_to_the_core(finish: str) -> None:
    take({"choices": [{"message": {"content": None}, "finish_reason": finish}]}, part="message").check("m")


@pytest.mark.parametrize("value", [[], "x", {"choices": {"a": 1}}, {"choices": [1]}, {"choices": [{"delta": 1}]}, {"choices": [{"delta": {"content": 1}}]}], ids=str)  # fmt: skip
def test_what_has_not_the_form_of_an_answer_is_told(value: Any) -> None:
    with pytest.raises(BadReply):
        take(value)
