"""What talking to any service of AWS takes: clients, and what their errors mean. `trainer-sagemaker` uses it too."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from attrs import field, frozen

from trainer.errors import (
    Auth,
    BadReply,
    CompletionError,
    ConfigError,
    ContextLength,
    Filtered,
    Overloaded,
    Quota,
    RateLimited,
    Transport,
    UnknownModel,
)

CODES: dict[str, type[CompletionError]] = {
    "AccessDenied": Auth,
    "Conflict": Overloaded,
    "ExpiredToken": Auth,
    "IncompleteSignature": Auth,
    "InternalDependency": Overloaded,
    "InternalFailure": Overloaded,
    "InternalServer": Overloaded,
    "InternalStreamFailure": Overloaded,
    "InvalidClientTokenId": Auth,
    "InvalidSignature": Auth,
    "ModelError": Overloaded,
    "ModelNotReady": Overloaded,
    "ModelStreamError": Overloaded,
    "ModelTimeout": Overloaded,
    "ResourceAlreadyExists": CompletionError,
    "ResourceInUse": CompletionError,
    "ResourceLimitExceeded": Quota,
    "ResourceNotFound": UnknownModel,
    "ServiceQuotaExceeded": Quota,
    "ServiceUnavailable": Overloaded,
    "SignatureDoesNotMatch": Auth,
    "Throttling": RateLimited,
    "TooManyRequests": RateLimited,
    "UnrecognizedClient": Auth,
    "Validation": CompletionError,
    "ValidationError": CompletionError,
}
REMEDIES: dict[type[CompletionError], str] = {
    Auth: "Check the profile's credentials and that its policy allows to ask this model.",
    BadReply: "Try again; if it stays so, look at what answers at that address.",
    ContextLength: "Give less data, or take a model with a longer context.",
    Filtered: "Change the prompt, or take another model.",
    Overloaded: "Try again later, or another region or model.",
    Quota: "Ask AWS for a higher quota, or take another region or model.",
    RateLimited: "Wait, or set requests_per_minute in [completion].",
    Transport: "Check the network and the region.",
    UnknownModel: "Check the name and the region; `trainer models` lists what there is.",
}
TOO_LONG = ("too long", "maximum context", "context length", "too many tokens", "max_new_tokens")
REFUSED = ("safety system", "content filter", "guardrail")
POOL = 64  # connections that one client keeps


@frozen
class Account:
    """Who asks, where. What is empty is found by boto3 as always: environment, ~/.aws, the machine's role.

    `region` and `profile` are names as in ~/.aws/config, `endpoint` another address for the service.
    """

    region: str = ""
    profile: str = ""
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    endpoint: str = ""

    def client(self, service: str, timeout: float) -> Any:
        """A client of boto3 that tries nothing again and lets a server be silent for `timeout` seconds.

        Raises `ConfigError` or `Auth` if region, profile or keys are wrong or missing.
        """
        import boto3  # type: ignore[import-untyped]  # its stubs are a distribution apart
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ProfileNotFound
        from botocore.session import get_session

        for key in (self.access_key, self.secret_key, self.session_token):
            if not (key.isascii() and (key.isprintable() or not key)):
                raise ConfigError("a key of AWS has characters that no key has (a line end?)", "Write the key alone.")
        patience = Config(
            connect_timeout=min(timeout, 10.0),
            read_timeout=timeout,
            retries={"total_max_attempts": 1},
            max_pool_connections=POOL,
            user_agent_extra="trainer",
        )
        try:
            core = get_session()
            core.register_component("data_loader", _loader())
            session = boto3.Session(
                botocore_session=core,
                aws_access_key_id=self.access_key or None,
                aws_secret_access_key=self.secret_key or None,
                aws_session_token=self.session_token or None,
                region_name=self.region or None,
                profile_name=self.profile or None,
            )
            if session.get_credentials() is None:
                raise Auth(
                    "there are no credentials for AWS: neither a profile nor AWS_ACCESS_KEY_ID",
                    "Run `aws configure`, or `export AWS_ACCESS_KEY_ID=…` and AWS_SECRET_ACCESS_KEY.",
                )
            return session.client(service, endpoint_url=self.endpoint or None, config=patience)
        except (ProfileNotFound, BotoCoreError, ValueError) as error:
            raise ConfigError(f"AWS cannot be asked: {error}", "Mend region and profile in the settings.") from None

    def mask(self, text: str) -> str:
        """`text` with `***` for each key."""
        for key in (self.access_key, self.secret_key, self.session_token):
            if key.strip():
                text = text.replace(key.strip(), "***")
        return text


@cache
def _loader() -> Any:
    """botocore's descriptions of services: reading them is most of what a client costs, so it is done once."""
    from botocore.loaders import create_loader

    return create_loader(os.environ.get("AWS_DATA_PATH"))


