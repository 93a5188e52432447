"""JSON out of text that a model wrote: found as it stands if that can be, and mended, saying so, if not.

Whole JSON is looked for first, in the text as it is: fenced, bare or within prose. What begins like JSON and breaks
off, or breaks its rules (comments, single quotes, commas too many, NaN), is handed to `json_repair`.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, SupportsIndex

from attrs import evolve, frozen

from trainer.errors import ConversionError
from trainer_markdown import strict
from trainer_markdown.limits import DEPTH, SIZE, too_much

WINDOW = 1024  # characters in which JSON is tried first: an error costs as much as what stands before it
DEEP = 500  # characters that are passed over where JSON nests deeper than Python reads: all of them belong to it
EACH = 250  # characters that each beginning costs, beside those that are read in vain
CLOSINGS = 8  # brackets that are never closed, and for which that is looked up
LOOKED = 10_000_000  # characters, in all, in which it is looked for where a bracket is closed
WORK, LEAST = 8, 1_000_000  # characters that are read in vain: for each of the text, and beside these
MENDED = 40_000  # characters that are mended, in all: it can take 60 µs for each
LOOKS = 2_000_000  # at a character, while it is mended
TRIED = 5  # that are mended, or looked at against a schema
OPEN = re.compile(
    r"""\{(?=\s*+(?:["'“}/\#]|[A-Za-z_$][\w$]*+\s*+:))|\[(?=\s*+(?:[\[{"'“\]\d/\#-]|true|false|null|None|NaN|Infinity|True|False))"""
)
FENCE = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})", re.MULTILINE)
OPENED = re.compile(r"(?:\A|\n)[ \t>]*(?:`{3,}|~{3,})[ \t]*[\w.+-]*[ \t\r]*\n\s*\Z")
THOUGHT = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)

# How a number, a word or a letter in a string looks of which the end is missing.
_TAIL = re.compile(r"\s*+(?:[-+.eE]{0,3}|[tfnNI][a-z]{0,7}|\\?u?[0-9a-fA-F]{0,4}(?:\\u?)?[0-9a-fA-F]{0,4})\s*")
_SIGNS = re.compile(r"""(?s:"(?:[^"\\]|\\.)*+"?|'(?:[^'\\\n]|\\.){0,1000}+'(?=\s*+[,:\]}])|[\[\]{}])""")
_CONSTANTS = {"NaN", "Infinity", "-Infinity"}


@frozen
class Extracted:
    """A JSON value that a text holds, between two offsets of it.

    `repaired` tells that the text is not JSON there; `note` says what was wrong, and from which character on the text
    was not read. `others` counts what else in what was read is JSON, whole.
    """

    value: Any
    start: int = 0
    end: int = 0
    repaired: bool = False
    note: str = ""
    others: int = 0


@frozen
class _Found:
    """What begins like JSON: with its value if it is whole, and else with what is wrong."""

    start: int
    end: int
    value: Any = None
    fault: str = ""
    fenced: bool = False
    thought: bool = False
    slight: bool = False

    @property
    def rank(self) -> tuple[bool, bool, bool, bool, int]:
        """Sorts the likelier answer first. A list without objects may be a reference, such as [1]."""
        return self.thought, not self.fenced, self.slight, bool(self.fault), self.start - self.end


def extract(text: str, schema: Mapping[str, Any] | None = None) -> Extracted:
    """The JSON value of a text: what stands in a fence before what does not, an object before a list, the longest.

    What a model thinks aloud (`<think>`) counts least. With a schema it is the first that fits. Raises
    `ConversionError` if there is no JSON, if what there is does not fit the schema, mended or not, and beyond limits.
    """
    if len(text) > SIZE:
        raise too_much(f"it has {len(text):,} characters, and {SIZE:,} are allowed")
    whole = _whole(text)
    every, read = ([whole], len(text)) if whole else _scan(text)
    found = every if whole else sorted(_marked(every, text), key=lambda one: one.rank)
    unread = f"the text from character {read:,} on was not read" if read < len(text) else ""
    others = sum(not one.fault for one in found)
    reason, room = "", MENDED
    for one in found[:TRIED]:
        room -= one.end - one.start if one.fault else 0
        try:
            if room < 0:
                raise ValueError(f"it is longer than the {MENDED:,} characters that are mended")
            result = _value(one, text)
        except ValueError as error:
            reason = reason or f"what begins like it cannot be mended: {error}"
            continue
        wrong = _fault(result, schema)
        if not wrong:
            note = "; ".join(filter(None, [result.note, unread]))
            return evolve(result, others=others - (not one.fault), note=note)
        reason = (
            reason or f"the JSON does not fit the schema{' after it was mended' if result.repaired else ''}: {wrong}"
        )
    reason = "; ".join(filter(None, [reason or "nothing in it begins like an object or a list", unread]))
    raise ConversionError(f"the text has no JSON to use: {reason}",
                          "Ask the model for JSON alone, or raise the limit of tokens if it breaks off.")  # fmt: skip


def _whole(text: str) -> _Found | None:
    """The text itself, if it is JSON and nothing else."""
    try:
        value = strict.loads(text)
    except (ValueError, RecursionError):
        return None
    return _Found(0, len(text), value)


