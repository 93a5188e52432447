"""Typst source as a PDF. This runs in a process of its own; importing it imports Typst."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Literal

NOWHERE = "http://127.0.0.1:1"  # nothing answers there, so that no package is fetched

os.environ |= {
    "RAYON_NUM_THREADS": "2",  # each thread takes address space, which is limited
    "HTTPS_PROXY": NOWHERE, "https_proxy": NOWHERE, "ALL_PROXY": NOWHERE, "NO_PROXY": "", "no_proxy": "",
}  # fmt: skip

import typst  # noqa: E402  # it reads these

Standards = list[Literal["a-3a", "ua-1"]]

STANDARDS: Standards = ["a-3a", "ua-1"]
EMPTY = __file__  # the one folder that Typst may read, which is none
TRIES = 6  # of a document in which something is to be put right
INPUT = "attached "  # what the names of attachments begin with among a document's inputs

_GLYPH = re.compile(r'the text `"(.*?)"` could not be displayed')
_CODE = re.compile(r"\\u\{([0-9a-f]+)\}")
_PICTURE = re.compile(r'^#let (picture-\d+) = (".*")$', re.MULTILINE)
_NOTHING = r'"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"8\" height=\"8\"/>"'


def _fonts(more: Sequence[str], system: bool) -> typst.Fonts:
    ours = [str(files("fontpkg_inter") / "files"), str(files("manimgx_fonts"))]
    return typst.Fonts(system, True, [*more, *ours])


FIXED = _fonts([], system=False)  # the same on every machine


def compile_source(source: bytes, *, attachments: Mapping[str, str], fonts: str = "") -> bytes:
    """A PDF/A-3a and PDF/UA-1 file, behind a line of JSON: a list of what had to be given up for it.

    `attachments` maps names of files to JSON text. `fonts` is a folder of further fonts. Those of the system are looked
    at only for characters that no other font has. A character that has no glyph at all is written out, a picture that
    cannot be read is left out, and if a standard still cannot be met the PDF is one without.
    """
    text = source.decode()
    notes: list[str] = []
    inputs = {f"{INPUT}{name}": content for name, content in attachments.items()}
    more = [fonts] if fonts else []
    chosen, looked = _fonts(more, system=False) if more else FIXED, False
    standards = STANDARDS
    for _ in range(TRIES):
        try:
            return _said(notes) + _compiled(text, inputs, chosen, standards)
        except typst.TypstError as error:
            missing = {_plain(found) for found in _GLYPH.findall(error.diagnostic)}
            if missing and not looked:
                chosen, looked = _fonts(more, system=True), True
            elif missing:
                text = text.translate(_spelt("".join(missing)))
                notes.append(f"No font has these characters, which are written out: {_sample(missing)}")
            elif broken := _broken(text):
                text = _without(text, broken)
                notes.append(f"Pictures that cannot be read are left out: {len(broken)}.")
            elif standards and "PDF/" in error.message:
                standards = []
                notes.append(f"This PDF meets no standard: {error.message}")
            else:
                raise
    return _said([*notes, "This PDF meets no standard."]) + _compiled(text, inputs, chosen, [])


def _compiled(text: str, inputs: Mapping[str, str], fonts: typst.Fonts, standards: Standards) -> bytes:
    compiler = typst.Compiler(
        root=EMPTY, font_paths=fonts, sys_inputs=dict(inputs), package_path=EMPTY, package_cache_path=EMPTY
    )
    made = compiler.compile(text.encode(), format="pdf", pdf_standards=[*standards], timestamp=0)
    assert isinstance(made, bytes)  # noqa: S101  # one PDF, not pages
    return made


def _said(notes: Sequence[str]) -> bytes:
    return json.dumps(list(notes)).encode() + b"\n"


def _plain(found: str) -> str:
    """A text as Rust writes it in a message, as it is."""
    return _CODE.sub(lambda match: chr(int(match[1], 16)), found).replace("\\", "")


def _spelt(chars: str) -> dict[int, str]:
    """What stands for each of these characters: its name for a sign, else its number."""
    table = {}
    for char in chars:
        if char.isascii() and char.isprintable():
            continue
        if char in "\u200d\ufe0e\ufe0f" or unicodedata.category(char) in {"Cf", "Mn"}:
            table[ord(char)] = ""
        elif unicodedata.category(char) == "So" and (name := unicodedata.name(char, "")):
            table[ord(char)] = f"[{name.lower()}]"
        else:
            table[ord(char)] = f"[U+{ord(char):04X}]"
    return table


def _sample(missing: set[str]) -> str:
    chars = sorted(set("".join(missing)))
    more = f" and {len(chars) - 20} more" if len(chars) > 20 else ""
    return " ".join(f"U+{ord(char):04X}" for char in chars[:20]) + more


def _broken(text: str) -> set[str]:
    """The names of the pictures that cannot be drawn on their own."""
    broken = set()
    for name, literal in _PICTURE.findall(text):
        try:
            _compiled(f'#image(bytes({literal}), format: "svg")', {}, FIXED, [])
        except typst.TypstError:
            broken.add(name)
    return broken


def _without(text: str, broken: set[str]) -> str:
    """The source with nothing in the place of these pictures."""

    def emptied(found: re.Match[str]) -> str:
        return f"#let {found[1]} = {_NOTHING}" if found[1] in broken else found[0]

    return _PICTURE.sub(emptied, text)
