"""JSON as Markdown reads back as the same JSON, whatever it holds, and people can read and edit it."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from trainer.errors import ConversionError
from trainer_markdown.data import VALUES, from_markdown, to_markdown

DOCUMENTS = int(os.environ.get("TRAINER_DOCUMENTS", "2000"))

NASTY = [
    "", " ", "1", "-0", "1e5", "true", "null", "NaN", "[]", '"', "a|b", "\\|", "|", "`", "``a`", "*a*", "**k:** v", "_a_", "# h", "#", "- x",
    "1. x", "> q", "---", "===", "[x] done", "[a](b)", "![a](b)", "<b>b</b>", "<script>", "&amp;", "&#65;", "a\nb", "\n", "\r\n", "\ta", "a  b",
    " a", "a ", "```", "```json data 0123456789ab\n1\n```", "~~~\nx", "$`x`$", "$$", "[^1]: x", ": d", ":", "k:", "Item 1", "text", "Item 1\nx",
    "https://x.org/a?b=1&c=2#d", "www.x.org", "a@b.org", "\0", "\ud800", "\ufeff", "\ufffd", "\ufdd0", "\u2028", "\u00a0", "\x85", "é", "e\u0301",
    "\U0001f600", "\U000e0001", "−5", "*" * 500, "_a" * 300, "a" * 300, "\\", "\\\\", "a\\", "line\n\n```\nline\n  \n", "{% x %}", "| a | b |\n|---|---|",
]  # fmt: skip
WORDS = st.one_of(
    st.sampled_from(NASTY), st.text("ab|*_`#-+.:[]()<>!&\\\"' \n~$=1", max_size=12), st.text(max_size=12),
    st.lists(st.sampled_from(NASTY), min_size=2, max_size=3).map("".join),
).map(lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))  # fmt: skip
NUMBERS = st.one_of(st.integers(), st.integers(10**300, 10**301), st.floats(allow_nan=False, allow_infinity=False))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS)
ROWS = st.lists(WORDS, min_size=1, max_size=4, unique=True).flatmap(
    lambda keys: st.lists(
        st.tuples(*(st.none() | st.tuples(SCALARS) for _ in keys)).map(
            lambda cells: {key: cell[0] for key, cell in zip(keys, cells, strict=True) if cell}
        ),
        max_size=4,
    )
)
JSON = st.recursive(
    SCALARS | ROWS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=20
)
SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {}, optional={"title": WORDS, "description": WORDS, "x-unit": st.sampled_from(["USD", "%"]),
                      "x-format": st.sampled_from(["compact", "grouped", "percent", "plain"])}
    ),
    lambda inner: st.fixed_dictionaries(
        {"title": WORDS}, optional={"properties": st.dictionaries(WORDS, inner, max_size=4), "items": inner}
    ),
    max_leaves=6,
)  # fmt: skip


def same(one: Any, other: Any) -> bool:
    """Equal with types (1, 1.0 and true are three) and with the order of members."""
    return json.dumps(one) == json.dumps(other)


@settings(max_examples=DOCUMENTS, deadline=None)
@given(JSON)
def test_any_json_comes_back_from_markdown_exactly(data: Any) -> None:
    text = to_markdown(data)
    back = from_markdown(text)
    assert same(back, data)
    assert to_markdown(back) == text


@settings(max_examples=DOCUMENTS // 5, deadline=None)
@given(JSON, SCHEMAS)
def test_any_json_shown_as_any_schema_says_comes_back_exactly(data: Any, schema: dict[str, Any]) -> None:
    text = to_markdown(data, schema)
    back = from_markdown(text, schema)
    assert same(back, data)
    assert to_markdown(back, schema) == text
    assert same(from_markdown(text), data)


COMPANY = {
    "ticker": "AAPL",
    "cap": 3_950_112_345_678,
    "margin": 12.34,
    "growth": -0.0512,
    "employees": 164_000,
    "founded": 1976,
    "filings": [{"form": "10-K", "revenue": 391_035_000_000.0}, {"form": "10-Q", "note": None}],
    "desk": {
        "analyst": "B. Lee",
        "peers": ["MSFT", "GOOG"],
        "history": [{"year": 2023, "quarters": [{"q": 1, "eps": 1.52}]}],
    },
}
SCHEMA = {
    "title": "Apple Inc.",
    "description": "What was known at the close.",
    "properties": {
        "cap": {"title": "Market capitalisation", "type": "number", "x-unit": "USD"},
        "margin": {"title": "Margin", "unit": "%"},
        "growth": {"title": "Growth", "x-format": "percent"},
        "employees": {"x-unit": "people"},
        "filings": {
            "title": "Filings", "description": "The latest first.",
            "items": {"$ref": "#/$defs/filing"},
        },
    },
    "$defs": {"filing": {"properties": {"form": {}, "revenue": {"title": "Revenue", "anyOf": [{"x-unit": "USD"}, {"type": "null"}]}}}},
}  # fmt: skip


def test_json_is_a_list_a_table_and_headings() -> None:
    assert to_markdown(COMPANY) == (
        "- **ticker:** AAPL\n- **cap:** 3950112345678\n- **margin:** 12.34\n- **growth:** -0.0512\n- **employees:** 164000\n"
        "- **founded:** 1976\n\n## filings\n\n| form | revenue | note |\n| --- | --: | --- |\n| 10-K | 391035000000.0 |  |\n"
        "| 10-Q |  | null |\n\n## desk\n\n- **analyst:** B. Lee\n- **peers:** `[\"MSFT\", \"GOOG\"]`\n\n### history\n\n"
        "#### Item 1\n\n- **year:** 2023\n\n##### quarters\n\n| q | eps |\n| --: | --: |\n| 1 | 1.52 |\n"
    )  # fmt: skip


def test_a_schema_gives_titles_order_units_and_short_figures() -> None:
    shown, _, block = to_markdown(COMPANY, SCHEMA).partition("\n```json data ")
    assert shown.startswith(
        "# Apple Inc.\n\n*What was known at the close.*\n\n- **Market capitalisation:** 3.95T USD\n- **Margin:** 12.3 %\n"
        "- **Growth:** −5.1 %\n- **employees:** 164,000 people\n- **ticker:** AAPL\n- **founded:** 1976\n\n## Filings\n\n*The latest first.*\n\n"
        "| form | Revenue (USD) | note |\n| --- | --: | --- |\n| 10-K | 391B |  |\n"
    )
    assert json.loads(block.partition("\n")[2].removesuffix("```\n")) == COMPANY


def test_a_shown_figure_that_is_edited_without_the_exact_one_is_a_conflict() -> None:
    text = to_markdown(COMPANY, SCHEMA)
    for schema in (SCHEMA, None):
        with pytest.raises(ConversionError, match="the block of exact values at its end was not"):
            from_markdown(text.replace("3.95T", "4.02T"), schema)


def test_spaces_at_the_ends_of_lines_are_no_edit() -> None:
    text = to_markdown(COMPANY, SCHEMA).replace("\n", "  \r\n")
    assert from_markdown(text, SCHEMA) == COMPANY


def test_the_exact_values_alone_are_enough() -> None:
    text = to_markdown(COMPANY, SCHEMA)
    block = text[text.index("```json data") :].replace("164000", "164001")
    assert from_markdown(block, SCHEMA) == {**COMPANY, "employees": 164_001}


def test_without_the_block_titles_lead_back_to_keys_and_a_rounded_figure_is_refused() -> None:
    assert from_markdown("# Apple Inc.\n\n- **Market capitalisation:** 4020000000000\n", SCHEMA) == {
        "cap": 4_020_000_000_000
    }
    with pytest.raises(ConversionError, match=r"cap has to be a number, and there stands '4\.02T USD'"):
        from_markdown("- **Market capitalisation:** 4.02T USD\n", SCHEMA)


def test_what_people_edit_reads_back() -> None:
    text = to_markdown(COMPANY).replace("164000", "165000").replace("| 10-Q |  | null |", "| 10-Q | 94.0 |\n| 8-K |")
    data = from_markdown(text + "\n## outlook\n\nGood, they *say*.\n")
    assert data["employees"] == 165_000
    assert data["filings"][1:] == [{"form": "10-Q", "revenue": 94.0}, {"form": "8-K"}]
    assert data["outlook"] == "Good, they *say*."


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("**Revenue**: 5", "**Revenue**: 5"),
        ("* **Revenue**: 5\n* **Peers:**\n  - MSFT\n  - 7\n* **None:**", {"Revenue": 5, "Peers": ["MSFT", 7], "None": None}),
        ("1. a\n2. b", ["a", "b"]),
        ("Words.\n\n- a\n- b", ["Words.", ["a", "b"]]),
        ("# Report\n\nWords.\n\n## Table\n\n| a |\n|---|\n| 1 | 2 |", {"Report": {"text": "Words.", "Table": [{"a": 1, "column 2": 2}]}}),
        ("---\ntitle: T\ndate: 2026-01-02\n---\n- **a:** 1", {"title": "T", "date": "2026-01-02", "a": 1}),
        ("> quoted\n\n![p](data:image/png;base64,AA)", ["> quoted", "![p](data:image/png;base64,AA)"]),
        ("```python\nx\n```", "```python\nx\n```"),
        ("- [x] done\n- [ ] open", "- [x] done\n- [ ] open"),
        ("1e999", "1e999"),
        ("", []),
    ],
)  # fmt: skip
def test_any_markdown_has_json_in_which_nothing_is_lost(text: str, data: Any) -> None:
    assert from_markdown(text) == data


LAID_OUT = [
    "# {}", "## {} {}", "#### {}", "{} {}", "- {}\n- {}", "- **{}:** {}", "1. {}\n\n   {}\n2. [x] {}", "| {} | {} |\n|---|---|\n| {} |\n| {} | {} | {} |",
    "> {}\n> - {}", "> [!NOTE] {}\n> {}", "```\n{}\n```", "```{} {}\n{}\n```", "```json\n[\"{}\"]\n```", "[{}](https://x.org/{})", "![{}](data:image/png;base64,{})",
    "[^{}]: {}", "{}\n: {}", "<div>{}</div>", "$$\n{}\n$$", "~~{}~~ **{}** `{}`", "- {}\n  - **{}**: {}\n    - {}", "- **{}:**\n\n  | {} |\n  |---|\n  | {} |",
    "---", "Item 1", "## Item 1", "{}\n===",
]  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(LAID_OUT), max_size=8))
@example(["---", "# {}", "---"])
def test_no_word_of_any_markdown_is_lost(layout: list[str]) -> None:
    count = "\n\n".join(layout).count("{}")
    words = [f"word{number:03}x" for number in range(count)]
    text = "\n\n".join(layout).replace("{}", "%s") % tuple(words)
    try:
        told = json.dumps(from_markdown(text))
    except ConversionError as error:
        assert "stands twice" in error.problem
        return
    assert [word for word in words if word not in told] == []


@settings(max_examples=500, deadline=None)
@given(
    st.lists(WORDS | st.sampled_from(["\n", "\n\n", "# ", "- ", "| ", "|---|", "**a:** ", "> ", "```json data"])).map(
        "".join
    )
)
def test_any_text_has_json_or_is_refused(text: str) -> None:
    with suppress(ConversionError):
        json.dumps(from_markdown(text), allow_nan=False)


@pytest.mark.parametrize("kind", ["members", "sections", "rows", "texts"])
def test_time_grows_with_the_size_of_the_data(kind: str) -> None:
    def seconds(size: int) -> float:
        keys = [f"key {number}" for number in range(size)]
        data: Any = {
            "members": dict.fromkeys(keys, 1.5),
            "sections": {key: {"a": "one\ntwo"} for key in keys},
            "rows": [{"a": key, "b": "x|y"} for key in keys],
            "texts": "\0`|*".join(keys),
        }[kind]
        start = time.thread_time()
        assert from_markdown(to_markdown(data)) == data
        return time.thread_time() - start

    seconds(100)
    short, long = seconds(1000), seconds(8000)
    assert long < 24 * short + 0.5, (short, long)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("## a\n\n1\n\n## a\n\n2", "'a' stands twice"),
        ("- **a:** 1\n- **a:** 2", "'a' stands twice"),
        ("| a | a |\n|---|---|\n| 1 | 2 |", "'a' stands twice"),
        ("```json\n{'a': 1}\n```", "a block of JSON in the text is none"),
        ("```json data 0123456789ab\n{\n```", "the block of exact values is no JSON"),
    ],
)
def test_markdown_that_cannot_be_data_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ConversionError, match=reason):
        from_markdown(text)


@pytest.mark.parametrize(
    "data",
    [float("nan"), {"a": {1, 2}}, {1: 2}, {"a": float("inf")}, 10**5000],
    ids=["nan", "set", "number as key", "infinity", "digits"],
)
def test_what_json_cannot_hold_is_refused(data: Any) -> None:
    with pytest.raises(ConversionError, match="no JSON"):
        to_markdown(data)


def test_json_that_nests_without_end_is_refused() -> None:
    data: Any = 1
    for _ in range(100_000):
        data = [data]
    with pytest.raises(ConversionError, match="nests too deeply"):
        to_markdown(data)


def test_json_that_could_not_be_read_back_is_refused() -> None:
    with pytest.raises(ConversionError, match="the document is refused"):
        to_markdown("x" * 5_000_001)


@pytest.mark.parametrize("schema", [None, {"title": "Numbers", "items": {"x-unit": "USD"}}])
def test_more_values_than_can_be_laid_out_are_one_block_of_json_and_come_back(schema: dict[str, Any] | None) -> None:
    data = [*range(VALUES), "`*|`", {"a": None}]
    text = to_markdown(data, schema)
    assert text.startswith("```json data\n[0, 1, 2")
    assert from_markdown(text, schema) == data


def test_a_text_of_which_a_part_would_not_be_read_is_refused_as_data() -> None:
    with pytest.raises(ConversionError, match="more lines and marks than can be read as data"):
        from_markdown("- a\n" * 200_000)
