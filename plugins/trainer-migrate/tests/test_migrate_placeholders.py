"""Which words in brackets are variables, and which are not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from trainer.instruction import Template
from trainer_migrate.placeholders import MARKS, offered

NAMES = st.from_regex(r"[A-Z]{2,8}(_[A-Z0-9]{2,4}){0,2}", fullmatch=True).filter(lambda name: name not in MARKS)
# What may stand around a placeholder, and begins no link, image or code with it.
AROUND = st.text(alphabet="abc .,;*#|>\n-~$%é", max_size=20)


@settings(deadline=None)
@given(st.lists(st.tuples(AROUND, NAMES), min_size=1, max_size=5), AROUND)
def test_every_placeholder_becomes_a_variable_and_nothing_else_changes(parts: list[tuple[str, str]], end: str) -> None:
    old = "".join(f"{before} [{name}]" for before, name in parts) + f" {end}"
    new = "".join(f"{before} {{{name}}}" for before, name in parts) + f" {end}"
    if "~~~" not in old and "eplace" not in old:
        made, found = offered(old)
        assert made == new
        assert list(found) == list(dict.fromkeys(name for _, name in parts))
        assert Template(made).fill({name: one.literal for name, one in found.items()}) == old


@settings(deadline=None)
@given(st.text())
def test_any_text_filled_with_its_own_placeholders_is_that_text(text: str) -> None:
    made, found = offered(text)
    filled = Template(made).fill({name: one.literal for name, one in found.items()})
    assert filled == Template(text).fill({name: f"{{{name}}}" for name in Template(text).variables})


@pytest.mark.parametrize(
    "text",
    [
        "[source]", "[value]", "[Company 1]", "[TERMS](https://example.org)", "[TERMS][1]", "[text][TERMS]", "![CHART](a.png)",
        "[^1]", "[^NOTE]", "[1]", "[12]", "- [ ] open", "- [x] done", "- [X] done", "> [!NOTE]", "[TODO]", "[INST] hello",
        r"\[TICKER\]", "prices[TICKER]", "[[TICKER]]", "[TICKER]: https://example.org\n\nSee [TICKER].", "[A]",
        '```python\nprices = [TICKER]\n```', "~~~json\n[NAME]\n~~~", "[\"AAPL\"]", "[TICKER, DATE]",
    ],
)  # fmt: skip
def test_what_is_no_placeholder_stays(text: str) -> None:
    assert offered(text) == (text, {})


def test_templates_in_fences_are_templates() -> None:
    made, found = offered("```\n# [TICKER]\n```\n\n```markdown\n[DATE]\n```\n")
    assert made == "```\n# {TICKER}\n```\n\n```markdown\n{DATE}\n```\n"
    assert list(found) == ["TICKER", "DATE"]


def test_remarks_and_advice_describe_a_variable_and_letters_stand_for_numbers() -> None:
    text = "[COMPANY_1] and [COMPANY_2 (if applicable)] in [COMPANY NAME].\n\nReplace [COMPANY_X] with a ticker.\n[COMPANY_X]\n"
    made, found = offered(text)
    assert made == "{COMPANY_1} and {COMPANY_2} in {COMPANY_NAME}.\n\nReplace [COMPANY_X] with a ticker.\n[COMPANY_X]\n"
    assert (found["COMPANY_1"].note, found["COMPANY_1"].optional) == ("a ticker", False)
    assert (found["COMPANY_2"].note, found["COMPANY_2"].optional) == ("if applicable", True)
    assert found["COMPANY_NAME"].literal == "[COMPANY NAME]"


def test_variables_that_were_there_are_kept_as_they_were() -> None:
    made, found = offered("{TICKER} of [DATE], {{literal}}, {a b}")
    assert made == "{TICKER} of {DATE}, {{literal}}, {a b}"
    assert {name: one.literal for name, one in found.items()} == {"TICKER": "{TICKER}", "DATE": "[DATE]"}
