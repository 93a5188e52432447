"""A document tree becomes LaTeX that says the same, and in which nothing of the text is a command."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from trainer import Document
from trainer.errors import ConversionError
from trainer_document import tree
from trainer_document.tree import Node, Paragraph, Root, TableCell, TableRow, Text, plain, to_json
from trainer_latex import TreeToLatex, formulas
from trainer_latex.escaping import SPECIAL, address, code, words
from trainer_latex.formulas import formula
from trainer_latex.writer import latex_source

# What the writer may put into a document, beside the commands of formulas.
ALLOWED = {
    "begin",
    "end",
    "item",
    "label",
    "hypersetup",
    "face",
    "joined",
    "hyphenpenalty",
    "place",
    "uni",
    "rtl",
    "brk",
    "newlin",
    "kicker",
    "titled",
    "subtitled",
    "fact",
    "entry",
    "par",
    "nobreak",
    "nopagebreak",
    "leavevmode",
    "hfill",
    "null",
    "small",
    "color",
    "ruler",
    "roomfor",
    "baselineskip",
    "levelone",
    "leveltwo",
    "levelthree",
    "levelfour",
    "levelfive",
    "codelines",
    "kpi",
    "multicolumn",
    "linewidth",
    "toprule",
    "midrule",
    "bottomrule",
    "endfirsthead",
    "endhead",
    "endfoot",
    "tiny",
    "scriptsize",
    "footnotesize",
    "textbf",
    "emph",
    "texttt",
    "textit",
    "textsubscript",
    "textsuperscript",
    "struck",
    "inserted",
    "unfound",
    "href",
    "hyperlink",
    "footnote",
    "footnotemark",
    "footnotetext",
    "\\",
    " ",
    "(",
    ")",
    "[",
    "]",
    "text",
    "operatorname",
    "left",
    "right",
} | {re.match(r"\\([A-Za-z]+|.)", escape)[1] for escape in SPECIAL.values()}  # type: ignore[index]  # each is a command
MATHS = formulas.SYMBOLS | formulas.ONE | formulas.TWO | formulas.SPACES
ENVIRONMENTS = {"document", "quoted", "apart", "items", "grid", "longtable", *formulas.MATRICES}
HOSTILE = [
    r"\input{/etc/passwd}", r"\write18{touch x}", r"\csname input\endcsname", "^^5cinput", "%", "% gone", r"\end{document}",
    r"\catcode`\%=12", "#1 ## $x$ $$ & ~ _a ^b {", "}", "\\", "\\\\", "[x]", "*", "--- `` '' ?` !` << >>", "\x00\x01\x7f\x80",
    "a\u2028b\u2029c\x85d", "\u00ad\u200b\u202e\ufeff", "\ud800", "\ufdd0\uffff\U0001fffe", "🙂中文ملاحظة", "e\u0301\u0301", r"\)\]",
    r"\verb|x|", r"\begin{verbatim}", r"\special{pdf:image (/etc/x.pdf)}", "\n\n", "  x  ",
]  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.sampled_from("\\{}$&#^_%~<>|\"`'-,?!@[]()*=/abz09 \n\t\x00\xa0\xad\u2028🙂中é−"), max_size=40),
    st.text(max_size=30),
)


def tokens(source: str) -> list[str]:
    """The tokens of LaTeX, by the rules of TeX with the usual category codes: commands, and single characters."""
    assert "^^" not in source
    assert not re.search(r"(?<!\\)%", source)
    return re.findall(r"\\(?:[A-Za-z]+|.)|.", source, re.DOTALL)


def body(source: str) -> str:
    return source[source.index(r"\hypersetup") :]


def check(source: str) -> None:
    """Nothing in it but what the writer may write, every group closed, and characters with a meaning only where it has one."""
    depth, maths, cells = 0, 0, 0
    found = tokens(source)
    for number, token in enumerate(found):
        match token:
            case "{":
                depth += 1
            case "}":
                depth -= 1
                assert depth >= 0
            case r"\(" | r"\[":
                maths += 1
            case r"\)" | r"\]":
                maths -= 1
            case r"\begin" | r"\end":
                name = re.match(r"\{([a-zA-Z]+)\}", "".join(found[number + 1 : number + 30]))
                assert name
                assert name[1] in ENVIRONMENTS
                cells += (name[1] not in {"document", "quoted", "apart", "items", "grid"}) * (
                    1 if token == r"\begin" else -1
                )
            case "^" | "_":
                assert maths
            case "&":
                assert cells
            case "$" | "#" | "~" | '"' | "`" | "|" | "<" | ">" if not maths:
                raise AssertionError(token)
            case _ if token[0] == "\\":
                assert token[1:] in ALLOWED or (maths and token[1:] in MATHS), token
        assert token.isprintable() or token in {"\n", "\u3000"} or not token.isascii(), ascii(token)
    assert (depth, maths, cells) == (0, 0, 0)


def inline(text: str) -> list[Node]:
    held: list[Node] = [Text(text)]
    return [
        Text(text), tree.Strong(held), tree.Delete(held), tree.InlineCode(text), tree.InlineMath(text), tree.Html(text),
        tree.Link(held, f"https://example.com/{text}"), tree.Link(held, text), tree.Link(held, f"#{text}"),
        tree.Figure(held, "not found", url="#h"), tree.Image(f"data:{text}", text), tree.Mark(held, text), tree.Mark(held, "ins"),
        tree.FootnoteReference(text), tree.Break(), Text(text),
    ]  # fmt: skip


def everywhere(text: str) -> Root:
    """A document with a text in every place that there is."""
    cell = TableCell(inline(text))
    table = tree.Table(
        [TableRow([cell, cell]), TableRow([cell], text)], ["center", None], inline(text), text, [False, True], text
    )
    held: list[Node] = [Paragraph(inline(text)), tree.Code(text, text, text), tree.Html(text), tree.Math(text)]
    return Root(
        [
            tree.Heading(inline(text), 2, text), *held, tree.Blockquote(held), tree.Callout(held, text, inline(text)),
            tree.List([tree.ListItem(held, True), tree.ListItem([table])], True, 7),
            tree.DefinitionList([tree.DefinitionTerm(inline(text)), tree.DefinitionDescription(held)]),
            table, tree.Table(table.children, kind="kpi"), tree.Chart(text, text, table, inline(text)),
            tree.FootnoteDefinition([*held, table], text),
        ],
        text, text, text, text, [(text, text)], [(text, text)],
    )  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS)
def test_no_text_is_a_command_in_any_place_of_a_document(text: str) -> None:
    check(body(latex_source(everywhere(text))))


@settings(max_examples=2_000, deadline=None)
@given(TEXTS, st.integers(4, 40))
def test_escaped_text_holds_no_command_but_ours(text: str, most: int) -> None:
    for written in (words(text, most), code(text, most), address(text)):
        check(written)
        assert not set(re.findall(r"\\([A-Za-z]+)", written)) - {
            "uni", "rtl", "brk", "nobreakspace", "thinspace", *(name for name in ALLOWED if name.startswith("text"))
        }  # fmt: skip


PIECES = st.sampled_from(
    [r"\frac", r"\sqrt", "{", "}", "^", "_", "a", "1", "+", r"\alpha", r"\left(", r"\right)", r"\begin{matrix}", r"\end{matrix}", "&",
     r"\\", "'", " ", "[", "]", r"\text{x y}", r"\def", r"\input", r"\csname", r"\write", r"\catcode", "$", "%", "#", "~", "é", "^^", r"\%",
     r"\operatorname{f}", r"\sum\limits", "\n\n", r"\(", r"\)", r"\text", r"\begin", r"\end{document}", r"\hbox", "<", "|"]
)  # fmt: skip


@settings(max_examples=2_000, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join), st.booleans())
def test_a_formula_is_of_harmless_commands_or_shown_as_code(tex: str, block: bool) -> None:
    check(formula(tex, block))


@pytest.mark.parametrize(
    "tex",
    [r"\input{/etc/passwd}", r"\def\x{}", r"\csname x\endcsname", r"\frac{a}", r"a^", "a^b^c", "{", "}", r"\left(a", "%", "$", "#", "^^5c", "&",
     r"\begin{tabular}x\end{tabular}", r"\begin{cases}a&b&c\end{cases}", r"\text{\x}", "x" * 2_001, "{" * 40 + "}" * 40, r"\hspace{9pt}"],
)  # fmt: skip
def test_what_is_no_harmless_formula_is_code(tex: str) -> None:
    assert formula(tex).startswith(r"\texttt{")


def test_formulas_of_every_day_are_formulas() -> None:
    assert formula("E = mc^2") == r"\(E = mc^{2}\)"
    assert formula(r"\frac12 \sum_{i=1}^n x_i'", block=True) == r"\[\frac{1}{2} \sum _{i=1}^{n} x_{i}^{\prime }\]"
    assert formula(r"\begin{cases}1&x>0\\0\end{cases}").startswith(r"\(\begin{cases}1& x>0\\{}0")


# The reader: what a file says, without the commands that say how.

UNESCAPED = {escape: char for char, escape in SPECIAL.items()}


def read(source: str) -> str:
    source = re.sub(r"\\(?:place|label|roomfor|footnotemark)(?:\[\d+\]|\{[^{}]*\})|\\brk\{\}", "", source)
    source = re.sub(r"\\href\{(?:\\.|[^{}])*\}|\\hyperlink\{[^{}]*\}", "", source)
    escapes = "|".join(map(re.escape, UNESCAPED))
    source = re.sub(escapes, lambda match: f"\x01{ord(UNESCAPED[match[0]]):x}\x02", source)
    source = re.sub(r"\\[A-Za-z]+|[{}]|\\(?= )", "", source)
    return " ".join(re.sub("\x01([0-9a-f]+)\x02", lambda match: chr(int(match[1], 16)), source).split())


def headings(source: str) -> list[str]:
    return [
        read(title)
        for title in re.findall(
            r"^\\roomfor.*?\\level\w+\[\{.*?\}\]\{(.*)\}(?:\\footnotetext.*)?$", source, re.MULTILINE
        )
    ]


def tables(source: str) -> list[list[list[str]]]:
    found = re.findall(r"\\begin\{longtable\}(.*?)\\end\{longtable\}", source, re.DOTALL)
    made = []
    for table in found:
        head = re.search(r"\\toprule (.*?)\\\\\n\\midrule\\endfirsthead", table, re.DOTALL)
        assert head
        rows = [head[1], *table[table.index(r"\endfoot") + 8 :].strip().removesuffix("\\\\").split("\\\\\n")]
        made.append([[read(cell) for cell in re.split(r"(?<!\\)&", row)] for row in rows])
    return made


SAMPLE = Root(
    [
        tree.Heading([Text("Costs & gains: 100 %")], 2, "costs"),
        Paragraph([Text("See "), tree.Link([Text("margin_a")], "#margin"), Text(" or "), tree.Link([Text("there")], "https://example.com/a_b?x=%20&y=1#z")]),
        tree.Table(
            [
                TableRow([TableCell([Text("Year")]), TableCell([Text("Revenue {USD}")])]),
                TableRow([TableCell([Text("2024")]), TableCell([Text("−1,234.5 \\ 7")])], "row"),
                TableRow([TableCell([tree.Strong([Text("[2025]")])]), TableCell([tree.InlineCode("a  b_c")])]),
            ],
            numeric=[False, True], caption=[Text("Table 1. All of it")],
        ),
        tree.Heading([tree.Emphasis([Text("Margin")])], 3, "margin"),
        Paragraph([tree.Figure([Text("12.5 %")], "found", url="#row"), Text(" and "), tree.Figure([Text("13 %")], "not found")]),
    ],
    "Acme",
)  # fmt: skip


def test_headings_cells_and_links_are_those_of_the_tree() -> None:
    source = body(latex_source(SAMPLE))
    assert headings(source) == [plain(node) for node in SAMPLE.children if isinstance(node, tree.Heading)]
    table = next(node for node in SAMPLE.children if isinstance(node, tree.Table))
    wanted = [
        [" ".join(plain(cell).split()) for cell in row.children] for row in table.children if isinstance(row, TableRow)
    ]
    assert tables(source) == [wanted]
    assert r"\href{https://example.com/a\_b?x=\%20\&y=1\#z}{there}" in source
    places = dict(re.findall(r"\\hyperlink\{(place-\d+)\}\{(\w+\\?_?\w*|12.5 \\%)\}", source))
    assert set(places.values()) == {r"margin\_a", r"12.5 \%"}
    assert all(rf"\place{{{place}}}" in source for place in places)
    assert r"\unfound{13}" in source


def test_the_head_of_a_table_stands_again_on_every_page_without_its_footnotes() -> None:
    head = TableRow([TableCell([Text("A"), tree.FootnoteReference("n")])])
    table = tree.Table([head, TableRow([TableCell([Text("x")])])])
    source = body(latex_source(Root([table, tree.FootnoteDefinition([Paragraph([Text("why")])], "n")])))
    assert source.count(r"\footnotemark[1]") == 1
    assert source.count(r"\footnotetext[1]{why}") == 1
    assert r"\toprule \textbf{A}\\" in source


def test_a_wide_table_stands_in_parts_that_have_room_and_keeps_every_cell() -> None:
    rows: list[Node] = [
        TableRow([TableCell([Text(f"{number}-{column}")]) for column in range(30)]) for number in range(3)
    ]
    found = tables(body(latex_source(Root([tree.Table(rows)]))))
    assert {len(row) for table in found for row in table} <= set(range(2, 13))
    assert {cell for table in found for row in table for cell in row} == {
        f"{n}-{c}" for n in range(3) for c in range(30)
    }


def test_a_cell_higher_than_a_page_is_set_as_paragraphs() -> None:
    rows: list[Node] = [TableRow([TableCell([Text("Name")])]), TableRow([TableCell([Text("word " * 3_000)])])]
    source = body(latex_source(Root([tree.Table(rows)])))
    assert "longtable" not in source
    assert source.count("word") == 3_000


def test_the_same_tree_gives_the_same_text_and_what_is_lost_is_said() -> None:
    given = Document(json.dumps(to_json(SAMPLE)), "tree", {"run": "1"})
    made = TreeToLatex().convert(given)
    assert made == TreeToLatex().convert(given)
    assert (made.format, made.metadata) == ("latex", {"run": "1"})
    assert TreeToLatex.loses == {"charts", "images", "style"}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", '{"type":"paragraph"}', '{"type":"root","children":[{"type":"x"}]}', "[" * 100_000]
)
def test_what_is_no_tree_is_refused(text: str) -> None:
    with pytest.raises(ConversionError, match="no document tree"):
        TreeToLatex().convert(Document(text, "tree"))


def test_a_tree_that_is_too_large_is_refused() -> None:
    with pytest.raises(ConversionError, match="20,000,000 are allowed"):
        TreeToLatex().convert(Document(" " * 20_000_001, "tree"))


def _shapes(size: int) -> dict[str, Root]:
    row: list[Node] = [TableRow([TableCell([Text("1")])] * 20)] * (size // 20)
    bold: list[Node] = [tree.Strong([Text("x")])]
    return {
        "word": Root([Paragraph([Text("x" * size * 20)])]),
        "specials": Root([Paragraph([Text("\\{`--^^" * size * 3)])]),
        "foreign": Root([Paragraph([Text("中e\u0301🙂 " * size * 4)])]),
        "lines": Root([tree.Code("\n" * size * 4)]),
        "cells": Root([tree.Table(row)]),
        "wide": Root([tree.Table([TableRow([TableCell([Text("1")])] * size)] * 2)]),
        "footnotes": Root(
            [Paragraph([tree.FootnoteReference("a")] * size), tree.FootnoteDefinition([Paragraph(bold)], "a")]
        ),
        "formulas": Root([tree.Math("{" * 1_000)] * (size // 100)),
    }


@pytest.mark.parametrize("shape", sorted(_shapes(20)))
def test_time_grows_with_the_size_of_a_document_and_not_faster(shape: str) -> None:
    def spent(size: int) -> float:
        document: Any = _shapes(size)[shape]
        times = []
        for _ in range(3):
            start = time.thread_time()
            latex_source(document)
            times.append(time.thread_time() - start)
        return min(times)

    assert spent(8_000) < 4 * 3 * spent(2_000) + 0.05
