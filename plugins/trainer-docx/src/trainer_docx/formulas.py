"""Formulas: TeX to Office Math (ECMA-376, part 1, section 22.1), by way of MathML."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from docx.oxml.ns import qn
from docx.oxml.parser import OxmlElement

from trainer_docx.elements import element, writable

LETTERS = 2_000  # of a formula that is set
SPACE = "{http://www.w3.org/1998/Math/MathML}"
SCRIPTS = {
    "msub": ("m:sSub", ["m:e", "m:sub"]), "msup": ("m:sSup", ["m:e", "m:sup"]),
    "msubsup": ("m:sSubSup", ["m:e", "m:sub", "m:sup"]), "mfrac": ("m:f", ["m:num", "m:den"]),
    "munder": ("m:limLow", ["m:e", "m:lim"]), "mover": ("m:limUpp", ["m:e", "m:lim"]),
}  # fmt: skip


def formula(tex: str) -> Any:
    """The element `m:oMath` for a formula in TeX; None if it is not understood."""
    from latex2mathml.converter import convert

    try:
        if len(tex) > LETTERS:
            return None
        root = ElementTree.fromstring(convert(writable(tex).strip()))  # noqa: S314  # 2 kB of its own making
        if "\\" in "".join(root.itertext()):
            return None
        return _holder("m:oMath", list(root))
    except Exception:  # whatever it makes of what is no TeX
        return None


def _holder(tag: str, nodes: list[ElementTree.Element]) -> Any:
    made = OxmlElement(tag)
    for node in nodes:
        made.extend(_set(node))
    return made


def _set(node: ElementTree.Element) -> list[Any]:
    name, inside = node.tag.removeprefix(SPACE), list(node)
    if name in SCRIPTS:
        tag, parts = SCRIPTS[name]
        made = OxmlElement(tag)
        made.extend(_holder(part, [child]) for part, child in zip(parts, inside, strict=True))
        return [made]
    if name == "munderover":
        low = OxmlElement("m:limLow")
        low.extend([_holder("m:e", inside[:1]), _holder("m:lim", inside[1:2])])
        base, high = OxmlElement("m:e"), OxmlElement("m:limUpp")
        base.append(low)
        high.extend([base, _holder("m:lim", inside[2:])])
        return [high]
    if name in {"msqrt", "mroot"}:
        made = OxmlElement("m:rad")
        if name == "msqrt":
            hidden, properties = OxmlElement("m:degHide"), OxmlElement("m:radPr")
            hidden.set(qn("m:val"), "1")
            properties.append(hidden)
            made.append(properties)
        made.append(_holder("m:deg", inside[1:] if name == "mroot" else []))
        made.append(_holder("m:e", inside[:1] if name == "mroot" else inside))
        return [made]
    if name == "mtable":
        made = OxmlElement("m:m")
        for row in inside:
            line = OxmlElement("m:mr")
            line.extend(_holder("m:e", list(cell)) for cell in row)
            made.append(line)
        return [made]
    if inside:
        return [item for child in inside for item in _set(child)]
    words = OxmlElement("m:t")
    words.text = writable(node.text or (" " if name == "mspace" else ""))
    return [element("m:r", words)] if words.text else []
