"""Which format a text or a file is in, told from what it holds, and how sure that is."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from typing import Any

from trainer_markdown.extraction import OPEN
from trainer_markdown.limits import SIZE

SURE = 0.7  # below it a format is a guess, and nothing is converted by guess
SAMPLE = 200_000  # characters whose signs are counted
ROWS = 50  # lines that are looked at for columns

MAGIC = {b"%PDF-": "pdf", b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"\x1f\x8b": "gzip"}
OFFICE = {b"word/": "docx", b"xl/": "xlsx", b"ppt/": "pptx"}  # folders of the files that are ZIP archives
BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}

# Signs of Markdown, with how much each of them says: 1 makes it as likely as not.
SIGNS = [
    (re.compile(r"\A---[ \t]*\n[\w-]+:[^\n]*\n(?:[^\n]*\n){0,200}?---[ \t]*$", re.MULTILINE), 3.0),
    (re.compile(r"^#{1,6} \S", re.MULTILINE), 1.5),
    (re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE), 1.5),
    (re.compile(r"^ {0,3}\|?[ \t]*:?-{2,}:?[ \t]*\|[-| :\t]*$", re.MULTILINE), 2.0),
    (re.compile(r"\[[^\]\n]{1,200}\]\([^)\s]{1,500}\)"), 1.5),
    (re.compile(r"\*\*[^\s*][^*\n]{0,200}\*\*|(?<!\w)`[^`\n]{1,200}`"), 1.0),
    (re.compile(r"^ {0,3}(?:[-*+]|\d{1,9}[.)]) \S", re.MULTILINE), 0.7),
    (re.compile(r"^ {0,3}> ?\S", re.MULTILINE), 0.7),
    (re.compile(r"^\[\^?[^\]\n]{1,100}\]: \S", re.MULTILINE), 1.5),
    (re.compile(r"^(?:=+|-{3,})[ \t]*$", re.MULTILINE), 0.5),
]
_HTML = re.compile(
    r"(?:\s|<!--(?:(?!-->).){0,5000}-->)*<(?:!doctype html|html\b|head\b|body\b)", re.IGNORECASE | re.DOTALL
)
_ELEMENT = re.compile(
    r"</(?:a|b|p|h[1-6]|div|span|table|t[rdh]|[uo]l|li|em|strong|section|article|style|script)\s*>", re.IGNORECASE
)
_XML = re.compile(r"<(?:\?xml\b|!DOCTYPE\b|([A-Za-z_][\w.-]*)(?=[\s/>:]))")


def detect(content: str | bytes) -> tuple[str, float]:
    """The format of `content`, and a confidence from 0 to 1. Below `SURE` it is a guess.

    Told apart are json and tree, html, svg and xml, markdown, csv, latex, text, and of bytes also pdf, docx, xlsx,
    pptx, zip, png, jpeg, gif, gzip and binary. Nothing is raised, whatever the content is.
    """
    if isinstance(content, bytes):
        known = _magic(content)
        if known:
            return known
        text = _decoded(content)
        if text is None:
            return "binary", 0.9
        content = text
    text = content.removeprefix("\ufeff").strip()
    for detector in (_json, _markup, _latex, _markdown, _csv):
        if found := detector(text):
            return found
    return "text", 0.6 if text and text.isprintable() else 0.5 if text else 0.0


def _magic(content: bytes) -> tuple[str, float] | None:
    for sign, name in MAGIC.items():
        if content.startswith(sign):
            return name, 1.0
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return next(((name, 0.95) for sign, name in OFFICE.items() if sign in content), ("zip", 0.95))
    return ("pdf", 0.9) if b"%PDF-" in content[:1024] else None  # what readers of PDF accept


def _decoded(content: bytes) -> str | None:
    encoding = next((name for sign, name in BOMS.items() if content.startswith(sign)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _json(text: str) -> tuple[str, float] | None:
    try:
        value: Any = json.loads(text) if len(text) <= SIZE else None
    except (ValueError, RecursionError):
        return ("json", 0.6) if OPEN.match(text) else None
    if isinstance(value, Mapping) and value.get("type") == "root" and isinstance(value.get("children", []), list):
        return "tree", 0.95
    return ("json", 1.0) if isinstance(value, dict | list) else ("json", 0.5) if value is not None else None


def _markup(text: str) -> tuple[str, float] | None:
    if _HTML.match(text):
        return "html", 0.98
    start = _XML.match(text)
    if not start:
        return None
    if re.search(r"<svg\b", text[:1000]):
        return "svg", 0.9
    closed = len(_ELEMENT.findall(text[:SAMPLE]))
    if closed and start[0] != "<?xml":
        return "html", min(0.95, 0.7 + 0.05 * closed)
    if start[0] == "<?xml":
        return "xml", 0.98
    return ("xml", 0.8) if start[1] and text.endswith((f"</{start[1]}>", "/>")) else None


def _latex(text: str) -> tuple[str, float] | None:
    if re.match(r"(?:\s|%[^\n]*\n)*+\\(?:documentclass|begin\{document\})", text):
        return "latex", 0.95
    return None


def _markdown(text: str) -> tuple[str, float] | None:
    sample = text[:SAMPLE]
    score = sum(weight for sign, weight in SIGNS if sign.search(sample))
    confidence = round(min(0.98, 1 - 0.5**score), 2)
    return ("markdown", confidence) if confidence >= 0.5 else None


def _csv(text: str) -> tuple[str, float] | None:
    lines = text[:SAMPLE].splitlines()[:ROWS]
    for delimiter in "\t;,":
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            continue
        if len(widths) > 1 and len(set(widths)) == 1 and widths[0] > 1:
            return "csv", round(min(0.95, 0.6 + 0.1 * min(widths[0] - 1, 2) + 0.02 * len(widths)), 2)
    return None
