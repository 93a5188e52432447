"""The default report: what every format of a document has that its text alone does not say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainer_document import wording
from trainer_document.appendix import appendix
from trainer_document.figures import set_minus, set_table
from trainer_document.lineage import CHECKED, cited, figures, trace
from trainer_document.outline import number_headings, take_title
from trainer_document.tree import (
    BLOCKS,
    Chart,
    Code,
    Emphasis,
    Figure,
    FootnoteDefinition,
    FootnoteReference,
    Heading,
    Image,
    InlineMath,
    Link,
    Math,
    Node,
    Paragraph,
    Parent,
    Root,
    Strong,
    Table,
    Text,
    blocks,
    plain,
    walk,
)

KPI = "key figures"  # what a paragraph says right above a table that is a strip of them
STRIP = 8  # figures of such a strip

_CAPTION = re.compile(r"\s*Table(?:\s+(\d+(?:[.-]\d+)*|[A-Z]))?\s*[.:—–-]\s*")


def enrich(
    root: Root, metadata: Mapping[str, Any], notes: Sequence[str] = (), details: Mapping[str, Any] | None = None
) -> Root:
    """The tree of a text as a report, changed in place.

    It gets a title block, ids and levels of headings, captions and labels of tables, numeric columns with true minus
    signs, key figures, charts, figures that lead to their records, and an appendix: warnings, findings, records, and
    figures that no record has. `metadata` is what the document is about, as `trainer run` gives it to converters; any
    part may be missing. `notes` is what reading the text had to give up; `details` are further values to show.
    """
    sources = wording.rows(metadata.get("sources"))
    take_title(root, wording.text(metadata.get("title")), wording.text(metadata.get("subtitle")))
    root.title = root.title or "Report"
    stem = wording.stem(wording.text(metadata.get("instruction")))
    root.kicker = wording.text(metadata.get("kicker")) or wording.words(stem)
    root.facts = _facts(metadata, root.lang)
    root.origin = _origin(metadata, details or {})
    number_headings(root, _ids(max(CHECKED, len(sources))))
    tables = _Tables()
    tables.settle(root)
    if any(isinstance(node, Code) and node.lang == "chart" for node in blocks(root)):
        _draw(root, metadata)
    found = list(figures(root))
    for figure in found:
        set_minus(figure)
    unfounded = trace(root, found, [source.get("ref", "") for source in sources])
    wrong = [(plain(figure), ": ".join(filter(None, [figure.status, figure.reason]))) for figure in unfounded]
    wrong += [
        (f"“{quote.get('text', '')}”", "a quote that stands nowhere in the data")
        for quote in wording.rows(metadata.get("quotes"))
        if quote.get("status") == "not found"
    ]
    root.children += appendix(
        sources,
        [*wording.texts(metadata.get("warnings")), *notes],
        wording.rows(metadata.get("findings")),
        wrong,
        cited(found, metadata),
        wording.text(metadata.get("grounding")),
    )
    return root


FEATURES: dict[str, type[Node] | tuple[type[Node], ...]] = {
    "tables": Table, "charts": Chart, "math": (Math, InlineMath), "images": Image, "links": Link, "lineage": Figure,
    "footnotes": (FootnoteReference, FootnoteDefinition),
}  # fmt: skip


def needs(root: Root) -> list[str]:
    """What a format must keep so that nothing of this document is lost: tables, charts, math, links, …."""
    kinds = {type(node) for node in walk(root)}
    return [name for name, wanted in FEATURES.items() if any(issubclass(kind, wanted) for kind in kinds)]


def _facts(metadata: Mapping[str, Any], lang: str) -> list[tuple[str, str]]:
    offline = wording.text(metadata.get("writer")).lower() == "offline"
    facts = [
        ("Date", wording.day(wording.text(metadata.get("date")), lang)),
        ("Model", wording.text(metadata.get("model"))),
        ("Written", "without a language model, from the stored data by fixed rules" if offline else ""),
        ("Instruction", wording.text(metadata.get("instruction"))),
        *wording.pairs(metadata.get("params")),
        ("Figures", wording.text(metadata.get("grounding"))),
    ]
    return [(name, value) for name, value in facts if value]


def _origin(metadata: Mapping[str, Any], details: Mapping[str, Any]) -> list[tuple[str, str]]:
    origin: list[tuple[str, str]] = []
    if run := wording.text(metadata.get("run")):
        cost = metadata.get("cost")
        offline = wording.text(metadata.get("writer")).lower() == "offline"
        priced = not offline or isinstance(cost, int | float)
        origin = [
            ("Run", run),
            ("Prompt", wording.text(metadata.get("prompt"))[:12]),
            ("Tokens", wording.count(metadata.get("tokens"))),
            ("Cost", wording.money(cost) if priced else ""),
        ]
    return [(name, value) for name, value in [*origin, *wording.pairs(details)] if value]


def _ids(most: int) -> Iterator[str]:
    return (f"{name}-{number}" for name in ("source", "check") for number in range(1, most + 1))


def _draw(root: Root, metadata: Mapping[str, Any]) -> None:
    from trainer_document.charts import draw

    draw(root, metadata)


class _Tables:
    """Gives the tables of one document their captions, numbers and labels, and sets their figures."""

    def __init__(self) -> None:
        self._heading = ""
        self._captions = 0
        self._labels: Counter[str] = Counter()

    def settle(self, parent: Parent) -> None:
        """Work on the blocks of one that holds them, and on all below."""
        caption: list[Node] | None = None
        kept: list[Node] = []
        for node in parent.children:
            if isinstance(node, Table):
                if caption is not None and plain(caption[0]) == KPI and not _is_strip(node):
                    caption = None
                if caption is not None:
                    kept.pop()
                self._table(node, caption)
            elif isinstance(node, Heading):
                self._heading = plain(node).strip()
            elif isinstance(node, BLOCKS):
                self.settle(node)
            caption = _caption(node) if isinstance(node, Paragraph) else None
            kept.append(node)
        parent.children = kept

    def _table(self, table: Table, caption: list[Node] | None) -> None:
        set_table(table)
        number, words = (plain(caption[0]), plain(caption[1:]).strip()) if caption else ("", "")
        label = table.label or words or self._heading or "Table"
        self._labels[label] += 1
        table.label = label if self._labels[label] == 1 else f"{label} ({self._labels[label]})"
        if caption and number == KPI:
            table.kind, table.caption = "kpi", caption[1:]
        elif caption:
            self._captions += 1
            table.caption = [Strong([Text(f"Table {number or self._captions}.")]), Text(" "), *caption[1:]]


def _is_strip(table: Table) -> bool:
    rows = [len(row.children) for row in table.children if isinstance(row, Parent)]
    return bool(rows) and 1 < len(rows) <= STRIP + 1 and max(rows) in {2, 3}


def _caption(paragraph: Paragraph) -> list[Node] | None:
    """The number (or "") and the words of a paragraph that reads `Table: …` or `**Table 1.** …`.

    Of one that reads `Key figures` the number is `KPI`.
    """
    if not paragraph.children:
        return None
    if (said := plain(paragraph).strip(" :.")).casefold() == KPI:
        return [Text(KPI), Text(said)]
    lead, *rest = paragraph.children
    words = [*lead.children, *rest] if isinstance(lead, Strong | Emphasis) else [lead, *rest]
    match = _CAPTION.match(words[0].value) if words and isinstance(words[0], Text) else None
    if not match:
        return None
    rest = [Text(words[0].value[match.end() :]), *words[1:]]  # type: ignore[attr-defined]  # as above
    while rest and isinstance(rest[0], Text) and not rest[0].value.strip():
        del rest[0]
    if rest and isinstance(rest[0], Text):
        rest[0] = Text(rest[0].value.lstrip())
    return [Text(match[1] or ""), *rest] if plain(rest).strip() else None
