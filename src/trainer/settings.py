"""Settings from a table of TOML to an attrs class: every wrong one is named, nothing is guessed."""

from __future__ import annotations

import os
import re
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

import attrs

from trainer.catalog import did_you_mean
from trainer.errors import ConfigError, WrongSetting

SECRET = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
HIDDEN = "********"
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
T = TypeVar("T")


def build(cls: type[T], table: Mapping[str, Any], who: str, where: str, interpolated: bool = False) -> T:
    """An instance of the attrs class `cls` from a table; `who` and `where` are for the error.

    Raises `WrongSetting` for a key that is not a field, a value of another type, one that a validator
    refuses, and for a field without default that is missing; `ConfigError` for an unset `${VARIABLE}`.
    """
    if not attrs.has(cls):
        if table:
            raise WrongSetting(f"{who} takes no settings", f"Remove {', '.join(table)} from {where}.")
        return cls()
    # Faults are told with the values as they are written: what stands for a ${VARIABLE} may be a secret.
    values, faults = read(cls, table if interpolated else interpolate(table, where), shown=table)
    known = ", ".join(_fields(cls)) or "none"
    if faults:
        raise WrongSetting(f"{who}: {'; '.join(faults)}", f"Mend {where}. Known settings: {known}.")
    try:
        return cast(T, cls(**values))
    except (TypeError, ValueError) as error:
        raise WrongSetting(
            f"{who} refuses its settings: {error.args[0] if error.args else error}", f"Mend {where}."
        ) from error


def read(
    cls: type, table: Mapping[str, Any], prefix: str = "", shown: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The values of a table that fit the fields of an attrs class, and every fault among the others.

    Faults quote the values of `shown`, if that is given.
    """
    fields, values, faults = _fields(cls), {}, []
    for key, value in table.items():
        if key not in fields:
            faults.append(f"unknown key {prefix}{key}{did_you_mean(str(key), fields)}")
            continue
        try:
            values[key] = _fit(value, fields[key].type)
        except TypeError as error:
            what, *near = error.args
            faults.append(f"{prefix}{key} must be {what}, not {hide(key, (shown or table)[key])!r}{''.join(near)}")
    missing = [key for key, field in fields.items() if field.default is attrs.NOTHING and key not in table]
    return values, faults + [f"{prefix}{key} is missing" for key in missing]


def _fields(cls: Any) -> dict[str, Any]:
    attrs.resolve_types(cls)
    return {field.alias or field.name: field for field in attrs.fields(cls) if field.init}


def interpolate(value: Any, where: str = "") -> Any:
    """`value` with each `${NAME}` in its texts taken from the environment, at any depth.

    One that is not set raises `ConfigError`, naming the place `where`; without `where` it is left as it is.
    """
    if isinstance(value, str):

        def replace(match: re.Match[str]) -> str:
            if match[1] not in os.environ and not where:
                return match[0]
            if match[1] not in os.environ:
                raise ConfigError(
                    f"{where} needs the environment variable {match[1]}, which is not set",
                    f"Run `export {match[1]}=…` first.",
                )
            return os.environ[match[1]]

        return VARIABLE.sub(replace, value)
    if isinstance(value, Mapping):
        return {key: interpolate(item, where) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item, where) for item in value]
    return value


def _fit(value: Any, kind: Any) -> Any:
    """`value` as `kind`; `TypeError` with the words for what it should be."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any or kind is None:
        return value
    if origin in (Union, types.UnionType):
        for choice in arguments:
            try:
                return _fit(value, choice)
            except TypeError:
                continue
        raise TypeError(" or ".join(_word(choice) for choice in arguments if choice is not types.NoneType))
    if origin is Literal:
        if value not in arguments:
            raise TypeError(f"one of {', '.join(map(str, arguments))}", did_you_mean(str(value), map(str, arguments)))
        return value
    if origin in (list, tuple, Sequence):
        if not isinstance(value, list):
            raise TypeError(_word(kind))
        items = [_fit(item, arguments[0]) for item in value]
        return tuple(items) if origin is tuple else items
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise TypeError(_word(kind))
        return {key: _fit(item, arguments[1]) for key, item in value.items()}
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(kind, type) or not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(_word(kind))
    return value


def _word(kind: Any) -> str:
    words = {str: "text", int: "an integer", float: "a number", bool: "true or false", Path: "a path"}
    if kind in words:
        return words[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (list, tuple, Sequence):
        return f"a list ({_word(arguments[0])} each)"
    return "a table" if origin in (dict, Mapping) else getattr(kind, "__name__", str(kind))


def hide(key: str, value: Any) -> Any:
    """`value` for people: what looks like a secret, by its key or inside an address, is hidden."""
    if isinstance(value, Mapping):
        return {name: hide(name, item) for name, item in value.items()}
    if isinstance(value, list):
        return [hide(key, item) for item in value]
    if isinstance(value, str) and value:
        if SECRET.search(key) and not re.fullmatch(r"\$\{\w+\}", value):
            return HIDDEN
        return re.sub(r"(://[^:/@\s]*:)[^@/\s]+@", rf"\1{HIDDEN}@", value)
    return value
