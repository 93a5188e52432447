"""Any document at all, read back from its LaTeX source: it says what it said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from hypothesis import HealthCheck, given, settings

from trainer_document.specimens import Said, documents, line
from trainer_document.tree import Root
from trainer_latex.escaping import SPECIAL
from trainer_latex.writer import latex_source

WRITTEN = {escape.removesuffix("{}"): sign for sign, escape in SPECIAL.items()} | {
    r"\newlin": " ",
    r"\ ": " ",
    r"\brk": "",
}
LEVELS = {rf"\level{number}" for number in ("one", "two", "three", "four", "five")}
UNSAID = {r"\place", r"\color", r"\roomfor", r"\textit"}  # what they are given is not printed, or is a picture's


class Reader:
    """Reads the tokens of a source, and keeps the headings, tables and links that it meets."""

    def __init__(self) -> None:
        self.headings: list[tuple[int, str]] = []
        self.tables: list[list[list[str]]] = []
        self.links: list[tuple[str, str]] = []

    def words(self, tokens: Sequence[str]) -> str:
        """What is printed of some tokens."""
        parts: list[str] = []
        at = 0
        while at < len(tokens):
            token = tokens[at]
            at += 1
            if token == r"\(":
                at = list(tokens).index(r"\)", at) + 1
            elif token == r"\href":
                url, at = group(tokens, at)
                shown, at = group(tokens, at)
                parts.append(self.words(shown))
                self.links.append((line(parts[-1]), unquote("".join(WRITTEN.get(part, part) for part in url))))
            elif token == r"\hyperlink" or token in UNSAID:
                _, at = group(tokens, at)
            elif token.startswith(r"\footnote"):
                at = tokens.index("]", at) + 1
                if token != r"\footnotemark":
                    note, at = group(tokens, at)
                    self.words(note)
            elif token in LEVELS:
                _, at = group(tokens, at + 1)
                shown, at = group(tokens, at + 1)
                self.headings.append((0, line(self.words(shown))))
            elif token == r"\toprule":
                at = self.table(tokens, at)
            elif token not in {"{", "}"}:
                parts.append(WRITTEN.get(token, "" if token.startswith("\\") else token))
        return "".join(parts)

    def table(self, tokens: Sequence[str], at: int) -> int:
        """Read a table from its head on; the place where it ends."""
        end = tokens.index(r"\end", at)
        first = tokens.index(r"\\", at)
        rest = tokens.index(r"\endfoot", at) + 1
        found = rows([*tokens[at : first + 1], *tokens[rest:end]])
        self.tables.append([[line(self.words(cell)) for cell in row] for row in found])
        return end


def group(tokens: Sequence[str], at: int) -> tuple[Sequence[str], int]:
    """What stands between the braces that open at `at`, and the place behind them."""
    depth = 0
    for place in range(at, len(tokens)):
        depth += (tokens[place] == "{") - (tokens[place] == "}")
        if not depth:
            break
    assert (tokens[at], tokens[place]) == ("{", "}")
    return tokens[at + 1 : place], place + 1


def rows(tokens: Sequence[str]) -> list[list[list[str]]]:
    """The cells of a table's rows."""
    found: list[list[list[str]]] = [[[]]]
    depth = 0
    for token in tokens:
        depth += (token == "{") - (token == "}")
        if token == r"\\" and not depth:
            found.append([[]])
        elif token == "&" and not depth:
            found[-1].append([])
        else:
            found[-1][-1].append(token)
    return found


def said(source: str) -> Said:
    reader = Reader()
    reader.words(re.findall(r"\\(?:[A-Za-z]+|.)|.", source[source.index(r"\begin{document}") :], re.DOTALL))
    return Said(reader.headings, reader.tables, reader.links)


def expected(root: Root) -> Said:
    """What a document says; its levels are those below the highest one, and addresses are in ASCII."""
    whole = Said.of(root)
    return Said(
        [(0, words) for _, words in whole.headings], whole.tables, [(words, unquote(url)) for words, url in whole.links]
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents())
def test_any_document_has_the_same_headings_tables_and_links_as_latex(root: Root) -> None:
    assert said(latex_source(root)) == expected(root)
