"""Formulas: TeX as MathML, which browsers draw without a script."""

from __future__ import annotations

from html import escape
from itertools import accumulate
from xml.etree import ElementTree

LETTERS = 2_000  # of a formula that is drawn
NESTED = 20  # braces in one another: each is several levels of the page
TAGS = {
    "math", "menclose", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom", "mprescripts",
    "mroot", "mrow", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder",
    "munderover",
}  # fmt: skip
SPACE = "{http://www.w3.org/1998/Math/MathML}"


def mathml(tex: str, block: bool = False, drawn: bool = True) -> str:
    """A formula as MathML, with its TeX in `alttext`; the TeX as code if it is not, or cannot be, `drawn`."""
    from latex2mathml.converter import convert

    tex = tex.strip()
    try:
        if not drawn or len(tex) > LETTERS or max(accumulate(map(_level, tex)), default=0) > NESTED:
            raise ValueError(tex)
        made = convert(tex, display="block" if block else "inline")
        tags = {element.tag.removeprefix(SPACE) for element in ElementTree.fromstring(made).iter()}  # noqa: S314  # 2 kB, no DTD
        if not tags <= TAGS or "\\" in "".join(ElementTree.fromstring(made).itertext()):  # noqa: S314  # as above
            raise ValueError(tex)
    except Exception:  # whatever it makes of what is no TeX
        return f'<code class="math">{escape(tex, False)}</code>'
    start, _, rest = made.partition(">")
    return f'{start} alttext="{escape(tex)}">{rest}'


def _level(sign: str) -> int:
    return (sign == "{") - (sign == "}")
