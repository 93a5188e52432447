"""Any document at all, read back from its HTML page and from JSON: it says what it said."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from lxml import etree

from trainer_document import themes
from trainer_document.specimens import Said, documents, line
from trainer_document.tree import Root, from_json, to_json
from trainer_markdown.html_reader import read
from trainer_markdown.page import page

SLOW = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


def shown(element: Any) -> str:
    """The words of an element: no formulas, no marks of footnotes, no number of a record."""
    if element.tag in {"math", "svg"} or element.get("class") == "cite":
        return ""
    parts = [element.text or "", *(shown(below) + (below.tail or "") for below in element)]
    return (" " if element.tag == "br" else "") + "".join(parts)


def said(html: str) -> Said:
    article = etree.fromstring(html.encode(), etree.HTMLParser(encoding="utf-8")).find(".//article")
    headings = [item for item in article.iter() if re.fullmatch("h[1-6]", str(item.tag))]
    tables = [[[line(shown(cell)) for cell in row] for row in table.iter("tr")] for table in article.iter("table")]
    links = [(line(shown(link)), link.get("href")) for link in article.iter("a") if link.get("href")[:1] != "#"]
    return Said([(int(item.tag[1]), line(shown(item))) for item in headings], tables, links)


@SLOW
@given(documents())
def test_any_document_has_the_same_headings_tables_and_links_as_a_page(root: Root) -> None:
    assert said(page(root, themes.load("report"))) == Said.of(root)


@SLOW
@given(documents())
def test_any_document_has_the_same_headings_tables_and_links_read_from_its_page(root: Root) -> None:
    assert Said.of(read(page(root, themes.load("report")))) == Said.of(root)


@SLOW
@given(documents())
def test_any_document_is_the_same_as_json(root: Root) -> None:
    assert from_json(json.loads(json.dumps(to_json(root)))) == root
