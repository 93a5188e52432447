"""Settings of the original layout (`config.yaml`, or JSON of the same shape) as a `trainer.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from attrs import frozen

from trainer import formats
from trainer.catalog import Catalog
from trainer.config import Config
from trainer.errors import ConfigError, TrainerError
from trainer.settings import SECRET
from trainer_document.themes import DEFAULT

SECTIONS = [
    *("prompt_manager", "llm_provider", "data_store", "data_retriever", "data_etl", "format_converter"),
    *("test_agent", "prompt_security", "analytics", "vector_store", "app_builder"),
]

# Settings that keep their meaning under another name. Models and stores are put together below.
RENAMED = {
    "prompt_manager.context_dir": "pipeline.context",
    "prompt_manager.strategy": "pipeline.strategy",
    "prompt_manager.composition_strategy": "pipeline.strategy",
    "format_converter.output_dir": "pipeline.output",
    "format_converter.formats": "pipeline.formats",
    "format_converter.output_formats": "pipeline.formats",
    "format_converter.default_format": "pipeline.formats",
    "format_converter.theme": "markdown-to-html.theme",
    "prompt_security.level": "pipeline.level",
    "prompt_security.max_length": "patterns.max_length",
}
SOURCES = {"yahoo_finance": "yahoo", "sec_edgar": "sec", "sec_filings": "sec", "api": "rest", "files": "file"}
SCHEMES = {"sqlite3": "sqlite", "postgres": "postgresql", "mongo": "mongodb"}
SQLITE = "sqlite:///"
LOGIN = re.compile(r"(://[^/:@\s]*:)(?!\$\{)[^/\s]+(?=@)")  # a password in an address


def import_config(file: Path) -> tuple[str, list[str]]:
    """The text of the equivalent `trainer.toml`, and what had no equivalent, each with the reason.

    Secrets are not copied: `${VARIABLE}` takes their place, and the list says which variable to set.
    Raises `ConfigError` if the file cannot be read or has none of the known sections.
    """
    import tomlkit
    import yaml

    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8-sig"))  # YAML reads JSON too
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {file}: {' '.join(str(error).split())}", "Nothing was written.") from error
    if not isinstance(values, dict) or not any(section in values for section in SECTIONS):
        raise ConfigError(f"{file} has none of the sections {', '.join(SECTIONS)}", "Nothing was written.")
    settings = dict(_leaves(values))
    found: dict[str, Any] = {}
    left: list[str] = []
    _model(settings, found, left)
    _store(settings, found, left)
    strict = _take(settings, "prompt_security", "strict_mode", "strict")
    if strict is not None:
        found["pipeline.level"] = "strict" if strict else "moderate"
    for name, value in settings.items():
        _rename(name, value, found, left)
    document = tomlkit.document()
    document.add(tomlkit.comment(f"Taken over from {file.name}."))
    for name, value in sorted(found.items()):
        table, _, key = name.rpartition(".")
        document.setdefault(table, tomlkit.table())[key] = value
    return tomlkit.dumps(document), left


@frozen
class Adapted:
    """The text of a `trainer.toml`, the old project's context folder if it is an unusual one, and what was left."""

    text: str
    context: str = ""
    left: tuple[str, ...] = ()


def adapt(old: Path, file: str) -> Adapted:
    """The settings of an old project's `file` for a new one: none leads out of it, and what is not installed is left.

    Raises `ConfigError` if they cannot be read, or cannot be used.
    """
    import tomlkit

    text, left = import_config(old / file)
    pipeline = Config(values=tomllib.loads(text)).pipeline
    document = tomlkit.parse(text)
    table: Any = document.get("pipeline", {})
    context = PurePosixPath(str(table.pop("context", "")))
    inside = bool(context.parts) and _stays(str(context)) and (old / context).is_dir()
    if "output" in table and not _stays(pipeline.output):
        left.append(f"format_converter.output_dir: {table.pop('output')} leads out of the project")
    if "store" in table and not (pipeline.store.startswith(SQLITE) and _stays(pipeline.store.removeprefix(SQLITE))):
        del table["store"]
        left.append("data_store: the snapshots go into the project's own store; name another with `pipeline.store`")
    edges = Catalog.discover().names("convert")
    for name in pipeline.formats:
        try:
            formats.check(edges, "markdown", formats.format_of(name))
        except TrainerError as error:
            table["formats"].remove(name)
            left.append(f"format_converter.formats: {error.problem}")
    return Adapted(tomlkit.dumps(document), str(context) if inside else "", tuple(left))


