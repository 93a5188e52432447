"""Where a text gives a secret word away, as it is or disguised."""

from __future__ import annotations

import base64
import codecs
import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST = 8  # letters and digits of a word; a shorter one stands in many texts by chance
NOISE = re.compile(r"[\W_]+")
PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
SMALL = {code: code + 32 for code in range(65, 91)}  # only what stays one character: places must not move


class Haystack:
    """A text in which several words are looked for."""

    def __init__(self, text: str) -> None:
        self.text = text

    def find(self, word: str) -> set[tuple[int, int]]:
        """Start and end of each place that holds `word`.

        In any case, with spaces and signs between its letters, backwards, as Base64, hexadecimal digits, ROT13 or
        percent-encoding. A word with fewer than 8 letters and digits is looked for as it is written only.
        """
        plain = NOISE.sub("", word)
        if len(plain) < LEAST:
            return {(at, at + len(word)) for at in _places(self.text, word)} if word else set()
        found = set(self._spans(False, self._small, _written(word)))
        found.update(self._spans(False, self._bare, _base64(word)))
        if PERCENT.search(self.text):
            found.update(self._spans(True, self._unquoted, _written(word)))
        return found

    @cached_property
    def _bare(self) -> str:
        return NOISE.sub("", self.text)

    @cached_property
    def _small(self) -> str:
        return self._bare.translate(SMALL)

    @cached_property
    def _unquoted(self) -> str:
        return NOISE.sub("", PERCENT.sub(_char, self.text)).translate(SMALL)

    def _spans(self, percent: bool, bare: str, needles: tuple[str, ...]) -> Iterator[tuple[int, int]]:
        found = [(needle, at) for needle in needles for at in _places(bare, needle)]
        if found:
            origins = list(_origins(self.text, percent))
            for needle, at in found:
                yield origins[at][0], origins[at + len(needle) - 1][1]


def _places(text: str, needle: str) -> Iterator[int]:
    at = text.find(needle)
    while at >= 0:
        yield at
        at = text.find(needle, at + 1)


def _origins(text: str, percent: bool) -> Iterator[tuple[int, int]]:
    """For each character that is no noise, where it stands."""
    at = 0
    while at < len(text):
        match = PERCENT.match(text, at) if percent else None
        char, end = (_char(match), match.end()) if match else (text[at], at + 1)
        if not NOISE.match(char):
            yield at, end
        at = end


def _char(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return chr(code) if code < 128 else "\ufffd"


@lru_cache(maxsize=256)
def _written(word: str) -> tuple[str, ...]:
    plain = NOISE.sub("", word).translate(SMALL)
    turned = codecs.encode(plain, "rot13")
    digits = [variant.encode().hex() for variant in (word, word.upper(), word.lower(), plain)]
    return tuple(dict.fromkeys((plain, plain[::-1], turned, *digits)))


@lru_cache(maxsize=256)
def _base64(word: str) -> tuple[str, ...]:
    """What of the word's Base64 stays the same whatever stands around it, without signs."""
    found: dict[str, None] = {}
    for variant in (word, word.upper(), word.lower()):
        raw = variant.encode()
        for shift in range(3):
            code = base64.b64encode(b"\0" * shift + raw).decode()
            core = code[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
            if len(core := re.sub(r"[+/]", "", core)) >= LEAST:
                found[core] = None
    return tuple(found)
