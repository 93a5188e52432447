"""The ways in which a model may read a text: as it stands, without look-alike letters and gaps, turned, decoded."""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
from functools import lru_cache
from string import ascii_letters, digits, hexdigits
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus

from trainer_guard.folding import Folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DEPTH = 2  # how often something decoded is decoded again
PIECE = 65_536  # characters of one encoded piece that are decoded
PIECES = 200  # encoded pieces of one text that are decoded
SHORT, LONG = 4_096, 1_000_000  # characters of texts of which the last 64, and the last two, are kept as they were read


class Reading(NamedTuple):
    """A text as `Folded` reads it, after what `how` names ("" for nothing); `place` leads back to the original."""

    text: str
    how: str
    place: Callable[[int, int], tuple[int, int]]


class Piece(NamedTuple):
    """What stands decoded at `start` to `end` of a text."""

    text: str
    how: str
    start: int
    end: int


def readings(text: str) -> Iterable[Reading]:
    """Every reading of `text`, the plain one first; kept for the next guard, which is asked about the same texts."""
    return _short(text) if len(text) <= SHORT else _long(text) if len(text) <= LONG else _readings(text)


@lru_cache(maxsize=64)
def _short(text: str) -> tuple[Reading, ...]:
    return tuple(_readings(text))


@lru_cache(maxsize=2)
def _long(text: str) -> tuple[Reading, ...]:
    return tuple(_readings(text))


def _readings(text: str, depth: int = DEPTH) -> Iterator[Reading]:
    folded = Folded(text)
    plain, place = folded.folded, folded.span
    yield Reading(plain, "", place)
    if DIGITS.search(plain) or (not plain.isascii() and LOOKALIKE.search(plain)):
        yield Reading(plain.translate(LETTERS), "look-alike letters", place)
    if LONELY.search(plain) and SPACED.search(plain):
        yield _closed(plain, place)
    yield Reading(codecs.encode(plain, "rot13"), "rot13", place)
    yield Reading(plain[::-1], "reversed", lambda start, end: place(len(plain) - end, len(plain) - start))
    if depth:
        for piece in _encoded(text):
            for inner in _readings(piece.text, depth - 1):
                how = ", ".join(filter(None, (piece.how, inner.how)))
                yield Reading(inner.text, how, lambda _start, _end, piece=piece: (piece.start, piece.end))  # type: ignore[misc]  # binds the loop's piece


# Letters of other scripts that look like Latin ones, in lower case as folding leaves them (after UTS 39,
# confusables), small capitals, letters in boxes, and digits and signs that are written for letters.
ALIKE = {
    "a": "аαɑᴀꭺᎪ4@", "b": "вβʙᏴ", "c": "сᴄᏟϲ", "d": "ԁᴅᎠđ", "e": "еεᴇᎬё3є", "f": "ꜰғ", "g": "ɡɢᏀ", "h": "һнʜᎻħ",
    "i": "іιıɪᎥ1!", "j": "јᴊᎫ", "k": "кκᴋᏦ", "l": "ӏʟᏞł|", "m": "мᴍᎷ", "n": "ηɴոп", "o": "оοօᴏø0", "p": "рρᴘᏢ",
    "q": "ԛ", "r": "гʀᏒ", "s": "ѕꜱᏚ5$", "t": "тτᴛᎢ7", "u": "υսᴜц", "v": "νѵᴠᏙ", "w": "ωԝᴡᎳ", "x": "хχ", "y": "уγʏү",
    "z": "ᴢᏃ",
}  # fmt: skip
LETTERS = {ord(other): letter for letter, others in ALIKE.items() for other in others}
LETTERS |= {first + at: chr(97 + at) for first in (0x1F150, 0x1F170, 0x1F1E6) for at in range(26)}
_FOREIGN = "".join(chr(code) for code in LETTERS if code > 127)
# Small capitals, letters in boxes and the like, which no language writes words with.
_ODD = "".join(char for char in _FOREIGN if not "\u0370" <= char <= "\u058f")
LOOKALIKE = re.compile(rf"[a-z][{_FOREIGN}]|[{_FOREIGN}][a-z]|[{_ODD}]{{2}}")
DIGITS = re.compile(r"[013457@$!|](?<=[a-z].)[a-z]")
SPACED = re.compile(r"(?<![^\W_])[^\W_](?:[\s._*|/~\u00b7-]{1,5}[^\W_](?![^\W_])){5,}")
GAP = re.compile(r"[\s._*|/~\u00b7-]+")
# Four of the letters of `SPACED`: what seldom occurs and is found three times as fast.
LONELY = re.compile(r"[\s._*|/~\u00b7-][^\W_](?:[\s._*|/~\u00b7-]{1,5}[^\W_]){3}[\s._*|/~\u00b7-]")