def themed(text: str, themes: Mapping[str, str]) -> tuple[str, list[str]]:
    """A `trainer.toml` with the folder of the theme that it names, and what was left; `themes` are folders by name."""
    import tomlkit

    document = tomlkit.parse(text)
    table: Any = document.get("markdown-to-html", {})
    name = PurePosixPath(str(table.get("theme", DEFAULT))).stem
    if name in themes:
        table["theme"] = themes[name]
    elif name != DEFAULT:
        del table["theme"]
    left = [] if name in (DEFAULT, *themes) else [f"format_converter.theme: there is no theme {name}"]
    return tomlkit.dumps(document), left


def _stays(path: str) -> bool:
    return not PurePath(path).is_absolute() and ".." not in PurePath(path).parts


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        name = f"{path}.{key}" if path else str(key)
        if isinstance(item, Mapping) and item:
            yield from _leaves(item, name)
        elif item is not None:
            yield name, item


def _take(settings: dict[str, Any], section: str, *names: str) -> Any:
    """The first of several spellings of a setting; all of them are used up."""
    values = [settings.pop(f"{section}.{name}", None) for name in names]
    return next((value for value in values if value is not None), None)


def _model(settings: dict[str, Any], found: dict[str, Any], left: list[str]) -> None:
    provider = _take(settings, "llm_provider", "provider", "default_provider", "type", "name")
    model = _take(settings, "llm_provider", "model", "default_model", "model_name")
    if model:
        found["pipeline.model"] = model if "/" in str(model) or not provider else f"{provider}/{model}"
    key = _take(settings, "llm_provider", "api_key")
    if key:
        variable = key[2:-1] if str(key).startswith("${") else f"{str(provider or 'llm').upper()}_API_KEY"
        left.append(f"llm_provider.api_key: secrets stay out of files; run `export {variable}=…`")


def _store(settings: dict[str, Any], found: dict[str, Any], left: list[str]) -> None:
    kind = _take(settings, "data_store", "type", "backend", "store_type")
    url = _take(settings, "data_store", "url", "connection_string", "database_url", "uri")
    path = _take(settings, "data_store", "path", "database_path", "db_path", "file")
    host = _take(settings, "data_store", "host")
    port = _take(settings, "data_store", "port")
    user = _take(settings, "data_store", "user", "username")
    database = _take(settings, "data_store", "database", "db", "dbname")
    password = _take(settings, "data_store", "password")
    scheme = SCHEMES.get(str(kind).lower(), str(kind).lower()) if kind else ""
    if not url and path and scheme in ("", "sqlite"):
        url = f"sqlite:///{path}"
    elif not url and scheme and scheme != "sqlite":
        login = f"{user}:${{DATABASE_PASSWORD}}@" if user and password else f"{user}@" if user else ""
        url = f"{scheme}://{login}{host or 'localhost'}{f':{port}' if port else ''}/{database or ''}"
    url, hidden = LOGIN.subn(r"\1${DATABASE_PASSWORD}", str(url or ""))
    if password or hidden:
        left.append("data_store.password: secrets stay out of files; run `export DATABASE_PASSWORD=…`")
    if url:
        found["pipeline.store"] = url


def _rename(name: str, value: Any, found: dict[str, Any], left: list[str]) -> None:
    section, *rest = name.split(".")
    if name in RENAMED:
        target = RENAMED[name]
        found.setdefault(target, [value] if target == "pipeline.formats" and isinstance(value, str) else value)
    elif section == "data_retriever" and len(rest) == 2:
        source, key = rest
        if (SECRET.search(key) and not str(value).startswith("${")) or LOGIN.search(str(value)):
            left.append(f'{name}: secrets stay out of files; write {key} = "${{VARIABLE}}"')
        else:
            found[f"{SOURCES.get(source, source)}.{key}"] = value
    elif section in SECTIONS:
        left.append(f"{name}: no setting of that meaning is known")
    else:
        left.append(f"{name}: '{section}' is not a section of this layout")
