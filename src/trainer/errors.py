"""What can go wrong, as types: each error is one line of what and why, and one of what to do."""

from __future__ import annotations

__all__ = [
    "AmbiguousPlugin", "Auth", "BadReply", "Blocked", "BrokenPlugin", "Budget", "CompletionError", "ConfigError",
    "ContextLength", "ConversionError", "Filtered", "GuardFailed", "InstructionError", "NotFound", "Overloaded",
    "PathRefused", "PluginFailed", "Quota", "RateLimited", "Refused", "RetrievalError", "StoreError", "TrainerError",
    "Transport", "Truncated", "Unavailable", "UnknownModel", "UnknownPlugin", "UnsupportedQuery", "VersionConflict",
    "WrongAnswer", "WrongSetting",
]  # fmt: skip


class TrainerError(Exception):
    """The base of every error this framework raises on purpose.

    `problem` says what failed, who and why in one line; `remedy` says what to do about it.
    `exit_code` is what the command line ends with: 1 the work failed, 2 wrong usage, 3 stopped by a guard.
    """

    exit_code = 1

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}\n{self.remedy}" if self.remedy else self.problem


class ConfigError(TrainerError):
    """`trainer.toml`, or a value taken from it, cannot be used."""

    exit_code = 2


class WrongSetting(ConfigError):
    """A plugin was given a setting it does not know, or one of the wrong type."""


class InstructionError(TrainerError):
    """An instruction cannot be run as it is written, or as it was called."""

    exit_code = 2


class PathRefused(TrainerError):
    """A path leaves the folder it has to stay in."""

    exit_code = 2


class UnknownPlugin(TrainerError):
    """Nothing that is installed answers to this name."""

    exit_code = 2


class AmbiguousPlugin(TrainerError):
    """Two distributions offer the same name and the user has not chosen."""

    exit_code = 2


class BrokenPlugin(TrainerError):
    """A plugin is installed and cannot be imported or built."""


class WrongAnswer(TrainerError):
    """A plugin answered with something its verb does not allow."""


class PluginFailed(TrainerError):
    """What a plugin raised, told in two lines; the original error is `__cause__`."""


class RetrievalError(TrainerError):
    """A source has no answer: not found, refused, unreachable, unreadable."""


class NotFound(RetrievalError):
    """The source answers, and has nothing under that name."""


class Refused(RetrievalError):
    """The source does not let us have it: who asks, or how, is not to its liking."""


class Unavailable(RetrievalError):
    """The source gives no whole answer now and may give one later; `retry_after` is in seconds, if it said when."""

    def __init__(self, problem: str, remedy: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(problem, remedy)
        self.retry_after = retry_after


class StoreError(TrainerError):
    """A store cannot do what was asked, or cannot be reached."""


class UnsupportedQuery(StoreError):
    """A store knows no way to answer this filter; it never answers wrongly instead."""

    exit_code = 2


class VersionConflict(StoreError):
    """`if_version` did not name the version that is stored now."""


class ConversionError(TrainerError):
    """A document cannot be converted."""


class CompletionError(TrainerError):
    """A model gave no usable answer.

    `partial` holds the text that did arrive, `retry_after` the seconds that the server asked to be left alone.
    Only errors with `retryable` are worth the same request again.
    """

    retryable = False

    def __init__(self, problem: str, remedy: str = "", *, partial: str = "", retry_after: float | None = None) -> None:
        super().__init__(problem, remedy)
        self.partial = partial
        self.retry_after = retry_after


class Overloaded(CompletionError):
    """The server cannot serve this now: 5xx, or its own word for being too busy."""

    retryable = True


class Transport(CompletionError):
    """No connection, or one that broke or fell silent before the answer was whole."""

    retryable = True


class BadReply(CompletionError):
    """The server answered with something that is not an answer: HTML, half a JSON object, no choices."""

    retryable = True


class Truncated(CompletionError):
    """The answer stops before its end, so it must not pass for a report.

    One that was cut off on its way is `retryable`; one that reached the model's limit of tokens is not.
    """

    def __init__(self, problem: str, remedy: str = "", *, partial: str = "", retryable: bool = False) -> None:
        super().__init__(problem, remedy, partial=partial)
        self.retryable = retryable


class Filtered(CompletionError):
    """The provider's own filter held the answer back, or cut it."""


class Auth(CompletionError):
    """The key is missing or wrong, or may not do this."""


class Quota(CompletionError):
    """The account has no money or no allowance left."""


class ContextLength(CompletionError):
    """The prompt is longer than the model takes."""


class UnknownModel(CompletionError):
    """The provider has no model of this name."""

    exit_code = 2


class Budget(CompletionError):
    """What was asked would cost more than it may, or an unknown amount where an amount was set."""


class RateLimited(Unavailable, CompletionError):
    """A source or a model was asked too often and wants to be left alone for a while."""

    retryable = True

    def __init__(self, problem: str, remedy: str = "", *, retry_after: float | None = None, partial: str = "") -> None:
        CompletionError.__init__(self, problem, remedy, partial=partial, retry_after=retry_after)


class Blocked(TrainerError):
    """A guard found something that the level in force does not let through."""

    exit_code = 3


class GuardFailed(TrainerError):
    """A guard could not do its work, and the level in force lets nothing through that it has not seen."""

    exit_code = 3
