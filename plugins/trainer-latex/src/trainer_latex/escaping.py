"""Words as LaTeX, in which nothing of them is a command: every character that TeX knows is written as one of ours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote

LONG = 24  # letters of a word that may be broken anywhere
PIECE = 8  # letters between two places where it may be
SPACES = {"\xa0": r"\nobreakspace{}", "\u2009": r"\thinspace{}", "\u202f": r"\thinspace{}", "\u200b": r"\brk{}"}
SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}", **SPACES,
}  # fmt: skip
LIGATURES = "-',?!"  # each makes another character with one of them behind it, in a face that is told to
PRINTED = "\xa1-\xac\xae-\u017f–—‘-‚“-„†-•…‰‹›€™−"  # beside ASCII: what Latin Modern has for certain
JOINERS = "\u200c\u200d"

_PLAIN = re.compile(r"[A-Za-z0-9 .:;()/*+=@\[\]]*")
_SPECIAL = re.compile(rf"[{re.escape(''.join(SPECIAL))}]|[{LIGATURES}](?=[{LIGATURES}])")
_OTHER = re.compile(rf"[^\x20-\x7e{PRINTED}{''.join(SPACES)}]+")
_SPACE = re.compile(r"[ \t\n\r\x0b\x0c\x1c-\x1f\x85\u2028\u2029]+")
_LINE = re.compile(r"\r\n?|[\n\x0b\x0c\x85\u2028\u2029]")
_KEPT = re.compile(r"^ | (?= )|(?<= ) ")


def words(text: str, most: int = LONG) -> str:
    """Words of running text. Those with more than `most` letters may be broken anywhere."""
    if len(text) <= most and _PLAIN.fullmatch(text):
        return re.sub("  +", " ", text)
    return _broken(unicodedata.normalize("NFC", _SPACE.sub(" ", text)), most)


def code(text: str, most: int = LONG) -> str:
    """Code within a line: its spaces are as many as they are."""
    return _KEPT.sub(r"\\ ", _broken(_SPACE.sub(lambda match: " " * len(match[0]), text), most))


def code_lines(text: str) -> str:
    """A block of code, each of its lines a paragraph."""
    return "\\par\n".join(rf"\leavevmode{{}}{code(line.expandtabs(4))}" for line in _LINE.split(text))


def address(url: str) -> str:
    r"""An address, in ASCII, as an argument of `\href`."""
    quoted = quote(url.encode("utf-8", "replace"), safe="%#&_-.:/?=@!,;+*").replace("~", "%7E")
    return re.sub(r"[%#&_]", r"\\\g<0>", quoted)


def _broken(text: str, most: int) -> str:
    parts: list[str] = []
    done = 0
    for match in re.finditer(rf"\S{{{most + 1},}}", text):
        parts.append(_escaped(text[done : match.start()]))
        parts.append(r"\brk{}".join(map(_escaped, _pieces(match[0]))))
        done = match.end()
    return "".join([*parts, _escaped(text[done:])])


def _pieces(word: str) -> Iterator[str]:
    """A word in pieces, none of which begins with a mark of the letter before it."""
    start = 0
    for end in range(PIECE, len(word), PIECE):
        if not unicodedata.combining(word[end]) and word[end] not in JOINERS:
            yield word[start:end]
            start = end
    yield word[start:]


def _escaped(text: str) -> str:
    parts: list[str] = []
    done = 0
    for match in _OTHER.finditer(text):
        parts += [_SPECIAL.sub(_special, text[done : match.start()]), _foreign(match[0])]
        done = match.end()
    return "".join([*parts, _SPECIAL.sub(_special, text[done:])])


def _special(match: re.Match[str]) -> str:
    return SPECIAL.get(match[0]) or match[0] + "{}"


def _foreign(text: str) -> str:
    """Characters that the face of the text may not have: another is looked for."""
    kept = "".join(map(_visible, text))
    leftwards = any(unicodedata.bidirectional(char) in {"R", "AL"} for char in kept)
    return rf"\{'rtl' if leftwards else 'uni'}{{{kept}}}" if kept else ""


def _visible(char: str) -> str:
    """A character that can be set: nothing for an invisible one, U+FFFD for what is no character."""
    kind = unicodedata.category(char)
    if kind == "Cf":
        return char if char in JOINERS else ""
    none = kind == "Cn" and (ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF)
    return "\N{REPLACEMENT CHARACTER}" if none or kind in {"Cc", "Cs", "Co"} else char
