"""Old instructions as new ones: everything has a default, old lines keep their numbers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from trainer.instruction import Instruction
from trainer_migrate.instructions import made

KNOWN = ["AAPL", "MSFT"]


def test_companies_get_data_and_the_first_subjects_as_defaults() -> None:
    new = Instruction.parse(made("# [COMPANY_1], [COMPANY_2] and [COMPANY_3] on [DATE]", KNOWN).text)
    assert new.resolve({}) == {"COMPANY_1": "AAPL", "COMPANY_2": "MSFT", "COMPANY_3": "", "DATE": "[DATE]"}
    assert {need.name: need.params["path"] for need in new.data.values()} == {
        f"COMPANY_{number}": f"information/data/{{COMPANY_{number}}}.json" for number in (1, 2, 3)
    }
    assert [need.optional for need in new.data.values()] == [False, False, True]


@pytest.mark.parametrize("name", ["TICKER", "ticker", "SYMBOL", "COMPANY", "STOCK"])
def test_one_company_is_one_need(name: str) -> None:
    new = Instruction.parse(made(f"# On {{{name}}}", KNOWN).text)
    assert new.resolve({}) == {name: "AAPL"}
    assert new.data["facts"].params == {"path": f"information/data/{{{name}}}.json"}


def test_a_ticker_goes_before_a_name() -> None:
    new = Instruction.parse(made("# [COMPANY] ([TICKER])", KNOWN).text)
    assert new.resolve({}) == {"COMPANY": "[COMPANY]", "TICKER": "AAPL"}


def test_a_text_without_variables_gets_one_that_chooses_its_data() -> None:
    new = Instruction.parse(made("# One company\n\nText.", KNOWN).text)
    assert new.resolve({}) == {"TICKER": "AAPL"}
    assert new.data["facts"].params == {"path": "information/data/{TICKER}.json"}


def test_without_snapshots_nothing_is_asked_for() -> None:
    assert made("# Text", []).text == "# Text"
    assert Instruction.parse(made("# On [TICKER]", []).text).resolve({}) == {"TICKER": "[TICKER]"}


def test_what_front_matter_says_stays() -> None:
    old = "---\ntitle: T\ndata: {x: {source: file, path: a.json}}\n---\nOn [TICKER].\n"
    new = Instruction.parse(made(old, KNOWN).text)
    assert (new.title, list(new.data), new.resolve({})) == ("T", ["x"], {"TICKER": "[TICKER]"})
    for head in ("engine: jinja", "a: [", "input: {TICKER: {}}", "input: 5\ndata: 7"):
        assert made(f"---\n{head}\n---\n[TICKER]\n", KNOWN).text == f"---\n{head}\n---\n[TICKER]\n"


def test_no_number_of_a_company_breaks_it() -> None:
    text = made("# [TICKER_0], [TICKER_1], [TICKER_99], {ticker_1}", KNOWN).text
    values = {"TICKER_0": "", "TICKER_1": "AAPL", "TICKER_99": "", "ticker_1": "AAPL"}
    assert Instruction.parse(text).resolve({}) == values
    assert set(Instruction.parse(text).data) == set(values)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["# On [TICKER]", "text", "", "{NAME} [DATE]", "## Part"]), min_size=1), st.booleans())
def test_every_line_of_the_body_leads_back_to_its_old_number(lines: list[str], headed: bool) -> None:
    body = [f"{line} {number}" for number, line in enumerate(lines)]
    old = "\n".join([*(["---", "title: T", "---"] if headed else []), *body])
    new = made(old, KNOWN)
    Instruction.parse(new.text)
    for number, line in enumerate(new.text.split("\n"), 1):
        place = new.line(number)
        if line.endswith(tuple("0123456789")):
            assert old.split("\n")[place - 1].split()[-1] == line.split()[-1]
        elif line not in ("---", "title: T"):
            assert place == 0


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("[]{}()ABC_1 -\n:#`~é\r\"\\'"), max_size=200) | st.text())
def test_any_text_becomes_an_instruction_that_stays_as_it_is(text: str) -> None:
    new = made(text, KNOWN).text
    assert made(new, KNOWN).text == new
    instruction, problems = Instruction.examine(new)
    if not problems:
        assert set(instruction.resolve({})) == set(instruction.variables)
