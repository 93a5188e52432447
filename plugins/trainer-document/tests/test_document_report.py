"""What every format of a report has, on the tree: title block, captions, figures that lead to records, an appendix."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from trainer_document.outline import contents
from trainer_document.report import enrich
from trainer_document.tree import (
    Callout,
    Figure,
    Heading,
    InlineCode,
    Link,
    Node,
    Paragraph,
    Root,
    Strong,
    Table,
    TableCell,
    TableRow,
    Text,
    from_json,
    plain,
    to_json,
    walk,
)

SOURCES = [
    {"name": "apple", "ref": "yahoo:AAPL:20251119@3", "source": "yahoo", "subject": "AAPL", "hash": "0c69cff18d2e74fc",
     "url": "https://example.com/AAPL", "retrieved": "2025-11-19T14:48:00+01:00"},
    {"name": "micron", "ref": "yahoo:MU:20251119@1", "source": "yahoo", "subject": "MU", "url": "javascript:x()"},
]  # fmt: skip
APPLE, MICRON = (str(source["ref"]) for source in SOURCES)


def figure(text: str, ref: str | None = APPLE, **more: Any) -> Figure:
    return Figure([Text(text)], **{"status": "found", "ref": ref, "path": f"quote.{text}", **more})


def table(*rows: list[Any]) -> Table:
    cells = [[TableCell([cell if isinstance(cell, Node) else Text(cell)]) for cell in row] for row in rows]
    return Table([TableRow(list(row)) for row in cells], [None] * len(rows[0]))


def report(*nodes: Node, **metadata: Any) -> Root:
    return enrich(Root(list(nodes)), {"sources": SOURCES, **metadata})


def tables(root: Root) -> list[Table]:
    return [node for node in walk(root) if isinstance(node, Table)]


def urls(node: Node) -> dict[str, str]:
    return {plain(below): below.url for below in walk(node) if isinstance(below, Figure | Link) and below.url}


def test_a_figure_in_a_sentence_leads_to_its_record_and_one_of_none_to_what_is_wrong_with_it():
    root = report(
        Paragraph([figure("1"), figure("2", MICRON), figure("3", None, status="wrong scale", reason="by 10^3")])
    )
    assert urls(root.children[0]) == {"1": "#source-1", "2": "#source-2", "3": "#check-1"}
    ids = {row.id: [plain(cell) for cell in row.children] for row in walk(root) if isinstance(row, TableRow) and row.id}
    assert ids["source-2"][0] == f"micron {MICRON}"
    assert ids["check-1"] == ["3", "wrong scale: by 10^3"]


def test_rows_of_one_record_each_are_marked_at_their_heads():
    root = report(
        table(["t", "v", "w"], ["AAPL", figure("1"), figure("2")], ["MU", figure("3", MICRON), figure("4", MICRON)])
    )
    assert urls(root.children[0]) == {"AAPL": "#source-1", "MU": "#source-2"}


def test_columns_of_one_record_each_are_marked_at_their_heads():
    root = report(
        table(["t", "AAPL", "MU"], ["a", figure("1"), figure("2", MICRON)], ["b", figure("3"), figure("4", MICRON)])
    )
    assert urls(root.children[0]) == {"AAPL": "#source-1", "MU": "#source-2"}


def test_figures_of_mixed_rows_and_columns_are_marked_each():
    root = report(table(["t", "a", "b"], ["x", figure("1"), figure("2", MICRON)]))
    assert urls(root.children[0]) == {"1": "#source-1", "2": "#source-2"}


def test_a_figure_of_no_record_keeps_its_own_mark_in_a_marked_row():
    wrong = figure("9", None, status="not found")
    root = report(table(["t", "a", "b", "c"], ["x", figure("1"), figure("2"), wrong]))
    assert urls(root.children[0]) == {"x": "#source-1", "9": "#check-1"}


def test_a_record_that_is_not_listed_is_not_led_to():
    assert urls(report(Paragraph([figure("1", "other@1")])).children[0]) == {}


def test_the_appendix_says_how_many_fields_of_a_record_are_cited_inputs_included():
    derived = figure("5%", status="derived", formula="a / b")
    inputs = [{"ref": MICRON, "path": "b", "value": 1}, {"ref": MICRON, "path": "c", "value": 2}]
    root = report(
        Paragraph([figure("1"), figure("1"), derived]), figures=[{"inputs": inputs}, "nonsense", {"inputs": 3}]
    )
    records = tables(root)[0]
    assert [plain(row.children[-1]) for row in records.children] == ["Fields cited", "2", "2"]


def test_an_address_of_a_record_is_a_link_only_if_it_may_be_one():
    records = tables(report(Paragraph([Text("x")])))[0]
    assert list(urls(records).values()) == ["https://example.com/AAPL"]
    assert "javascript:x()" in plain(records)
    assert "2025-11-19 13:48" in plain(records)


def test_warnings_findings_and_lost_quotes_are_told():
    root = report(
        Paragraph([Text("x")]),
        warnings=["The quote is old."],
        findings=[{"guard": "leaks", "category": "key", "severity": "high", "message": "A key."}],
        quotes=[{"text": "to the moon", "status": "not found"}, {"text": "fine", "status": "found"}],
    )
    callouts = [node for node in root.children if isinstance(node, Callout)]
    assert [(node.kind, plain(node.title)) for node in callouts] == [
        ("warning", "Warning"),
        ("caution", "What the checks found"),
    ]
    assert "A key. leaks · key · high" in plain(callouts[1])
    assert "to the moon" in plain(tables(root)[-1])
    assert "fine" not in plain(tables(root)[-1])


def test_more_wrong_figures_than_can_be_read_are_counted():
    wrong = [figure(str(number), None, status="not found") for number in range(300)]
    root = report(Paragraph([*wrong]))
    assert len(tables(root)[-1].children) == 201
    assert plain(root.children[-1]) == "100 more do not either."
    assert wrong[250].url == ""


def test_a_caption_is_taken_up_and_numbered_and_names_the_table():
    first, second = (table(["a", "b"], ["x", "1"]) for _ in range(2))
    root = report(
        Heading([Text("Part")]),
        Heading([Text("Sub")], 2),
        table(["a"], ["b"]),
        Paragraph([Strong([Text("Table 7.")]), Text(" Margins")]),
        first,
        Paragraph([Text("Table: Growth")]),
        second,
    )
    assert [plain(node.caption) for node in tables(root)[:3]] == ["", "Table 7. Margins", "Table 2. Growth"]
    assert [node.label for node in tables(root)[:3]] == ["Sub", "Margins", "Growth"]
    assert not any(plain(node).startswith("Table") for node in root.children if isinstance(node, Paragraph))


@pytest.mark.parametrize(("rows", "kind"), [(1, "kpi"), (8, "kpi"), (9, "")])
def test_a_small_table_right_below_the_words_key_figures_is_a_strip(rows, kind):
    strip = table(["What", "Figure", "Of"], *[["Revenue", figure("1"), "AAPL"]] * rows)
    root = report(Paragraph([Text("Key figures:")]), strip)
    assert tables(root)[0].kind == kind
    assert ("Key figures" in plain(root.children[0])) == (not kind)


def test_columns_of_figures_get_true_minus_signs_and_dashes_and_are_filled_up():
    ragged = table(["t", "v", "w", "x"], ["a-b", "-1", "-", "-"], ["c", "2", "3", ""])
    ragged.children[2].children.pop()
    root = report(ragged)
    rows = [[plain(cell) for cell in row.children] for row in tables(root)[0].children]
    assert rows[1:] == [["a-b", "−1", "—", "-"], ["c", "2", "3", ""]]
    assert tables(root)[0].numeric == [False, True, True, False]


def test_no_heading_of_a_text_takes_the_place_of_a_record():
    root = report(Heading([Text("Source 1")], 2), Heading([Text("Check 1")], 2), Paragraph([figure("1")]))
    ids = [node.id for node in walk(root) if isinstance(node, Heading | TableRow) and node.id]
    assert len(ids) == len(set(ids))
    assert [section.id for section in contents(root)] == ["source-1-1", "check-1-1", "page.sources"]


def test_a_run_tells_what_it_cost_and_how_it_was_written():
    root = report(Paragraph([Text("x")]), run="r-1", cost=0.5, tokens=1200, writer="offline", params={"TICKER": "MU"})
    assert root.origin == [("Run", "r-1"), ("Tokens", "1,200"), ("Cost", "$0.5000")]
    assert root.facts[0][1].startswith("without a language model")
    assert ("Ticker", "MU") in root.facts


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda item: st.lists(item, max_size=3)
                    | st.dictionaries(st.text(max_size=4), item, max_size=3), max_leaves=8)  # fmt: skip
KEYS = st.sampled_from(
    [
        "title",
        "subtitle",
        "run",
        "date",
        "cost",
        "tokens",
        "params",
        "sources",
        "figures",
        "quotes",
        "warnings",
        "findings",
        "model",
    ]
)


@given(metadata=st.dictionaries(KEYS, JSON, max_size=6))
def test_no_metadata_whatever_its_types_breaks_a_report(metadata):
    root = enrich(Root([Paragraph([figure("1"), InlineCode("x")])]), metadata)
    assert from_json(to_json(root)) == root
