"""What a program that embeds the pipeline can see of the process it runs in, before and after; run by test_hosts.

`python surroundings.py SCENE [URL]` plays a scene and prints, as JSON, every difference that it left behind.
"""

from __future__ import annotations

import asyncio
import atexit
import decimal
import gc
import json
import locale
import logging
import multiprocessing
import os
import random
import signal
import socket
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

INSTRUCTION = "information/instructions/figures.md"
# What these do when they are imported, nobody can help but who imports them; docs/how-to/embed.md tells of it.
LIBRARIES = ("numpy", "sqlalchemy", "httpx", "urllib3", "botocore.session", "openai", "multiprocessing.util")
registered: list[str] = []


def listen() -> None:
    """Note by name what is registered to be done at the end; Python itself can only count it."""
    register, unregister = atexit.register, atexit.unregister

    def noting(call: Callable[..., Any], *arguments: Any, **options: Any) -> Callable[..., Any]:
        registered.append(name(call))
        return register(call, *arguments, **options)

    def forgetting(call: Callable[..., Any]) -> None:
        registered[:] = [other for other in registered if other != name(call)]
        unregister(call)

    atexit.register, atexit.unregister = noting, forgetting  # type: ignore[assignment]


def name(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__name__)}"


def logger(one: logging.Logger) -> dict[str, Any]:
    handlers = [name(type(handler)) for handler in one.handlers if not isinstance(handler, logging.NullHandler)]
    filters = [name(each) for each in one.filters]
    return {
        "handlers": handlers, "filters": filters, "level": one.level, "propagate": one.propagate,
        "disabled": one.disabled,
    }  # fmt: skip


def descriptors() -> list[str]:
    found = []
    for path in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(path.readlink()))
        except OSError:
            continue  # the listing's own
    return sorted(where for where in found if not where.startswith("/proc/"))


def seen() -> dict[str, Any]:
    """Everything that a program has in common with the libraries in its process."""
    umask = os.umask(0)
    os.umask(umask)
    loggers = {key: one for key, one in logging.root.manager.loggerDict.items() if isinstance(one, logging.Logger)}
    fresh = logger(logging.Logger("", logging.NOTSET))
    return {
        "loggers": {key: logger(one) for key, one in {"root": logging.root, **loggers}.items() if logger(one) != fresh},
        "log records": [name(logging.getLogRecordFactory()), name(logging.getLoggerClass())],
        "log levels": sorted(logging.getLevelNamesMapping().items()),
        "warning filters": [repr(entry) for entry in warnings.filters],
        "showwarning": [name(warnings.showwarning), logging.captureWarnings.__name__],
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "signals": {str(number): repr(signal.getsignal(number)) for number in signal.valid_signals()},
        "wakeup": signal.set_wakeup_fd(-1),
        "environment": dict(os.environ),
        "hooks": [name(hook) for hook in (sys.excepthook, sys.unraisablehook, threading.excepthook, sys.displayhook)],
        "tracing": [repr(sys.gettrace()), repr(sys.getprofile())],
        "locale": locale.setlocale(locale.LC_ALL),
        "folder": str(Path.cwd()),
        "umask": umask,
        "random": hash(random.getstate()),
        "decimal": [repr(decimal.getcontext()), repr(decimal.DefaultContext)],
        "socket timeout": socket.getdefaulttimeout(),
        "descriptors": descriptors(),
        "at exit": sorted(registered),
        "at exit, in all": atexit._ncallbacks() - len(registered),
        "event loop policy": repr(asyncio.events._event_loop_policy),
        "path": list(sys.path),
        "import hooks": [[name(one) for one in hooks] for hooks in (sys.meta_path, sys.path_hooks)],
        "start method": multiprocessing.get_start_method(allow_none=True),
        "children": len(multiprocessing.active_children()),
        "recursion limit": sys.getrecursionlimit(),
        "digits": sys.get_int_max_str_digits(),
        "switch interval": sys.getswitchinterval(),
        "collector": [gc.isenabled(), gc.get_threshold(), [name(call) for call in gc.callbacks], gc.get_freeze_count()],
        "streams": [name(type(stream)) for stream in (sys.stdin, sys.stdout, sys.stderr)],
    }


