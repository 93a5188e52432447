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
FENCES = {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "⌈": "⌉", "⌊": "⌋"}
LONE = {*FENCES, *FENCES.values(), "|", "‖"}  # as signs, where they are no pair: LibreOffice takes them for fences


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
    made.extend(_row(nodes))
    return made


def _row(nodes: list[ElementTree.Element]) -> list[Any]:
    """What stands beside one another, with fences around what is between two brackets."""
    made: list[Any] = []
    at = 0
    while at < len(nodes):
        end = _closing(nodes, at)
        made += _set(nodes[at]) if end is None else _set(nodes[end], _fenced(nodes[at : end + 1]))
        at = at + 1 if end is None else end + 1
    return made


def _closing(nodes: list[ElementTree.Element], at: int) -> int | None:
    """The place of the bracket that closes the one at a place, if there are such; it may have scripts."""
    start = nodes[at].text or ""
    depth = 0
    for place in range(at, len(nodes)) if start in FENCES else ():
        sign = (nodes[place] if place == at else _bearer(nodes[place])).text
        depth += (sign == start) - (sign == FENCES[start])
        if not depth:
            return place
    return None


def _bearer(node: ElementTree.Element) -> ElementTree.Element:
    """The node itself, or what its scripts are of."""
    scripted = node.tag.removeprefix(SPACE) in {"msub", "msup", "msubsup"} and len(node)
    return node[0] if scripted else node


def _fenced(nodes: list[ElementTree.Element]) -> Any:
    made, properties = OxmlElement("m:d"), OxmlElement("m:dPr")
    for name, sign in (("m:begChr", nodes[0].text), ("m:endChr", _bearer(nodes[-1]).text)):
        mark = OxmlElement(name)
        mark.set(qn("m:val"), sign or "")
        properties.append(mark)
    made.extend([properties, _holder("m:e", nodes[1:-1])])
    return made


def _set(node: ElementTree.Element, fenced: Any = None) -> list[Any]:
    """The elements of a node; `fenced` is what stands in the place of its bracket, together with what that closes."""
    name, inside = node.tag.removeprefix(SPACE), list(node)
    if name in SCRIPTS:
        tag, parts = SCRIPTS[name]
        made = OxmlElement(tag)
        made.extend(_holder(part, [child]) for part, child in zip(parts, inside, strict=True))
        if fenced is not None:
            made[0].clear()
            made[0].append(fenced)
        return [made]
    if fenced is not None:
        return [fenced]
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
        return _row(inside)
    words = OxmlElement("m:t")
    words.text = writable(node.text or (" " if name == "mspace" else ""))
    lone = node.text in LONE
    return [element("m:r", element("m:rPr", element("m:nor")) if lone else None, words)] if words.text else []
