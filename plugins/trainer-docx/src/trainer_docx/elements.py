"""Elements of WordprocessingML (ECMA-376, part 1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

from attrs import evolve, frozen
from docx.oxml.ns import NamespacePrefixedTag, qn
from docx.oxml.parser import oxml_parser

INK, MUTED, LINK, AMBER = "1C2430", "5B6472", "1F5FA8", "B45309"

_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def element(tag: str, *children: Any, **attributes: object) -> Any:
    """An element such as `w:p` with its children; attributes are of the namespace `w`."""
    made = _maker(tag)()
    for name, value in attributes.items():
        made.set(_name(f"w:{name}"), str(value))
    made.extend(child for child in children if child is not None)
    return made


@cache
def _maker(tag: str) -> Callable[[], Any]:
    """What makes elements of a tag: python-docx takes its name apart each time, which is half of all work."""
    name = NamespacePrefixedTag(tag)
    return partial(oxml_parser.makeelement, name.clark_name, nsmap=name.nsmap)


_name = cache(qn)


def writable(text: str) -> str:
    """`text` with what XML cannot hold replaced by U+FFFD."""
    return _UNWRITABLE.sub("\ufffd", text)


@frozen
class Look:
    """How words look. `height` is in half points; `underline` is a kind of line and its colour."""

    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    colour: str = ""
    height: int = 0
    underline: tuple[str, str] | None = None
    raised: str = ""

    def but(self, **changes: Any) -> Look:
        """The same with some changes."""
        return evolve(self, **changes)

    def properties(self) -> Any:
        """The element `w:rPr`, its children in the order that the schema asks for."""
        made = [
            element("w:rFonts", ascii="Consolas", hAnsi="Consolas", cs="Consolas") if self.code else None,
            element("w:b") if self.bold else None,
            element("w:i") if self.italic else None,
            element("w:strike") if self.strike else None,
            element("w:color", val=self.colour) if self.colour else None,
            element("w:sz", val=self.height) if self.height else None,
            element("w:u", val=self.underline[0], color=self.underline[1]) if self.underline else None,
            element("w:vertAlign", val=self.raised) if self.raised else None,
        ]
        return element("w:rPr", *made) if any(item is not None for item in made) else None


def run(text: str, look: Look | None = None) -> Any:
    """Words; a line break for each end of a line in them."""
    parts: list[Any] = []
    for number, line in enumerate(writable(text).split("\n")):
        if number:
            parts.append(element("w:br"))
        if line:
            words = element("w:t")
            words.text = line
            words.set(qn("xml:space"), "preserve")
            parts.append(words)
    return element("w:r", (look or Look()).properties(), *parts)


@frozen
class Place:
    """Where a paragraph stands. `indent` and `hang` are in twentieths of a point, `number` a list and a level in it.

    `bar` is the colour of a line beside it; `align` is left, center or right.
    """

    style: str = ""
    indent: int = 0
    hang: int = 0
    number: tuple[int, int] | None = None
    bar: str = ""
    align: str = ""
    tight: bool = False
    keep: bool = False

    def but(self, **changes: Any) -> Place:
        """The same with some changes."""
        return evolve(self, **changes)

    def properties(self) -> Any:
        """The element `w:pPr`, its children in the order that the schema asks for."""
        edge = {"val": "single", "sz": 18, "space": 8, "color": self.bar}
        return element(
            "w:pPr",
            element("w:pStyle", val=self.style) if self.style else None,
            element("w:keepNext") if self.keep else None,
            element("w:numPr", element("w:ilvl", val=self.number[1]), element("w:numId", val=self.number[0]))
            if self.number
            else None,
            element("w:pBdr", element("w:left", **edge)) if self.bar else None,
            element("w:spacing", before=0, after=0) if self.tight else None,
            element("w:ind", left=self.indent, hanging=self.hang) if self.indent or self.hang else None,
            element("w:jc", val=self.align) if self.align else None,
        )


def paragraph(place: Place, content: Iterable[Any]) -> Any:
    """A paragraph of runs and the like."""
    return element("w:p", place.properties(), *content)
