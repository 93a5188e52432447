"""`trainer.toml`: found by walking up from here, read once, a table for the pipeline and one a plugin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen

from trainer.errors import ConfigError
from trainer.settings import build, hide, interpolate

FILE = "trainer.toml"


@frozen
class Settings:
    """The `[pipeline]` table. Paths are relative to the folder that holds `trainer.toml`.

    `model` is one model or several in order of preference; `level` is how much the guards let through; records of
    another `namespace` of the store are not seen; with `strict`, a context that is missing stops the run instead of
    being reported; `via` is the engine or format that documents go through where one of several can be had.
    """

    store: str = "sqlite:///.trainer/store.db"
    namespace: str = ""
    model: str | list[str] = ""
    context: str = "information/context"
    output: str = "output"
    formats: list[str] = field(factory=list)
    strategy: str = "sequential"
    level: Literal["strict", "moderate", "permissive"] = "moderate"
    strict: bool = False
    via: str = ""

    @property
    def models(self) -> tuple[str, ...]:
        """`model` as a sequence, empty when none is configured."""
        return tuple([self.model] if isinstance(self.model, str) and self.model else self.model)


@frozen
class Choices:
    """The `[plugins]` table: what is switched off, guards and interceptors in order, and local plugins.

    `disable` names distributions or `verb.name`s; `local` maps `verb.name` to `module:Class`.
    """

    disable: list[str] = field(factory=list)
    secure: list[str] | None = None
    intercept: list[str] | None = None
    local: dict[str, str] = field(factory=dict)


@frozen
class Config:
    """Settings of one project. `root` is the project's folder; `path` its file, if there is one."""

    root: Path = field(factory=Path.cwd)
    path: Path | None = None
    values: Mapping[str, Any] = field(factory=dict, repr=False)

    @classmethod
    def find(cls, start: Path | None = None) -> Config:
        """The configuration of the project that `start` (or the current folder) is in."""
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / FILE).is_file():
                return cls.load(folder / FILE)
        return cls(root=here)

    @classmethod
    def load(cls, path: Path) -> Config:
        """Read one file. Raises `ConfigError` with line and column if it is not TOML."""
        import tomllib

        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise ConfigError(f"cannot read {path}: {error}", "Mend the file; see `trainer config path`.") from error
        return cls(root=path.resolve().parent, path=path.resolve(), values=values)

    @property
    def pipeline(self) -> Settings:
        """The `[pipeline]` table; `WrongSetting` names what is wrong in it.

        A `${VARIABLE}` that is not set stays as it is written: it is an error only where it is used.
        """
        table = {key: interpolate(value) for key, value in self.table("pipeline").items()}
        return build(Settings, table, "the pipeline", self.where("pipeline"), interpolated=True)

    @property
    def plugins(self) -> Choices:
        """The `[plugins]` table."""
        return build(Choices, self.table("plugins"), "the plugins table", self.where("plugins"))

    @property
    def use(self) -> Mapping[str, str]:
        """The `[use]` table: which distribution answers to `verb.name` when several do."""
        table = self.table("use")
        return {
            f"{key}.{name}": value
            for key, item in table.items()
            if isinstance(item, dict)
            for name, value in item.items()
        } | {key: value for key, value in table.items() if isinstance(value, str)}

    def settings(self, role: str, name: str) -> tuple[Mapping[str, Any], str]:
        """The table of a plugin and where it stands: `[role.name]` if there is one, else `[name]`."""
        special = self.table(role).get(name)
        if isinstance(special, dict):
            return special, self.where(f"{role}.{name}")
        return self.table(name), self.where(name)

    def table(self, name: str) -> Mapping[str, Any]:
        """A top-level table, empty if absent. Raises `ConfigError` if it is not a table."""
        value = self.values.get(name, {})
        if not isinstance(value, Mapping):
            raise ConfigError(
                f"'{name}' in {self.path} must be a table", f"Write [{name}] on a line of its own, settings below it."
            )
        return value

    def where(self, table: str) -> str:
        """How a message points at a table."""
        return f"[{table}] in {self.path or FILE}"

    def shown(self) -> dict[str, Any]:
        """The values for people: `${NAME}` as written, and what looks like a secret hidden."""
        return {key: hide(key, value) for key, value in self.values.items()}


def set_value(path: Path, dotted: str, text: str) -> Any:
    """Set `table.key` in a TOML file, keeping its comments and order; returns the value written.

    `text` is read as TOML (`10`, `true`, `["a"]`) and otherwise taken as text.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    from trainer.paths import write_atomic

    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    *tables, key = _split(dotted)
    if not tables:
        raise ConfigError(f"'{dotted}' names no table", "Write table.key, such as pipeline.model.")
    try:
        value = tomlkit.value(text)
    except TOMLKitError:
        value = tomlkit.item(text)
    place: Any = document
    for table in tables:
        place = place.setdefault(table, tomlkit.table())
        if not isinstance(place, Mapping):
            raise ConfigError(f"'{table}' in {path} is not a table", "Choose another key.")
    place[key] = value
    write_atomic(path, tomlkit.dumps(document))
    return place[key]


def _split(dotted: str) -> list[str]:
    # Edges and hosts hold dots and dashes: "markdown-to-html".theme is written with quotes, as in TOML.
    return [quoted or bare for quoted, bare in re.findall(r'"([^"]+)"|([^."]+)', dotted)]
