"""The conversions of Markdown, HTML, JSON and trees keep the contract of conversions, and `reports` that of commands."""

from __future__ import annotations

import json

from trainer.testing import CommandContract, ConvertContract
from trainer_document.tree import Heading, Paragraph, Root, Text, to_json
from trainer_markdown import (
    HTMLToTree,
    JSONToMarkdown,
    MarkdownToHTML,
    MarkdownToJSON,
    MarkdownToTree,
    TreeToHTML,
    TreeToMarkdown,
)
from trainer_markdown.command import reports

TEXTS = ("# One\n\nText ä & <b>.\n", "# Other\n\n| a | b |\n|---|--:|\n| 1 | −2 |\n\n- x\n- y\n")
TREES = tuple(
    json.dumps(to_json(Root([Heading([Text(title)], depth=1), Paragraph([Text("Ä & <b>")])])))
    for title in ("One", "Other")
)
NO_TREES = ("", "{", "[]", '{"type": "none"}', '{"type": "text", "value": "x"}', b"\xff")
LARGE = ("x" * 20_000_001,)


class TestMarkdownToHTML(ConvertContract):
    plugin = MarkdownToHTML
    name = "markdown-to-html"
    documents = TEXTS
    refused = LARGE
    changes = {"lang": "de"}  # noqa: RUF012 - as a plugin's author writes it


class TestMarkdownToTree(ConvertContract):
    plugin = MarkdownToTree
    name = "markdown-to-tree"
    documents = TEXTS
    refused = LARGE
    changes = {"lang": "de"}  # noqa: RUF012


class TestMarkdownToJSON(ConvertContract):
    plugin = MarkdownToJSON
    name = "markdown-to-json"
    documents = TEXTS
    refused = LARGE


class TestJSONToMarkdown(ConvertContract):
    plugin = JSONToMarkdown
    name = "json-to-markdown"
    documents = tuple(
        json.dumps(value, ensure_ascii=False, indent=2) + "\n"
        for value in ({"a": [1, 2.5, None], "b": {"c": "ä <b>"}}, [{"x": 1}, {"x": 2}], "text")
    )
    back = MarkdownToJSON


class TestTreeToHTML(ConvertContract):
    plugin = TreeToHTML
    name = "tree-to-html"
    documents = TREES
    refused = NO_TREES


class TestTreeToMarkdown(ConvertContract):
    plugin = TreeToMarkdown
    name = "tree-to-markdown"
    documents = TREES
    refused = NO_TREES


class TestHTMLToTree(ConvertContract):
    plugin = HTMLToTree
    name = "html-to-tree"
    documents = (
        "<h1>One</h1><p>Text ä &amp; <b>bold</b>.</p>",
        "<table><tr><th>a</th></tr><tr><td>1</td></tr></table>",
    )


class TestReports(CommandContract):
    command = reports
    module = "trainer_markdown.command"
    calls = ([], ["--json"], ["--subject", "ACME", "--since", "2025"], ["--html", "reports.html"])