def _closed(plain: str, place: Callable[[int, int], tuple[int, int]]) -> Reading:
    """`plain` with spaced-out words closed up: the smallest gap stands between letters, a wider one between words."""
    chars: list[str] = []
    origins: list[int] = []
    at = 0
    for run in SPACED.finditer(plain):
        chars += plain[at : run.start()]
        origins += range(at, run.start())
        least = min(len(gap) for gap in GAP.findall(run[0]))
        for part in re.finditer(rf"({GAP.pattern})|.", run[0], re.DOTALL):
            if not part[1] or len(part[1]) > least:
                chars.append(" " if part[1] else part[0])
                origins.append(run.start() + part.start())
        at = run.end()
    chars += plain[at:]
    origins += range(at, len(plain))
    return Reading("".join(chars), "spaced-out letters", lambda start, end: place(origins[start], origins[end - 1] + 1))


def _mask(chars: str) -> bytes:
    """A table for `bytes.translate` that makes `x` of `chars` and a space of what is not ASCII or not one of them."""
    return bytes(b"x"[0] if chr(code) in chars else b" "[0] for code in range(256))


IN_BASE64, IN_HEX = _mask(f"{ascii_letters}{digits}+/_-=\r\n"), _mask(f"{hexdigits} :,x\\")
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}(?:\r?\n[A-Za-z0-9+/_-]{4,}){0,2000}={0,2}")
# Letters, digits and signs of ASCII have a first digit from 2 to 7.
HEX = re.compile(r"(?:[2-7][0-9A-Fa-f](?:[ :,]|[ ,]?0x|\\x)?){10,}")
PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
WORD = re.compile(r"\S+")
# Numeric references to ASCII letters; nobody needs to write a letter so.
ENTITY = re.compile(
    r"&#(?:[xX]0{0,6}(?:[46][1-9A-Fa-f]|[57][0-9Aa])|0{0,6}(?:6[5-9]|[78]\d|9[0789]|1[01]\d|12[0-2]))(?![0-9A-Fa-f]);?"
)
ENTITIES = re.compile(
    rf"{ENTITY.pattern}(?:[^&]{{0,20}}(?:&\w{{1,8}};)?(?:&#[0-9xXA-Fa-f]{{1,9}};?)){{3,}}[^&\n]{{0,40}}"
)
SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")


def _encoded(text: str) -> Iterator[Piece]:
    count = 0
    for decode in (_base64, _hex, _percent, _entities, _selectors):
        for piece in decode(text):
            count += 1
            if count > PIECES:
                return
            yield piece


def _matches(text: str, pattern: re.Pattern[str], mask: bytes, least: int) -> Iterator[re.Match[str]]:
    """What `pattern` finds in `text`, if it takes `least` characters of `mask` and no others: faster than by itself."""
    marks = text.encode("ascii", "replace").translate(mask) + b" "
    at = marks.find(b"x" * least)
    while at >= 0:
        end = marks.find(b" ", at)
        yield from pattern.finditer(text, at, end)
        at = marks.find(b"x" * least, end)


def _base64(text: str) -> Iterator[Piece]:
    for match in _matches(text, BASE64, IN_BASE64, 16):
        token = "".join(match[0][:PIECE].split()).rstrip("=").translate({45: "+", 95: "/"})
        try:
            raw = base64.b64decode(token[: len(token) - (len(token) % 4 == 1)] + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            continue
        if said := _said(raw):
            yield Piece(said, "base64", *match.span())


def _hex(text: str) -> Iterator[Piece]:
    for match in _matches(text, HEX, IN_HEX, 20):
        pairs = re.sub(r"0x|\\x|[ :,]", "", match[0][:PIECE])
        if said := _said(bytes.fromhex(pairs[: len(pairs) // 2 * 2])):
            yield Piece(said, "hex", *match.span())


def _percent(text: str) -> Iterator[Piece]:
    if "%" in text and PERCENT.search(text):
        for match in WORD.finditer(text):
            if match[0].count("%") > 1 and len(PERCENT.findall(match[0][:PIECE])) > 1:
                yield Piece(unquote_plus(match[0][:PIECE]), "percent-encoding", *match.span())


def _entities(text: str) -> Iterator[Piece]:
    for match in ENTITIES.finditer(text):
        yield Piece(html.unescape(match[0][:PIECE]), "character references", *match.span())


def _selectors(text: str) -> Iterator[Piece]:
    for match in () if text.isascii() else SELECTORS.finditer(text):
        codes = [ord(char) for char in match[0][:PIECE]]
        raw = bytes(code - 0xFE00 if code < 0xE0000 else code - 0xE0100 + 16 for code in codes)
        if said := _said(raw):
            yield Piece(said, "variation selectors", *match.span())


def _said(raw: bytes) -> str:
    """`raw` as text, if it is one that somebody could read."""
    for encoding in ("utf-8", "utf-16-le"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if len(text) >= 4 and sum(char.isprintable() or char.isspace() for char in text) > 0.95 * len(text):
            return text if text.isascii() or encoding == "utf-8" else ""
    return ""
