"""From litellm's exceptions, which do not always mean what their names say, to ours."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

from trainer.errors import (
    Auth,
    BadReply,
    CompletionError,
    ContextLength,
    Filtered,
    Overloaded,
    Quota,
    RateLimited,
    Transport,
    Truncated,
    UnknownModel,
)
from trainer_litellm.limits import plain, retry_after

QUOTA = re.compile(r"insufficient_quota|current quota|credit balance|billing_error")
TOO_LONG = re.compile(r"context_length|context (length|window)|too long|longer than the model|too many tokens")
REFUSED = re.compile(r"content_policy|content management policy|safety system")
BUSY = re.compile(r"overloaded|unavailable|server had an error")
NO_KEY = re.compile(r"missing credentials|api_key client option|api key .*(not set|missing)|no api key")
UNREADABLE = re.compile(
    r"traceback \(most|expecting value|unexpected response|invalid response|unable to get json|unterminated string"
    r"|error - expecting|has no attribute|not subscriptable|no 'choices'"
)
BROKEN = re.compile(r"connection error|connection reset|timed out|disconnected|peer closed|connection refused"
                    r"|all connection attempts failed")  # fmt: skip
SECRET_NAME = re.compile(r"(_KEY|_TOKEN|_SECRET|_PASSWORD|_CREDENTIALS)$")
CLASSES = re.compile(r"^(?:litellm\.\w+: |\w+Error: |\w+Error - |\w*Exception(?: \w+Error)? - )+")
SAID = re.compile(r"""["']message["']: ?"((?:[^"\\]|\\.)*)\"""")


class Secrets:
    """Texts that must not be shown: the key of the settings, and the keys in the environment."""

    def __init__(self, given: Iterable[Any]) -> None:
        found = [value for name, value in os.environ.items() if SECRET_NAME.search(name)]
        texts = {value.strip() for value in (*given, *found) if isinstance(value, str)}
        self._texts = sorted((text for text in texts if len(text) >= 6), key=len, reverse=True)

    def mask(self, text: str) -> str:
        """`text` with `***` in the place of each secret."""
        for secret in self._texts:
            text = text.replace(secret, "***")
        return text


def told(error: Exception, model: str, secrets: Secrets, partial: str = "") -> CompletionError:
    """What an exception of litellm says, as an error of this framework with the text that did arrive."""
    error = getattr(error, "original_exception", None) or error
    full = str(error)
    kind = _kind(error, full.lower())
    problem = f"{model}: {secrets.mask(_words(full))}"
    if kind is RateLimited or kind is Overloaded:
        seconds = retry_after(_headers(error))
        return kind(problem, _remedy(kind), partial=partial, retry_after=seconds)
    return kind(problem, _remedy(kind), partial=partial)


def cut_off(model: str, partial: str) -> CompletionError:
    """The error for a stream that ended without saying so."""
    if not partial:
        return BadReply(f"{model}: the server answered with nothing that is an answer", "Look at what answers there.")
    return Truncated(f"{model}: the answer ended before its end", "Try again.", partial=partial, retryable=True)


def _kind(error: Exception, words: str) -> type[CompletionError]:
    from litellm import exceptions as known

    status = _status(error)
    asked_wrongly = 400 <= status < 500
    if isinstance(error, known.Timeout):
        return Transport
    if status == 402 or QUOTA.search(words):
        return Quota
    if isinstance(error, known.ContextWindowExceededError) or (asked_wrongly and TOO_LONG.search(words)):
        return ContextLength
    if isinstance(error, known.ContentPolicyViolationError) or (asked_wrongly and REFUSED.search(words)):
        return Filtered
    if status == 429 or "rate limit reached" in words or "rate_limit_error" in words:
        return RateLimited
    if status in (401, 403) or NO_KEY.search(words):
        return Auth
    if BUSY.search(words):
        return Overloaded
    if UNREADABLE.search(words):
        return BadReply
    if BROKEN.search(words) or _lost(error):
        return Transport
    if status == 404:
        return UnknownModel
    return CompletionError if asked_wrongly else Overloaded


def _status(error: Exception) -> int:
    """The server's own status: litellm makes a 500 of what it does not know, and keeps the original below."""
    found = [code for one in _chain(error) if isinstance(code := getattr(one, "status_code", None), int)]
    return next((code for code in found if code != 500), 500) if found else 0


def _lost(error: BaseException) -> bool:
    """Whether a connection failed below this error."""
    import httpx

    return any(isinstance(one, httpx.TransportError | ConnectionError) for one in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _headers(error: Exception) -> dict[str, str]:
    response = getattr(error, "response", None)
    return plain(getattr(error, "litellm_response_headers", None) or getattr(response, "headers", None))


def _words(full: str) -> str:
    """The server's own words, in one line."""
    if said := SAID.search(full):
        return said[1][:300]
    text = CLASSES.sub("", full.partition("\nTraceback")[0])
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())[:300] or "no reason was given"


def _remedy(kind: type[CompletionError]) -> str:
    return {
        Auth: "Check the key and what it may do.",
        BadReply: "Try again; if it stays so, look at what answers at that address.",
        ContextLength: "Give less data, or take a model with a longer context.",
        Filtered: "Change the prompt, or take another model.",
        Overloaded: "Try again later, or take another model.",
        Quota: "Look at the account's billing.",
        RateLimited: "Wait, or set requests_per_minute in [completion].",
        Transport: "Check the network and the address (api_base).",
        UnknownModel: "Check the model's name; `trainer models` lists those that are known.",
    }.get(kind, "Check the parameters in the instruction's front matter.")
