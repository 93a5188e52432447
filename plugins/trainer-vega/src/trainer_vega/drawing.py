"""A Vega-Lite specification as SVG. Importing this imports vl-convert."""

from __future__ import annotations

import contextlib
from xml.etree import ElementTree

from vl_convert import vegalite_to_svg

from trainer_document.charts.drawing import COLOURS, FAINT, GRID
from trainer_document.policy import SVG, is_drawing

MEMORY = 1_000_000_000  # bytes
LETTERS = {"labelColor": FAINT, "titleColor": FAINT, "labelFontSize": 12, "titleFontSize": 12}
CONFIG = {
    "background": "transparent", "font": "Inter, system-ui, sans-serif",
    "view": {"stroke": None, "continuousWidth": 560, "continuousHeight": 280, "discreteWidth": 560},
    "axis": {"grid": True, "gridColor": GRID, "domainColor": FAINT, "tickColor": FAINT, **LETTERS},
    "range": {"category": list(COLOURS)}, "mark": {"color": COLOURS[0]}, "legend": LETTERS,
}  # fmt: skip
# For which a page's style sheet has others, on a dark screen: the classes of what is filled, and of lines.
FILLED = {colour: f"s{number}" for number, colour in enumerate(COLOURS)}
DRAWN = {colour: f"l{number}" for number, colour in enumerate(COLOURS)} | {GRID: "grid", FAINT: "axis"}
KEPT = {
    "viewBox", "width", "height", "transform", "d", "x", "y", "x1", "x2", "y1", "y2", "r", "cx", "cy", "fill",
    "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-miterlimit", "opacity",
    "text-anchor", "font-family", "font-size", "font-weight", "pointer-events",
}  # fmt: skip


def draw(spec: bytes, *, title: str) -> bytes:
    """The drawing of a specification that has its data in it: shapes and words alone, nothing fetched.

    Raises `ValueError` for what Vega-Lite refuses, and for what is more than a drawing.
    """
    _limit()
    drawn = vegalite_to_svg(spec.decode(), config=CONFIG, allowed_base_urls=[], show_warnings=False)
    ElementTree.register_namespace("", SVG.strip("{}"))
    root = ElementTree.fromstring(drawn)  # noqa: S314  # written by vl-convert a line ago
    told = [element.get("aria-label", "") for element in root.iter() if element.get("aria-label")]
    for element in root.iter():
        for name in [name for name in element.attrib if name not in KEPT]:
            del element.attrib[name]
        filled = element.tag != f"{SVG}text" and FILLED.get(element.get("fill", ""))  # words are as those of the page
        classes = [name for name in (filled, DRAWN.get(element.get("stroke", ""))) if name]
        if classes:
            element.set("class", " ".join(classes))
    root.set("role", "img")
    for place, (name, words) in enumerate([("title", title), ("desc", "; ".join(told)[:2_000] or title)]):
        made = ElementTree.Element(f"{SVG}{name}")
        made.text = words
        root.insert(place, made)
    svg = ElementTree.tostring(root, encoding="unicode")
    if not is_drawing(svg):
        raise ValueError("it is more than shapes and words, such as a legend of flowing colours")
    return svg.encode()


def _limit() -> None:
    """Limit the memory that is written to, which is not what V8 reserves. This process draws one chart and ends."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
