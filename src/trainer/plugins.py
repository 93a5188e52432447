"""Loading, configuring, routing and calling plugins: entry points name, pluggy calls."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

import attrs
import pluggy

from trainer import hookspecs
from trainer.catalog import PROVIDERS, ROLES, VERBS, Catalog, Entry, did_you_mean, install
from trainer.errors import (
    AmbiguousPlugin,
    BrokenPlugin,
    ConfigError,
    PluginFailed,
    TrainerError,
    UnknownPlugin,
    WrongAnswer,
)
from trainer.settings import build

if TYPE_CHECKING:
    from trainer.config import Config

T = TypeVar("T")
C = TypeVar("C", bound=type)
hookimpl = pluggy.HookimplMarker("trainer")


@dataclass_transform(field_specifiers=(attrs.field,))
def plugin(cls: C) -> C:
    """Make an attrs class whose fields are the plugin's settings.

    Plugins are compared by identity, which is what pluggy needs: two with equal settings stay two.
    """
    return attrs.define(eq=False)(cls)


class Plugins:
    """The plugins of one pipeline: built when first named, called through pluggy.

    A pluggy manager is never changed once it has been called: naming one more plugin makes a new manager
    and puts it in the old one's place, so threads need no lock around a call.
    """

    def __init__(self, catalog: Catalog, config: Config) -> None:
        self.catalog = catalog
        self.config = config
        self._choices = config.plugins
        self._names: dict[str, list[str]] = {}
        self._lock = threading.RLock()
        self._loaded: dict[tuple[str, str], Any] = {}
        self._entries: dict[int, Entry] = {}
        self._manager = pluggy.PluginManager("trainer")
        self._callers: dict[tuple[str, str], pluggy.HookCaller] = {}

    @classmethod
    def given(cls, plugins: Mapping[str, Any], config: Config) -> Plugins:
        """Exactly these plugins: `verb.name` to an instance, a class, or `module:Class`."""
        return cls(Catalog(map(_local, plugins.items())), config)

    @classmethod
    def discovered(cls, config: Config) -> Plugins:
        """What is installed, and what `[plugins] local` adds."""
        local = [_local(item) for item in config.plugins.local.items()]
        if local and str(config.root) not in sys.path:
            sys.path.append(str(config.root))  # their modules lie in the project, not in the environment
        return cls(Catalog([*Catalog.discover(), *local]), config)

    def names(self, role: str) -> list[str]:
        """The names in use under a role, without what is disabled; guards and interceptors in order."""
        if role not in self._names:
            chosen = {"secure": self._choices.secure, "intercept": self._choices.intercept}.get(role)
            known = [name for name in self.catalog.names(role) if self._enabled(role, name)]
            self._names[role] = known if chosen is None else chosen
        return self._names[role]

    def entry(self, role: str, name: str) -> Entry:
        """The one entry that answers to a name. Raises `UnknownPlugin` or `AmbiguousPlugin`."""
        found = self._enabled(role, name)
        if len(found) > 1:
            wanted = self.config.use.get(f"{role}.{name}")
            chosen = [entry for entry in found if wanted and wanted == entry.origin]
            if len(chosen) != 1:
                offers = " and ".join(f"{entry.origin} {entry.version}".strip() for entry in found)
                raise AmbiguousPlugin(
                    f"{offers} both offer {role} '{name}'",
                    f'Choose one in trainer.toml: [use] "{role}.{name}" = "{found[0].origin}"',
                )
            return chosen[0]
        if not found:
            raise self._unknown(role, name)
        return found[0]

    def load(self, role: str, name: str) -> Any:
        """The plugin under a name: imported, built from its settings, and registered with pluggy.

        Raises `BrokenPlugin` when it cannot be imported, `WrongSetting` when its settings are wrong.
        """
        try:
            return self._loaded[role, name]
        except KeyError:
            pass
        with self._lock:
            if (role, name) not in self._loaded:
                entry = self.entry(role, name)
                instance = self._build(entry)
                self._entries[id(instance)] = entry
                self._loaded[role, name] = instance
                try:
                    self._manager, self._callers = self._register(), {}
                except BaseException as error:  # a warning about it may be an error too
                    del self._loaded[role, name]
                    if isinstance(error, pluggy.PluginValidationError):
                        problem = f"{entry} does not fit its hook: {_last_line(error)}"
                        raise BrokenPlugin(problem, _remedy(entry)) from error
                    raise
            return self._loaded[role, name]

    def call(self, verb: str, name: str, kind: type[T], **arguments: Any) -> T:
        """Call a verb on one plugin and the interceptors. The answer is a `kind`, or `WrongAnswer` is raised.

        An error of the plugin keeps its type and gains a note that names the plugin.
        """
        caller = self._callers.get((verb, name)) or self._caller(verb, name, [name])
        try:
            answer = caller(**arguments)
        except Exception as error:
            self._blame(error)
            raise
        if answer is None or not isinstance(answer, kind):
            entry, wanted = self.entry(verb, name), _article(kind.__name__)
            raise WrongAnswer(
                f"{entry} answered with {_article(type(answer).__name__)}, not {wanted}",
                f"Tell the author of {entry.origin}: {verb} must return {wanted}.",
            )
        return answer

    def close(self) -> None:
        """Close every plugin that was used and has a `close`."""
        for instance in {id(instance): instance for instance in self._loaded.values()}.values():
            getattr(instance, "close", bool)()

    def _caller(self, verb: str, key: str, names: list[str]) -> pluggy.HookCaller:
        with self._lock:
            heard = [self.load("intercept", name) for name in self.names("intercept")]
            heard += [self.load(verb, name) for name in names]
            others = [other for other in self._manager.get_plugins() if all(other is not one for one in heard)]
            caller = self._manager.subset_hook_caller(verb, remove_plugins=others)
            self._callers[verb, key] = caller
            return caller

    def _register(self) -> pluggy.PluginManager:
        manager = pluggy.PluginManager("trainer")
        manager.add_hookspecs(hookspecs)
        # pluggy calls the last one registered first; users list the outermost interceptor first.
        listed = [("intercept", name) for name in reversed(self.names("intercept"))]
        for key in dict.fromkeys([key for key in listed if key in self._loaded] + list(self._loaded)):
            instance = self._loaded[key]
            if not manager.is_registered(instance):
                manager.register(instance, name=".".join(key))
        return manager

    def _build(self, entry: Entry) -> Any:
        table, where = self.config.settings(entry.role, entry.name)
        try:
            target = entry.load()
        except Exception as error:
            raise broken(entry, error) from error
        if isinstance(target, type):
            for (_, other), instance in self._loaded.items():
                if type(instance) is target and other == entry.name:
                    return instance  # one class under one name answers several verbs with one instance
            if attrs.has(target) and "root" in attrs.fields_dict(target):
                table = {"root": str(self.config.root), **table}
            target = build(target, table, str(entry), where)
        elif table:
            raise ConfigError(
                f"{entry} was handed over ready made, so {where} is not used",
                "Remove the table, or hand over the class.",
            )
        if entry.role in VERBS and not hasattr(getattr(target, entry.role, None), "trainer_impl"):
            raise BrokenPlugin(f"{entry} has no method '{entry.role}' marked with @hookimpl", _remedy(entry))
        return target

    def _enabled(self, role: str, name: str) -> list[Entry]:
        off = self._choices.disable
        return [
            entry
            for entry in self.catalog.find(role, name)
            if f"{role}.{name}" not in off and (not off or entry.distribution not in off)
        ]

    def _unknown(self, role: str, name: str) -> UnknownPlugin:
        known = self.names(role)
        remedy = f"Installed for {role}: {', '.join(known) or 'nothing'}."
        if self.catalog.find(role, name):
            return UnknownPlugin(
                f"{role} '{name}' is disabled", f"Take it out of 'disable' in {self.config.where('plugins')}."
            )
        first = None if any(self.catalog) else "trainer-core[standard]"
        advice = install(first, PROVIDERS.get(f"{role}.{name}"))
        return UnknownPlugin(
            f"nothing installed answers to {role} '{name}'{did_you_mean(name, known)}", advice + remedy
        )

    def _blame(self, error: Exception) -> None:
        """Note on the error which plugin raised it: the innermost one that its traceback passes through."""
        if any(note.startswith("raised by ") for note in getattr(error, "__notes__", ())):
            return
        for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
            entry = self._entries.get(id(frame.f_locals.get("self")))
            if entry:
                error.add_note(f"raised by {entry}")
                return


def broken(entry: Entry, error: Exception) -> BrokenPlugin:
    """What to say of an entry that cannot be imported; a module it lacks is told from one it is itself."""
    lacks = isinstance(error, ModuleNotFoundError) and error.name != str(entry.value).partition(":")[0]
    cause = f"it needs the module '{error.name}'" if lacks else f"{type(error).__name__}: {_last_line(error)}"  # type: ignore[attr-defined]  # `lacks` implies it
    return BrokenPlugin(f"{entry} cannot be imported: {cause}", _remedy(entry))


def told(error: Exception) -> TrainerError:
    """Any error as one that reads in two lines; what a plugin raised names the plugin."""
    notes = [note for note in getattr(error, "__notes__", ()) if note.startswith(("raised by ", "at step "))]
    who = next((note.removeprefix("raised by ") for note in notes if note.startswith("raised by ")), "")
    step = next((note for note in notes if note.startswith("at step ")), "")
    place = ", ".join(part for part in (who, step) if part)
    if isinstance(error, TrainerError):
        told_error = TrainerError(f"{place}: {error.problem}" if place else error.problem, error.remedy)
        told_error.exit_code = error.exit_code
        return told_error
    return PluginFailed(
        f"{place or 'trainer'}: {type(error).__name__}: {_last_line(error)}",
        "Run again with --debug for the traceback.",
    )


def _local(item: tuple[str, Any]) -> Entry:
    role, _, name = item[0].partition(".")
    if role not in ROLES or not name:
        raise ConfigError(
            f"a plugin cannot be named {item[0]!r}", f"Write verb.name, where verb is one of {', '.join(ROLES)}."
        )
    return Entry(role, name, item[1])


def _remedy(entry: Entry) -> str:
    if not entry.distribution:
        return f"Mend {entry.origin}, or take it out."
    name = entry.distribution
    return f'Reinstall or update {name}, or switch it off: [plugins] disable = ["{name}"]'


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else "no message"


def _article(word: str) -> str:
    if word == "NoneType":
        return "nothing (None)"
    return f"{'an' if word[:1].lower() in 'aeiou' else 'a'} {word}"
