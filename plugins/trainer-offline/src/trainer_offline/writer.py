"""The writer: from a prompt's instruction and records to a report, without a language model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import localcontext
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from attrs import frozen

from trainer.instruction import Template
from trainer_offline import sources
from trainer_offline.charts import chart
from trainer_offline.companies import Company, as_company
from trainer_offline.facts import read_facts, split_facts
from trainer_offline.markup import callout, code, plain
from trainer_offline.numerals import CONTEXT
from trainer_offline.other import as_blocks
from trainer_offline.sections import Desk
from trainer_offline.tables import history, side_by_side

if TYPE_CHECKING:
    from trainer import Prompt, StoredData

MOST_COMPANIES = 6
MOST_RECORDS = 20
FIGURES, OTHER, METHOD, SOURCES = "Figures", "Other data", "How the figures were made", "Sources"


@frozen
class Part:
    """A piece of the report. `written` says of a section the instruction asks for whether the data has an answer."""

    title: str
    text: str
    written: bool | None = None


class OfflineWriter:
    """Writes a report that holds what the data says, and nothing else.

    Figures are told by fixed rules: the same prompt makes the same report, whatever the order of its
    records' keys. Whatever data holds is shown as text, never as markup.
    """

    def write(self, prompt: Prompt) -> str:
        """The whole report in Markdown. Raises `InstructionError` for a variable without a value."""
        return "".join(part.text for part in self.parts(prompt))

    def parts(self, prompt: Prompt) -> list[Part]:
        """The report's pieces, in order; joined they are the report."""
        with localcontext(CONTEXT):
            return list(_parts(prompt))


def _parts(prompt: Prompt) -> Iterator[Part]:
    records = _ordered(prompt)
    data = {name: record.data for name, record in records.items()}
    facts, unusable = read_facts(data)
    companies = [as_company(name, facts[name]) for name in list(facts)[:MOST_COMPANIES]]
    more = len(facts) - len(companies)
    title = plain(Template(prompt.instruction.title).fill(prompt.params)) or "Report"
    yield Part("", f"# {title}\n\n{_note(len(records), companies, unusable)}\n")
    if companies:
        text = history(companies[0]) if len(companies) == 1 else side_by_side(companies)
        if len(companies) == 1 and (fence := chart(companies[0], data)):
            text += f"\n\n{fence}"
        yield _part(2, FIGURES, text + (f"\n\n{more:,} more companies are not shown." if more else ""))
    yield from _sections(prompt, Desk(companies, data, prompt.params))
    if other := _other(data):
        yield _part(2, OTHER, other)
    if companies:
        yield _part(2, METHOD, _method(companies))
    if records:
        told = (sources.filings(companies), sources.stored(records))
        yield _part(2, SOURCES, "\n\n".join(text for text in told if text))


def _ordered(prompt: Prompt) -> Mapping[str, StoredData]:
    """The records in the order in which the instruction asks for them, any others after them by name."""
    asked = [name for name in prompt.instruction.data if name in prompt.records]
    return {name: prompt.records[name] for name in (*asked, *sorted(prompt.records.keys() - set(asked)))}


def _part(level: int, title: str, text: str, written: bool | None = None) -> Part:
    head = f"\n{'#' * level} {title}\n"
    return Part(title, f"{head}\n{text}\n" if text else head, written)


def _note(records: int, companies: list[Company], unusable: int) -> str:
    figures = sum(len(company.facts) for company in companies)
    made = f"{_count(records, 'record')} and {_count(figures, 'figure')}" if records else "no data"
    skipped = f" {_count(unusable, 'row')} held no usable figure and {'was' if unusable == 1 else 'were'} left out."
    return callout(
        "NOTE",
        f"Written by rule from {made}, without a language model: what the data holds, in tables and plain "
        f"sentences.{skipped if unusable else ''} For prose, name a model, as in `--model openai/gpt-4o`.",
    )


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _sections(prompt: Prompt, desk: Desk) -> Iterator[Part]:
    sections = prompt.instruction.sections
    for section, after in zip_longest(sections, sections[1:]):
        title = plain(Template(section.title).fill(prompt.params))
        text = Template(section.text).fill(prompt.params)
        if not text and after is not None and after.level > section.level:
            yield _part(section.level, title, "")
            continue
        answer = desk.answer(title, text)
        yield _part(section.level, title, answer.text, answer.found)


def _other(data: Mapping[str, Any]) -> str:
    """What records hold beside figures."""
    rest = {name: split_facts(value)[1] for name, value in data.items()}
    told = [
        f"In {code(name)}:\n\n{as_blocks(value)}"
        for name, value in rest.items()
        if value is not None or data[name] is None
    ]
    more = len(told) - MOST_RECORDS
    return "\n\n".join(told[:MOST_RECORDS]) + (f"\n\n{more:,} more records are not shown." if more > 0 else "")


def _method(companies: list[Company]) -> str:
    formulas = {
        series.formula.metric: series.formula
        for company in companies
        for series in company.series
        if series.formula is not None and series.values
    }
    lines = [f"{plain(formula.label)} = {formula.text}." for formula in formulas.values()]
    lines += [
        "Change = newest / previous − 1; of ratios the difference, in percentage points (pp), and of months in months.",
        "Growth a year = (newest / first)^(1 / years) − 1.",
        "Of a figure that was filed more than once, the latest filing counts.",
        "Everything is rounded once, at the end, half away from zero.",
    ]
    if any(company.span == "year" for company in companies):
        lines.append("FY is named after the calendar year in which the fiscal year ends.")
    return "\n".join(f"- {line}" for line in lines)
