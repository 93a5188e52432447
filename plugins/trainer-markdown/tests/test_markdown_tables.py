"""Tables are read as language models write them, and set as a typesetter would."""

from __future__ import annotations

import pytest

AB = [["a", "b"], ["1", "2"]]
SHAPES = {
    "plain": ("| a | b |\n| --- | --- |\n| 1 | 2 |", AB),
    "no outer pipes": ("a | b\n--- | ---\n1 | 2", AB),
    "outer pipes in the header only": ("| a | b |\n|---|---|\n1 | 2", AB),
    "outer pipes in the rows only": ("a | b\n--- | ---\n| 1 | 2 |", AB),
    "a pipe at one end": ("a | b |\n--- | --- |\n| 1 | 2", AB),
    "single dashes": ("|a|b|\n|-|-|\n|1|2|", AB),
    "aligned with colons": ("| a | b |\n|:--|--:|\n| 1 | 2 |", AB),
    "a short row": ("| a | b |\n|---|---|\n| 1 |\n| 3 | 4 |", [["a", "b"], ["1", ""], ["3", "4"]]),
    "a long row": ("| a | b |\n|---|---|\n| 1 | 2 | 3 |", [["a", "b", ""], ["1", "2", "3"]]),
    "in a list": ("- item\n\n  | a | b |\n  |---|---|\n  | 1 | 2 |", AB),
    "in a numbered list": ("1. item\n   | a | b |\n   |---|---|\n   | 1 | 2 |", AB),
    "in a quote": ("> | a | b |\n> |---|---|\n> | 1 | 2 |", AB),
    "right after a paragraph": ("Text:\n| a | b |\n|---|---|\n| 1 | 2 |", AB),
    "right before a heading": ("| a | b |\n|---|---|\n| 1 | 2 |\n# End", AB),
    "right before a list": ("| a | b |\n|---|---|\n| 1 | 2 |\n- end", AB),
    "an escaped pipe": ("| a | b |\n|---|---|\n| x \\| y | `p \\| q` |", [["a", "b"], ["x | y", "p | q"]]),
    "markup in cells": ("| **a** | b |\n|---|---|\n| [1](https://e.example) | *2* |", AB),
    "one column": ("| a |\n|---|\n| 1 |", [["a"], ["1"]]),
    "empty cells": ("| a | b |\n|---|---|\n| | 2 |", [["a", "b"], ["", "2"]]),
    "no rows": ("| a | b |\n|---|---|", [["a", "b"]]),
    "spaces all around": ("   | a | b |  \n   |---|---|  \n   | 1 | 2 |  ", AB),
    "a row without a pipe": ("| a | b |\n|---|---|\n| 1 | 2 |\nrest", [*AB, ["rest", ""]]),
    "windows line ends": ("| a | b |\r\n|---|---|\r\n| 1 | 2 |\r\n", AB),
    "odd alignment": ("| a | b |\n|:-:| ---:|\n| 1 | 2 |", AB),
    "more space in the rule": ("| a | b |\n|   :---   |\t---\t|\n| 1 | 2 |", AB),
    "wide signs": ("| 売上 | 🍏 é |\n|---|---|\n| １２ | 👩‍💻 |", [["売上", "🍏 é"], ["１２", "👩‍💻"]]),
    "a line break in a cell": ("| a | b |\n|---|---|\n| 1<br>x | 2 |", [["a", "b"], ["1x", "2"]]),
}


@pytest.mark.parametrize(("markdown", "grid"), SHAPES.values(), ids=SHAPES)
def test_a_table_is_read_in_whatever_shape_it_comes(convert, markdown, grid):
    assert convert(markdown).article.one("table").grid() == grid


@pytest.mark.parametrize("markdown", ["| a | b |\n|---|", "a | b", "| a |\n| b |", "a\n---", "|\n|"])
def test_what_is_no_table_stays_text(convert, markdown):
    page = convert(markdown)
    assert page.article.all("table") == []
    assert "a" in page.article.text or markdown == "|\n|"


def figures(convert, *cells, rule="---"):
    rows = "".join(f"| r | {cell} |\n" for cell in cells)
    return convert(f"| n | v |\n|---|{rule}|\n{rows}").article.one("tbody").all("td")


@pytest.mark.parametrize(
    "cell",
    ["391,035", "$391.0", "-5", "(1,234)", "12.5%", "+7.9%", "3.95T", "1.2x", "$1.2 billion", "USD 5", "1e-5", "~12", "€ 3",
     "25 bps", "**7**", "1 234,5", "-$3", "5.1M USD", "0", ".5"],
)  # fmt: skip
def test_a_column_of_figures_stands_to_the_right_in_figures_of_one_width(convert, cell):
    (shown,) = figures(convert, cell)
    assert {"right", "figure"} <= shown.classes


