"""What can go wrong between a client and a language model, as values to be scripted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal, Self

from attrs import evolve, field, frozen

from trainer.testing.fake_llm.asking import Finish

Kind = Literal[
    "rate_limited", "quota", "unauthorized", "forbidden", "too_long", "bad_request", "moderated",
    "unknown_model", "server_error", "unavailable", "overloaded",
]  # fmt: skip
Ending = Literal["end", "close", "reset", "hang"]

HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>\n"


@frozen
class Problem:
    """An error that a server reports in its own protocol. `status` and `message` replace the protocol's own.

    `until` is a Retry-After that is told as a date so many seconds from when it is sent.
    """

    kind: Kind
    message: str = ""
    status: int = 0
    also: Mapping[str, str] = field(factory=dict)
    until: float | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers it comes with."""
        return {**self.also, **({} if self.until is None else {"retry-after": _moment(self.until)})}


@frozen
class Raw:
    """An answer that knows nothing of the protocol."""

    body: bytes
    status: int = 200
    content_type: str = "text/html; charset=utf-8"


@frozen
class Stop:
    """Where an answer breaks off: after this share of its text (of its bytes, if it is no stream), and how.

    With `problem`, a stream says what is wrong before it ends.
    """

    share: float
    ending: Ending
    problem: Problem | None = None


