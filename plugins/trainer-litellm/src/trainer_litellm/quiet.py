"""litellm, imported so that the program it is imported into stays what it was."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

# Without these, the import and the first calls fetch lists from a code host, and read the .env file that is nearest.
SETTINGS = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
}
LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
# Those whose levels it changes.
OTHERS = ("httpx", "httpcore", "openai", "apscheduler.scheduler", "apscheduler.executors.default")
_lock = threading.Lock()


def load() -> Any:
    """The module `litellm`. One that the program has imported itself is taken as it is.

    The first import leaves no environment variable, log handler, warning filter or exit function behind. While it
    lasts, other threads can see the variables.
    """
    with _lock:
        if "litellm" not in sys.modules:
            with _environment(), _loggers(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                litellm: Any = import_module("litellm")
                _warm_up(litellm)
                worker = import_module("litellm.litellm_core_utils.logging_worker").GLOBAL_LOGGING_WORKER
            atexit.unregister(worker._flush_on_exit)
            litellm.suppress_debug_info = True  # it prints advice to standard output otherwise
        return sys.modules["litellm"]


def _warm_up(litellm: Any) -> None:
    """Let it read, import and warn now, while the variables hold, about what it would at its first calls.

    A mocked answer goes over no network.
    """
    import_module("litellm.litellm_core_utils.default_encoding")
    import_module("litellm.anthropic_beta_headers_manager").get_unsupported_headers("anthropic")
    with unlogged():
        litellm.completion("gpt-4o", [{"role": "user", "content": "?"}], mock_response="!")
    import_module("litellm.types.utils").ModelResponseStream()


@contextmanager
def unlogged() -> Iterator[None]:
    """While this lasts, what this thread asks starts none of litellm's callbacks, nor threads for them.

    A version without that switch is left to do so.
    """
    try:
        switch = import_module("litellm._internal_context").is_internal_call
    except ImportError:
        yield
        return
    token = switch.set(True)
    try:
        yield
    finally:
        switch.reset(token)


@contextmanager
def _environment() -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(SETTINGS)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        for name in SETTINGS.keys() & before.keys():
            os.environ[name] = before[name]


@contextmanager
def _loggers() -> Iterator[None]:
    """Its loggers get no handlers, and say nothing below a warning unless the program has set a level.

    Those of others stay as they were, but for its filter on httpx, which keeps keys out of addresses that are logged.
    """
    others = {name: logging.getLogger(name).level for name in OTHERS}
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    handlers = {name: list(logging.getLogger(name).handlers) for name in LOGGERS}
    yield
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = handlers[name]
        logger.setLevel(levels[name] or logging.WARNING)
    for name, level in others.items():
        logging.getLogger(name).setLevel(level)
    for name, other in logging.root.manager.loggerDict.items():
        if isinstance(other, logging.Logger) and name not in (*LOGGERS, "httpx"):
            other.filters = [each for each in other.filters if not type(each).__module__.startswith("litellm.")]
