"""A chart shows what the run's data says, or says why it cannot."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trainer.errors import ConversionError
from trainer_document.charts import chart, draw
from trainer_document.charts.scale import short, ticks
from trainer_document.policy import is_drawing
from trainer_document.tree import Callout, Chart, Code, Link, Node, Root, Text, from_json, plain, to_json

ROWS = [
    {"metric": metric, "end": f"{year}-12-31", "value": value * (year - 2019), "company": company}
    for company, size in (("Acme", 1), ("Northwind <b>", 2))
    for metric, value in (("revenue", 10_000_000 * size), ("net_income", -2_500_000 * size))
    for year in (2020, 2021, 2022, 2023)
]
RECORDS = {"facts": {"entity": "Acme", "rows": ROWS}, "note": "words", "empty": []}
SOURCES = [{"name": "other"}, {"name": "facts", "source": "file", "ref": "file:facts@2"}]


def fence(**changed: Any) -> str:
    spec = {
        "type": "line", "title": "Revenue", "data": "facts.rows", "x": "end", "y": "value", "unit": "USD",
        "where": {"metric": "revenue", "company": "Acme"},
    }  # fmt: skip
    return json.dumps({name: value for name, value in {**spec, **changed}.items() if value is not None})


def texts(drawn: Chart) -> list[str]:
    return [node.text or "" for node in ET.fromstring(drawn.svg).iter("{http://www.w3.org/2000/svg}text")]


def cells(drawn: Chart) -> list[list[str]]:
    return [[plain(cell) for cell in row.children] for row in drawn.table.children]  # type: ignore[attr-defined]


def test_a_chart_carries_its_title_unit_source_and_data() -> None:
    drawn = chart(fence(), RECORDS, SOURCES)
    assert drawn.title == "Revenue, USD"
    assert drawn.source == [Text("Source: "), Link([Text("file, file:facts@2")], "#source-2")]
    assert cells(drawn) == [
        ["end", "value"], ["2020-12-31", "10,000,000"], ["2021-12-31", "20,000,000"], ["2022-12-31", "30,000,000"],
        ["2023-12-31", "40,000,000"],
    ]  # fmt: skip
    assert from_json(json.loads(json.dumps(to_json(drawn)))) == drawn


def test_a_drawing_says_in_words_what_it_shows() -> None:
    root = ET.fromstring(chart(fence(), RECORDS).svg)
    assert root.get("role") == "img"
    assert root[0].text == "Revenue"
    assert root[1].text == (
        "Line chart of value by end. from 10,000,000 USD (2020-12-31) to 40,000,000 USD (2023-12-31); "
        "least 10,000,000 (2020-12-31), most 40,000,000 (2023-12-31)."
    )


def test_the_points_of_a_line_stand_where_their_numbers_say() -> None:
    root = ET.fromstring(chart(fence(), RECORDS).svg)
    dots = [
        (float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in root.iter("{http://www.w3.org/2000/svg}circle")
    ]
    rises = [before[1] - after[1] for before, after in pairwise(dots)]
    assert len(dots) == 4
    assert max(rises) - min(rises) < 0.3
    assert all(rise > 0 for rise in rises)


@pytest.mark.parametrize("kind", ["line", "area", "bar", "spark"])
def test_every_kind_draws_several_series_and_names_them(kind: str) -> None:
    drawn = chart(fence(type=kind, series="company", where={"metric": "net_income"}), RECORDS)
    assert cells(drawn)[0] == ["end", "Acme", "Northwind <b>"]
    assert cells(drawn)[1] == ["2020-12-31", "−2,500,000", "−5,000,000"]
    assert kind == "spark" or "Northwind <b>" in texts(drawn)


def test_bars_and_areas_begin_at_zero() -> None:
    for kind in ("bar", "area"):
        assert "0" in texts(chart(fence(type=kind, where={"metric": "revenue", "company": "Acme"}), RECORDS))


def test_dates_that_differ_in_the_year_alone_are_shown_as_years() -> None:
    assert {"2020", "2021", "2022", "2023"} <= set(texts(chart(fence(), RECORDS)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "it is no JSON"),
        ("[1]", "type is missing"),
        (fence(title=None, colour="red"), "title is missing, colour is not known"),
        (fence(title=3), "its title is '3'"),
        (fence(x=""), "its x is ''"),
        (fence(type="pie"), "no type of chart 'pie'"),
        (fence(data="revenues"), "the run has no data 'revenues'"),
        (fence(data="note"), "note is no list of rows"),
        (fence(data="empty"), "empty is no list of rows"),
        (fence(data="facts.none"), "facts.none is no list of rows"),
        (fence(y="amount"), "have no field amount"),
        (fence(series="country"), "have no field country"),
        (fence(where={"metric": "ebitda"}), "no row of facts.rows is as `where` asks"),
        (fence(where={"metric": "revenue"}), "two values of value where end is 2020-12-31"),
        (fence(y="metric"), "metric is 'revenue' where end is"),
        ("[" * 100_000, "it is no JSON"),
    ],
)
def test_a_chart_that_cannot_be_drawn_is_an_error_that_says_why(text: str, problem: str) -> None:
    with pytest.raises(ConversionError) as caught:
        chart(text, RECORDS)
    assert problem in caught.value.problem
    assert caught.value.remedy


def test_in_a_report_the_error_stands_above_the_fence_and_nothing_is_lost() -> None:
    good, bad = Code(fence(), "chart"), Code(fence(data="made up"), "chart")
    root = Root([Callout([good]), bad, Code("x = 1", "python")])
    draw(root, {"records": RECORDS, "sources": SOURCES})
    assert isinstance(root.children[0], Callout)
    assert isinstance(root.children[0].children[0], Chart)
    told = root.children[1]
    assert isinstance(told, Callout)
    assert "no data 'made up'. It has: empty, facts, note." in plain(told)
    assert root.children[2:] == [bad, Code("x = 1", "python")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["x", "y", "s", "rows"]), inner, max_size=4)
    ),
    max_leaves=12,
)
ROW = st.fixed_dictionaries(
    {"x": st.text(max_size=6) | st.dates().map(str) | st.integers(), "y": st.floats() | st.integers(-(10**30), 10**30)},
    optional={"s": st.text(max_size=30)},
)


@given(st.lists(ROW, max_size=12) | JSON, st.sampled_from(["line", "area", "bar", "spark"]), st.text(max_size=20))
def test_whatever_the_data_is_it_is_drawn_safely_or_refused(rows: Any, kind: str, title: str) -> None:
    text = json.dumps({"type": kind, "title": title, "data": "d", "x": "x", "y": "y", "series": "s"})
    try:
        drawn = chart(text, {"d": rows})
    except ConversionError:
        return
    assert is_drawing(drawn.svg)
    shapes = ["d", "x", "y", "cx", "cy", "width", "height"]
    placed = [node.get(name, "") for node in ET.fromstring(drawn.svg).iter() for name in shapes]
    assert not any("n" in place for place in placed)  # no nan, no inf


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>", "<image href='/etc/passwd'/>", "<use xmlns:x='http://www.w3.org/1999/xlink' x:href='#a'/>",
        "<style>@import 'http://x'</style>", "<rect onload='alert(1)'/>", "<rect fill='url(http://x)'/>", "<foreignObject/>",
        "<rect style='fill:red'/>", "<!-- -->", "<a href='http://x'><rect/></a>", "<text>", "<p xmlns='http://www.w3.org/1999/xhtml'/>",
        "<path xmlns:x='http://www.w3.org/1999/xlink' x:href='http://x'/>", "<set attributeName='x'/>", "&e;",
    ],
)  # fmt: skip
def test_a_drawing_with_anything_but_shapes_is_none(inside: str) -> None:
    assert is_drawing('<svg xmlns="http://www.w3.org/2000/svg"><rect x="1"/></svg>')
    assert not is_drawing(f'<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>')
    assert not is_drawing(f"<!DOCTYPE svg [<!ENTITY e SYSTEM '/etc/passwd'>]><svg>{inside}</svg>")


@given(st.floats(-1e15, 1e15), st.floats(-1e15, 1e15))
def test_an_axis_reaches_over_its_numbers_in_few_round_steps(one: float, other: float) -> None:
    marks = ticks(min(one, other), max(one, other))
    room = 1e-9 * abs(one - other)  # of a number that is nothing beside the other
    assert marks[0] <= min(one, other) + room
    assert max(one, other) <= marks[-1] + room
    assert 2 <= len(marks) <= 9
    assert len(set(short(marks))) == len(marks)


def test_a_node_that_is_no_chart_is_left_alone() -> None:
    nodes: list[Node] = [Code(fence(), "json")]
    root = Root(list(nodes))
    draw(root, {})
    assert root.children == nodes
