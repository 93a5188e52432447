"""The end of a report: what there was to say against it, the records it was written from, and what no record has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trainer_document import wording
from trainer_document.lineage import CHECKED
from trainer_document.policy import is_link
from trainer_document.tree import (
    Break,
    Callout,
    Heading,
    InlineCode,
    Link,
    List,
    ListItem,
    Mark,
    Node,
    Paragraph,
    Table,
    TableCell,
    TableRow,
    Text,
    plain,
)

ID = "page.sources"  # of the heading that the appendix begins with: no heading of a text has a dot in its own

Row = Mapping[str, str]


def appendix(
    sources: Sequence[Row],
    warnings: Sequence[str],
    findings: Sequence[Row],
    unfounded: Sequence[tuple[str, str]],
    cited: Mapping[str, int],
    grounding: str,
) -> list[Node]:
    """The nodes of the appendix; none if there is nothing to say.

    `unfounded` are figures and quotes that no record has, with what is wrong with them; `cited` tells how many places
    of a record (`key@version`) figures are from; `grounding` is the sentence on all figures. Rows have the ids that
    `lineage.trace` leads to.
    """
    nodes = [
        *_warnings(warnings),
        *_findings(findings),
        *(_records(sources, cited, grounding) if sources else ()),
        *(_checks(unfounded) if unfounded else ()),
    ]
    return [_heading(2, "Data sources" if sources else "Notes on this report", ID), *nodes] if nodes else []


def _warnings(warnings: Sequence[str]) -> list[Node]:
    title = "Warnings" if len(warnings) > 1 else "Warning"
    return [_callout("warning", title, ([Text(warning)] for warning in warnings))] if warnings else []


def _findings(findings: Sequence[Row]) -> list[Node]:
    kind = "caution" if any(finding.get("severity") == "high" for finding in findings) else "important"
    items = (
        [Text(f"{finding.get('message', '')} "), _aside(_joined(finding, "guard", "category", "severity"))]
        for finding in findings
    )
    return [_callout(kind, "What the checks found", items)] if findings else []


def _records(sources: Sequence[Row], cited: Mapping[str, int], grounding: str) -> list[Node]:
    head = ["Record", "Source and address", "Retrieved (UTC)", "SHA-256", *(["Fields cited"] if cited else [])]
    rows = [_row([[Text(title)] for title in head])]
    for number, source in enumerate(sources, 1):
        ref = source.get("ref", "")
        cells: list[list[Node]] = [
            [Text(source.get("name") or source.get("subject") or ref), *([Break(), InlineCode(ref)] if ref else ())],
            _address(source),
            [Text(wording.minute(source.get("retrieved", "")))],
            [InlineCode(source["hash"][:12])] if source.get("hash") else [],
        ]
        if cited:
            cells.append([Text(str(cited.get(ref, 0)))])
        rows.append(_row(cells, f"source-{number}"))
    words = f"The text was written from these stored records. {grounding}".strip()
    return [
        Paragraph([Text(words)]),
        Table(rows, [None] * len(head), label="Stored records", numeric=[title == "Fields cited" for title in head]),
    ]


def _address(source: Row) -> list[Node]:
    where = _joined(source, "source", "subject")
    lines: list[Node] = [Text(f"{where} " if where else "")]
    if url := source.get("url", ""):
        lines.append(Link([Text(url)], url) if is_link(url) and not url.startswith("#") else Text(url))
    if stale := source.get("stale"):
        lines.append(_aside(f"Stale: {stale}"))
    return [node for line in lines if plain(line) for node in (Break(), line)][1:]


def _checks(unfounded: Sequence[tuple[str, str]]) -> list[Node]:
    head = _row([[Text("In the text")], [Text("What is wrong")]])
    rows = [
        _row([[Text(text)], [Text(wrong)]], f"check-{number}")
        for number, (text, wrong) in enumerate(unfounded[:CHECKED], 1)
    ]
    nodes: list[Node] = [
        _heading(3, "Figures without a record", "page.checks"),
        Paragraph([Text("These do not follow from the stored records, or not as the text has them.")]),
        Table([head, *rows], [None] * 2, label="What is wrong with them", numeric=[False] * 2),
    ]
    if len(unfounded) > CHECKED:
        nodes.append(Paragraph([Text(f"{len(unfounded) - CHECKED:,} more do not either.")]))
    return nodes


def _heading(depth: int, title: str, id: str) -> Node:
    return Heading([Text(title)], depth, id)


def _callout(kind: str, title: str, items: Iterable[list[Node]]) -> Node:
    return Callout([List([ListItem([Paragraph(item)]) for item in items])], kind, [Text(title)])


def _row(cells: Iterable[list[Node]], id: str = "") -> Node:
    return TableRow([TableCell(cell) for cell in cells], id)


def _aside(words: str) -> Node:
    return Mark([Text(words)], "small")


def _joined(row: Row, *names: str) -> str:
    return " · ".join(row[name] for name in names if row.get(name))
