"""What every plugin promises, whichever verb it answers: its settings, its import, its secrets."""

# ruff: noqa: S101 - a contract is made of assertions

from __future__ import annotations

import gc
import math
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar, TypeVar

import attrs
import pytest
from hypothesis import HealthCheck

from trainer.errors import TrainerError, WrongAnswer, WrongSetting
from trainer.pipeline import Pipeline
from trainer.settings import SECRET, build

T = TypeVar("T")
Make = Callable[..., Pipeline]

HEAVY = (
    "aiohttp", "anthropic", "boto3", "botocore", "httpx", "litellm", "lxml", "matplotlib", "numpy", "openai", "pandas",
    "pyarrow", "requests", "scipy", "sklearn", "sqlalchemy", "torch", "transformers", "weasyprint", "yfinance",
)  # fmt: skip
# One pipeline serves all examples of a test, and subclasses run the same tests.
UNHURT = (HealthCheck.function_scoped_fixture, HealthCheck.differing_executors)
CANARY = "canary-0123456789abcdef"
# Of these, any declared type refuses at least one.
ODD: tuple[Any, ...] = ({"a": {"b": []}}, ["a"], "text", 1.5, True, -7)


class PluginContract:
    """What every plugin promises. A subclass is the contract of one role, and a subclass of that is of one plugin.

    The plugin is used as a pipeline uses it: made from its settings, called by its name.
    """

    role: ClassVar[str]
    """The verb, or another role of `trainer.catalog.ROLES`."""
    plugin: ClassVar[Any]
    """The class under test: what the entry point names."""
    name: ClassVar[str] = "tested"
    """What it is called by; a conversion is called `markdown-to-html`."""
    changes: ClassVar[Mapping[str, Any]] = {}
    """Settings, each of which has to make another answer than its default does."""
    unread: ClassVar[frozenset[str]] = frozenset()
    """Settings that nothing reads where all goes well, beside `root`, which pipelines give."""
    heavy: ClassVar[Sequence[str]] = HEAVY
    """Modules that importing the plugin must not import."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        """Its table in `trainer.toml`; a subclass overrides it with the folder or the server of a test."""
        return {}

    @pytest.fixture
    def make(self, settings: dict[str, Any]) -> Iterator[Make]:
        """Gives a pipeline with the plugin under test and nothing else; its arguments are more settings."""
        made: list[Pipeline] = []

        def make(**more: Any) -> Pipeline:
            made.append(self._pipeline(self.plugin, {**settings, **more}))
            return made[-1]

        yield make
        for pipeline in made:
            pipeline.close()

    def answers(self, pipeline: Pipeline) -> Any:
        """What the plugin answers to everything that it is asked here, so that two answers can be compared."""
        raise NotImplementedError

    def test_importing_it_imports_nothing_heavy(self) -> None:
        module = getattr(self.plugin, "__module__", "")
        found = imported(module) & set(self.heavy)
        assert not found, f"importing {module} imports {', '.join(sorted(found))}: do so in the function that needs it"

    def test_a_setting_that_does_not_exist_is_refused(self, make: Make) -> None:
        with pytest.raises(WrongSetting, match="no_such_setting"):
            make(no_such_setting=1).plugins.load(self.role, self.name)

    def test_a_setting_of_the_wrong_type_is_refused(self, settings: dict[str, Any]) -> None:
        for name in self._declared():
            refused = [value for value in ODD if self._refuses({**settings, name: value}, name)]
            assert refused, f"the setting {name!r} takes a value of any type: declare its type, so that it is checked"

    def test_every_declared_setting_is_honoured(self, make: Make, settings: dict[str, Any]) -> None:
        if not self._declared():
            return
        watched, read = _watched(self.plugin)
        instance = build(watched, settings, "the plugin", "the settings")
        while_built = set(read)
        with self._pipeline(instance, {}) as pipeline:
            pipeline.plugins.load(self.role, self.name)
            read.clear()  # pluggy looks at every attribute
            self._outcome(pipeline)
        unread = {key for key, field in self._declared().items() if field.name not in read | while_built}
        unread -= {"root", *self.unread}
        assert not unread, f"nothing reads the declared settings {', '.join(sorted(unread))}"
        usual = self._outcome(make())
        for name, value in self.changes.items():
            assert self._outcome(make(**{name: value})) != usual, f"the setting {name} = {value!r} changes no answer"

    def test_a_secret_among_the_settings_is_not_shown(self, settings: dict[str, Any]) -> None:
        for name in filter(SECRET.search, self._declared()):
            try:
                shown = repr(build(self.plugin, {**settings, name: CANARY}, "the plugin", "the settings"))
            except WrongSetting as error:
                shown = str(error)
            assert CANARY not in shown, f"the setting {name!r} is shown by repr(): declare it with field(repr=False)"

    def _pipeline(self, plugin: Any, settings: dict[str, Any]) -> Pipeline:
        return Pipeline({f"{self.role}.{self.name}": plugin}, {self.role: {self.name: settings}} if settings else {})

    def _declared(self) -> dict[str, Any]:
        """The fields that are settings, by the word that users write."""
        if not isinstance(self.plugin, type) or not attrs.has(self.plugin):
            return {}
        attrs.resolve_types(self.plugin)
        return {field.alias or field.name: field for field in attrs.fields(self.plugin) if field.init}

    def _refuses(self, settings: dict[str, Any], name: str) -> bool:
        try:
            build(self.plugin, settings, "the plugin", "the settings")
        except WrongSetting as error:
            return name in error.problem
        except TrainerError:
            return False
        except Exception as error:
            raise AssertionError(f"{name} = {settings[name]!r} is told as a {type(error).__name__}") from error
        return False

    def _outcome(self, pipeline: Pipeline) -> Any:
        try:
            return self.answers(pipeline)
        except TrainerError as error:
            return error.problem


@contextmanager
def only_typed_errors(what: str) -> Iterator[None]:
    """Passes over what a plugin raises of `trainer.errors`; any other error, and a wrong answer, fails the test."""
    try:
        yield
    except (AssertionError, WrongAnswer):
        raise
    except TrainerError as error:
        if not error.problem.strip():
            raise AssertionError(f"{what}: the error says nothing") from error
    except Exception as error:
        raise AssertionError(f"{what} is told as {error!r}, and not by one of trainer.errors") from error


def refusal(what: str, call: Callable[[], object]) -> TrainerError:
    """The typed error that a call ends with: one line of what failed, and one of what to do."""
    with only_typed_errors(what):
        try:
            call()
        except WrongAnswer:
            raise
        except TrainerError as error:
            for line, holds in ((error.problem, "what failed"), (error.remedy, "what to do")):
                assert line.strip(), f"{what}: the error has no line that says {holds}"
                assert "\n" not in line, f"{what}: what the error says of {holds} is more than one line"
            return error
    raise AssertionError(f"{what} is answered, and should be refused by one of trainer.errors")


def not_json(value: Any, place: str = "it") -> str:
    """What of a value would not come back from JSON as it was, and where; empty if all would."""
    match value:
        case None | bool() | int():
            return ""
        case float():
            return "" if math.isfinite(value) else f"{place} is {value}"
        case str():
            return f"{place} has half a character" if any("\ud800" <= char <= "\udfff" for char in value) else ""
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    return f"{place} has the key {key!r}, which is not text"
                if fault := not_json(item, f"{place}[{key!r}]"):
                    return fault
            return ""
        case list():
            faults = (not_json(item, f"{place}[{number}]") for number, item in enumerate(value))
            return next(filter(None, faults), "")
    return f"{place} is a {type(value).__name__}"


def kept(value: Any, use: Callable[[Any], object]) -> bool:
    """Whether anything still holds a copy of `value`, of which `use` was made, after `use` is over."""
    copy = attrs.evolve(value)
    use(copy)
    watched = weakref.ref(copy)
    del copy
    gc.collect()
    return watched() is not None


def together(calls: Sequence[Callable[[], T]], rounds: int = 8) -> list[list[T]]:
    """What calls answer that many threads make at the same time: for each round, the answers in order."""
    start = threading.Barrier(len(calls))

    def one(call: Callable[[], T]) -> list[T]:
        start.wait()
        return [call() for _ in range(rounds)]

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(len(calls)) as pool:
            return [[*row] for row in zip(*pool.map(one, calls), strict=True)]
    finally:
        sys.setswitchinterval(before)


@cache
def imported(module: str) -> set[str]:
    """What importing a module imports, in a process of its own."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603  # our own interpreter
    assert done.returncode == 0, f"{module} cannot be imported by itself: {done.stderr.strip().splitlines()[-1:]}"
    return set(done.stdout.split())


def _watched(cls: Any) -> tuple[Any, set[str]]:
    """A subclass that notes which attributes of its instances are read, and where it notes them."""
    read: set[str] = set()

    class Watched(cls):  # type: ignore[misc]  # any class
        def __getattribute__(self, name: str) -> Any:
            read.add(name)
            return super().__getattribute__(name)

    return Watched, read
