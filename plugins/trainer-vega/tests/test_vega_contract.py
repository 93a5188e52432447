"""The type `vega-lite` keeps the contract of charts."""

from __future__ import annotations

from typing import Any, ClassVar

from trainer_document.testing import ChartContract
from trainer_vega import chart

ROWS = [{"end": f"{year}-12-31", "value": (year - 2019) * 10, "note": "</text><script>"} for year in (2020, 2021, 2022)]


def fence(mark: str, **more: Any) -> dict[str, Any]:
    encoding = {"x": {"field": "end", "type": "ordinal"}, "y": {"field": "value", "type": "quantitative"}, **more}
    return {"type": "vega-lite", "title": "Money", "data": "facts", "spec": {"mark": mark, "encoding": encoding}}


class TestVegaLite(ChartContract):
    plugin = staticmethod(chart)
    records: ClassVar[dict[str, Any]] = {"facts": ROWS}
    fences = (fence("point"), fence("text", text={"field": "note"}))
    refused = (
        {"type": "vega-lite"},
        fence("image"),
        fence("point", x={"field": "end", "axis": {"labelExpr": "1"}}),
        fence("point", x={"field": "no"}, y={"field": "no"}),
    )
