"""Figures marked in Markdown before it is parsed, and found again in its words.

The marks are noncharacters of Unicode, which no text has a use for; they are taken out of all input. They stand within
a figure, behind its first and before its last sign, so that what touches a figure touches the same sign as before. A
figure of one sign is written twice.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from trainer_document.tree import Figure, Node, Text

BEGIN, END, TWIN = "\ufdd0", "\ufdd1", "\ufdd2"
DIGITS = "".join(map(chr, range(0xFDD3, 0xFDF0)))
LONGEST = 80  # signs of a figure, with its unit

_NONCHARACTERS = re.compile("[\ufdd0-\ufdef]")
_ALLOWED = re.compile(r"(?=[^\n]*[0-9])[^\W_]?(?:[^\W_]|[$€£¥₹₩%‰.,+−–—()'’ \u00a0\u202f/×±≈-])*")
_SYNTAX = re.compile(
    r"^[ \t>]*(?:(?:[-+*:]|\d{1,9}[.)]|\[\^[^\]\n]*\]:)(?:[ \t>]+|$))+"
    r"|<[A-Za-z/!?][^<>]*>|<[A-Za-z/!?][^<>\n]*"
    r"|&#?[A-Za-z0-9]*;?"
    r"|\[\^[^\]\n]*\]"
    r"|(?:https?|ftp)://\S*|www\.\S*"
    r"|[\w.+-]*@[\w.-]*",
    re.MULTILINE,
)
_MARKED = re.compile(f"(.)(?:{TWIN}([{DIGITS}]+){END}\\1|{BEGIN}([{DIGITS}]+)([^{BEGIN}{END}{TWIN}]*){END}(.))")
_TWINS = re.compile(f"(.){TWIN}[{DIGITS}]*{END}\\1")
_QUOTED = re.compile("%EF%B7%(?:9[0-9A-F]|A[0-9A-F])")


def mark(text: str, figures: Sequence[Mapping[str, Any]]) -> tuple[str, list[Figure]]:
    """`text` with marks around `figures`, and those that are marked; what is no figure in plain words is left out."""
    taken = [match.start() for match in _NONCHARACTERS.finditer(text)]
    text = _NONCHARACTERS.sub("", text) if taken else text
    parts: list[str] = []
    marked: list[Figure] = []
    done = 0
    for start, end, figure in _in_words(text, figures, taken):
        sign = text[start:end]
        number = _number(len(marked))
        parts.append(text[done:start])
        parts.append(
            f"{sign}{TWIN}{number}{END}{sign}"
            if len(sign) == 1
            else f"{sign[0]}{BEGIN}{number}{sign[1:-1]}{END}{sign[-1]}"
        )
        marked.append(figure)
        done = end
    parts.append(text[done:])
    return "".join(parts), marked


def unmarked(text: str) -> str:
    """`text` without marks."""
    return _NONCHARACTERS.sub("", _TWINS.sub(r"\1", text)) if _NONCHARACTERS.search(text) else text


def unmarked_address(url: str) -> str:
    """An address without marks, which are percent-encoded by then."""
    return unmarked(_QUOTED.sub(lambda code: bytes.fromhex(code[0].replace("%", "")).decode(), url))


def figures_in(text: str, marked: Sequence[Figure]) -> list[Node]:
    """Words as text and figures. A figure whose first or last sign was taken for syntax is text."""
    nodes: list[Node] = []
    done = 0
    for match in _MARKED.finditer(text):
        first, twin, number, middle, last = match.groups("")
        figure = evolve(marked[_index(twin or number)], children=[Text(f"{first}{middle}{last}")])
        nodes += [Text(unmarked(text[done : match.start()])), figure]
        done = match.end()
    nodes.append(Text(unmarked(text[done:])))
    return [node for node in nodes if node != Text()]


def _in_words(text: str, figures: Sequence[Mapping[str, Any]], taken: list[int]) -> list[tuple[int, int, Figure]]:
    """Where the figures are that stand in plain words, in order, none within another; `taken` is what was before."""
    spans = []
    for entry in figures if isinstance(figures, list | tuple) else ():
        start, end = (entry.get("start"), entry.get("end")) if isinstance(entry, Mapping) else (None, None)
        if type(start) is int and type(end) is int and 0 <= start < end <= len(text) + len(taken):
            spans.append((start - bisect_left(taken, start), end - bisect_left(taken, end), entry))
    spans.sort(key=lambda span: span[:2])
    syntax = _SYNTAX.finditer(text) if spans else iter(())
    used = next(syntax, None)
    result: list[tuple[int, int, Figure]] = []
    done = 0
    for start, end, entry in spans:
        while used and used.end() <= start:
            used = next(syntax, None)
        words = text[start:end]
        if (
            start < done
            or not 0 < end - start <= LONGEST
            or (used and used.start() < end)
            or not _ALLOWED.fullmatch(words)
            or words != words.strip()
        ):
            continue
        result.append((start, end, _figure(entry)))
        done = end
    return result


def _figure(entry: Mapping[str, Any]) -> Figure:
    ref = entry.get("ref")
    return Figure(
        status=_said(entry, "status"),
        ref=ref if isinstance(ref, str) else None,
        path=_said(entry, "path"),
        formula=_said(entry, "formula"),
        reason=_said(entry, "reason"),
    )


def _said(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""


def _number(index: int) -> str:
    digits = ""
    while True:
        index, digit = divmod(index, len(DIGITS))
        digits = DIGITS[digit] + digits
        if not index:
            return digits


def _index(number: str) -> int:
    index = 0
    for digit in number:
        index = index * len(DIGITS) + DIGITS.index(digit)
    return index
