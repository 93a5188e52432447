"""What each section of an instruction asks for, answered from the data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from attrs import frozen

from trainer_offline.facts import split_facts
from trainer_offline.formulas import BY_METRIC
from trainer_offline.markup import code, plain, shown
from trainer_offline.other import Nothing, as_blocks, at_path, is_single
from trainer_offline.wording import comparison, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trainer_offline.companies import Company

NAMED = re.compile(r"`([A-Za-z_][\w.\-]*)`")
LONGEST_LABEL = 8  # words
MOST_ANSWERS = 20


@frozen
class Answer:
    """A section's text, and whether anything in it is from the data."""

    text: str
    found: bool


class Desk:
    """Answers sections from companies' figures and from the records (name → data)."""

    def __init__(self, companies: Sequence[Company], records: Mapping[str, Any], params: Mapping[str, str]) -> None:
        self.companies = companies
        self.records = records
        self.params = params
        self.labels: dict[tuple[str, ...], str] = {}
        for company in companies:
            for series in company.series:
                head = re.split(r"[,(]", series.label)[0]
                for label in (series.label, head, series.metric.replace("_", " ")):
                    self.labels.setdefault(_words(label), series.metric)
        self.labels.pop((), None)

    def answer(self, title: str, text: str) -> Answer:
        """What the data says to a section: to the names in backticks, else to the metrics its words name."""
        named = [name for name in dict.fromkeys(NAMED.findall(text)) if name not in self.params]
        names = named or list(self._mentioned(f"{title}\n{text}"))
        if not names:
            return Answer(f"Not in the data.{_asked(text)}", False)
        answers = {name: self._one(name) for name in names[:MOST_ANSWERS]}
        missing = ", ".join(self._missing(name) for name, answer in answers.items() if not any(answer))
        absent = f"Not in the data: {missing}." if missing else ""
        bullets = "\n".join(f"- {bullet}" for listed, _ in answers.values() for bullet in listed)
        blocks = [block for _, block in answers.values() if block]
        if not bullets and not blocks:
            return Answer(absent + _asked(text), False)
        more = len(names) - len(answers)
        rest = f"{more:,} more names that the section asks for are not answered." if more else ""
        return Answer("\n\n".join(part for part in (bullets, *blocks, absent, rest) if part), True)

    def _one(self, name: str) -> tuple[list[str], str]:
        """What there is under a name: sentences for a list, or a block of its own; both empty for nothing."""
        if metric := self._metric(name):
            return self._figures(metric), ""
        value = self._value(name)
        if value is Nothing:
            return [], ""
        if split_facts(value)[0]:
            return [f"{code(name)}: see the table of figures"], ""
        return (
            ([f"{code(name)}: {shown(value)}"], "")
            if is_single(value)
            else ([], f"In {code(name)}:\n\n{as_blocks(value)}")
        )

    def _metric(self, name: str) -> str:
        """The metric that a name means, bare or after a record's name (`facts.revenue`); empty if it is none."""
        record, _, metric = name.rpartition(".")
        candidates = [name, metric] if record in self.records else [name]
        return next((item for item in candidates if any(company.find(item) for company in self.companies)), "")

    def _figures(self, metric: str) -> list[str]:
        if len(self.companies) > 1:
            return [comparison(self.companies, metric)]
        return [sentence(company, series) for company in self.companies for series in company.find(metric)]

    def _value(self, path: str) -> Any:
        """The value at a path into a record, with or without the record's name in front."""
        first, _, rest = path.partition(".")
        if first in self.records:
            value = at_path(self.records[first], rest) if rest else self.records[first]
            if value is not Nothing:
                return value
        found = (at_path(data, path) for data in self.records.values())
        return next((value for value in found if value is not Nothing), Nothing)

    def _missing(self, name: str) -> str:
        formula = BY_METRIC.get(name)
        if formula is None:
            return code(name)
        inputs = [item for item in formula.inputs if not any(company.find(item) for company in self.companies)]
        return f"{code(name)} (it would need {' and '.join(code(item) for item in inputs)})" if inputs else code(name)

    def _mentioned(self, text: str) -> Iterator[str]:
        """Metrics whose label stands in the text, in its order; a longer label hides those inside it."""
        words = _words(text)
        seen: dict[str, None] = {}
        place = 0
        while place < len(words):
            for length in range(min(LONGEST_LABEL, len(words) - place), 0, -1):
                metric = self.labels.get(words[place : place + length])
                if metric is not None:
                    seen[metric] = None
                    place += length - 1
                    break
            place += 1
        return iter(seen)


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[\w&'’-]+", text.casefold()))


def _asked(text: str) -> str:
    """What the section asked for, in its own first sentence."""
    first = re.split(r"(?<=[.!?])\s", " ".join(text.replace("`", "").split()), maxsplit=1)[0]
    return f" The section asks: “{plain(first, 300)}”" if first else ""