def _scan(text: str) -> tuple[list[_Found], int]:
    """All that begins like JSON, in the order of the text, and how far that was read; none lies within another."""
    every: list[_Found] = []
    fences = [*(match.start() for match in FENCE.finditer(text)), len(text)]
    position, work = 0, WORK * len(text) + LEAST
    unclosed, closings, looked = None, CLOSINGS, LOOKED
    while opened := OPEN.search(text, position):
        if work <= 0:
            break
        start = opened.start()
        work -= EACH
        stop = fences[bisect_left(fences, start)]
        try:
            value, end = _decoded(text, start)
            found = _Found(start, end, value)
        except RecursionError:
            work -= 8 * WINDOW
            unclosed = unclosed or _Found(start, stop, fault="it nests too deeply")
            position = start + DEEP
            continue
        except json.JSONDecodeError as error:
            work -= error.pos
            found = _broken(text, start, stop, error, looked if closings else 0)
            looked -= (found.end if found.end > start else len(text)) - start
        except ValueError as error:  # a number or a key that JSON does not allow, which has no place
            end = _closing(text, start, looked if closings else 0)
            looked -= (end or len(text)) - start
            closings -= 0 if end else min(1, closings)
            found = _Found(start, end or stop, fault=str(error))
        if found.end == start:
            closings -= min(1, closings)
            unclosed = unclosed or evolve(found, end=stop)
            position = start + 1
            continue
        position = found.end
        every.append(found)
    read = opened.start() if opened else len(text)
    return every or ([unclosed] if unclosed else []), read


def _broken(text: str, start: int, stop: int, error: json.JSONDecodeError, most: int) -> _Found:
    """What is wrong with what begins at `start`: it ends where it began if its bracket is not closed."""
    at = start + error.pos
    if error.msg.startswith("Unterminated string") or _TAIL.fullmatch(text, at, stop):
        return _Found(start, stop, fault="it breaks off")
    end = _closing(text, start, most)
    return _Found(start, end or start, fault=f"{error.msg} at character {at:,}")


def _decoded(text: str, start: int) -> tuple[Any, int]:
    """A value, and where it ends. The place of an error is counted from `start`."""
    window = WINDOW
    while True:
        part = text[start : start + window]
        try:
            value, end = strict.DECODER.raw_decode(part)
        except json.JSONDecodeError as error:
            cut = error.pos > len(part) - 20 or error.msg.startswith("Unterminated string")
            if not cut or start + window >= len(text):
                raise
            window *= 8
        else:
            return value, start + end


def _closing(text: str, start: int, most: int) -> int:
    """Where the bracket at `start` is closed, by whatever bracket; 0 if it is not within `most` characters."""
    depth = 0
    for sign in _SIGNS.finditer(text, start, start + max(0, most)):
        depth += (sign[0] in {"{", "["}) - (sign[0] in {"}", "]"})
        if depth == 0 and sign[0] in {"}", "]"}:
            return sign.end()
    return 0


def _marked(found: Sequence[_Found], text: str) -> list[_Found]:
    """What was found, told apart by where it stands and what it holds."""
    starts = [one.start for one in found]
    thought = 0
    for match in THOUGHT.finditer(text):
        before = bisect_left(starts, match.start())
        if not before or found[before - 1].end <= match.start():
            thought = match.end()
    return [
        evolve(
            one,
            fenced=OPENED.search(text[max(0, one.start - 200) : one.start]) is not None,
            thought=one.start < thought,
            slight=_is_slight(one, text),
        )
        for one in found
    ]


def _is_slight(one: _Found, text: str) -> bool:
    if one.fault:
        return text[one.start] == "[" and "{" not in text[one.start : one.end]
    return not one.value or not (isinstance(one.value, dict) or any(isinstance(item, dict) for item in one.value))


def _value(one: _Found, text: str) -> Extracted:
    """The value of what was found, mended if need be. Raises `ValueError` if it cannot be."""
    if not one.fault:
        value, lost = _clean(one.value, frozenset())
        return Extracted(value, one.start, one.end, lost, "a number that JSON does not have is null" if lost else "")
    part = text[one.start : one.end]
    value, lost = _clean(_mended(part), frozenset(name for name in _CONSTANTS if f'"{name}"' not in part))
    note = f"{one.fault}{'; a number that JSON does not have is null' if lost else ''}"
    return Extracted(value, one.start, one.end, repaired=True, note=note)


class _Looked(str):
    """Text that can be looked at only so often: `json_repair` goes over some again and again."""

    _left = LOOKS

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        self._left -= 1
        if self._left < 0:
            raise ValueError("it takes too long")
        return super().__getitem__(key)


def _mended(text: str) -> Any:
    try:
        return json.loads(text, strict=False)  # line ends within strings, and NaN
    except (ValueError, RecursionError):
        pass
    from json_repair import loads

    try:
        value = loads(_Looked(text), skip_json_loads=True)
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error
    if not isinstance(value, dict | list):
        raise ValueError("no object or list is left of it")  # noqa: TRY004  # as for all that cannot be mended
    return value


def _clean(value: Any, constants: frozenset[str], depth: int = 0) -> tuple[Any, bool]:
    """A value with null for what is no number or one of `constants`, and whether there was such a thing."""
    if depth > DEPTH:
        raise too_much(f"it nests more than {DEPTH} levels deep")
    if isinstance(value, dict):
        items = {key: _clean(item, constants, depth + 1) for key, item in value.items()}
        return {key: item for key, (item, _) in items.items()}, any(lost for _, lost in items.values())
    if isinstance(value, list):
        found = [_clean(item, constants, depth + 1) for item in value]
        return [item for item, _ in found], any(lost for _, lost in found)
    none = not math.isfinite(value) if isinstance(value, float) else isinstance(value, str) and value in constants
    return (None, True) if none else (value, False)


def _fault(found: Extracted, schema: Mapping[str, Any] | None) -> str | None:
    if schema is None:
        return None
    from trainer.structured import fault

    return fault(json.dumps(found.value), schema)
