"""The shipped instructions on the shipped figures: every number in a report is a fact or follows from facts.

What is expected is computed here anew, from the data files and by other means than the writer's.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import mistune
import pytest

from trainer import Instruction, Prompt, StoredData
from trainer_offline import OfflineWriter, Part

INFORMATION = Path(__file__).resolve().parents[3] / "information"
if not INFORMATION.is_dir():
    pytest.skip("the project's folder `information` is not here", allow_module_level=True)
INSTRUCTIONS = sorted((INFORMATION / "instructions").glob("*.md"))
TICKERS = ["AAPL", "SNOW", "TSM"]
NOT_IN_FILES = {"pipeline", "catalysts", "revenue_sources", "risks"}
NOW = datetime(2026, 1, 2, tzinfo=UTC)

RATIOS = {
    "Gross margin": ("gross_profit", "revenue"),
    "Operating margin": ("operating_income", "revenue"),
    "Net margin": ("net_income", "revenue"),
    "R&D intensity": ("research_and_development", "revenue"),
    "Capital intensity": ("capital_expenditure", "revenue"),
    "Free cash flow margin": ("free_cash_flow", "revenue"),
    "Liabilities to assets": ("total_liabilities", "total_assets"),
}


def load(ticker: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((INFORMATION / "data" / f"{ticker}.json").read_text(encoding="utf-8"))
    return data


def parts(name: str, params: dict[str, str], **tickers: str) -> list[Part]:
    instruction = Instruction.load(INFORMATION / "instructions" / f"{name}.md")
    records = {
        key: StoredData(f"file:{ticker}:20260102", load(ticker), "file", 1, NOW, NOW) for key, ticker in tickers.items()
    }
    return OfflineWriter().parts(Prompt((), instruction, instruction.resolve(params), records))


def report(name: str, params: dict[str, str], **tickers: str) -> str:
    return "".join(part.text for part in parts(name, params, **tickers))


def half_up(value: Decimal, places: int) -> str:
    text = f"{value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,}".replace("-", "−")
    return text if text.strip("−0.") else text.removeprefix("−")


def series(ticker: str) -> dict[str, dict[str, Decimal]]:
    """Label → period end → value, the derived metrics among them."""
    found: dict[str, dict[str, Decimal]] = {}
    names: dict[str, dict[str, Decimal]] = {}
    for fact in load(ticker)["facts"]:
        found.setdefault(fact["label"], {})[fact["end"]] = Decimal(str(fact["value"]))
        names[fact["metric"]] = found[fact["label"]]
    flow, spent = names["operating_cash_flow"], names["capital_expenditure"]
    names["free_cash_flow"] = found["Free cash flow"] = {end: flow[end] - spent[end] for end in flow}
    if "short_term_investments" in names:
        near = names["short_term_investments"]
        found["Liquid funds"] = {end: value + near[end] for end, value in names["cash"].items()}
    for label, (part, whole) in RATIOS.items():
        found[label] = {end: value / names[whole][end] for end, value in names[part].items()}
    return found


def tables(text: str) -> list[list[list[str]]]:
    parsed: Any = mistune.create_markdown(renderer=None, plugins=["table"])(text)

    def cell(node: Any) -> str:
        return str(node.get("raw", "")) + "".join(cell(child) for child in node.get("children", ()))

    found = []
    for item in parsed:
        if item["type"] == "table":
            head, body = item["children"]
            found.append(
                [[cell(c) for c in head["children"]], *([cell(c) for c in r["children"]] for r in body["children"])]
            )
    return found


@pytest.mark.parametrize("ticker", TICKERS)
def test_every_cell_of_the_figures_is_a_fact_or_follows_from_facts(ticker: str) -> None:
    text = report("company-metrics", {"TICKER": ticker}, facts=ticker)
    expected = series(ticker)
    given, derived, *_ = tables(text)
    seen = {}
    for head, *rows in (given, derived):
        ends = [re.search(r"\((.*)\)", name)[1] for name in head[2:-1]]  # type: ignore[index]  # they all have one
        for label, unit, *cells, change in rows:
            values = seen[label] = expected[label]
            scale = {"million": 10**6, "billion": 10**9}.get(
                next(iter(set(unit.split()) & {"million", "billion"}), ""), 1
            )
            for end, text_of in zip(ends, cells, strict=True):
                if end not in values:
                    assert text_of == "–", (label, end)
                elif unit == "ratio":
                    assert text_of == half_up(values[end] * 100, 1) + "%", (label, end)
                else:
                    places = len(text_of.partition(".")[2])
                    assert text_of == half_up(values[end] / scale, places), (label, end)
                    assert places >= (2 if "per share" in unit else 0)
            old, new = (values.get(end) for end in ends[-2:])
            if old is None or new is None:
                assert change == "–"
            elif unit == "ratio":
                assert Decimal(change[:-3].replace("−", "-")) == Decimal(
                    half_up((new - old) * 100, 1).replace("−", "-")
                )
            elif old <= 0 or new < 0:
                assert change == "n/m"
            else:
                assert Decimal(change[:-1].replace("−", "-")) == Decimal(
                    half_up((new / old - 1) * 100, 1).replace("−", "-")
                )
    assert seen.keys() == expected.keys()


def spoken(value: Decimal, *, money: bool, per_share: bool = False) -> str:
    """An amount with four significant digits, by way of scientific notation."""
    if per_share:
        return half_up(value, 2)
    if not money and abs(value) < 100:
        return half_up(value * 100, 1) + "%"
    scale, word = (10**9, "billion") if abs(value) >= 10**9 else (10**6, "million") if abs(value) >= 10**6 else (1, "")
    scaled = value / scale
    digits = max(0, 3 - len(str(abs(int(scaled)))) + 1)
    return f"{half_up(scaled, digits)} {word}".strip()


def sayable(label: str, values: dict[str, Decimal]) -> set[str]:
    """Everything that a sentence about a series may say as a number."""
    ratio, per_share = label in RATIOS, "per share" in label
    said = {spoken(value, money=not ratio, per_share=per_share) for value in values.values()}
    ends = sorted(values)
    for old, new in pairwise(ends):
        if ratio:
            said.add(half_up(abs(values[new] - values[old]) * 100, 1) + " percentage points")
        elif values[old] > 0:
            said.add(half_up(abs(values[new] / values[old] - 1) * 100, 1) + "%")
    first, last = values[ends[0]], values[ends[-1]]
    if not ratio and first > 0 and last > 0:
        growth = Decimal(str(round((float(last / first) ** (1 / (len(ends) - 1)) - 1) * 100, 1)))
        said |= {f"+{half_up(growth, 1)}% a year", f"{half_up(growth, 1)}% a year"}
    return said


@pytest.mark.parametrize("ticker", TICKERS)
@pytest.mark.parametrize("name", ["company-metrics", "biotech-company"])
def test_every_number_in_a_sentence_is_a_fact_of_its_metric_or_follows_from_it(name: str, ticker: str) -> None:
    expected = series(ticker)
    bullets = re.findall(r"^- \*\*(.+?)\*\* (.+)$", report(name, {"TICKER": ticker}, facts=ticker), re.MULTILINE)
    assert len(bullets) > 10
    for label, text in bullets:
        if "cannot be given" in text:
            continue
        numbers = re.findall(
            r"[+−]?\d[\d,.]*\d?%(?: a year)?|\d[\d.,]* percentage points|−?\d[\d,.]*(?: billion| million)?",
            re.sub(r"FY\d{4}", "", text),
        )
        left = [number for number in numbers if number.rstrip(".,") not in sayable(label, expected[label])]
        assert numbers
        assert not left, (label, text, left)


def test_the_comparison_shows_each_company_in_its_currency_and_ranks_only_what_has_none() -> None:
    params = {"FIRST": "AAPL", "SECOND": "SNOW", "THIRD": "TSM"}
    text = report("compare-companies", params, first="AAPL", second="SNOW", third="TSM")
    head, *rows = tables(text)[0]
    assert [name.split()[0] for name in head[1:]] == TICKERS
    currencies = {"AAPL": "USD", "SNOW": "USD", "TSM": "TWD"}
    for label, *cells in rows:
        for ticker, shown in zip(TICKERS, cells, strict=True):
            values = series(ticker).get(label, {})
            if shown == "–":
                assert not values
                continue
            last = values[max(values)]
            figure = spoken(last, money=label not in RATIOS, per_share="per share" in label)
            unit = "" if label in RATIOS or "share count" in label else f"{currencies[ticker]} "
            assert shown.startswith(unit + figure), (label, ticker)
    assert "are not converted" in text
    for sentence in re.findall(r"(?:Highest|Largest)[^.]*\.[^.]*\.[^.]*\.", text):
        assert "USD" not in sentence
        assert "TWD" not in sentence


def test_a_comparison_of_two_needs_no_third() -> None:
    text = report("compare-companies", {"FIRST": "AAPL", "SECOND": "SNOW"}, first="AAPL", second="SNOW")
    assert len(tables(text)[0][0]) == 3
    assert "none" not in text


def test_the_biotech_report_says_of_what_the_data_lacks_that_it_lacks_it() -> None:
    written = {part.title: part.written for part in parts("biotech-company", {"TICKER": "SNOW"}, facts="SNOW")}
    assert {title for title, found in written.items() if found is False} == {
        "Pipeline",
        "Catalysts over the next 12 months",
        "Risks",
    }
    assert {"Summary", "Cash and runway", "Financing and dilution"} <= {t for t, found in written.items() if found}


@pytest.mark.parametrize("path", INSTRUCTIONS, ids=lambda path: path.stem)
def test_an_instruction_names_only_data_and_contexts_that_exist(path: Path) -> None:
    instruction = Instruction.load(path)
    for context in instruction.contexts or ():
        assert (INFORMATION / "context" / context).read_text(encoding="utf-8").startswith("# ")
    named = {name for section in instruction.sections for name in re.findall(r"`([a-z_]+)`", section.text)}
    from trainer_offline.formulas import BY_METRIC

    known = {fact["metric"] for ticker in TICKERS for fact in load(ticker)["facts"]} | BY_METRIC.keys()
    assert named <= known | NOT_IN_FILES
    assert all(variable.description for variable in instruction.input.values())
    assert instruction.description


def test_every_context_is_used_by_an_instruction() -> None:
    used = {context for path in INSTRUCTIONS for context in Instruction.load(path).contexts or ()}
    folder = INFORMATION / "context"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.md")} == used
