"""veraPDF, the validator of the PDF Association, finds nothing in our PDFs. Skipped where it is not installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from trainer import Document
from trainer_document import tree
from trainer_document.charts import chart
from trainer_document.report import enrich
from trainer_document.specimens import ASSET, FORMULAS, LATIN, PIXEL
from trainer_document.tree import Node, Root, Text, to_json
from trainer_typst import TreeToPDF

VERAPDF = os.environ.get("VERAPDF") or shutil.which("verapdf")

pytestmark = pytest.mark.skipif(
    not VERAPDF, reason="needs veraPDF (https://verapdf.org) on the PATH, or VERAPDF=its path"
)


def row(*cells: Sequence[Node]) -> tree.TableRow:
    return tree.TableRow([tree.TableCell(list(cell)) for cell in cells])


def everything() -> Root:
    figure = tree.Figure([Text("-12.5%")], "found", "acme@1", "revenue")
    long = [row([Text(f"day {n}")], [Text(f"{n}.5")]) for n in range(150)]
    fence = {"type": "bar", "title": "Sales", "data": "sales", "x": "year", "y": "value"}
    wide = [row(*[[Text(f"{n},234,567")] for n in range(30)]) for _ in range(3)]
    nodes: list[Node] = [
        tree.Heading([Text("Summary 🚀")], 2),
        tree.Paragraph([Text("It fell by "), figure, tree.FootnoteReference("1"), Text(", שלום, مرحبا. "), tree.InlineMath(FORMULAS[0])]),
        tree.Paragraph([tree.Link([Text("there")], "https://a.example/ü?a=1&b=2"), tree.Image(ASSET, "A dot")]),
        tree.Callout([tree.Paragraph([Text("Careful.")])], "warning"),
        tree.List([tree.ListItem([tree.Paragraph([Text(word)])], checked=True) for word in LATIN[:5]]),
        tree.DefinitionList([tree.DefinitionTerm([Text("term")]), tree.DefinitionDescription([tree.Paragraph([Text("meaning")])])]),
        tree.Code("\n".join(LATIN)), *map(tree.Math, FORMULAS),
        tree.Blockquote([tree.Heading([Text("Quoted")], 3), tree.Paragraph([Text("words")])]),
        tree.Table([row([Text("Day")], [Text("Change"), tree.FootnoteReference("1")]), *long], caption=[Text("Days")]),
        tree.Table(wide), tree.Table([row([Text("What")], [Text("Figure")]), row([Text("Cap")], [Text("4T")])], kind="kpi"),
        chart(json.dumps(fence), {"sales": [{"year": "2023", "value": 1}, {"year": "2024", "value": 2}]}),
        tree.FootnoteDefinition([tree.Paragraph([Text("A note.")])], "1"),
    ]  # fmt: skip
    return Root(nodes, assets={ASSET: ("image/png", PIXEL)})


@pytest.mark.parametrize("flavour", ["3a", "ua1"])
def test_verapdf_finds_nothing_in_a_report_with_everything(flavour: str, tmp_path: Path) -> None:
    about = {
        "title": "Acme",
        "sources": [{"ref": "acme@1", "name": "facts", "url": "https://example.com/acme"}],
        "records": {"facts": {"revenue": 3}},
    }
    plugin = TreeToPDF(seconds=30)
    made = plugin.convert(Document(json.dumps(to_json(enrich(everything(), about))), "tree", about))
    plugin.close()
    assert isinstance(made.content, bytes)
    file = tmp_path / "report.pdf"
    file.write_bytes(made.content)
    command = [str(VERAPDF), "--flavour", flavour, "--format", "text", "--verbose", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout.partition(" ")[0]) == (0, "PASS"), done.stdout + done.stderr
