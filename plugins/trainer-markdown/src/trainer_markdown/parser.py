"""Markdown to a tree: mistune with GitHub's tables, addresses and footnotes, in bounded time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, MutableMapping
from functools import partial
from typing import Any

import mistune
from mistune.core import BlockState, InlineState, token_depth
from mistune.plugins.def_list import def_list
from mistune.plugins.footnotes import footnotes
from mistune.plugins.formatting import strikethrough
from mistune.plugins.task_lists import task_lists
from mistune.util import escape_url, unescape

from trainer_markdown.limits import DEPTH, MARKS, Budget, too_much
from trainer_markdown.tables import tables

Token = dict[str, Any]

# An address ends before closing punctuation, and holds a closing bracket only with its opening one.
ADDRESS = r"(?:https?://[^\W_]|www\.[^\W_])(?:[^\s<()\]]|\([^\s<()]*\))*(?<![?!.,:;*_~'\"])"
ALLOWED_HTML = re.compile(r"<(/?)(br|b|strong|i|em|s|del|u|ins|sub|sup|kbd|mark|small)\s*/?>", re.IGNORECASE)

_MARKS = re.compile(r"\*+|_+")


def parse(text: str) -> tuple[list[Token], list[str]]:
    """The tree of `text` as mistune's tokens, and notes on marks that were left as they are written.

    Raises `ConversionError` if the text nests too deeply or takes too long.
    """
    budget = Budget()
    inline = _Inline(budget)
    markdown = mistune.Markdown(
        None, _Block(budget), inline, [strikethrough, footnotes, def_list, task_lists, tables, _addresses]
    )
    markdown.after_render_hooks.insert(0, _keep_footnotes)
    try:
        tree = markdown(text)
        depth = token_depth(tree)  # type: ignore[arg-type]  # without a renderer it is a list of tokens
    except RecursionError as error:
        raise too_much("it nests too deeply") from error
    if depth > DEPTH:
        raise too_much(f"it nests {depth} levels deep, and {DEPTH} are allowed")
    return tree, inline.notes  # type: ignore[return-value]  # as above


def plain(tokens: Iterable[Token]) -> str:
    """The words of inline tokens, without marks and footnote numbers."""
    return "".join(_words(tokens))


class _State(BlockState):
    # A paragraph that is put together line by line takes time in the square of its length.
    def __init__(self, parent: _State | None = None, budget: Budget | None = None) -> None:
        super().__init__(parent)
        self.budget: Budget = budget or (parent.budget if parent else Budget())

    def add_paragraph(self, text: str) -> None:
        self.budget.check()
        super().add_paragraph(text)

    def append_paragraph(self) -> int | None:
        self.budget.check()
        return super().append_paragraph()


class _Block(mistune.BlockParser):
    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self._budget = budget
        self.state_cls = partial(_State, budget=budget)  # type: ignore[assignment]  # it is only ever called

    def parse_method(self, m: re.Match[str], state: BlockState) -> int | None:
        self._budget.check()
        return super().parse_method(m, state)

    def parse_atx_heading(self, m: re.Match[str], state: BlockState) -> int:
        # mistune's own takes time in the square of the spaces within a heading.
        text = m["atx_2"].strip()
        bare = text.rstrip("#")
        if not bare or bare[-1] in " \t":
            text = bare.rstrip()
        state.append_token({"type": "heading", "text": text, "attrs": {"level": len(m["atx_1"])}, "style": "atx"})
        return m.end() + 1


class _Inline(mistune.InlineParser):
    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self._budget = budget
        self.notes: list[str] = []

    def __call__(self, s: str, env: MutableMapping[str, Any]) -> list[Token]:
        self._budget.check()
        return super().__call__(s, env)

    def finalize_tokens(self, tokens: list[Token], depth: int) -> list[Token]:
        marks = sum(len(_MARKS.findall(token["raw"])) for token in tokens if token["type"] == "text")
        if marks > MARKS:
            note = f"A paragraph has more than {MARKS} marks of emphasis. They are shown as they are written."
            self.notes = [note]
            depth = self.max_nested_level  # no room to nest is how the parser leaves emphasis alone
        return super().finalize_tokens(tokens, depth)


def _addresses(md: mistune.Markdown) -> None:
    md.inline.register("url_link", ADDRESS, _parse_address, start_chars=("h", "w"))


def _parse_address(inline: mistune.InlineParser, m: re.Match[str], state: InlineState) -> int:
    text = m[0]
    before = state.src[m.start() - 1 : m.start()]
    if state.in_link or before.isalnum() or state.depth >= inline.max_nested_level:
        inline.process_text(text, state)
    else:
        url = escape_url(text if text.startswith("http") else f"http://{text}")
        link = {"type": "link", "children": [{"type": "text", "raw": text}], "attrs": {"url": url}, "_autolink": text}
        state.append_token(link)
    return m.end()


def _keep_footnotes(_: mistune.Markdown, result: Any, state: BlockState) -> Any:
    # mistune drops a footnote that is never referred to, and one that only another footnote refers to.
    keys = list(dict.fromkeys([*state.env.get("footnotes", ()), *state.env.get("ref_footnotes", ())]))
    state.env["footnotes"] = keys
    state.env["footnote_indexes"] = {key: index for index, key in enumerate(keys)}
    return result


def _words(tokens: Iterable[Token]) -> Iterator[str]:
    for token in tokens:
        match token["type"]:
            case "text":
                yield unescape(token["raw"])
            case "codespan":
                yield token["raw"]
            case "inline_html":
                yield "" if ALLOWED_HTML.fullmatch(token["raw"]) else token["raw"]
            case "softbreak" | "linebreak":
                yield " "
            case "footnote_ref":
                pass
            case _:
                yield from _words(token.get("children", ()))
