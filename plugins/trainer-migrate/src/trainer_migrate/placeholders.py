"""Placeholders of old templates, `[COMPANY_1]`, as variables, `{COMPANY_1}`; what else stands in brackets stays."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import frozen

from trainer.instruction import FENCE, Template

WORDS = r"[A-Z][A-Z0-9]*(?:[ _-][A-Z0-9]+)*"
# No part of a link, an image, a footnote, a subscript or an escape; a remark may follow, `[COMPANY_3 (if applicable)]`.
BRACKET = re.compile(rf"(?<![\w\]\[!\\])\[({WORDS})(?:\s*\(([^()\[\]]*)\))?\](?![(\[\]])")
# The address of a link, `[HOME]: https://…`, whose name then stands for the link.
LABEL = re.compile(r"^ {0,3}\[([^\]]+)\]:[ \t]*<?[^\s<>]*[./:#][^\s<>]*>?(?:[ \t]+[\"'(].*)?[ \t]*$")
ADVICE = re.compile(rf"\b[Rr]eplace\s+`?\[({WORDS})\]`?\s+(?:with|by)\s+(.+?)[\s.]*$")
# Words in capitals that stand for themselves.
MARKS = frozenset([
    "BEGIN", "CAUTION", "EOF", "END", "FIXME", "IMPORTANT", "INST", "NA", "NOTE", "OK", "SIC", "SYS", "TBA", "TBC",
    "TBD", "TIP", "TODO", "WARNING",
])  # fmt: skip
# Languages of fences that hold templates and no program.
PROSE = frozenset(["", "markdown", "md", "plaintext", "prompt", "text", "txt"])
OPTIONAL = re.compile(r"\b(?:if|optional|where)\b", re.IGNORECASE)


@frozen
class Placeholder:
    """A variable: how its place was written, what was said of it, and whether it may be left out."""

    literal: str
    note: str = ""
    optional: bool = False


def offered(text: str) -> tuple[str, dict[str, Placeholder]]:
    """The text with its placeholders as `{NAME}`, and every variable that it has then, in order.

    A placeholder is in capitals, `[TICKER]`, `[COMPANY NAME]`; letters for a number, `[COMPANY_X]` beside
    `[COMPANY_1]`, stay, as does the line that says what to replace one with, which describes it. So does program code.
    """
    lines = text.split("\n")
    labels = {match[1].casefold() for line in lines if (match := LABEL.match(line))}
    advice = {_name(match[1]): match[2] for line in lines if (match := ADVICE.search(line))}
    prose = [number for number in _prose(lines) if not ADVICE.search(lines[number])]
    names = {_name(match[1]) for number in prose for match in BRACKET.finditer(lines[number])}
    found: dict[str, Placeholder] = {}

    def put(match: re.Match[str]) -> str:
        name, remark = _name(match[1]), (match[2] or "").strip()
        if len(name) < 2 or name in MARKS or match[1].casefold() in labels or _stands_for_numbers(name, names):
            return match[0]
        before = found.get(name)
        if before is None or (remark and not before.note):
            note = remark or advice.get(name, "") or advice.get(re.sub(r"_\d+$", "_X", name), "")
            found[name] = Placeholder(f"[{match[1]}]", note, bool(OPTIONAL.search(remark)))
        return f"{{{name}}}"

    for number in prose:
        lines[number] = BRACKET.sub(put, lines[number])
    made = "\n".join(lines)
    return made, {name: found.get(name, Placeholder(f"{{{name}}}")) for name in Template(made).variables}


def _name(words: str) -> str:
    return re.sub(r"[ -]", "_", words)


def _stands_for_numbers(name: str, names: set[str]) -> bool:
    stem = re.fullmatch(r"(.+_)[XN]", name)
    return stem is not None and any(re.fullmatch(re.escape(stem[1]) + r"\d+", other) for other in names)


def _prose(lines: list[str]) -> Iterator[int]:
    """The numbers of the lines that are no program code."""
    mark, shown = "", True
    for number, line in enumerate(lines):
        fence = FENCE.match(line)
        if fence and not mark:
            mark = fence[1]
            shown = line.strip().strip("`~").strip().lower() in PROSE
        elif fence and fence[1].startswith(mark) and not line.strip().strip("`~"):
            mark, shown = "", True
        elif shown:
            yield number
