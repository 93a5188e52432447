"""Settings of the older layout (`config.yaml`, or JSON of the same shape) as a `trainer.toml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer.errors import ConfigError
from trainer.settings import SECRET

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
    if password:
        left.append("data_store.password: secrets stay out of files; run `export DATABASE_PASSWORD=…`")
    if url:
        found["pipeline.store"] = url


def _rename(name: str, value: Any, found: dict[str, Any], left: list[str]) -> None:
    section, *rest = name.split(".")
    if name in RENAMED:
        target = RENAMED[name]
        found.setdefault(target, [value] if target == "pipeline.formats" and isinstance(value, str) else value)
    elif section == "data_retriever" and len(rest) > 1:
        *_, source, key = rest
        if SECRET.search(key) and not str(value).startswith("${"):
            left.append(f'{name}: secrets stay out of files; write {key} = "${{VARIABLE}}"')
        else:
            found[f"{SOURCES.get(source, source)}.{key}"] = value
    elif section in SECTIONS:
        left.append(f"{name}: no setting of that meaning is known")
    else:
        left.append(f"{name}: '{section}' is not a section of this layout")
