"""A page read back the way a strict reader would: every tag closed where it was opened."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from trainer_markdown import FormatConverter

VOID = {"meta", "br", "hr", "img"}
ACTIVE = {
    "animate", "applet", "audio", "base", "button", "embed", "foreignobject", "form", "frame", "iframe", "image", "input",
    "link", "maction", "noscript", "object", "script", "select", "set", "source", "template", "textarea", "track", "use",
    "video",
}  # fmt: skip
DRAWN = {"svg", "g", "path", "rect", "text", "circle", "line"}
IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=%]+")


class Element:
    def __init__(self, tag: str, attrs: dict[str, str]) -> None:
        self.tag = tag
        self.attrs = attrs
        self.children: list[Element | str] = []

    def walk(self) -> Iterator[Element]:
        todo = [self]
        while todo:
            element = todo.pop()
            yield element
            todo.extend(child for child in reversed(element.children) if isinstance(child, Element))

    def all(self, tag: str, **attrs: str) -> list[Element]:
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attrs.items()}
        return [
            element
            for element in self.walk()
            if element.tag == tag and all(element.attrs.get(name) == value for name, value in wanted.items())
        ]

    def one(self, tag: str, **attrs: str) -> Element:
        (element,) = self.all(tag, **attrs)
        return element

    @property
    def text(self) -> str:
        parts: list[str] = []
        todo: list[Element | str] = [self]
        while todo:
            item = todo.pop()
            if isinstance(item, str):
                parts.append(item)
            elif item.tag != "style":
                todo.extend(reversed(item.children))
        return " ".join("".join(parts).split())

    @property
    def classes(self) -> set[str]:
        return set(self.attrs.get("class", "").split())

    def grid(self) -> list[list[str]]:
        """The texts of a table, row by row."""
        cells = [[cell for cell in row.children if isinstance(cell, Element)] for row in self.all("tr")]
        return [[cell.text for cell in row] for row in cells]


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.root = Element("", {})
        self.open = [self.root]
        self.deepest = 0
        self.feed(html)
        self.close()
        assert len(self.open) == 1, f"not closed: {[element.tag for element in self.open[1:]]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of <{tag}> is given twice"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)
            self.deepest = max(self.deepest, len(self.open))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    @property
    def body(self) -> Element:
        return self.root.one("body")

    @property
    def article(self) -> Element:
        return self.root.one("article")

    def active(self) -> list[str]:
        """Whatever on the page could run, fetch, submit or lead to a place that is not allowed."""
        found = []
        for element in self.root.walk():
            if element.tag in ACTIVE:
                found.append(f"<{element.tag}>")
            for name, value in element.attrs.items():
                if (
                    name.startswith("on")
                    or name in {"style", "srcset", "action", "formaction", "background", "ping", "xlink:href"}
                    or (name == "http-equiv" and value != "Content-Security-Policy")
                    or (name == "href" and not re.match(r"https?://|mailto:|#", value, re.IGNORECASE))
                    or (name == "src" and not IMAGE.fullmatch(value))
                    or (element.tag in DRAWN and "url" in value.lower())
                ):
                    found.append(f"{element.tag} {name}={value}")
        styles = "".join(str(rule) for style in self.root.all("style") for rule in style.children)
        return found + re.findall(r"url\(|@import|expression\(", styles)


Convert = Callable[..., Page]


@pytest.fixture(scope="session")
def convert() -> Convert:
    """Converts Markdown and reads the page."""

    def run(text: str | bytes, /, **metadata: Any) -> Page:
        return Page(FormatConverter().convert(text, "markdown", "html", metadata))

    return run
