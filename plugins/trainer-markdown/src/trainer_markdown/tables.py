"""Tables as GitHub reads them: https://github.github.com/gfm/#tables-extension-.

Rows may be shorter or longer than the header, outer pipes may come and go, and a table may stand in a list
or in a quote. Other than on GitHub, cells beyond the header's are kept.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mistune import BlockParser
    from mistune.core import BlockState

# A line with a pipe above a line of dashes. Possessive throughout, so that no line is read twice.
TABLE = (
    r"^ {0,3}(?![ \t])(?=[^\n|]*+\|)(?P<table_head>[^\n]*+)\n"
    r" {0,3}(?=[^\n|]*+\|)(?P<table_rule>\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?[ \t]*+)$"
)
ENDS = ("fenced_code", "atx_heading", "thematic_break", "block_quote", "list", "block_html", "footnote")

_PIPE = re.compile(r"\\.|\|")
_ALIGN = {(True, True): "center", (True, False): "left", (False, True): "right", (False, False): None}


def tables(block: BlockParser) -> None:
    """Give a block parser the rule. Its tokens have `align` (left, center, right, None) and `rows`, which are texts."""
    block.register("table", TABLE, _parse, before="raw_html")
    for rules in (block.list_rules, block.block_quote_rules):
        block.insert_rule(rules, "table", before="raw_html")


def _parse(block: BlockParser, match: re.Match[str], state: BlockState) -> int | None:
    head, rule = _cells(match["table_head"]), _cells(match["table_rule"])
    if len(head) != len(rule):
        return None
    rows = [head]
    ends = block.compile_sc([name for name in ENDS if name in block.specification])
    position = match.end() + 1
    while position < state.cursor_max and not ends.match(state.src, position):
        line = state.get_line(position)
        if not line.strip():
            break
        rows.append(_cells(line))
        position += len(line)
    align = [_ALIGN[cell.startswith(":"), cell.endswith(":")] for cell in rule]
    state.append_token({"type": "table", "align": align, "rows": rows})
    return position


def _cells(line: str) -> list[str]:
    line = line.strip(" \t\n")
    if "\\" not in line:
        if line[:1] == "|":
            line = line[1:]
        if line[-1:] == "|":
            line = line[:-1]
        return [cell.strip(" \t") for cell in line.split("|")]
    pipes = [match.start() for match in _PIPE.finditer(line) if match[0] == "|"]
    edges = [-1, *pipes, len(line)]
    if pipes and pipes[0] == 0:
        edges = edges[1:]
    if len(edges) > 2 and pipes[-1] == len(line) - 1:
        edges = edges[:-1]
    return [line[start + 1 : end].strip(" \t").replace(r"\|", "|") for start, end in pairwise(edges)]