class Clients:
    """The clients of one provider, made when they are needed and shared by its threads.

    botocore fixes the time that a server may be silent when a client is made; so there is one for each such time.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._made: dict[tuple[str, float], Any] = {}

    def get(self, service: str, timeout: float) -> Any:
        """The client for a service. Raises as `Account.client` does."""
        patience = _rounded(timeout)
        with self._lock:
            if (service, patience) not in self._made:
                self._made[service, patience] = self._account.client(service, patience)
            return self._made[service, patience]

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in self._made.values():
                client.close()
            self._made.clear()


def _rounded(seconds: float) -> float:
    """Seconds in two digits, so that a deadline that draws near does not make a client for every call."""
    return float(f"{max(seconds, 0.01):.1e}")


def told(error: Exception, what: str, account: Account, partial: str = "") -> CompletionError:
    """What an exception of botocore means, for `what` (a model or an endpoint), with the text that did arrive."""
    from botocore import exceptions as known
    from botocore.eventstream import ParserError
    from botocore.parsers import ResponseParserError

    if isinstance(error, known.ClientError):  # EventStreamError is one
        return _refused(error.response, what, account, partial)
    if isinstance(error, ParserError | ResponseParserError | ValueError | KeyError):
        return _made(BadReply, what, "the answer cannot be read", account, partial)
    if isinstance(error, known.NoCredentialsError | known.PartialCredentialsError | known.TokenRetrievalError):
        return _made(Auth, what, str(error), account, partial)
    if isinstance(error, known.ParamValidationError):
        return _made(CompletionError, what, str(error), account, partial)
    return _made(Transport, what, str(error), account, partial)


def _refused(response: Any, what: str, account: Account, partial: str) -> CompletionError:
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = str(response.get("Error", {}).get("Code", ""))
    message = str(response.get("OriginalMessage") or response.get("Error", {}).get("Message", ""))
    if code == "ModelError":  # the container's own answer is in it
        status = response.get("OriginalStatusCode", status)
    kind = kind_of(code, status, message.lower())
    if kind is RateLimited or kind is Overloaded:
        headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return _made(kind, what, message or code, account, partial, _seconds(headers.get("retry-after", "")))
    return _made(kind, what, message or code, account, partial)


def kind_of(code: str, status: int, words: str) -> type[CompletionError]:
    """The kind of an error, from its code, its status in HTTP, and its message in lower case."""
    name = code[:1].upper() + code[1:].removesuffix("Exception")
    if name in ("Validation", "ValidationError", "ModelError") or status in (400, 413, 422):
        if any(word in words for word in TOO_LONG):
            return ContextLength
        if any(word in words for word in REFUSED):
            return Filtered
        if "not found" in words or "could not find" in words or "does not exist" in words:
            return UnknownModel
    if name == "ModelStreamError" and "rate limit" in words:
        return RateLimited
    if name == "ModelError":
        if status == 429:
            return RateLimited if "overloaded" not in words else Overloaded
        return CompletionError if 400 <= status < 500 and status != 424 else Overloaded
    if name in CODES:
        return CODES[name]
    if status == 429:
        return RateLimited
    if status in (401, 403):
        return Auth
    if status == 404:
        return UnknownModel
    if status >= 500:
        return Overloaded
    return BadReply if status in (0, 200) else CompletionError


def _made(
    kind: type[CompletionError], what: str, message: str, account: Account, partial: str, wait: float | None = None
) -> CompletionError:
    remedy = REMEDIES.get(kind, "Check the parameters in the instruction's front matter.")
    words = " ".join(account.mask(message).split())[:300]
    return kind(f"{what}: {words or 'no reason was given'}", remedy, partial=partial, retry_after=wait)


def _seconds(text: str) -> float | None:
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def guarded(call: Callable[[], Any], what: str, account: Account) -> Any:
    """What a call of boto3 returns; its exceptions become ours, without theirs, which may show keys."""
    try:
        return call()
    except CompletionError:
        raise
    except Exception as error:  # botocore lets those of urllib3 and of its parsers through
        raise told(error, what, account) from None
