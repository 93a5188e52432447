"""The block structure of Markdown: mistune's, with rules of our own where its loses text or takes long."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import mistune
from mistune.core import BlockState
from mistune.util import unikey

from trainer_markdown.limits import Budget
from trainer_markdown.marking import unmarked
from trainer_markdown.tables import tables

LINE, RULE = 2, 5  # steps of a budget that a line takes, and a sign that may begin a block
COPIED = 2_000  # letters that are copied in a step
FOOTNOTE = r"^ {0,3}\[\^(?P<footnote_label>[^\\\[\]\s]{1,500})\]:[ \t]*+(?P<footnote_text>[^\n]*)"
DEFINITION = r"^ {0,3}:[ \t]+(?=\S)(?P<definition_text>[^\n]*)"
FORMULA = r"^ {0,3}\$\$[ \t]*$"
# mistune's own remember each sign of a line, which takes a gigabyte for two megabytes of them.
LEAN = {
    "thematic_break": r"^ {0,3}(?:(?:-[ \t]*+){3,}+|(?:_[ \t]*+){3,}+|(?:\*[ \t]*+){3,}+)$",
    "setex_heading": r"^ {0,3}(?:(?P<setext_1>=)=*+|-++)[ \t]*+$",
    "blank_line": r"(?:^[ \t\v\f]*+\n)++",
}
ENDS = ("fenced_code", "atx_heading", "thematic_break", "block_quote", "list", "block_html", "footnote", "definition")

_FORMULA_END = re.compile(r"^ {0,3}\$\$[ \t]*(?:\n|\Z)", re.MULTILINE)
_INDENT = re.compile(r"^(?: {1,4}|\t)", re.MULTILINE)


class _References(dict[str, Any]):
    """Definitions of links by label, whether or not a label has marks of figures in it."""

    def __setitem__(self, label: str, definition: Any) -> None:
        super().__setitem__(unmarked(label), definition)

    def __contains__(self, label: object) -> bool:
        return super().__contains__(unmarked(str(label)))

    def get(self, label: str, default: Any = None) -> Any:
        return super().get(unmarked(label), default)


class State(BlockState):
    """mistune's state; a paragraph that is put together line by line takes time in the square of its length."""

    def __init__(self, parent: State | None = None, budget: Budget | None = None) -> None:
        super().__init__(parent)
        self.budget: Budget = budget or (parent.budget if parent else Budget())
        if not parent:
            self.env.update(ref_links=_References(), footnotes={})

    def get_line(self, start_pos: int) -> str:
        """The line at a place; blocks that go on for many lines are put together by these."""
        self.budget.spend(LINE)
        return super().get_line(start_pos)

    def add_paragraph(self, text: str) -> None:
        """Add text to the paragraph, which is copied."""
        self._spend()
        super().add_paragraph(text)

    def append_paragraph(self) -> int | None:
        """Add a line to the paragraph, if there is one."""
        self._spend()
        return super().append_paragraph()

    def _spend(self) -> None:
        last = self.last_token()
        self.budget.spend(LINE + (len(last["text"]) // COPIED if last and last["type"] == "paragraph" else 0))


class Blocks(mistune.BlockParser):
    """mistune's block parser within a budget. `extensions` are tables, footnotes, definitions and formulas."""

    def __init__(self, budget: Budget, extensions: bool) -> None:
        super().__init__()
        self._budget = budget
        self.specification |= LEAN
        self.state_cls = partial(State, budget=budget)  # type: ignore[assignment]  # it is only ever called
        if not extensions:
            return
        self.register("footnote", FOOTNOTE, _footnote, before="ref_link")
        self.register("definition", DEFINITION, _definition, before="blank_line")
        self.register("formula", FORMULA, _formula, before="raw_html")
        for rules in (self.list_rules, self.block_quote_rules):
            self.insert_rule(rules, "definition", before="blank_line")
            self.insert_rule(rules, "formula", before="raw_html")
        tables(self)

    def tokens(self, text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The blocks of `text`, and what its definitions of links and footnotes say."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        state: BlockState = self.state_cls()
        state.process(text if text.endswith("\n") else f"{text}\n")
        self.parse(state)
        return state.tokens, dict(state.env)

    def parse(self, state: BlockState, rules: list[str] | None = None) -> None:
        """Parse what a block holds."""
        self._budget.spend(RULE + len(state.src) // COPIED)
        super().parse(state, rules)

    def parse_method(self, m: re.Match[str], state: BlockState) -> int | None:
        """Parse what a rule found."""
        self._budget.spend(RULE)
        return super().parse_method(m, state)

    def parse_atx_heading(self, m: re.Match[str], state: BlockState) -> int:
        """Parse a heading: mistune's own way takes time in the square of the spaces within it."""
        text = m["atx_2"].strip(" \t")
        bare = text.rstrip("#")
        if not bare or bare[-1] in " \t":
            text = bare.rstrip(" \t")
        state.append_token({"type": "heading", "text": text, "attrs": {"level": len(m["atx_1"])}})
        return m.end() + 1


def _footnote(block: mistune.BlockParser, match: re.Match[str], state: BlockState) -> int | None:
    # A second one of the same name is text, so that it is not lost.
    key = unikey(match["footnote_label"])
    if key in state.env["footnotes"]:
        return None
    state.env["footnotes"][key] = match["footnote_label"]
    end = _tail(block, state, match.end() + 1)
    child = _child(block, state, match["footnote_text"], state.src[match.end() + 1 : end])
    state.append_token({"type": "footnote", "identifier": match["footnote_label"], "children": child})
    return end


def _definition(block: mistune.BlockParser, match: re.Match[str], state: BlockState) -> int | None:
    tokens = state.tokens
    before = len(tokens) - 1 if tokens and tokens[-1]["type"] != "blank_line" else len(tokens) - 2
    if before < 0 or tokens[before]["type"] not in {"paragraph", "definitions"}:
        return None
    if tokens[before]["type"] == "paragraph":
        terms = tokens[before]["text"].strip().split("\n")
        del tokens[before:]
        if len(tokens) > 1 and tokens[-1]["type"] == "blank_line" and tokens[-2]["type"] == "definitions":
            tokens.pop()
        if not tokens or tokens[-1]["type"] != "definitions":
            tokens.append({"type": "definitions", "children": []})
        tokens[-1]["children"] += [{"type": "term", "text": term} for term in terms]
    else:
        del tokens[before + 1 :]
    end = _tail(block, state, match.end() + 1)
    child = _child(block, state, match["definition_text"], state.src[match.end() + 1 : end])
    tokens[-1]["children"].append({"type": "description", "children": child})
    return end


def _formula(_: mistune.BlockParser, match: re.Match[str], state: BlockState) -> int | None:
    end = _FORMULA_END.search(state.src, match.end() + 1)
    if not end:
        return None
    state.append_token({"type": "formula", "raw": state.src[match.end() + 1 : end.start()]})
    return end.end()


def _tail(block: mistune.BlockParser, state: BlockState, position: int) -> int:
    """Where a block ends whose later paragraphs are indented; a paragraph's own lines need not be."""
    ends = block.compile_sc([name for name in ENDS if name in block.specification])
    end, blank = position, False
    while position < state.cursor_max:
        line = state.get_line(position)
        position += len(line)
        if not line.strip():
            blank = True
        elif line.startswith(("    ", "\t")):
            end, blank = position, False
        elif blank or ends.match(state.src, position - len(line)):
            break
        else:
            end = position
    return end


def _child(block: mistune.BlockParser, state: BlockState, first: str, rest: str) -> list[dict[str, Any]]:
    child = state.child_state(f"{first}\n{_INDENT.sub('', rest)}".rstrip() + "\n")
    deep = state.depth() >= block.max_nested_level - 1
    rules = [rule for rule in block.list_rules if not deep or rule not in {"list", "block_quote", "definition"}]
    block.parse(child, rules)
    return child.tokens
