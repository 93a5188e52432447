"""A document tree as LaTeX. Every word of it is escaped; a command is one that is written here, or in the preamble."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files

from trainer_document import tree
from trainer_document.outline import contents
from trainer_document.policy import is_link
from trainer_document.tree import Node, Root, blocks, plain
from trainer_latex.escaping import LONG, address, code, code_lines, words
from trainer_latex.formulas import formula
from trainer_latex.tables import Grid

BLOCKS, INLINES = 5, 12  # levels that are drawn: LaTeX has six of lists; deeper ones look like these
LEVELS = ["one", "two", "three", "four", "five"]
KINDS = {"note", "tip", "important", "warning", "caution"}
MARKS = {"sub": r"\textsubscript", "sup": r"\textsuperscript", "kbd": r"\texttt", "mark": r"\textbf"}
FACES = [  # looked for in this order, for what Latin Modern does not have
    "DejaVu Sans", "Noto Sans", "Noto Sans CJK SC", "Noto Sans SC", "Noto Emoji", "Noto Sans Symbols2",
    "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Arial Unicode MS", "Segoe UI Symbol",
    "Microsoft YaHei", "PingFang SC", "WenQuanYi Zen Hei", "FreeSans",
]  # fmt: skip
WITHOUT = "without a description"
DRAWN = "The drawing of these figures is in the report's other formats."

_LANG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


def latex_source(root: Root) -> str:
    """The LaTeX source of a document: one file that reads no other."""
    return _Source(root).whole()


class _Source:
    """Writes one document."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._depth = 0
        self._level = 0
        self._most = LONG
        self._rule = ""  # the command that draws a line through or below each word
        self._held: list[str] | None = None  # footnotes of what may not have one, such as a heading
        self._noting = False
        self._notes: dict[str, int] = {}
        self._definitions: dict[str, tree.FootnoteDefinition] = {}
        self._places: dict[str, str] = {}
        self._placed: set[str] = set()
        depths = []
        for node in blocks(root):
            match node:
                case tree.FootnoteDefinition():
                    self._definitions.setdefault(node.identifier, node)
                case tree.Heading():
                    depths.append(node.depth)
                    self._known(node.id if plain(node).strip() else "")
                case tree.Table() if Grid.read(node) and node.kind != "kpi":
                    self._known(node.id)
                    for row in node.children[1:]:
                        self._known(row.id if isinstance(row, tree.TableRow) else "")
        self._top = min(depths, default=1)

    def whole(self) -> str:
        """The source with its preamble."""
        root = self._root
        lang = root.lang if _LANG.fullmatch(root.lang) else "en"
        body = [self._head(), self.blocks(root.children), self._unused(), self._facts(root.origin)]
        text = "\n\n".join(part for part in body if part)
        title = words(root.title.strip() or "Report")
        leftwards = r"\rtl{" in text + title
        foreign = leftwards or r"\uni{" in text + title
        start = [
            (files("trainer_latex") / "preamble.tex").read_text(encoding="utf-8").rstrip(),
            *([rf"\face{{{name}}}" for name in FACES] if foreign else []),
            rf"\joined{{{FACES[0]}}}" if leftwards else "",
            "" if lang[:2].lower() == "en" else r"\hyphenpenalty=10000",  # the patterns are those of English
            rf"\hypersetup{{pdftitle={{{title}}},pdfauthor={{trainer}},pdflang={{{lang}}}}}",
            r"\begin{document}",
        ]
        return "\n".join([*filter(None, start), text, r"\label{the-end}", r"\end{document}"]) + "\n"

    def blocks(self, nodes: Sequence[Node]) -> str:
        """The source of block nodes; inline ones among them become a paragraph."""
        return "\n\n".join(filter(None, map(self._block, nodes)))

    def inlines(self, nodes: Sequence[Node], linked: bool = False) -> str:
        """The source of inline nodes, `linked` if they stand within a link."""
        return "".join([self._inline(node, linked) for node in nodes])

    def _plainly(self, nodes: Sequence[Node]) -> str:
        return words(plain(nodes), self._most)

    def _known(self, id: str) -> None:
        if id:
            self._places.setdefault(id, f"place-{len(self._places) + 1}")

    def _place(self, id: str) -> str:
        """The place that links to `id` lead to, once."""
        if id not in self._places or id in self._placed:
            return ""
        self._placed.add(id)
        return rf"\place{{{self._places[id]}}}"

    def _block(self, node: Node) -> str:
        match node:
            case tree.Paragraph():
                return self.inlines(node.children)
            case tree.Heading():
                return self._heading(node)
            case tree.ThematicBreak():
                return r"\ruler{}"
            case tree.Blockquote():
                return self._within(r"\begin{quoted}", node.children, r"\end{quoted}")
            case tree.Callout():
                return self._callout(node)
            case tree.List():
                return self._list(node)
            case tree.DefinitionList():
                return self._definition_list(node)
            case tree.Code() | tree.Html():
                return rf"\codelines{{{code_lines(node.value.strip(chr(10)))}}}" if node.value.strip() else ""
            case tree.Math():
                return formula(node.value, block=True)
            case tree.Table():
                return self._table(node)
            case tree.Chart():
                return self._chart(node)
            case tree.FootnoteDefinition():
                return ""
            case tree.ListItem() | tree.DefinitionDescription():
                return self.blocks(node.children)
            case _:
                return self.inlines([node])

    def _head(self) -> str:
        root = self._root
        parts = [
            rf"\kicker{{{words(root.kicker)}}}" if root.kicker else "",
            rf"\titled{{{words(root.title)}}}" if root.title else "",
            rf"\subtitled{{{words(root.subtitle)}}}" if root.subtitle else "",
            self._facts(root.facts),
        ]
        chapters = contents(root)
        if len(chapters) > 2:
            parts.append(r"\par\textbf{Contents}\nopagebreak")
            for chapter in chapters:
                parts += [self._entry("0pt", chapter.id, chapter.text)]
                parts += [self._entry("1.5em", section.id, section.text) for section in chapter.sections]
        return "\n".join(filter(None, parts))

    def _entry(self, indent: str, id: str, title: str) -> str:
        return rf"\entry{{{indent}}}{{{self._places[id]}}}{{{words(title)}}}" if id in self._places else ""

    def _facts(self, pairs: Sequence[tuple[str, str]]) -> str:
        return "\n".join(rf"\fact{{{words(name)}}}{{{words(value)}}}" for name, value in pairs)

    def _aside(self, source: str, held: list[str] | None) -> str:
        """A piece of source that may not have footnotes, with those that it has behind it."""
        notes, self._held = self._held or [], held
        if held is None:
            return source + "".join(notes)
        held += notes
        return source

    def _heading(self, node: tree.Heading) -> str:
        title = plain(node).strip()
        if not title:
            return ""
        self._level = min(max(node.depth - self._top, 0), self._level) + 1
        level = LEVELS[min(self._level, len(LEVELS)) - 1]
        held, self._held = self._held, []
        shown = self._place(node.id) + self.inlines(node.children)
        source = rf"\roomfor{{9\baselineskip}}\level{level}[{{{words(title)}}}]{{{shown}}}"
        return self._aside(source, held)

    def _within(self, start: str, nodes: Sequence[Node], end: str) -> str:
        body = self._deeper(nodes)
        return f"{start}\n{body}\n{end}" if body and self._depth < BLOCKS else body

    def _deeper(self, nodes: Sequence[Node]) -> str:
        self._depth += 1
        body = self.blocks(nodes)
        self._depth -= 1
        return body

    def _callout(self, node: tree.Callout) -> str:
        kind = node.kind if node.kind in KINDS else "note"
        title = rf"\textbf{{\color{{{kind}}}{self.inlines(node.title) or words(node.kind.capitalize())}}}"
        body = f"{title}\\par\\nobreak\n{self._deeper(node.children)}"
        return f"\\begin{{apart}}{{{kind}}}\n{body}\n\\end{{apart}}" if self._depth < BLOCKS else body

    def _list(self, node: tree.List) -> str:
        if not node.children:
            return ""
        start = 1 if node.start is None else node.start
        labels = []
        for number, item in enumerate(node.children, start):
            checked = item.checked if isinstance(item, tree.ListItem) else None
            label = f"{number}." if node.ordered else "•"
            labels.append(label if checked is None else "☒" if checked else "☐")
        items = [
            (label, self._deeper(item.children if isinstance(item, tree.ListItem) else [item]))
            for label, item in zip(labels, node.children, strict=True)
        ]
        if self._depth >= BLOCKS:
            return "\n\n".join(f"{words(label)} {body}" for label, body in items)
        wide = f"{max(1.6, 0.6 * max(map(len, labels)) + 0.6):.1f}em"
        lines = [f"\\item[{{{words(label)}}}]\\leavevmode{{}}{body}" for label, body in items]
        gap = "4pt" if node.spread else "0pt"
        return "\n".join([rf"\begin{{items}}{{{wide}}}{{{gap}}}", *lines, r"\end{items}"])

    def _definition_list(self, node: tree.DefinitionList) -> str:
        parts = []
        for item in node.children:
            if isinstance(item, tree.DefinitionTerm):
                parts.append(rf"\textbf{{{self.inlines(item.children)}}}\par\nobreak")
            else:
                inside = item.children if isinstance(item, tree.DefinitionDescription) else [item]
                parts.append(self._within(r"\begin{items}{1.6em}{0pt}\item[]\leavevmode{}", inside, r"\end{items}"))
        return "\n".join(filter(None, parts))

    def _table(self, node: tree.Table) -> str:
        grid = Grid.read(node)
        if grid is None:
            return ""
        held, self._held = self._held, []
        caption = self._place(node.id) + self.inlines(node.caption)
        if node.kind == "kpi":
            strip = [[self.inlines(cell.nodes) for cell in cells[:3]] for _, cells in grid.rows[1:]]
            shown = "\n".join(r"\kpi" + "".join(f"{{{part}}}" for part in [*row, "", ""][:3]) for row in strip)
            return self._aside(f"{caption}\\par\\nobreak\n{shown}\\hfill\\null", held)
        sources = []
        for part in grid.parts():
            most, self._most = self._most, part.most
            if self._noting or part.tall:
                sources.append(f"{caption}{part.records(self.inlines, self._plainly, self._place)}")
            else:
                sources.append(part.source(caption, self.inlines, self._plainly, self._place))
            self._most, caption = most, ""
        return self._aside("\n\n".join(sources), held)

    def _chart(self, node: tree.Chart) -> str:
        parts = [
            rf"\roomfor{{9\baselineskip}}\textbf{{{words(node.title)}}}\par\nobreak" if node.title else "",
            self._table(node.table),
            rf"{{\small\color{{muted}}{self.inlines(node.source)} {words(DRAWN)}\par}}",
        ]
        return "\n".join(filter(None, parts))

    def _inline(self, node: Node, linked: bool) -> str:
        match node:
            case tree.Text() | tree.Html():
                return self._words(node.value)
            case tree.Emphasis():
                return self._styled(r"\emph", node.children, linked)
            case tree.Strong():
                return self._styled(r"\textbf", node.children, linked)
            case tree.Delete():
                return self._ruled(r"\struck", node.children, linked)
            case tree.InlineCode():
                return rf"\texttt{{{code(node.value, self._most)}}}"
            case tree.InlineMath():
                return formula(node.value)
            case tree.Break():
                return r"\newlin{}"
            case tree.Link():
                return self._link(node, linked)
            case tree.Figure():
                return self._figure(node, linked)
            case tree.Image():
                return rf"\textit{{{self._words(f'[Image: {node.alt or WITHOUT}]')}}}"
            case tree.FootnoteReference():
                return self._footnote(node)
            case tree.Mark(name="ins"):
                return self._ruled(r"\inserted", node.children, linked)
            case tree.Mark(name="small"):
                return rf"{{\small\color{{muted}}{self.inlines(node.children, linked)}}}"
            case tree.Mark():
                return self._styled(MARKS.get(node.name, ""), node.children, linked)
            case tree.Parent():
                return self.inlines(node.children, linked)
            case _:
                return self._words(plain(node))

    def _words(self, text: str) -> str:
        if not self._rule:
            return words(text, self._most)
        return "".join(
            part if part == " " else rf"{self._rule}{{{words(part, len(part))}}}"
            for part in re.split(r"(\s)", text)
            if part
        )

    def _styled(self, command: str, nodes: Sequence[Node], linked: bool) -> str:
        if not command or self._depth >= BLOCKS + INLINES:
            return self.inlines(nodes, linked)
        self._depth += 1
        body = self.inlines(nodes, linked)
        self._depth -= 1
        return f"{command}{{{body}}}"

    def _ruled(self, command: str, nodes: Sequence[Node], linked: bool) -> str:
        rule, self._rule = self._rule, command
        body = self.inlines(nodes, linked)
        self._rule = rule
        return body

    def _link(self, node: tree.Link, linked: bool) -> str:
        held, self._held = self._held, []
        body = self.inlines(node.children, True)
        place = self._places.get(node.url[1:]) if node.url.startswith("#") else None
        if place and not linked:
            body = rf"\hyperlink{{{place}}}{{{body}}}"
        elif not is_link(node.url):
            body += self._words(f" ({node.url})") if node.url and not linked else ""
        elif not (linked or node.url.startswith("#")):
            body = rf"\href{{{address(node.url)}}}{{{body}}}"
        return self._aside(body, held)

    def _figure(self, node: tree.Figure, linked: bool) -> str:
        body = self.inlines(node.children, True) if node.traced else self._ruled(r"\unfound", node.children, True)
        place = self._places.get(node.url[1:]) if node.url.startswith("#") else None
        return rf"\hyperlink{{{place}}}{{{body}}}" if place and not linked else body

    def _footnote(self, node: tree.FootnoteReference) -> str:
        definition = self._definitions.get(node.identifier)
        if definition is None:
            return words(f"[^{node.identifier}]")
        if number := self._notes.get(node.identifier):
            return rf"\footnotemark[{number}]"
        number = self._notes[node.identifier] = len(self._notes) + 1
        note = self._note(definition)
        if self._held is None:
            return rf"\footnote[{number}]{{{note}}}"
        self._held.append(rf"\footnotetext[{number}]{{{note}}}")
        return rf"\footnotemark[{number}]"

    def _note(self, definition: tree.FootnoteDefinition) -> str:
        """What a footnote says; those within it follow behind it, in its own text."""
        kept = self._held, self._depth, self._noting, self._rule, self._most
        self._held, self._depth, self._noting, self._rule, self._most = [], BLOCKS, True, "", LONG
        body = self.blocks(definition.children)
        inner = "".join(self._held)
        self._held, self._depth, self._noting, self._rule, self._most = kept
        return body + inner

    def _unused(self) -> str:
        """Footnotes that nothing refers to."""
        notes = []
        for name, definition in self._definitions.items():
            if name not in self._notes:
                self._notes[name] = len(self._notes) + 1
                notes.append(rf"{{\small {self._note(definition)}\par}}")
        return "\n\n".join(notes)
