"""The conversions to Typst, and through it to PDF, keep the contract of conversions."""

from __future__ import annotations

import json

from trainer.testing import ConvertContract
from trainer_document.tree import Heading, Paragraph, Root, Text, to_json
from trainer_typst import TreeToPDF, TreeToTypst


def tree(title: str) -> str:
    return json.dumps(to_json(Root([Heading([Text(title)], depth=1), Paragraph([Text("Ä & <b> #x $y$")])])))


NO_TREES = ("", "{", "[]", '{"type": "none"}', '{"type": "text", "value": "x"}', b"\xff")


class TestTreeToTypst(ConvertContract):
    plugin = TreeToTypst
    name = "tree-to-typst"
    documents = (tree("One"), tree("Other"))
    refused = NO_TREES


class TestTreeToPDF(ConvertContract):
    plugin = TreeToPDF
    name = "tree-to-pdf"
    documents = (tree("One"), tree("Other"))
    refused = NO_TREES
    rounds = 1
