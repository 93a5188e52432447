"""An old instruction or prompt as one that runs: its placeholders declared, the old snapshots as its data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from attrs import frozen

from trainer.errors import InstructionError
from trainer.frontmatter import split_front_matter
from trainer_migrate.placeholders import Placeholder, offered

KINDS = (
    "TICKER",
    "SYMBOL",
    "COMPANY",
    "STOCK",
)  # variables that say whom a report is about, the first kind that is there
ANY = "TICKER"  # the variable that chooses the data where a text has none


@frozen
class Made:
    """The new instruction, its variables and needs; `added` lines stand after the first `above` ones of the old."""

    text: str
    variables: tuple[str, ...]
    data: tuple[str, ...]
    above: int
    added: int

    def line(self, number: int) -> int:
        """The line of the old file that a line of the new one was, 0 for one that is new."""
        if number <= self.above:
            return number
        return max(0, number - self.added) if number > self.above + self.added else 0


def made(text: str, subjects: Sequence[str]) -> Made:
    """The new instruction of an old one's text; `subjects` are those that have a file in `information/data`.

    What front matter says already stays, and a text that declares its variables is left as it is. Every variable has a
    default, so that it runs at once: a company's is one of `subjects`, any other's the placeholder as it was written.
    """
    try:
        head, body, first = split_front_matter(text)
    except InstructionError:
        return Made(text, (), (), 0, 0)
    known = {key: tuple(map(str, value)) if isinstance(value, dict) else () for key, value in head.items()}
    if "input" in head or head.get("engine", "text") != "text":
        return Made(text, known.get("input", ()), known.get("data", ()), 0, 0)
    body, variables = offered(body)
    companies = _companies(variables) if subjects and "data" not in head else {}
    variables = {**variables, **{name: Placeholder("") for name in companies if name not in variables}}
    defaults = {name: _default(variables[name], number, subjects) for name, number in companies.items()}
    lines = ["input:"] if variables else []
    lines += [_input(name, one, defaults.get(name), subjects) for name, one in variables.items()]
    needs = {name if len(defaults) > 1 else "facts": _need(name, default) for name, default in defaults.items()}
    lines += ["data:", *(f"  {name}: {need}" for name, need in needs.items())] if needs else []
    above = max(0, first - 2)  # without the line that ends the front matter
    if above:
        lines = [*text.split("\n")[:above], *lines, "---"]
    elif lines:
        lines = ["---", *lines, "---"]
    added = max(0, len(lines) - above - bool(above))
    return Made("\n".join([*lines, body]), tuple(variables), tuple(needs) or known.get("data", ()), above, added)


def _companies(variables: Iterable[str]) -> dict[str, int]:
    """The variables that choose data, with their numbers."""
    for kind in KINDS:
        matches = {name: re.fullmatch(rf"{kind}_?(\d*)", name, re.IGNORECASE) for name in variables}
        if found := {name: int(match[1] or 1) for name, match in matches.items() if match}:
            return found
    return {ANY: 1}


def _default(variable: Placeholder, number: int, subjects: Sequence[str]) -> str:
    return subjects[number - 1] if 0 < number <= len(subjects) and not variable.optional else ""


def _input(name: str, variable: Placeholder, subject: str | None, subjects: Sequence[str]) -> str:
    """A line of `input:`. `subject` is the default of a variable that chooses data, `None` for any other."""
    told = [variable.note] if variable.note else []
    if subject is not None:
        some = ", ".join(subjects[:5]) + (", …" if len(subjects) > 5 else "")
        told.append(f"a file in information/data: {some}; * for all")
    description = f"description: {_json('; '.join(told))}, " if told else ""
    return f"  {name}: {{{description}default: {_json(variable.literal if subject is None else subject)}}}"


def _need(variable: str, default: str) -> str:
    path = _json(f"information/data/{{{variable}}}.json")
    return f"{{source: file, path: {path}{'' if default else ', optional: true'}}}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
