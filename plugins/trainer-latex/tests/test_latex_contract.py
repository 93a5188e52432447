"""The conversions to LaTeX and from it keep the contract of conversions."""

from __future__ import annotations

import json
import shutil

import pytest

from trainer.testing import ConvertContract
from trainer_document.tree import Heading, Paragraph, Root, Text, to_json
from trainer_latex import LatexToPDF, TreeToLatex

PAGE = "\\documentclass{{article}}\\begin{{document}}{0}\\end{{document}}\n"


def tree(title: str) -> str:
    return json.dumps(to_json(Root([Heading([Text(title)], depth=1), Paragraph([Text("Ä & <b> $x$")])])))


class TestTreeToLatex(ConvertContract):
    plugin = TreeToLatex
    name = "tree-to-latex"
    documents = (tree("One"), tree("Other"))
    refused = ("", "{", "[]", '{"type": "none"}', '{"type": "text", "value": "x"}', b"\xff")


class TestLatexToPDF(ConvertContract):
    plugin = LatexToPDF
    name = "latex-to-pdf"
    documents = (PAGE.format("One"), PAGE.format("Other"))
    refused = (PAGE.format("\\nosuchcommand"), "x" * 20_000_001)
    rounds = 1

    @pytest.fixture(autouse=True)
    def _engine(self, request: pytest.FixtureRequest) -> None:
        needed = "setting" not in request.node.name and "heavy" not in request.node.name
        if needed and not (shutil.which("xelatex") or shutil.which("tectonic")):
            pytest.skip("neither xelatex nor tectonic is installed")