def compared(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What differs: for mappings and lists what came and what went, else both values."""
    found: dict[str, Any] = {}
    for key, old in before.items():
        new = after[key]
        if old == new:
            continue
        if isinstance(old, dict):
            found[key] = {
                each: [old.get(each), new.get(each)] for each in {*old, *new} if old.get(each) != new.get(each)
            }
        elif isinstance(old, list) and all(isinstance(each, str) for each in [*old, *new]):
            came, went = list(new), []
            for each in old:
                came.remove(each) if each in came else went.append(each)
            found[key] = {"came": came, "went": went}
        else:
            found[key] = [old, new]
    return found


# The scenes


def libraries(_: str) -> None:
    """What is imported before all other scenes."""
    for each in LIBRARIES:
        import_module(each)


def imported(_: str) -> None:
    """Everything public is imported."""
    import trainer

    for public in trainer.__all__:
        getattr(trainer, public)


def offline(_: str) -> None:
    """Reports in each way that a pipeline can be asked for them."""
    from trainer import Pipeline

    with Pipeline() as pipeline:
        pipeline.run(INSTRUCTION, {"TICKER": "ACME"}, to=["html"])
        list(pipeline.stream(INSTRUCTION, {"TICKER": "ACME"}))
        asyncio.run(pipeline.aio.run(INSTRUCTION, {"TICKER": "ACME"}))


def abandoned(_: str) -> None:
    """A stream that is left after its first piece."""
    from trainer import Pipeline

    with Pipeline() as pipeline, pipeline.stream(INSTRUCTION, {"TICKER": "ACME"}) as stream:
        next(stream)


def run_on(url: str, *models: str) -> None:
    """A report by each of these models, in one piece and streamed; all their servers are at one address."""
    from trainer import Config, Pipeline

    aws = {"region": "eu-central-1", "access_key": "test", "secret_key": "test", "endpoint": url}
    settings = {
        "openai": {"base_url": f"{url}/v1"},
        "ollama": {"base_url": f"{url}/v1"},
        "deepseek": {"api_base": f"{url}/v1"},
        "bedrock": aws,
        "sagemaker": aws,
    }
    with Pipeline(config=Config(root=Path.cwd(), values=settings)) as pipeline:
        for model in models:
            pipeline.run(INSTRUCTION, {"TICKER": "ACME"}, model=model)
            list(pipeline.stream(INSTRUCTION, {"TICKER": "ACME"}, model=model))


def model(url: str) -> None:
    """Reports by models over HTTP."""
    run_on(url, "openai/any", "ollama/any")


def litellm(url: str) -> None:
    """A report by way of litellm."""
    run_on(url, "deepseek/any")


def aws(url: str) -> None:
    """Reports by models at AWS."""
    run_on(url, "bedrock/any", "sagemaker/any")


def source(url: str) -> None:
    """A record fetched over HTTP."""
    from trainer import Config, Pipeline, Query

    settings = {"rest": {"hosts": [url], "state": "state", "cache": "cache"}}
    with Pipeline(config=Config(root=Path.cwd(), values=settings)) as pipeline:
        pipeline.retrieve(Query("rest", {"url": f"{url}/v1/models", "extract": "$.data"}))


def formats(_: str) -> None:
    """Every format that a report can be written in."""
    from trainer import Document, Pipeline
    from trainer.errors import TrainerError

    text = '# Figures\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```chart\n{"type": "bar", "x": ["a"], "y": [1]}\n```\n'
    with Pipeline() as pipeline:
        for edge in pipeline.plugins.names("convert"):
            begin, _, end = edge.partition("-to-")
            if begin in ("markdown", "tree"):
                try:
                    pipeline.convert(Document(text, "markdown"), end.partition("-")[0], via=edge)
                except TrainerError as error:
                    print(edge, error, file=sys.stderr)


def loaded(_: str) -> None:
    """Every plugin that is installed, imported and built."""
    from trainer import Pipeline
    from trainer.catalog import ROLES
    from trainer.errors import TrainerError

    with Pipeline() as pipeline:
        for role in ROLES:
            for each in pipeline.plugins.names(role):
                try:
                    pipeline.plugins.load(role, each)
                except TrainerError as error:
                    print(role, each, error, file=sys.stderr)


SCENES = {
    play.__name__: play
    for play in (libraries, imported, offline, abandoned, model, litellm, aws, source, formats, loaded)
}


def main(scene: str, url: str = "") -> None:
    weakref.finalize(main, int).detach()  # the first one has Python's own list of them called at the end
    asyncio.run(asyncio.sleep(0))  # sets the policy
    listen()
    if scene != "libraries":
        libraries("")
    before = seen()
    SCENES[scene](url)
    gc.collect()
    for thread in threading.enumerate():  # what has been told to end may need a moment for it
        if thread is not threading.current_thread() and thread.name.startswith("trainer"):
            thread.join(30)
    print(json.dumps(compared(before, seen())))


if __name__ == "__main__":
    main(*sys.argv[1:])
