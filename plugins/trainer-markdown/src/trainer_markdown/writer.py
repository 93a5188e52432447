"""A Markdown tree as HTML, for the body of a page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from itertools import zip_longest

from mistune.util import unescape

from trainer_markdown.grid import table_html
from trainer_markdown.limits import ADDRESSES, CELLS, too_much
from trainer_markdown.parser import ALLOWED_HTML, Token, plain
from trainer_markdown.sanitiser import is_image, is_link

NESTED_HTML = 8

_ALERT = re.compile(r"\[!(note|tip|important|warning|caution)\][ \t]*(.*)", re.IGNORECASE)
_CAPTION = re.compile(r"\s*Table(?:\s+(\d+(?:[.-]\d+)*|[A-Z]))?\s*[.:—–-]\s*")
_BREAKS = {"softbreak", "linebreak"}


class Writer:
    """Writes one document; call `blocks` once. Raises `ConversionError` when it grows beyond the limits."""

    def __init__(self) -> None:
        self._heading = ""
        self._captions = 0
        self._cells = 0
        self._addresses = 0
        self._cited: Counter[int] = Counter()

    def blocks(self, tokens: Sequence[Token]) -> str:
        """The HTML of block tokens."""
        shown = [token for token in tokens if token["type"] != "blank_line"]
        parts: list[str] = []
        caption: tuple[str, list[Token]] | None = None
        for token, following in zip_longest(shown, shown[1:]):
            if token["type"] == "table":
                parts.append(self._table(token, caption))
                caption = None
            elif following and following["type"] == "table" and (caption := _caption(token)):
                continue
            else:
                parts.append(self._block(token))
        return "".join(parts)

    def _block(self, token: Token) -> str:
        children, attrs = token.get("children", []), token.get("attrs", {})
        match token["type"]:
            case "paragraph":
                return f"<p>{self._inlines(children)}</p>\n"
            case "block_text":
                return self._inlines(children)
            case "heading":
                return self._head(children, **attrs)
            case "thematic_break":
                return "<hr>\n"
            case "block_code" | "block_html":
                return f'<pre tabindex="0"><code>{escape(token["raw"].strip(chr(10)))}</code></pre>\n'
            case "block_quote":
                return self._quote(children)
            case "list":
                name = "ol" if attrs["ordered"] else "ul"
                start = f' start="{attrs["start"]}"' if "start" in attrs else ""
                return f"<{name}{start}>\n{self.blocks(children)}</{name}>\n"
            case "list_item":
                return f"<li>{self.blocks(children)}</li>\n"
            case "task_list_item":
                state = "done" if attrs["checked"] else "open"
                box = f'<span class="box {state}" role="img" aria-label="{state}"></span>'
                return f'<li class="task">{box}{self.blocks(children)}</li>\n'
            case "def_list":
                return f"<dl>\n{self.blocks(children)}</dl>\n"
            case "def_list_head":
                return f"<dt>{self._inlines(children)}</dt>\n"
            case "def_list_item":
                return f"<dd>{self.blocks(children)}</dd>\n"
            case "footnotes":
                items = self.blocks(children)
                return f'<section class="footnotes" aria-label="Footnotes"><ol>\n{items}</ol></section>\n'
            case "footnote_item":
                return self._footnote(children, attrs["index"])
            case kind:
                raise AssertionError(f"the parser made a token that is not known here: {kind}")

    def _inlines(self, tokens: Sequence[Token], linked: bool = False) -> str:
        passing = _paired_html(tokens)
        return "".join(
            token["raw"] if number in passing else self._inline(token, linked) for number, token in enumerate(tokens)
        )

    def _inline(self, token: Token, linked: bool) -> str:
        match token["type"]:
            case "text":
                return escape(unescape(token["raw"]))
            case "inline_html":
                return escape(token["raw"])
            case "codespan":
                return f"<code>{escape(token['raw'])}</code>"
            case "softbreak":
                return "\n"
            case "linebreak":
                return "<br>\n"
            case "emphasis":
                return f"<em>{self._inlines(token['children'], linked)}</em>"
            case "strong":
                return f"<strong>{self._inlines(token['children'], linked)}</strong>"
            case "strikethrough":
                return f"<del>{self._inlines(token['children'], linked)}</del>"
            case "link":
                return self._link(token, linked)
            case "image":
                return self._image(token, linked)
            case "footnote_ref":
                return self._citation(token["attrs"]["index"], linked)
            case kind:
                raise AssertionError(f"the parser made a token that is not known here: {kind}")

    def _head(self, children: list[Token], level: int, id: str) -> str:
        self._heading = plain(children).strip()
        html = self._inlines(children)
        return f'<h{level} id="{escape(id)}">{html}</h{level}>\n' if html.strip() else ""

    def _quote(self, children: list[Token]) -> str:
        shown = [token for token in children if token["type"] != "blank_line"]
        lead = shown[0]["children"] if shown and shown[0]["type"] == "paragraph" else []
        alert = _ALERT.fullmatch(lead[0]["raw"]) if lead and lead[0]["type"] == "text" else None
        if not alert:
            return f"<blockquote>\n{self.blocks(shown)}</blockquote>\n"
        end = next((i for i, token in enumerate(lead) if token["type"] in _BREAKS), len(lead))
        title = self._inlines([{"type": "text", "raw": alert[2]}, *lead[1:end]]).strip()
        first = [{"type": "paragraph", "children": lead[end + 1 :]}] if lead[end + 1 :] else []
        return (
            f'<div class="callout {alert[1].lower()}" role="note">'
            f'<p class="callout-title">{title or alert[1].capitalize()}</p>\n{self.blocks(first + shown[1:])}</div>\n'
        )

    def _table(self, token: Token, caption: tuple[str, list[Token]] | None) -> str:
        rows: list[list[Token]] = [row["children"] for row in token["children"]]
        self._cells += max(map(len, rows)) * len(rows)
        if self._cells > CELLS:
            raise too_much(f"its tables have more than {CELLS:,} cells")
        label, title = self._heading or "Table", ""
        if caption:
            self._captions += 1
            label = plain(caption[1]).strip()
            title = f"<strong>Table {escape(caption[0] or str(self._captions))}.</strong> {self._inlines(caption[1])}"
        return table_html(rows, token["attrs"]["align"], label, title, self._inlines)

    def _link(self, token: Token, linked: bool) -> str:
        text, url = self._inlines(token["children"], True), self._address(token)
        if linked:
            return text
        if not is_link(url):
            return f"{text} ({escape(url)})" if url else text
        title = token["attrs"].get("title")
        return f'<a href="{escape(url)}"{_title(title)}>{text}</a>'

    def _image(self, token: Token, linked: bool) -> str:
        alt, url = plain(token["children"]).strip(), self._address(token)
        if is_image(url):
            return f'<img src="{escape(url)}" alt="{escape(alt)}"{_title(token["attrs"].get("title"))}>'
        text = f"Image: {escape(alt or 'without a description')}"
        return f'<a href="{escape(url)}">{text}</a>' if is_link(url) and not linked else text

    def _address(self, token: Token) -> str:
        # One definition can be referred to a million times, each time with the whole of its address.
        attrs = token["attrs"]
        self._addresses += len(attrs["url"]) + len(attrs.get("title") or "")
        if self._addresses > ADDRESSES:
            raise too_much(f"its links and images have more than {ADDRESSES:,} characters")
        return str(attrs["url"])

    def _citation(self, index: int, linked: bool) -> str:
        if linked:
            return f"<sup>{index}</sup>"
        self._cited[index] += 1
        name = _nth(index, self._cited[index])
        return (
            f'<sup class="cite"><a id="fnref.{name}" href="#fn.{index}" aria-label="Footnote {index}">{index}</a></sup>'
        )

    def _footnote(self, children: list[Token], index: int) -> str:
        html = self.blocks(children).rstrip()
        back = "".join(
            f' <a class="back" href="#fnref.{_nth(index, nth)}" aria-label="Back to the text">↩</a>'
            for nth in range(1, min(self._cited[index], 5) + 1)
        )
        html = f"{html[:-4]}{back}</p>" if html.endswith("</p>") else f"{html}{back}"
        return f'<li id="fn.{index}">{html}</li>\n'


def _caption(token: Token) -> tuple[str, list[Token]] | None:
    """The number, if it has one, and the words of a paragraph that reads `Table: …` or `**Table 1.** …`."""
    if token["type"] != "paragraph" or not token["children"]:
        return None
    lead, *rest = token["children"]
    words = [*lead["children"], *rest] if lead["type"] in {"strong", "emphasis"} else [lead, *rest]
    match = _CAPTION.match(words[0]["raw"]) if words and words[0]["type"] == "text" else None
    if not match:
        return None
    words = [{"type": "text", "raw": words[0]["raw"][match.end() :]}, *words[1:]]
    return (match[1] or "", words) if plain(words).strip() else None


def _paired_html(tokens: Sequence[Token]) -> set[int]:
    """Which tokens are harmless inline tags that are closed where they were opened; a `<br>` needs no end."""
    passing: set[int] = set()
    opened: list[tuple[str, int]] = []
    for number, token in enumerate(tokens):
        tag = ALLOWED_HTML.fullmatch(token["raw"]) if token["type"] == "inline_html" else None
        if not tag:
            continue
        name = tag[2].lower()
        if name == "br":
            passing.add(number)
        elif not tag[1] and len(opened) < NESTED_HTML:
            opened.append((name, number))
        elif tag[1] and opened and opened[-1][0] == name:
            passing |= {opened.pop()[1], number}
    return passing


def _title(text: str | None) -> str:
    return f' title="{escape(unescape(text))}"' if text else ""


def _nth(index: int, nth: int) -> str:
    return str(index) if nth == 1 else f"{index}.{nth}"
