"""Markdown to one self-contained, sanitised HTML page."""

from trainer_markdown.converter import FormatConverter, MarkdownToHTML

__all__ = ["FormatConverter", "MarkdownToHTML"]
