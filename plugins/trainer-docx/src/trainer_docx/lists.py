"""Numbering of lists: one definition for bullets and one for numbers, and an instance for each list."""

from __future__ import annotations

from typing import Any

from docx.document import Document
from docx.oxml.ns import qn

from trainer_docx.elements import element

LEVELS = 9
STEP = 360  # a level's indent, in twentieths of a point
BULLETS = "•◦▪"


class Numbering:
    """The lists of one document."""

    def __init__(self, document: Document) -> None:
        self._root: Any = document.part.numbering_part.element
        taken = (item.get(qn(f"w:{name}")) for item in self._root for name in ("numId", "abstractNumId"))
        self._next = max((int(number) for number in taken if number), default=0) + 1
        self._bullets = self._definition(ordered=False)
        self._numbers = self._definition(ordered=True)

    def instance(self, ordered: bool, start: int, level: int) -> int:
        """The number of a new list, whose items at `level` begin with `start`."""
        number = self._take()
        made = element(
            "w:num", element("w:abstractNumId", val=self._numbers if ordered else self._bullets), numId=number
        )
        if ordered:
            made.append(element("w:lvlOverride", element("w:startOverride", val=start), ilvl=level))
        self._root.append(made)
        return number

    def _definition(self, ordered: bool) -> int:
        number = self._take()
        levels = [
            element(
                "w:lvl",
                element("w:start", val=1),
                element("w:numFmt", val="decimal" if ordered else "bullet"),
                element("w:lvlText", val=f"%{level + 1}." if ordered else BULLETS[level % len(BULLETS)]),
                element("w:lvlJc", val="left"),
                element("w:pPr", element("w:ind", left=STEP * (level + 1), hanging=STEP)),
                ilvl=level,
            )
            for level in range(LEVELS)
        ]
        made = element(
            "w:abstractNum", element("w:multiLevelType", val="hybridMultilevel"), *levels, abstractNumId=number
        )
        first = next((place for place, item in enumerate(self._root) if item.tag.endswith("}num")), len(self._root))
        self._root.insert(first, made)  # definitions stand before instances
        return number

    def _take(self) -> int:
        self._next += 1
        return self._next - 1