@frozen
class Fault:
    """How the server misbehaves, once. Make it with one of the class methods; `after` delays any of them.

    A fault that lets the answer through, or a part of it, takes the text of `FakeLLM.say` unless it is given one.
    """

    name: str
    problem: Problem | None = None
    raw: Raw | None = None
    text: str | None = None
    finish: Finish | None = None
    shape: Literal["whole", "null", "empty"] = "whole"
    stop: Stop | None = None
    delay: float = 0.0
    pace: float = 0.0
    size: int = 0
    manner: Literal["", "crlf", "odd"] = ""
    content_type: str = ""

    def after(self, seconds: float) -> Self:
        """The same, but so many seconds later."""
        return evolve(self, delay=self.delay + seconds)

    @classmethod
    def rate_limited(cls, retry_after: float | None = None, *, date: bool = False, message: str = "") -> Self:
        """Asked too often: 429, with `Retry-After` in seconds, or as an HTTP date so far from now."""
        also = {} if retry_after is None or date else {"retry-after": f"{retry_after:g}"}
        return cls("rate_limited", Problem("rate_limited", message, also=also, until=retry_after if date else None))

    @classmethod
    def quota(cls, status: int = 0) -> Self:
        """The money is used up: 429 `insufficient_quota`, Anthropic 402, Bedrock 400; or the status given."""
        return cls("quota", Problem("quota", status=status))

    @classmethod
    def unauthorized(cls) -> Self:
        """The key is wrong: 401; AWS says 403."""
        return cls("unauthorized", Problem("unauthorized"))

    @classmethod
    def forbidden(cls) -> Self:
        """The key is right and may not do this: 403."""
        return cls("forbidden", Problem("forbidden"))

    @classmethod
    def too_long(cls) -> Self:
        """The prompt does not fit into the model's context: 400; SageMaker 424."""
        return cls("too_long", Problem("too_long"))

    @classmethod
    def bad_request(cls, message: str = "") -> Self:
        """The request is not understood: 400."""
        return cls("bad_request", Problem("bad_request", message))

    @classmethod
    def moderated(cls) -> Self:
        """The prompt is against the provider's rules: 400."""
        return cls("moderated", Problem("moderated"))

    @classmethod
    def unknown_model(cls) -> Self:
        """There is no such model: 404; SageMaker says 400."""
        return cls("unknown_model", Problem("unknown_model"))

    @classmethod
    def server_error(cls, status: int = 500) -> Self:
        """The server failed: 500, or the status given."""
        return cls("server_error", Problem("server_error", status=status))

    @classmethod
    def bad_gateway(cls) -> Self:
        """A proxy says 502, in HTML."""
        return cls("bad_gateway", raw=Raw(HTML.format("502 Bad Gateway").encode(), 502))

    @classmethod
    def unavailable(cls, retry_after: float | None = None) -> Self:
        """503."""
        headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
        return cls("unavailable", Problem("unavailable", also=headers))

    @classmethod
    def overloaded(cls, status: int = 0) -> Self:
        """Too many ask: Anthropic 529, SageMaker 424, the others 503; or the status given."""
        return cls("overloaded", Problem("overloaded", status=status))

    @classmethod
    def reset(cls, share: float | None = None) -> Self:
        """The connection is reset instead of an answer, or after a share of it between 0 and 1."""
        return cls("reset", stop=Stop(-1.0 if share is None else share, "reset"))

    @classmethod
    def closed(cls) -> Self:
        """The connection is closed instead of an answer, as a server does that tires of an idle one."""
        return cls("closed", stop=Stop(-1.0, "close"))

    @classmethod
    def cut(cls, share: float = 0.5) -> Self:
        """The connection is closed after a share of what was announced: `Content-Length` bytes, or a last chunk."""
        return cls("cut", stop=Stop(share, "close"))

    @classmethod
    def ends_early(cls, share: float = 0.5) -> Self:
        """The answer ends in good HTTP after a share of its text, without the protocol's own end such as `[DONE]`."""
        return cls("ends_early", stop=Stop(share, "end"))

    @classmethod
    def error_frame(cls, kind: Kind = "overloaded", share: float = 0.5) -> Self:
        """A stream reports an error after a share of its text; an answer that is no stream is that error."""
        return cls("error_frame", stop=Stop(share, "end", Problem(kind)))

    @classmethod
    def hang(cls, share: float | None = None) -> Self:
        """Nothing comes, or nothing more after a share of the answer, until the server is closed."""
        return cls("hang", stop=Stop(-1.0 if share is None else share, "hang"))

    @classmethod
    def slow(cls, seconds: float) -> Self:
        """The first byte takes so long."""
        return cls("slow", delay=seconds)

    @classmethod
    def dribble(cls, seconds: float = 0.01, size: int = 32) -> Self:
        """The body comes in `size` bytes at a time, with so many seconds between."""
        return cls("dribble", pace=seconds, size=size)

    @classmethod
    def length(cls, text: str | None = None) -> Self:
        """The model stops at its limit of tokens."""
        return cls("length", text=text, finish="length")

    @classmethod
    def filtered(cls, text: str | None = None) -> Self:
        """A content filter stops the model."""
        return cls("filtered", text=text, finish="filter")

    @classmethod
    def null_content(cls) -> Self:
        """Well-formed, but where the text should be is null."""
        return cls("null_content", shape="null")

    @classmethod
    def no_choices(cls) -> Self:
        """Well-formed, but there is no answer in it: `choices` or `content` is empty."""
        return cls("no_choices", shape="empty")

    @classmethod
    def html(cls, status: int = 200) -> Self:
        """A page for people, as captive portals and login walls send it."""
        return cls("html", raw=Raw(HTML.format("Please sign in").encode(), status))

    @classmethod
    def invalid_json(cls, status: int = 200) -> Self:
        """Says that it is JSON, and is not."""
        return cls("invalid_json", raw=Raw(b'{"choices": [{"message": ', status, "application/json"))

    @classmethod
    def empty_body(cls, status: int = 200) -> Self:
        """Nothing but headers."""
        return cls("empty_body", raw=Raw(b"", status, "application/json"))

    @classmethod
    def wrong_type(cls, content_type: str = "text/plain") -> Self:
        """The right answer with a wrong `Content-Type`."""
        return cls("wrong_type", content_type=content_type)

    @classmethod
    def crlf(cls) -> Self:
        """The lines of a stream end with CR LF."""
        return cls("crlf", manner="crlf")

    @classmethod
    def odd_fields(cls) -> Self:
        """A stream with what its format allows and few expect: comments, unknown and repeated fields and events."""
        return cls("odd_fields", manner="odd")

    @classmethod
    def split(cls, size: int = 3) -> Self:
        """A stream in chunks of so many bytes, which cut through lines and characters."""
        return cls("split", size=size)


def _moment(seconds: float) -> str:
    """An HTTP date, which knows whole seconds only, at least so far from now."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    if moment.microsecond:
        moment = moment.replace(microsecond=0) + timedelta(seconds=1)
    return format_datetime(moment, usegmt=True)