@pytest.mark.parametrize(
    "cell", ["rising", "2024-09-28", "10-K", "2024", "Q1 2024", "12 May", "1-2", "5 of 7", "a1", "<br>"]
)
def test_a_column_of_words_and_dates_stands_to_the_left(convert, cell):
    (shown,) = figures(convert, cell)
    assert "left" in shown.classes
    assert "figure" not in shown.classes


def test_alignment_that_markdown_states_is_kept(convert):
    (shown,) = figures(convert, "12", rule=":--")
    assert {"left", "figure"} <= shown.classes


@pytest.mark.parametrize(
    ("cell", "text"), [("-5", "−5"), ("-$5", "−$5"), ("$-5", "$−5"), ("–5%", "−5%"), ("**-5**", "−5"), ("-1e-3", "−1e-3"),
                       ("(5)", "(5)")]
)  # fmt: skip
def test_a_negative_figure_has_a_true_minus_or_brackets_and_a_colour(convert, cell, text):
    (shown,) = figures(convert, cell)
    assert shown.text == text
    assert "negative" in shown.classes


def test_a_hyphen_among_words_stays_a_hyphen(convert):
    shown = figures(convert, "year-end", "-5 or so")
    assert [cell.text for cell in shown] == ["year-end", "-5 or so"]


@pytest.mark.parametrize("cell", ["", "-", "–", "—", "--"])
def test_a_missing_figure_is_a_dash_that_says_so(convert, cell):
    table = convert(f"| n | v | w |\n|---|---|---|\n| r | {cell} | 1 |\n| s | 2 | 3 |").article.one("tbody")
    missing = table.all("td")[0]
    assert (missing.text, missing.attrs["aria-label"]) == ("—", "no value")


def test_a_row_that_only_names_a_group_stays_blank(convert):
    table = convert("| n | v |\n|---|---|\n| **Assets** | |\n| Cash | 5 |").article.one("table")
    assert table.grid()[1] == ["Assets", ""]


def test_every_heading_of_a_table_says_what_it_heads(convert):
    table = convert("| Metric | 2024 |\n|---|---|\n| Revenue | 5 |\n| | 6 |").article.one("table")
    assert [(cell.text, cell.attrs["scope"]) for cell in table.all("th")] == [
        ("Metric", "col"), ("2024", "col"), ("Revenue", "row"),
    ]  # fmt: skip


def test_a_table_scrolls_in_a_frame_that_the_keyboard_reaches_and_that_has_a_name(convert):
    frame = convert("## Income\n\n| a | b |\n|---|---|\n| 1 | 2 |").article.one("div", class_="table")
    assert {name: frame.attrs[name] for name in ("role", "tabindex", "aria-label")} == {
        "role": "region", "tabindex": "0", "aria-label": "Income",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("paragraph", "caption"),
    [
        ("Table: Key *figures*", "Table 1. Key figures"),
        ("**Table 7.** Key figures", "Table 7. Key figures"),
        ("**Table 2: Key figures**", "Table 2. Key figures"),
        ("Table 3.1 – Key figures", "Table 3.1. Key figures"),
    ],
)
def test_a_paragraph_that_names_the_table_below_becomes_its_caption(convert, paragraph, caption):
    article = convert(f"{paragraph}\n\n| a | b |\n|---|---|\n| 1 | 2 |").article
    assert article.one("caption").text == caption
    assert article.one("div", class_="table").attrs["aria-label"] == "Key figures"
    assert article.all("p") == []


@pytest.mark.parametrize("paragraph", ["Table of contents.", "Tables: two", "The table:", "Table:"])
def test_other_paragraphs_above_a_table_stay_paragraphs(convert, paragraph):
    article = convert(f"{paragraph}\n\n| a | b |\n|---|---|\n| 1 | 2 |").article
    assert article.one("p").text == paragraph
    assert article.all("caption") == []


def test_a_caption_without_a_table_stays_a_paragraph(convert):
    assert convert("Table: lost\n\ntext").article.text == "Table: lost text"


@pytest.mark.parametrize(("columns", "size"), [(4, set()), (10, {"dense"}), (20, {"crowded"})])
def test_a_table_with_much_in_a_row_is_marked_to_be_printed_small(convert, columns, size):
    row = "| 1,234,567 " * columns
    table = convert(f"{'| a ' * columns}|\n{'|---' * columns}|\n{row}|").article.one("table")
    assert table.classes - {"short"} == size
