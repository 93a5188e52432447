"""Reading answers: a whole one, or one in pieces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field

from trainer.errors import BadReply, CompletionError, Filtered
from trainer.models import Usage

FINISH = {"content_filter": "filter"}
DONE = "[DONE]"
Bad = Callable[[str, Any], CompletionError]


@define
class Reading:
    """What has been read of an answer. `finish` is empty until the server says why the answer ends.

    `bad` makes the error about an answer that is none, of what it is and the answer.
    """

    bad: Bad
    pieces: list[str] = field(factory=list)
    finish: str = ""
    usage: Usage | None = None
    names: dict[str, str] = field(factory=dict)
    refusal: str = ""

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.pieces)

    def take(self, value: Any, part: str) -> str:
        """Read the first choice of a whole answer (`part` is `message`) or of a piece (`delta`), and return its text.

        Raises `BadReply` for what has not the form of an answer.
        """
        if not isinstance(value, Mapping) or not isinstance(choices := value.get("choices") or [], list):
            raise self.bad("an answer without choices", value)
        self.usage = usage(value.get("usage")) or self.usage
        self.names |= {
            name: value[name] for name in ("id", "model") if isinstance(value.get(name), str) and value[name]
        }
        for choice in choices:
            if not isinstance(choice, Mapping) or not isinstance(said := choice.get(part) or {}, Mapping):
                raise self.bad(f"a choice without {part}", value)
            if choice.get("index") in (0, None):
                return self._said(said, choice.get("finish_reason"), value)
        if part == "message":
            raise self.bad("an answer without choices", value)
        return ""

    def _said(self, said: Mapping[str, Any], finish: Any, value: Any) -> str:
        text, refusal = said.get("content"), said.get("refusal")
        if not isinstance(text, str | None) or not isinstance(refusal, str | None):
            raise self.bad("content that is no text", value)
        if finish and isinstance(finish, str):
            self.finish = FINISH.get(finish, finish)
        self.refusal += refusal or ""
        self.pieces += [text] if text else []
        return text or ""

    def check(self, model: str) -> None:
        """Raises `BadReply` for a whole answer with nothing in it, `Filtered` for a model that refuses to answer."""
        if self.refusal and not self.pieces:
            raise Filtered(
                f"{model} refuses to answer: {self.refusal[:300]}", "Word the instruction differently, or use another."
            )
        if not self.pieces and self.finish == "stop":
            raise BadReply(f"{model} answered with nothing", "Try again, or another model.")


def usage(value: Any) -> Usage | None:
    """The tokens of an answer; `None` unless both counts are there."""
    if not isinstance(value, Mapping):
        return None
    read, written = value.get("prompt_tokens"), value.get("completion_tokens")
    if not isinstance(read, int) or not isinstance(written, int):
        return None
    details = value.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    return Usage(read, written, cached=min(cached, read) if isinstance(cached, int) else 0)
