"""Formulas: TeX as the functions that Typst sets formulas with, by way of MathML."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from trainer_typst.literals import array, line

LETTERS = 2_000  # of a formula that is set
DEPTH = 12  # levels of a formula that is set: Typst has a limit of its own
SPACE = "{http://www.w3.org/1998/Math/MathML}"
LIMITS = {"lim", "max", "min", "sup", "inf", "liminf", "limsup", "argmax", "argmin"}
OPEN, CLOSED = set("([{|‖⟨⌊⌈"), set(")]}|‖⟩⌋⌉")
ACCENTS = {"^": "\u0302", "~": "\u0303", "˜": "\u0303", "→": "\u20d7", "˙": "\u0307", "¨": "\u0308", "ˇ": "\u030c"}
BARS = {"¯": "overline", "―": "overline", "‾": "overline", "_": "underline", "⏞": "overbrace", "⏟": "underbrace"}


def formula(tex: str, block: bool = False, drawn: bool = True) -> str:
    """A formula as Typst code; the TeX itself, as code, if it is not, or cannot be, `drawn`."""
    from latex2mathml.converter import convert

    tex = tex.strip()
    try:
        if not tex or not drawn or len(tex) > LETTERS:
            raise ValueError(tex)
        root = ElementTree.fromstring(convert(tex))  # noqa: S314  # 2 kB, no DTD
        if "\\" in "".join(root.itertext()):  # a command that it does not know
            raise ValueError(tex)
        body = _row(list(root), 0)
    except Exception:  # whatever it makes of what is no TeX
        return f"#raw({line(tex)}, block: {'true' if block else 'false'})" if tex else ""
    return f"#math.equation(block: {'true' if block else 'false'}, alt: {line(tex)}, {body})"


def _row(elements: Sequence[Element], depth: int) -> str:
    """Elements as one piece of content. A delimiter at either end of it, or around a matrix, grows with it."""
    if depth > DEPTH:
        raise ValueError("it nests too deep")
    parts = [_one(element, depth) for element in elements]
    words = [(element.text or "").strip() if _tag(element) == "mo" else "" for element in elements]
    fenced = [element.get("fence") == "true" for element in elements]
    for index, element in enumerate(elements):
        around = 0 < index < len(elements) - 1 and words[index - 1] in OPEN and words[index + 1] in CLOSED
        if _tag(element) == "mtable" and around:
            parts[index - 1 : index + 2] = ["", f"#math.lr[{''.join(parts[index - 1 : index + 2])}]", ""]
    body = "".join(parts)
    return f"[#math.lr[{body}]]" if fenced and (fenced[0] or fenced[-1]) and depth else f"[{body}]"


def _one(element: Element, depth: int) -> str:
    words = (element.text or "").strip()
    match _tag(element):
        case "mi" | "mo":
            return _symbol(words)
        case "mn":
            return f"#{line(words)}"
        case "mtext" | "ms":
            return f"#{line((element.text or '').replace(chr(0xA0), ' '))}"
        case "mspace":
            return "#h(0.2em)"
        case "mrow" | "mstyle" | "mpadded" | "menclose" | "math":
            return f"#{_row(list(element), depth + 1)}"
        case "mphantom":
            return f"#hide({_row(list(element), depth + 1)})"
        case "msqrt":
            return f"#math.sqrt({_row(list(element), depth + 1)})"
        case "mtable":
            rows = [array(_row(list(cell), depth + 1) for cell in row) for row in element]
            left = any(cell.get("columnalign") == "left" for cell in element.iter(f"{SPACE}mtd"))
            return f"#math.mat(delim: none{', align: left' if left else ''}, {', '.join(rows)})"
    match _tag(element), [_row([child], depth + 1) for child in element]:
        case "mfrac", [above, under]:
            if element.get("linethickness", "1") in {"0", "0px", "0pt"}:
                return f"#math.mat(delim: none, ({above},), ({under},))"
            return f"#math.frac({above}, {under})"
        case "mroot", [base, index]:
            return f"#math.root({index}, {base})"
        case "msub", [base, low]:
            return f"#math.attach({base}, b: {low})"
        case "msup", [base, high]:
            return f"#math.attach({base}, t: {high})"
        case "msubsup", [base, low, high]:
            return f"#math.attach({base}, b: {low}, t: {high})"
        case "munder", [base, low]:
            return _over(base, element[1], f"b: {low}")
        case "mover", [base, high]:
            return _over(base, element[1], f"t: {high}")
        case "munderover", [base, low, high]:
            return f"#math.attach(math.limits({base}), b: {low}, t: {high})"
    raise ValueError(element.tag)


def _over(base: str, element: Element, place: str) -> str:
    mark = "".join(element.itertext()).strip()
    if mark in BARS:
        return f"#math.{BARS[mark]}({base})"
    if mark in ACCENTS:
        return f"#math.accent({base}, {line(ACCENTS[mark])})"
    return f"#math.attach(math.limits({base}), {place})"


def _symbol(words: str) -> str:
    if len(words) == 1:
        return f"#sign({line(words)})"
    return f"#math.op({line(words)}, limits: {'true' if words in LIMITS else 'false'})" if words else ""


def _tag(element: Element) -> str:
    return element.tag.removeprefix(SPACE)
