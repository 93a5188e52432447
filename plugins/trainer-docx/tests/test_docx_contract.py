"""The conversion `tree-to-docx` keeps the contract of conversions."""

from __future__ import annotations

import json

from trainer.testing import ConvertContract
from trainer_document.tree import Heading, Paragraph, Root, Text, to_json
from trainer_docx import TreeToDocx


def tree(title: str) -> str:
    return json.dumps(to_json(Root([Heading([Text(title)], depth=1), Paragraph([Text("Ä & <b>")])])))


class TestTreeToDocx(ConvertContract):
    plugin = TreeToDocx
    name = "tree-to-docx"
    documents = (tree("One"), tree("Other"))
    refused = ("", "{", "[]", '{"type": "none"}', b"\xff")
