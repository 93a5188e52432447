"""A format is told from what a file holds, with how sure that is; a guess is never passed for knowledge."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from hypothesis import example, given, settings, strategies as st

from trainer_markdown import FormatConverter
from trainer_markdown.detection import SURE, detect


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        for name in names:
            package.writestr(name, "<x/>")
    return file.getvalue()


REPORT = "# Apple\n\nRevenue was **391B**.\n\n| Year | Revenue |\n| --- | --: |\n| 2024 | 391B |\n"
TREE = FormatConverter().convert(REPORT, "markdown", "tree")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "pdf"),
        (b"\x00\x00%PDF-1.4", "pdf"),
        (archive("[Content_Types].xml", "word/document.xml"), "docx"),
        (archive("xl/workbook.xml"), "xlsx"),
        (archive("a.txt"), "zip"),
        (b"\x89PNG\r\n\x1a\n\0\0", "png"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"\0\1\2\xff", "binary"),
        (b"\xff\xfe#\0 \0h\0\n\0\n\0*\0*\0b\0*\0*\0", "markdown"),
        ('{"a": 1}', "json"),
        (b'\xef\xbb\xbf [1, {"a": null}]\n', "json"),
        (TREE, "tree"),
        ("<!DOCTYPE html>\n<html><body><p>x</p></body></html>", "html"),
        ("<!-- c --><html lang=en>", "html"),
        ("<div><p>One</p><p>Two</p></div>", "html"),
        ('<?xml version="1.0"?><a><b/></a>', "xml"),
        ("<filing><form>10-K</form></filing>", "xml"),
        ('<svg xmlns="http://www.w3.org/2000/svg"><path d=""/></svg>', "svg"),
        (REPORT, "markdown"),
        ("---\ntitle: Apple\n---\n\nWords.\n", "markdown"),
        ("Some `code` and [a link](https://x.org).\n\n- one\n- two\n", "markdown"),
        ("```json\n{}\n```\n\n## More\n", "markdown"),
        ("date,open,close\n2024-01-02,1,2\n2024-01-03,2,3\n", "csv"),
        ("a\tb\n1\t2\n3\t4\n", "csv"),
        ("% a comment\n\\documentclass{article}\n\\begin{document}x\\end{document}", "latex"),
    ],
)
def test_what_has_a_format_is_known(content: str | bytes, name: str) -> None:
    found, confidence = detect(content)
    assert found == name
    assert SURE <= confidence <= 1


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("", "text"), (b"", "text"), ("Just words, and a few of them, in a line.", "text"), ("42", "json"),
        ('{"ticker": "AAPL", "ri', "json"), ("- one\n- two", "text"),
        ("Dear all,\nthe numbers, as asked, are here.\nBest, B.", "text"),
    ],
)  # fmt: skip
def test_what_could_be_anything_is_no_more_than_a_guess(content: str | bytes, name: str) -> None:
    found, confidence = detect(content)
    assert found == name
    assert confidence < SURE


@settings(max_examples=1000, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300) | st.text("{}[]<>/!-#*|`\"'\\,;:\n\t ax1%", max_size=300))
@example("[" * 100_000)
@example('"\n"a","b"\r\n\r"')
@example(b"PK\x03\x04")
@example("\ud800")
def test_any_content_has_a_format_and_a_confidence(content: str | bytes) -> None:
    name, confidence = detect(content)
    assert name
    assert 0 <= confidence <= 1


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_whole_json_is_always_known(value: object) -> None:
    name, confidence = detect(json.dumps([value]))
    assert (name, confidence) == ("json", 1.0)
