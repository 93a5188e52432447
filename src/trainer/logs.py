"""What is logged, and by which run: records gain the run's id, and become lines of JSON.

All loggers of trainer are called `trainer` or `trainer.…`. They have no handler but one that does nothing: what is
shown, where, and from which level on, is for the program to say.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from trainer.settings import HIDDEN, SECRET

#: The id of the run that is under way in this thread or task, and its step; both are empty outside of runs.
current: ContextVar[tuple[str, str]] = ContextVar("trainer_run", default=("", ""))

USER = re.compile(r"(?<=://)[^/@\s]*@")
QUERY = re.compile(r"((?:key|token|secret|pass|credential|crumb|auth|sig)[\w-]*=)[^&#\s\"']+", re.IGNORECASE)
SHORTEST_SECRET = 8  # characters: shorter words would blot out half of a message
OWN = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "run", "step"}

logging.getLogger("trainer").addHandler(logging.NullHandler())  # or Python would print warnings to the host's stderr


class RunFilter(logging.Filter):
    """Gives each record the attributes `run` and `step`; for a handler, so that it sees all loggers' records."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        if not hasattr(record, "run"):
            record.run, record.step = current.get()
        return True


class JSONFormatter(logging.Formatter):
    """A record as one line of JSON, in ASCII: `time` (UTC, ISO 8601), `level`, `logger`, `message`, `run`, `step`.

    With an exception also `error` (its type) and `exception` (the traceback), with a stack `stack`, and every `extra`
    under its own name; one that is called like a field has a `_` behind it. No value makes it fail: what JSON cannot
    say becomes text. Secrets are hidden as in `redacted`, and texts of extras whose names say that they are secret.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        RunFilter().filter(record)
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted(_message(record)),
            **{name: vars(record)[name] for name in ("run", "step")},
        }
        if record.exc_info and record.exc_info[0]:
            fields["error"] = record.exc_info[0].__name__
            record.exc_text = record.exc_text or self.formatException(record.exc_info)
        told = {"exception": record.exc_text, "stack": record.stack_info}
        fields |= {name: redacted(text) for name, text in told.items() if text}
        for name, value in vars(record).items():
            if name not in OWN:
                fields[f"{name}_" if name in fields else name] = _field(name, value)
        return json.dumps(fields)


def redacted(text: str) -> str:
    """`text` without users and passwords of addresses, values of secret parameters, and secrets of the environment.

    These are the values of variables whose names say that they are secret (`OPENAI_API_KEY`).
    """
    for name, value in os.environ.items():
        if len(value) >= SHORTEST_SECRET and value in text and SECRET.search(name):
            text = text.replace(value, HIDDEN)
    return QUERY.sub(rf"\1{HIDDEN}", USER.sub("", text))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # arguments that do not fit, or that cannot be shown
        return f"{_text(record.msg)} {_text(record.args)}"


def _field(name: str, value: Any) -> Any:
    try:
        return _plain(name, value)
    except Exception:  # what turns in circles
        return redacted(_text(value))


def _plain(name: str, value: Any) -> Any:
    if value is None or (isinstance(value, bool | int | float) and abs(value) < 1e308):  # JSON has no infinity
        return value
    if isinstance(value, Mapping):
        return {_text(key): _plain(_text(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(name, item) for item in value]
    return HIDDEN if SECRET.search(name) else redacted(_text(value))


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"
