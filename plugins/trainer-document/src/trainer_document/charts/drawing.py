"""A chart as SVG that can stand in any page or document: no script, no address, no style sheet.

Colours are given as attributes, which every reader of SVG knows; the classes `ink`, `faint`, `grid`, `s0` … `s7` let a
page's style sheet choose others, for a dark screen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape as escaped

from trainer_document.charts.scale import short, shown, ticks
from trainer_document.charts.spec import Point, Series, Spec

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 14, 34
INK, FAINT, GRID = "#1c2430", "#5b6472", "#d9dde3"
# Told apart by those who do not see all colours, and dark enough on white (Okabe and Ito 2008, darkened).
COLOURS = ("#1f6f8b", "#c2571a", "#3f7d4e", "#8a4b9c", "#a67c00", "#2f4b9b", "#b03a5b", "#5b6472")
DASHES = ("", "6 3", "2 3", "8 3 2 3")
LETTER = 7  # about the width of one
DATE = re.compile(r"(\d{4})-(\d\d-\d\d)")
UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
FONT = 'font-family="Inter, system-ui, sans-serif" font-size="12"'


def escape(words: str) -> str:
    """Words for SVG, with what XML cannot hold replaced by U+FFFD."""
    return escaped(UNWRITABLE.sub("\ufffd", words))


def svg(spec: Spec, drawn: Sequence[Series], lang: str = "en") -> str:
    """The drawing, with a title and a description of what it shows."""
    low, high = _range(spec, drawn)
    spark = spec.type == "spark"
    marks = ticks(low, high)
    frame = _Frame(drawn, spec.type == "bar", [low, high] if spark else marks, spark)
    parts = [] if spark else [*_grid(frame, marks), *_names(frame), *_legend(drawn)]
    parts += _bars(frame, drawn) if spec.type == "bar" else _lines(frame, drawn, spec.type == "area")
    width, height = frame.width, frame.height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" lang="{escape(lang)}" {FONT}>'
        f"<title>{escape(spec.title)}</title><desc>{escape(_said(spec, drawn))}</desc>{''.join(parts)}</svg>"
    )


class _Frame:
    """Where a point of the data stands on the drawing."""

    def __init__(self, drawn: Sequence[Series], bars: bool, marks: Sequence[float], spark: bool) -> None:
        self.places = {point.x: point.at for series in drawn for point in series.points}
        self.width, self.height = (240, 48) if spark else (WIDTH, HEIGHT)
        self.left, self.right, self.top, self.bottom = (4, 4, 4, 4) if spark else (LEFT, RIGHT, TOP, BOTTOM)
        if not spark and len(drawn) > 1:
            self.top += 24
        self._low, self._high = marks[0], marks[-1]
        ends = min(self.places.values()), max(self.places.values())
        self._first, self._last = (ends[0] - 0.5, ends[1] + 0.5) if bars or ends[0] == ends[1] else ends

    def x(self, at: float) -> float:
        share = (at - self._first) / ((self._last - self._first) or 1.0)
        return self.left + share * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        share = (value - self._low) / ((self._high - self._low) or 1.0)
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)

    @property
    def step(self) -> float:
        """The width of one place of an axis in turn."""
        return self.x(1.0) - self.x(0.0)


def _range(spec: Spec, drawn: Sequence[Series]) -> tuple[float, float]:
    values = [point.y for series in drawn for point in series.points]
    low, high = min(values), max(values)
    if spec.type in {"bar", "area"} or (spec.type == "line" and 0 <= low <= high / 2):
        return min(low, 0.0), max(high, 0.0)  # an area and a bar that do not begin at zero show what is not so
    return low, high


def _grid(frame: _Frame, marks: Sequence[float]) -> list[str]:
    end = frame.width - frame.right
    parts = []
    for value, word in zip(marks, short(marks), strict=True):
        y = frame.y(value)
        stroke, name = (FAINT, "axis") if value == 0 else (GRID, "grid")
        parts.append(f'<path class="{name}" d="M{frame.left} {y:.1f}H{end}" stroke="{stroke}" stroke-width="1"/>')
        parts.append(_text(frame.left - 8, y + 4, word, "end"))
    return parts


def _names(frame: _Frame) -> list[str]:
    """As many names of places along the axis as have room: the last one always has."""
    names = _shortened(list(frame.places))
    half = max(map(len, names.values())) * LETTER / 2
    parts: list[str] = []
    limit = float("inf")
    for word, at in sorted(frame.places.items(), key=lambda item: -item[1]):
        x = frame.x(at)
        if x + 2 * half + 14 <= limit or limit == float("inf"):
            anchor = "end" if x + half > frame.width else "start" if x < half else "middle"
            parts.append(_text(x, frame.height - 12, names[word], anchor))
            limit = x
    return parts


def _shortened(words: Sequence[str]) -> dict[str, str]:
    """Dates that differ in their year alone by their year; other words up to 22 letters."""
    dates = [DATE.fullmatch(word) for word in words]
    if len(words) > 1 and all(dates) and len({date[2] for date in dates if date}) == 1:
        return {word: word[:4] for word in words}
    return {word: word if len(word) <= 22 else f"{word[:21]}…" for word in words}


def _legend(drawn: Sequence[Series]) -> list[str]:
    if len(drawn) < 2:
        return []
    parts, x = [], float(LEFT)
    for number, series in enumerate(drawn):
        name = series.name if len(series.name) <= 18 else f"{series.name[:17]}…"
        parts.append(
            f'<rect class="s{number}" x="{x:.0f}" y="6" width="12" height="12" rx="2" fill="{COLOURS[number]}"/>'
        )
        parts.append(_text(x + 17, 16, name, "start"))
        x += 17 + LETTER * len(name) + 18
    return parts


def _lines(frame: _Frame, drawn: Sequence[Series], area: bool) -> list[str]:
    parts = []
    for number, series in enumerate(drawn):
        colour, path = COLOURS[number], _path(frame, series.points)
        first, last = series.points[0], series.points[-1]
        if area:
            base = frame.y(0.0)
            closed = f"{path}L{frame.x(last.at):.1f} {base:.1f}L{frame.x(first.at):.1f} {base:.1f}Z"
            parts.append(f'<path class="s{number}" d="{closed}" fill="{colour}" fill-opacity="0.14"/>')
        dash = f' stroke-dasharray="{dashes}"' if (dashes := DASHES[number % len(DASHES)]) else ""
        parts.append(
            f'<path class="l{number}" d="{path}" fill="none" stroke="{colour}" stroke-width="2" '
            f'stroke-linejoin="round"{dash}/>'
        )
        dots = series.points if frame.height == HEIGHT and len(series.points) <= 24 else (last,)
        parts += [
            f'<circle class="s{number}" cx="{frame.x(point.at):.1f}" cy="{frame.y(point.y):.1f}" r="3" fill="{colour}">'
            f"<title>{escape(_point(series, point))}</title></circle>"
            for point in dots
        ]
    return parts


def _bars(frame: _Frame, drawn: Sequence[Series]) -> list[str]:
    wide = min(frame.step * 0.72, 64.0 * len(drawn)) / len(drawn)
    base, parts = frame.y(0.0), []
    for number, series in enumerate(drawn):
        for point in series.points:
            left = frame.x(point.at) + (number - len(drawn) / 2) * wide
            top = frame.y(point.y)
            parts.append(
                f'<rect class="s{number}" x="{left:.1f}" y="{min(top, base):.1f}" width="{max(wide - 2, 1):.1f}" '
                f'height="{max(abs(base - top), 0.5):.1f}" fill="{COLOURS[number]}">'
                f"<title>{escape(_point(series, point))}</title></rect>"
            )
    return parts


def _path(frame: _Frame, points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{frame.x(point.at):.1f} {frame.y(point.y):.1f}" for point in points)


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text class="faint" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{FAINT}">{escape(words)}</text>'


def _point(series: Series, point: Point) -> str:
    return f"{f'{series.name}, ' if series.name else ''}{point.x}: {shown(point.y)}"


def _said(spec: Spec, drawn: Sequence[Series]) -> str:
    """What somebody who sees the drawing would say of it: the kind, and for each series its ends and extremes."""
    kinds = {"line": "Line chart", "area": "Area chart", "bar": "Bar chart", "spark": "Small line chart"}
    unit = f" {spec.unit}" if spec.unit else ""
    told = [f"{kinds[spec.type]} of {spec.y} by {spec.x}."]
    for series in drawn:
        first, last = series.points[0], series.points[-1]
        low, high = (pick(series.points, key=lambda point: point.y) for pick in (min, max))
        told.append(
            f"{f'{series.name}: ' if series.name else ''}from {shown(first.y)}{unit} ({first.x}) to "
            f"{shown(last.y)}{unit} ({last.x}); least {shown(low.y)} ({low.x}), most {shown(high.y)} ({high.x})."
        )
    return " ".join(told)
