"""A chart in Vega-Lite looks like the others, on a dark screen too, and its data reads as figures and years."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from trainer_document.tree import plain
from trainer_vega import chart

RECORDS = {"sales": [{"year": 2020 + n, "value": 1000 * n, "part": "ab"[n % 2]} for n in range(4)]}
SPEC = {
    "mark": "bar",
    "encoding": {
        "x": {"field": "year", "type": "ordinal"},
        "y": {"field": "value", "type": "quantitative"},
        "color": {"field": "part", "type": "nominal"},
    },
}


def drawn(**changes: Any) -> Any:
    return chart({"type": "vega-lite", "title": "Sales", "data": "sales", "spec": {**SPEC, **changes}}, RECORDS)


def test_marks_and_lines_have_the_classes_of_a_page_and_words_have_none() -> None:
    elements = list(ET.fromstring(drawn().svg).iter())
    classes = {element.get("class") for element in elements}
    assert {"s0", "s1", "grid", "axis"} <= classes
    assert not [element for element in elements if element.tag.endswith("text") and element.get("class")]


def test_a_colour_that_the_author_chose_stays() -> None:
    svg = drawn(
        mark={"type": "bar", "color": "#123456"}, encoding={**SPEC["encoding"], "color": {"value": "#123456"}}
    ).svg  # type: ignore[dict-item]  # as above
    filled = [element for element in ET.fromstring(svg).iter() if element.get("fill") == "#123456"]
    assert filled
    assert not any(element.get("class") for element in filled)


def test_it_is_as_wide_as_the_text_unless_it_says_otherwise() -> None:
    wide, narrow = (float(ET.fromstring(drawn(**changes).svg).get("width", "")) for changes in ({}, {"width": 100}))
    assert narrow < 300 < wide < 800


def test_years_are_not_set_as_amounts() -> None:
    rows = [[plain(cell) for cell in row.children] for row in drawn().table.children]
    assert rows[1:3] == [["2020", "0", "a"], ["2021", "1,000", "b"]]
