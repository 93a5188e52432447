"""Vega-Lite draws the run's data, and nothing else."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from importlib.metadata import entry_points
from typing import Any

import pytest

from trainer.errors import ConversionError
from trainer_document.charts import chart
from trainer_document.policy import is_drawing
from trainer_document.tree import Chart, plain

ROWS = [
    {"metric": metric, "end": f"{year}-12-31", "value": value * (year - 2019), "note": "<b>"}
    for metric, value in (("revenue", 10_000_000), ("net_income", -2_500_000))
    for year in (2020, 2021, 2022)
]
POINTS: dict[str, Any] = {
    "mark": "point",
    "encoding": {
        "x": {"field": "end", "type": "temporal"}, "y": {"field": "value", "type": "quantitative"},
        "color": {"field": "metric"},
    },
}  # fmt: skip


def drawn(spec: Any = None, **changed: Any) -> Chart:
    fence = {"type": "vega-lite", "title": "Money & <more>", "data": "facts", "spec": spec or POINTS, **changed}
    sources = [{"name": "facts", "source": "file", "ref": "k@1"}]
    return chart(
        json.dumps({key: value for key, value in fence.items() if value is not None}), {"facts": ROWS}, sources
    )


def test_it_is_found_by_its_type() -> None:
    (entry,) = entry_points(group="trainer.chart", name="vega-lite")
    assert entry.load().__module__ == "trainer_vega"


def test_a_drawing_has_title_description_data_and_source() -> None:
    made = drawn(unit="USD", where={"metric": "revenue"})
    root = ET.fromstring(made.svg)
    assert made.title == "Money & <more>, USD"
    assert (root.get("role"), root[0].text) == ("img", "Money & <more>")
    assert "revenue" in (root[1].text or "")
    rows = [[plain(cell) for cell in row.children] for row in made.table.children]  # type: ignore[attr-defined]
    assert rows == [["end", "value", "metric"], *([f"{year}-12-31", f"{10 * (year - 2019)},000,000", "revenue"]
                                                  for year in (2020, 2021, 2022))]  # fmt: skip
    assert made.table.numeric == [False, True, False]
    assert plain(made.source) == "Source: file, k@1"


@pytest.mark.parametrize(
    "spec",
    [
        POINTS,
        {**POINTS, "mark": {"type": "bar", "tooltip": True}},
        {**POINTS, "mark": "boxplot"},
        {"mark": "rect", "encoding": {"x": {"field": "end"}, "y": {"field": "metric"}, "color": {"field": "value", "type": "quantitative", "legend": {"type": "symbol"}}}},
        {"layer": [{**POINTS, "mark": "line"}, POINTS], "width": 300, "height": 200},
        {"mark": "text", "encoding": {**POINTS["encoding"], "text": {"field": "note"}}},
    ],
    ids=["points", "bars", "boxes", "heat map", "layers", "texts"],
)  # fmt: skip
def test_what_is_drawn_is_shapes_and_words_alone(spec: Any) -> None:
    made = drawn(spec)
    assert is_drawing(made.svg)
    assert len(list(ET.fromstring(made.svg).iter())) > 10


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"title": None}, "title is missing"),
        ({"colour": "red"}, "colour is not known"),
        ({"data": "made up"}, "the run has no data 'made up'"),
        ({"where": {"metric": "ebitda"}}, "no row of facts"),
        ({"spec": {"layers": []}}, "no drawing of marks"),
        ({"spec": {"encoding": {}}}, "no drawing of marks"),
        ({"spec": {"mark": "point", "encoding": {"x": {"field": "nothing"}}}}, "names no field of facts"),
        ({"spec": {**POINTS, "data": {"url": "http://127.0.0.1:1/x"}}}, "no drawing of marks"),
        ({"spec": {"layer": [{**POINTS, "data": {"url": "file:///etc/passwd"}}]}}, "uses 'data'"),
        ({"spec": {**POINTS, "mark": "image"}}, "uses 'image'"),
        ({"spec": {"layer": [{**POINTS, "mark": {"type": "image"}}]}}, "uses 'image'"),
        ({"spec": {**POINTS, "mark": {"type": "point", "href": "http://x"}}}, "uses 'href'"),
        ({"spec": {**POINTS, "mark": {"type": "point", "color": {"expr": "1"}}}}, "uses 'expr'"),
        ({"spec": {"layer": [{**POINTS, "transform": [{"sequence": {"start": 0, "stop": 1e9}}]}]}}, "uses 'transform'"),
        ({"spec": {**POINTS, "mark": "none of all"}}, "Vega-Lite cannot draw it"),
        (
            {"spec": {"mark": "point", "encoding": {"color": {"field": "value", "type": "quantitative"}}}},
            "more than shapes",
        ),
    ],
)
def test_what_is_refused_is_told(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConversionError) as caught:
        drawn(**changed)
    assert problem in caught.value.problem
    assert caught.value.remedy


def test_a_drawing_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer_vega.SECONDS", 2)
    axis = {"field": "value", "type": "quantitative", "axis": {"tickCount": 10**9, "tickMinStep": 1e-9}}
    endless = {
        "mark": "point",
        "encoding": {"x": axis, "y": {**axis, "scale": {"domain": [0, 1e9]}, "bin": {"step": 1e-6}}},
    }
    try:
        assert is_drawing(drawn(endless).svg)  # Vega-Lite may know better
    except ConversionError as error:
        assert "Vega-Lite cannot draw it" in error.problem
