"""A Vega-Lite specification as SVG. Importing this imports vl-convert."""

from __future__ import annotations

import contextlib
from xml.etree import ElementTree

from vl_convert import vegalite_to_svg

from trainer_document.policy import SVG, is_drawing

MEMORY = 1_000_000_000  # bytes
CONFIG = {
    "background": "transparent", "font": "Inter, system-ui, sans-serif", "view": {"stroke": None},
    "axis": {"grid": True, "gridColor": "#d9dde3", "domainColor": "#5b6472", "tickColor": "#5b6472",
             "labelColor": "#5b6472", "titleColor": "#5b6472"},
    "range": {"category": ["#1f6f8b", "#c2571a", "#3f7d4e", "#8a4b9c", "#a67c00", "#2f4b9b", "#b03a5b", "#5b6472"]},
    "mark": {"color": "#1f6f8b"}, "legend": {"labelColor": "#5b6472", "titleColor": "#5b6472"},
}  # fmt: skip
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
