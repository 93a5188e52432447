"""Markdown, and the document tree, to one self-contained, sanitised HTML page; HTML back to a tree; JSON both ways."""

from trainer_markdown.converter import (
    FormatConverter,
    HTMLToTree,
    JSONToMarkdown,
    MarkdownToHTML,
    MarkdownToJSON,
    MarkdownToTree,
    TreeToHTML,
    TreeToMarkdown,
)

__all__ = [
    "FormatConverter", "HTMLToTree", "JSONToMarkdown", "MarkdownToHTML", "MarkdownToJSON", "MarkdownToTree",
    "TreeToHTML", "TreeToMarkdown",
]  # fmt: skip
