"""The title and the headings of a document: one title, levels without a gap, addresses of their own."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import field, frozen

from trainer_markdown.parser import Token, plain

LISTED = 60  # headings in the table of contents before only chapters are listed
CHAPTERS = 200


@frozen
class Section:
    """A heading in the table of contents, with those below it."""

    id: str
    text: str
    sections: list[Section] = field(factory=list)


def take_title(tree: list[Token], title: str, subtitle: str) -> tuple[list[Token], str, str]:
    """The tree without the heading that the title block shows, and that block's title and subtitle.

    A document's first `#` heading is its title. If another title is given, a lone `#` heading at the
    beginning becomes the subtitle, unless that is given as well.
    """
    tops = [token for token in tree if token["type"] == "heading" and token["attrs"]["level"] == 1]
    first = next((token for token in tree if token["type"] != "blank_line"), None)
    if not tops or tops[0] is not first:
        return tree, title or (plain(tops[0]["children"]).strip() if tops else ""), subtitle
    text = plain(tops[0]["children"]).strip()
    rest = [token for token in tree if token is not first]
    if not title or _same(text, title):
        return rest, title or text, subtitle
    if len(tops) == 1 and not subtitle:
        return rest, title, text
    return tree, title, subtitle


def number_headings(tree: list[Token]) -> list[Section]:
    """Give every heading its id and its level, from 2 on, in place; returns the table of contents.

    Ids are made as GitHub makes them, so that links a writer put into the text find their heading.
    """
    headings = list(_headings(tree))
    shift = 2 - min((token["attrs"]["level"] for token in headings), default=2)
    seen: dict[str, int] = {}
    for token in headings:
        token["attrs"]["level"] = min(6, token["attrs"]["level"] + shift)
        token["attrs"]["id"] = _unique(_slug(plain(token["children"])), seen)
    return _contents([token for token in tree if token["type"] == "heading"])


def _contents(headings: list[Token]) -> list[Section]:
    deepest = 3 if sum(token["attrs"]["level"] <= 3 for token in headings) <= LISTED else 2
    contents: list[Section] = []
    for token in headings:
        level, text = token["attrs"]["level"], plain(token["children"]).strip()
        if level > deepest or not text:
            continue
        section = Section(token["attrs"]["id"], text)
        (contents if level == 2 or not contents else contents[-1].sections).append(section)
    return contents[:CHAPTERS]


def _headings(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        if token["type"] == "heading":
            yield token
        elif token["type"] in {"block_quote", "list", "list_item", "task_list_item", "def_list", "def_list_item",
                               "footnotes", "footnote_item"}:  # fmt: skip
            yield from _headings(token["children"])


def _same(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _slug(text: str) -> str:
    kept = (char for char in text.strip().lower().replace(" ", "-") if char.isalnum() or char in "-_")
    return "".join(kept)[:80] or "section"


def _unique(slug: str, seen: dict[str, int]) -> str:
    name = slug
    while name in seen:
        seen[slug] += 1
        name = f"{slug}-{seen[slug]}"
    seen[name] = 0
    return name
