"""Give every conversion the worst of five megabytes, and print what each took.

`python scripts/hostile.py` runs all shapes through all edges, which takes an hour; `--edge NAME` and `--shape WORDS`
choose among them, `--list` names them. Each is converted in a process of its own, that may use 20 s of processor time
and 3 GB. The table has a line for each: processor time in seconds, with that of its worker processes, the most memory
that was in use, and what came of it. What is over 5 s or 1 GB, or ends in anything but a document or a
`ConversionError`, is marked, and makes the command fail. Linux only. The tests take shapes from here.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial

from attrs import frozen

from trainer import Document
from trainer.errors import ConversionError

SIZE = 4_900_000  # bytes of each input
SECONDS, MEMORY = 5.0, 1_000  # what a conversion may take; megabytes
CPU, SPACE = 20, 3_000_000_000  # at which it is ended

Shape = Callable[[int], str]


def repeated(unit: str) -> Shape:
    """A text that says the same over and over."""
    return lambda size: unit * (size // len(unit.encode()))


def counted(unit: str) -> Shape:
    """A text that says something over and over, each time with another number in the place of its `%d`."""
    length = len(unit.encode()) + 4
    return lambda size: "".join(unit.replace("%d", str(number)) for number in range(size // length))


# Texts on which readers of Markdown are known to spend the square of their length, or worse.
GROWING: dict[str, Shape] = {
    "emphasis that opens twice and closes twice": lambda n: "*a **a " * (n // 14) + "b" + " a** a*" * (n // 14),
    "emphasis that never closes": repeated("*a "),
    "emphasis that never opens": repeated("a* "),
    "strong words that never close": repeated("a**b"),
    "stars and underscores in turn": repeated("*_"),
    "one long run of stars": lambda n: "*" * (n // 2) + "a" + "*" * (n // 2),
    "a line of stars": lambda n: "*" * n + "a",
    "stars with spaces": lambda n: "* " * (n // 2) + "a",
    "deleted words that never close": repeated("~~a "),
    "single tildes": repeated(" ~a"),
    "brackets": repeated("["),
    "closing brackets": repeated("]"),
    "nested brackets": lambda n: "[" * (n // 2) + "a" + "]" * (n // 2),
    "nested links": lambda n: "[" * (n // 5) + "a" + "](b)" * (n // 5),
    "links that never close": repeated("[a]("),
    "addresses in angles that never close": repeated("[a](<b"),
    "titles that never close": repeated('[a](b "c'),
    "images": lambda n: "![" * (n // 2) + "a",
    "images in images": repeated("![[]()"),
    "brackets in an address": lambda n: "[a](" + "(" * n,
    "references": lambda n: "[a]: /u\n\n" + "[a]" * (n // 3),
    "definitions of references": counted("[%d]: u\n"),
    "a long label": lambda n: "[" + "a" * n + "]: u",
    "code marks of every length": lambda n: "".join("`" * size + " a " for size in range(1, int((2 * n) ** 0.5))),
    "code marks": repeated("`a``b"),
    "escapes": repeated("\\"),
    "entities that never end": lambda n: "&a" * min(n // 2, 90_000),
    "tags that are never closed": repeated("<b>"),
    "tags that nest": lambda n: "<b>" * (n // 7) + "x" + "</b>" * (n // 7),
    "beginnings of tags": repeated("<a "),
    "attributes": lambda n: "<a" + " b=c" * (n // 4),
    "comments that never close": repeated("a <!--"),
    "instructions that never close": repeated("a <?"),
    "sections that never close": repeated("a <![CDATA["),
    "addresses": repeated("https://"),
    "brackets in a bare address": lambda n: "https://a" + ")" * n,
    "mail addresses": repeated("a@b.c "),
    "a long mail address": lambda n: "a" * n + "@b.c",
    "quotes that nest": lambda n: ">" * n + "a",
    "lists that nest": lambda n: "- " * (n // 2) + "a",
    "quotes and lists in turn": lambda n: "> - " * (n // 4) + "a",
    "list items": repeated("- a\n"),
    "empty list items": repeated("-\n"),
    "lines that go on with a quote": lambda n: "> a\n" + "b\n" * (n // 2),
    "lines that go on with a list item": lambda n: "- a\n" + "b\n" * (n // 2),
    "lines that begin like something else": repeated("1986. a\n<x a\n"),
    "many short rows": lambda n: "|a|b|\n|-|-|\n" + "|a|b|\n" * min(n // 6, 80_000),
    "a wide head above short rows": lambda n: "|a" * (n // 8) + "|\n" + "|-" * (n // 8) + "|\n" + "|b|\n" * (n // 8),
    "pipes in lines that are no table": lambda n: ("|a" * 1_000 + "\n") * (n // 2_001),
    "dashes and spaces": lambda n: "a|b\n-|" + " " * n + "x",
    "footnotes that name each other": lambda n: "".join(f"[^{i}]: [^{i + 1}]\n" for i in range(n // 16)),
    "footnotes within footnotes": lambda n: "".join("    " * min(i, 50) + f"[^{i}]: a\n" for i in range(n // 200)),
    "definitions": lambda n: "a\n" + ": b\n" * (n // 4),
    "definitions that nest": lambda n: "a\n" + ": " * (n // 2) + "b",
    "formulas that never close": repeated("$`"),
    "fences": repeated("```\n"),
    "spaces within a heading": lambda n: "# a" + " " * n + "b",
    "headings of one name": repeated("# a\n"),
    "underlined headings": repeated("a\n=\n"),
    "empty lines": repeated("\n"),
    "front matter that nests": lambda n: "---\na: " + "[" * n + "\n---\nx",
    "signs to be escaped": lambda n: "& \u00a0" * min(n // 3, 90_000),
    "one long line": repeated("a "),
}

# Texts in which nothing is odd but how much there is of it.
PLENTY: dict[str, Shape] = {
    "paragraphs": repeated("word word\n\n"),
    "paragraphs of a letter": repeated("a\n\n"),
    "paragraphs with emphasis": repeated("a *b*\n\n"),
    "lines": repeated("a\n"),
    "line breaks": repeated("a\\\n"),
    "line breaks of spaces": repeated("a  \n"),
    "breaks as tags": repeated("a<br>"),
    "one word": repeated("a"),
    "words with emphasis": repeated("*a* "),
    "strong words": repeated("**a** "),
    "emphasis in lines": lambda n: ("*a* " * 190 + "\n\n") * (n // 762),
    "emphasis that nests in lines": lambda n: ("*" * 90 + "a" + "*" * 90 + "\n\n") * (n // 183),
    "emphasis that is tried in lines": lambda n: ("*a **a " * 60 + "b" + " a** a*" * 60 + "\n\n") * (n // 843),
    "strong words that are tried in lines": lambda n: ("a**b" * 190 + "\n\n") * (n // 762),
    "underscores that are tried in lines": lambda n: ("_a __a " * 60 + "b" + " a__ a_" * 60 + "\n\n") * (n // 843),
    "deleted words": repeated("~~a~~ "),
    "words deleted by one tilde": repeated("~a~ "),
    "code": repeated("`a` "),
    "links": repeated("[a](b) "),
    "links with an address": repeated("[a](http://b) "),
    "links of their own": counted("[a](http://b/%d) "),
    "links that nest in brackets": repeated("[[a]](b) "),
    "pictures": repeated("![a](b) "),
    "pictures of their own": repeated("![a](data:image/png;base64,AA==) "),
    "tags": repeated("<b>a</b> "),
    "tags that nest in lines": lambda n: ("<b>" * 8 + "a" + "</b>" * 8 + "\n\n") * (n // 59),
    "bare addresses": repeated("http://a.b "),
    "bare names": repeated("www.a.b "),
    "mail": repeated("<a@b.c> "),
    "notes that nothing defines": repeated("[^1] "),
    "one note": lambda n: "[^1] " * (n // 5) + "\n\n[^1]: a\n",
    "notes": lambda n: "".join(f"[^{i}] \n\n[^{i}]: a\n\n" for i in range(n // 25)),
    "notes alone": counted("[^%d]: a\n\n"),
    "footnotes of footnotes": lambda n: "[^0]\n\n" + "".join(f"[^{i}]: a [^{i + 1}]\n\n" for i in range(n // 22)),
    "a quote": repeated("> a\n"),
    "quotes": repeated("> a\n\nb\n\n"),
    "quotes in quotes": lambda n: ("> " * 15 + "a\n\nb\n\n") * (n // 35),
    "callouts": repeated("> [!NOTE]\n> a\n\nb\n\n"),
    "headings": repeated("# a\n\n"),
    "headings of their own": counted("## a %d\n"),
    "headings with text": repeated("## a\n\nb\n\n"),
    "rules": repeated("---\n\n"),
    "code blocks": repeated("```\na\n```\n"),
    "code blocks of a language": repeated("```py\na\n```\n"),
    "indented code": repeated("    a\n\nb\n\n"),
    "a code block": lambda n: "```\n" + "a = 1\n" * (n // 6) + "```\n",
    "charts": repeated("```chart\n{}\n```\n"),
    "charts of data": repeated('```chart\n{"kind": "bar", "data": [{"x": 1, "y": 2}], "x": "x", "y": "y"}\n```\n'),
    "list items set apart": repeated("- a\n\n"),
    "numbered items": repeated("1. a\n"),
    "tasks": repeated("- [x] a\n"),
    "lists": repeated("- a\n\nb\n\n"),
    "lists in lists": lambda n: ("".join("  " * depth + "- a\n" for depth in range(8)) + "\nb\n\n") * (n // 92),
    "a deep list": lambda n: "".join("  " * (number % 18) + "- a\n" for number in range(n // 21)),
    "tables": repeated("|a|b|\n|-|-|\n|1|2|\n\n"),
    "tables with a caption": repeated("Table: a\n\n|a|b|\n|-|-|\n|1|2|\n\n"),
    "tables of one column": repeated("|a|\n|-|\n\n"),
    "tables without pipes around them": repeated("a|b\n-|-\n1|2\n\n"),
    "a table of figures": lambda n: "|a|b|\n|-|-|\n" + "|Revenue|-1,234.5|\n" * min(n // 19, 80_000),
    "a table of long cells": lambda n: "|a|b|\n|-|-|\n" + f"|{'word ' * 15}|{'word ' * 15}|\n" * (n // 153),
    "a table of emphasis": lambda n: "|a|b|\n|-|-|\n" + "|*a* **b** `c`|[a](b) ~~c~~|\n" * min(n // 29, 80_000),
    "a table of escapes": lambda n: "|a|b|\n|-|-|\n" + "|\\|\\||\\|\\||\n" * min(n // 12, 24_000),
    "a wide table": lambda n: "".join(f"{cell * min(n // 20, 25_000)}|\n" for cell in ("|a", "|-", *["|1"] * 7)),
    "definitions of terms": repeated("a\n: b\n\n"),
    "terms": lambda n: "a\n" * (n // 2) + ": b",
    "formulas": repeated("$`a`$ "),
    "formulas on lines": repeated("$$\na\n$$\n"),
    "formulas that are long": lambda n: ("$`" + "x^2 + " * 300 + "y`$\n\n") * (n // 1_806),
    "formulas that nest": lambda n: ("$`" + "\\frac{1}{" * 90 + "x" + "}" * 90 + "`$\n\n") * (n // 997),
    "fractions": repeated("$`\\frac{a}{b}`$ "),
    "matrices": repeated("$`\\begin{matrix} a & b \\\\ c & d \\end{matrix}`$ ".replace(" & ", " ")),
    "HTML blocks": repeated("<div>\na\n</div>\n\n"),
    "an HTML block": repeated("<div>a</div>\n"),
    "comments": repeated("<!-- a -->\n\n"),
    "character references": lambda n: "&amp; " * min(n // 6, 99_000),
    "escaped signs": repeated("\\* "),
    "quotation marks": repeated("\"a' "),
    "signs of HTML": repeated("a < b > "),
    "tabs": repeated("\ta\n"),
    "carriage returns": repeated("a\r\n\r\n"),
    "control signs": repeated("\x01\x02"),
    "bytes that are no text": repeated("\x00a"),
    "Chinese": repeated("收入"),
    "Chinese words": repeated("收入 "),
    "Arabic": repeated("سنة "),
    "emoji": repeated("😀 "),
    "letters of another face each": repeated("aé中"),
    "marks on a letter": lambda n: "a" + "\u0301" * (n // 2),
    "marks on letters": repeated("e\u0301"),
    "private signs": repeated("\ue000 "),
    "signs that marks are made of": repeated("\ufdd0\ufdd2\ufdd1"),
    "spaces": lambda n: "a" + " " * n + "b",
    "spaces at the ends of lines": lambda n: ("a" + " " * 1_000 + "\n") * (n // 1_002),
    "figures": repeated("1,234.5 "),
    "dollars": repeated("$1.5 and "),
    "JSON members": counted("- **a%d:** 1\n"),
    "headings that nest": lambda n: "".join(f"{'#' * (1 + number % 6)} a{number}\n\n" for number in range(n // 14)),
    "front matter": lambda n: "---\n" + "".join(f"a{number}: b\n" for number in range(n // 12)) + "---\nx\n",
    "front matter that is one text": lambda n: "---\na: " + "word " * (n // 5) + "\n---\nx\n",
    "a list in front matter": lambda n: "---\na:\n" + "- b\n" * (n // 4) + "---\nx\n",
}
MARKDOWN = {**GROWING, **PLENTY}

# Shapes that cost a reader of HTML more than they are long.
HTML: dict[str, Shape] = {
    "nested div": repeated("<div>"),
    "nested lists": repeated("<ul><li>"),
    "nested quotes": repeated("<blockquote>"),
    "nested bold": lambda n: "<b>" * (n // 3) + "x",
    "nested tables": repeated("<table><tr><td>"),
    "nested spans with words": repeated("<span>x"),
    "nested links": repeated("<a href=#x>x"),
    "as deep as is read": lambda n: ("<div>" * 60 + "x" + "</div>" * 60) * (n // 661),
    "inline as deep as is read": lambda n: ("<p>" + "<b>" * 60 + "x" + "</b>" * 60) * (n // 424),
    "unclosed comments": repeated("<!--"),
    "comments": repeated("<!--a-->b"),
    "unclosed tags": repeated("<a "),
    "unclosed quotes": repeated('<a x="'),
    "closing tags": repeated("</p>"),
    "misnested": repeated("<b><p></b>"),
    "misnested links": repeated("<a><p></a>"),
    "attributes": lambda n: "<p " + " ".join(f"a{number}=1" for number in range(n // 10)) + ">x",
    "attributes in quotes": lambda n: "<p " + " ".join(f"a{number}='>'" for number in range(n // 12)) + "x='<p>'",
    "attributes that are read": repeated('<p class="a" id="b" title="c">x</p>'),
    "one long attribute": lambda n: f'<p title="{"x" * n}">x',
    "one long class": lambda n: f'<p class="{"x " * (n // 2)}">x',
    "breaks": repeated("<br>"),
    "rules": repeated("<hr>"),
    "wide cells": repeated("<table>" + "<tr><td colspan=65534>x"),
    "rows": lambda n: "<table>" + "<tr><td>x<td>y" * (n // 14),
    "cells": lambda n: "<table><tr>" + "<td>x" * (n // 5),
    "tables": repeated("<table><tr><td>x</table>"),
    "captions": lambda n: "<table>" + "<caption>x</caption>" * (n // 20) + "<tr><td>x",
    "entities": repeated("&amp;"),
    "entities that never end": repeated("&a"),
    "headings": repeated("<h2>x</h2>"),
    "paragraphs": repeated("<p>x</p>"),
    "paragraphs that never close": repeated("<p>x"),
    "list items": lambda n: "<ul>" + "<li>x" * (n // 5),
    "lists": repeated("<ul><li>x</ul>"),
    "definitions": lambda n: "<dl>" + "<dt>x<dd>y" * (n // 10),
    "links": repeated("<a href=#x>x</a>"),
    "links of their own": counted("<a href=http://a/%d>x</a>"),
    "bold words": repeated("<b>x</b> "),
    "bold words of paragraphs": repeated("<p><b>x</b> y</p>"),
    "code": repeated("<pre>x</pre>"),
    "pictures": repeated('<img src="data:image/png;base64,AA==">'),
    "unknown tags": lambda n: "<x-y>" * (n // 5) + "z",
    "unknown tags that close": repeated("<x-y>a</x-y>"),
    "declarations": lambda n: "<!" * (n // 4) + "<?" * (n // 4),
    "scripts": repeated("<script>x</script>"),
    "scripts that never close": repeated("<script>"),
    "styles that never close": repeated("<style>"),
    "text": repeated("word "),
    "signs": repeated("<"),
    "forms": repeated("<form>"),
    "options": lambda n: "<select>" + "<option>x" * (n // 9),
    "drawings": repeated("<svg><g>"),
    "formulas": repeated("<math><mi>x</mi></math>"),
    "footnotes": lambda n: "<section class=footnotes><ol>" + counted("<li id=fn.%d>x</li>")(n),
    "nested footnotes": repeated("<section class=footnotes><ol><li id=fn.1>x"),
    "callouts": repeated("<div class=callout><p class=callout-title>x</p>y</div>"),
    "figures": repeated("<span class=traced title='a:b@1 x'>1</span>"),
    "headers of ours": lambda n: "<meta name=generator content=trainer>" + "<header><h1>x</h1></header>" * (n // 28),
    "nested headers of ours": lambda n: "<head><meta name=generator content=trainer></head>" + "<header>x" * (n // 9),
    "bytes that are no text": repeated("\x00"),
}

# JSON, or what begins like it.
JSON: dict[str, Shape] = {
    "a list of numbers": lambda n: "[" + "1," * (n // 2) + "1]",
    "a list of words": lambda n: "[" + '"word word",' * (n // 12) + "1]",
    "a list of lines": lambda n: "[" + '"a\\nb",' * (n // 7) + "1]",
    "a list of lists": lambda n: "[" + "[1]," * (n // 4) + "1]",
    "a list of empty lists": lambda n: "[" + "[]," * (n // 3) + "1]",
    "lists of objects": lambda n: "[" + '[{"a":[{}]}],' * (n // 13) + "1]",
    "a list of objects": lambda n: "[" + '{"a":1,"b":2},' * (n // 14) + '{"a":1}]',
    "a list of objects of one key each": lambda n: "[" + "".join(f'{{"a{i}":1}},' for i in range(n // 14)) + "{}]",
    "a list of objects of few keys": lambda n: (
        "[" + "".join(f'{{"a{i % 500}":1}},' for i in range(n // 12)) + '{"b":1}]'
    ),
    "a list of objects that hold lists": lambda n: "[" + '{"a":[1,{"b":2}]},' * (n // 18) + "1]",
    "an object of numbers": lambda n: "{" + "".join(f'"a{i}":1,' for i in range(n // 12)) + '"b":1}',
    "an object of lists": lambda n: "{" + "".join(f'"a{i}":[[1]],' for i in range(n // 16)) + '"b":1}',
    "an object of objects": lambda n: "{" + "".join(f'"a{i}":{{"b":[[1]]}},' for i in range(n // 22)) + '"b":1}',
    "an object of tables": lambda n: "{" + "".join(f'"a{i}":[{{"b":1}}],' for i in range(n // 20)) + '"b":1}',
    "one key over and over": lambda n: "{" + '"a":1,' * (n // 6) + '"a":1}',
    "one long text": lambda n: '{"a": "' + "word " * (n // 5) + '"}',
    "one text of lines": lambda n: '{"a": "' + "word\\n" * (n // 6) + '"}',
    "one text of stars": lambda n: '{"a": "' + "*_" * (n // 2) + '"}',
    "one long key": lambda n: '{"' + "a" * n + '": 1}',
    "one long number": lambda n: "[" + "1" * n + "]",
    "keys of marks": lambda n: "{" + "".join(f'"*{i}|`":"*|`",' for i in range(n // 20)) + '"b":1}',
    "addresses": lambda n: "[" + '"http://a.b/c",' * (n // 15) + "1]",
    "deep lists": lambda n: "[" * (n // 2) + "]" * (n // 2),
    "deep objects": lambda n: '{"a":' * (n // 6) + "1" + "}" * (n // 6),
    "as deep as is read": lambda n: "[" + ("[" * 90 + "1" + "]" * 90 + ",") * (n // 182) + "1]",
    "objects as deep as are read": lambda n: "[" + ('{"a":' * 90 + "1" + "}" * 90 + ",") * (n // 542) + "1]",
    "white space": lambda n: "[" + " " * n + "1]",
    "lists that never close": repeated("["),
    "objects that never close": repeated("{"),
    "members that never close": repeated('{"a":'),
    "lists that break off": repeated("[1x "),
    "lists with a comma": repeated("[1,"),
    "objects among words": repeated('{"a":1} '),
    "objects without quotes": repeated("{a: "),
    "quotes and brackets": repeated('"['),
    "texts that break off": repeated('{"a": \'x'),
    "texts that begin": repeated('[1,2 "'),
    "escapes": repeated("{'\\'"),
    "thoughts": repeated("</think>{"),
    "fences": repeated("```\n[1,"),
    "fenced objects": repeated('```json\n{"a": 1}\n```\n'),
    "fences of no number": repeated("```\n[NaN, "),
    "brackets and quotes": repeated('[["'),
    "brackets and braces": repeated("[{}"),
    "objects in single quotes": repeated("{'a': 1} "),
    "an object in single quotes": lambda n: "{" + "'a': 1, " * (n // 8) + "}",
    "an object that breaks off": lambda n: "{" + "".join(f'"a{i}": 1, ' for i in range(n // 12)),
    "an object without commas": lambda n: '{"a": [' + "1 " * (n // 2) + "]}",
    "an object with comments": lambda n: "{" + '"a": 1, // b\n' * (n // 13) + "}",
    "a text that breaks off": lambda n: '{"a": "' + "word " * (n // 5),
    "a text with quotes": lambda n: '{"a": "' + 'b" c ' * (n // 5) + '"}',
    "a text with escapes": lambda n: '{"a": "' + "\\x" * (n // 2) + '"}',
    "words": repeated("word "),
    "brackets among words": repeated("see [1] and {b} "),
}
# Sizes of what is mended, which is looked for below the limit of it.
MENDED = {f"{name} to be mended": (lambda n, shape=shape: shape(n // 125)) for name, shape in JSON.items()}


def tree(children: str, size: int) -> str:
    """The JSON of a tree that holds the same over and over."""
    return f'{{"type":"root","version":1,"children":[{repeated(f"{children},")(size)[:-1]}]}}'


def held(kind: str, /, *children: str, **fields: object) -> str:
    """The JSON of a node."""
    more = "".join(f',"{name}":{json.dumps(value)}' for name, value in fields.items())
    return f'{{"type":"{kind}","children":[{",".join(children)}]{more}}}'


def leaf(kind: str, /, **fields: object) -> str:
    """The JSON of a node that holds no other."""
    return json.dumps({"type": kind, **fields}, separators=(",", ":"))


def nested(kinds: Sequence[str], levels: int, inner: str) -> str:
    """The JSON of nodes within one another."""
    for number in range(levels):
        inner = held(kinds[-1 - number % len(kinds)], inner)
    return inner


A = leaf("text", value="a")
EMPTY = '{"type":"tableRow","children":[]}'
CELL, LONG_CELL = held("tableCell", A), held("tableCell", leaf("text", value="word " * 30))
ROW = held("tableRow", CELL, CELL)
INLINE: dict[str, str] = {
    "words": A,
    "empty words": leaf("text"),
    "signs": leaf("text", value="*_`[]<>&|\\~#$%{}^"),
    "lines": leaf("text", value="a\nb"),
    "emphasis": held("emphasis", A),
    "empty emphasis": '{"type":"emphasis"}',
    "strong words": held("strong", A),
    "deleted words": held("delete", A),
    "marked words": held("mark", A, name="mark"),
    "inserted words": held("mark", A, name="ins"),
    "code": leaf("inlineCode", value="a"),
    "code marks": leaf("inlineCode", value="`" * 50),
    "formulas": leaf("inlineMath", value="x^2"),
    "formulas that are none": leaf("inlineMath", value="\\x{"),
    "breaks": leaf("break"),
    "links": held("link", A, url="http://a"),
    "links to a place": held("link", A, url="#a"),
    "links that may not be": held("link", A, url="x:y"),
    "pictures": leaf("image", url="data:image/png;base64,AA==", alt="a"),
    "pictures from elsewhere": leaf("image", url="http://a", alt="a"),
    "pictures that are not there": leaf("image", url=f"asset:{'0' * 64}", alt="a"),
    "marks of notes": leaf("footnoteReference", identifier="a"),
    "figures": held("figure", A, status="found", ref="a@1", url="#source-1"),
    "figures of nothing": held("figure", A, status="not found", reason="b"),
    "HTML": leaf("html", value="<b>"),
    "deep emphasis": nested(["emphasis"], 95, A),
    "deep marks": nested(["emphasis", "strong", "delete"], 95, A),
    "deep links": nested(["link"], 95, A),
    "deep figures": nested(["figure"], 95, A),
}
BLOCKS: dict[str, str] = {
    "paragraphs": held("paragraph", A),
    "empty paragraphs": '{"type":"paragraph"}',
    "headings": held("heading", A, depth=2, id="a"),
    "rules": leaf("thematicBreak"),
    "quotes": held("blockquote", held("paragraph", A)),
    "callouts": held("callout", held("paragraph", A), kind="tip"),
    "code blocks": leaf("code", value="a"),
    "formulas on lines": leaf("math", value="x^2"),
    "HTML blocks": leaf("html", value="<b>"),
    "lists": held("list", held("listItem", held("paragraph", A))),
    "numbered lists": held("list", held("listItem", held("paragraph", A)), ordered=True, start=1),
    "definition lists": held("definitionList", held("definitionTerm", A), held("definitionDescription")),
    "tables": held("table", ROW, ROW),
    "empty tables": '{"type":"table"}',
    "notes": held("footnoteDefinition", held("paragraph", A), identifier="a"),
    "charts": leaf("chart", title="a", svg='<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>'),
    "deep quotes": nested(["blockquote"], 95, held("paragraph", A)),
    "deep lists": nested(["list", "listItem"], 94, held("paragraph", A)),
    "deep callouts": nested(["callout"], 95, held("paragraph", A)),
    "deep notes": nested(["footnoteDefinition"], 95, held("paragraph", A)),
    "deep definitions": nested(["definitionList", "definitionDescription"], 94, held("paragraph", A)),
    "blocks in blocks that hold none": held("paragraph", held("table", ROW)),
}


def _inline(node: str) -> Shape:
    def shape(size: int) -> str:
        body = repeated(f"{node},")(size)[:-1]
        return f'{{"type":"root","children":[{{"type":"paragraph","children":[{body}]}}]}}'

    return shape


def _notes(size: int) -> str:
    marks = (held("paragraph", leaf("footnoteReference", identifier=str(number + 1))) for number in range(size // 165))
    notes = (held("footnoteDefinition", mark, identifier=str(number)) for number, mark in enumerate(marks))
    first = held("paragraph", leaf("footnoteReference", identifier="0"))
    return f'{{"type":"root","children":[{",".join([first, *notes])}]}}'


TREES: dict[str, Shape] = {
    **{f"{name} in one paragraph": _inline(node) for name, node in INLINE.items()},
    **{name: partial(tree, node) for name, node in BLOCKS.items()},
    "rows": lambda n: tree(held("table", *[ROW] * (n // (len(ROW) + 1))), n),
    "long rows": lambda n: tree(held("table", *[held("tableRow", LONG_CELL, LONG_CELL)] * (n // 420)), n),
    "cells": lambda n: tree(held("table", held("tableRow", *[CELL] * (n // (len(CELL) + 1)))), n),
    "a wide head above empty rows": lambda n: tree(
        held("table", held("tableRow", *[CELL] * (n // 140)), *[EMPTY] * (n // 70)), n
    ),
    "items": lambda n: tree(held("list", *[held("listItem", held("paragraph", A))] * (n // 105)), n),
    "one word": lambda n: tree(held("paragraph", leaf("text", value="a" * n)), n + 100),
    "one text": lambda n: tree(held("paragraph", leaf("text", value="word " * (n // 5))), n + 100),
    "one text of signs": lambda n: tree(held("paragraph", leaf("text", value="*_`[<&|~#$" * (n // 10))), n + 100),
    "one text of lines": lambda n: tree(held("paragraph", leaf("text", value="a\n" * (n // 3))), n + 100),
    "one text of ends": lambda n: tree(held("paragraph", leaf("text", value="- \n" * (n // 4))), n + 100),
    "one text of letters of another face each": lambda n: _inline(f'{{"type":"text","value":"{"aé中" * (n // 6)}"}}')(
        n + 100
    ),
    "one code block": lambda n: tree(leaf("code", value="a\n" * (n // 3)), n + 100),
    "one line of code": lambda n: tree(leaf("code", value="a" * n), n + 100),
    "one code mark of every length": lambda n: tree(
        held("paragraph", leaf("inlineCode", value=GROWING["code marks of every length"](n))), n + n // 4
    ),
    "one formula": lambda n: tree(leaf("math", value="x^2 + " * (n // 6)), n + 100),
    "links of their own": lambda n: (
        '{"type":"root","children":['
        + ",".join(held("paragraph", held("link", A, url=f"http://a/{number}")) for number in range(n // 105))
        + "]}"
    ),
    "headings of their own": lambda n: (
        '{"type":"root","children":['
        + ",".join(held("heading", leaf("text", value=f"a{i}"), depth=2, id=f"a{i}") for i in range(n // 90))
        + "]}"
    ),
    "notes that refer to one another": _notes,
    "facts": lambda n: '{"type":"root","facts":[' + '["a","b"],' * (n // 10) + '["a","b"]]}',
    "assets": lambda n: (
        '{"type":"root","assets":{' + ",".join(f'"{i}":["image/png","AA=="]' for i in range(n // 30)) + "}}"
    ),
    "a long title": lambda n: f'{{"type":"root","title":"{"word " * (n // 5)}"}}',
    "too deep": lambda n: '{"type":"blockquote","children":[' * (n // 35),
    "numbers": lambda n: "[" + "1," * (n // 2) + "1]",
    "brackets": repeated("["),
}


@frozen
class Edge:
    """A conversion, what it is given, and what it may take beside the reading of its input."""

    convert: Callable[[str], object]
    shapes: dict[str, Shape]
    seconds: float = SECONDS
    memory: int = MEMORY


def _plugin(plugin: object, source: str, target: str) -> Callable[[str], object]:
    def convert(text: str) -> object:
        try:
            made = plugin.convert(Document(text, source), target)  # type: ignore[attr-defined]  # plugins have no class
        except TypeError:
            made = plugin.convert(Document(text, source))  # type: ignore[attr-defined]
        finally:
            if hasattr(plugin, "close"):
                plugin.close()
        return made.content

    return convert


def edges() -> dict[str, Edge]:
    """All conversions by name."""
    from trainer_docx import TreeToDocx
    from trainer_latex import LatexToPDF, TreeToLatex
    from trainer_markdown import FormatConverter
    from trainer_pdf import HTMLToPDF
    from trainer_typst import TreeToPDF, TreeToTypst

    convert = FormatConverter().convert
    found: dict[str, Edge] = {
        "markdown-to-html": Edge(lambda text: convert(text, "markdown", "html"), MARKDOWN),
        "markdown-to-tree": Edge(lambda text: convert(text, "markdown", "tree"), MARKDOWN),
        "markdown-to-json": Edge(lambda text: convert(text, "markdown", "json"), MARKDOWN),
        "html-to-tree": Edge(lambda text: convert(text, "html", "tree"), HTML),
        "json-to-markdown": Edge(lambda text: convert(text, "json", "markdown"), {**JSON, **MENDED}),
        "text-to-json": Edge(lambda text: FormatConverter().extract_json_from_text(text).note, {**JSON, **MENDED}),
        "detection": Edge(FormatConverter().detect_format, {**MARKDOWN, **JSON}),
        "tree-to-html": Edge(lambda text: convert(text, "tree", "html"), TREES),
        "tree-to-markdown": Edge(lambda text: convert(text, "tree", "markdown"), TREES),
        "tree-to-docx": Edge(_plugin(TreeToDocx(), "tree", "docx"), TREES),
        "tree-to-latex": Edge(_plugin(TreeToLatex(), "tree", "latex"), TREES),
        "tree-to-typst": Edge(_plugin(TreeToTypst(), "tree", "typst"), TREES),
        "tree-to-pdf": Edge(_plugin(TreeToPDF(), "tree", "pdf"), TREES),
        "html-to-pdf": Edge(_plugin(HTMLToPDF(), "html", "pdf"), HTML),
        "latex-to-pdf": Edge(_plugin(LatexToPDF(), "latex", "pdf"), PLENTY),
    }
    return found


def measured(edge: Edge, text: str) -> tuple[float, float, str]:
    """Seconds and megabytes that a conversion took in a process of its own, and what came of it."""
    back, forth = os.pipe()
    child = os.fork()
    if not child:
        os.close(back)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU + 1))
        resource.setrlimit(resource.RLIMIT_AS, (SPACE, SPACE))
        os.write(forth, _came_of(edge, text).encode()[:2_000])
        os._exit(0)
    os.close(forth)
    with os.fdopen(back, "rb") as pipe:
        said = pipe.read().decode("utf-8", "replace")
    _, status, usage = os.wait4(child, 0)
    if os.WIFSIGNALED(status):
        said = f"KILLED by {signal.Signals(os.WTERMSIG(status)).name}"
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000, said


def _came_of(edge: Edge, text: str) -> str:
    try:
        made = edge.convert(text)
    except ConversionError as error:
        return f"refused: {error.problem}"
    except BaseException as error:  # whatever else it is, is what is looked for
        return f"FAILED: {type(error).__name__}: {error}"
    return f"{len(made):,}" if isinstance(made, str | bytes) else "done"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--edge", action="append", help="a conversion; may be given again")
    parser.add_argument("--shape", default="", help="words in the names of shapes")
    parser.add_argument("--size", type=int, default=SIZE, help="bytes of each input")
    parser.add_argument("--list", action="store_true", help="name what there is")
    given = parser.parse_args()
    wrong = 0
    for name, edge in edges().items():
        if given.edge and name not in given.edge:
            continue
        for shape, make in edge.shapes.items():
            if given.shape not in shape:
                continue
            if given.list:
                print(f"{name}  {shape}")
                continue
            seconds, megabytes, said = measured(edge, make(given.size))
            over = seconds > edge.seconds or megabytes > edge.memory or said.startswith(("KILLED", "FAILED"))
            wrong += over
            took = f"{'!' if over else ' '} {seconds:6.2f} s {megabytes:6.0f} MB"
            print(f"{took}  {name:18} {shape:45} {said[:110]}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
