"""The title and the headings of a document: one title, levels without a gap, addresses of their own."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

from trainer_document.tree import Heading, Root, blocks, plain

LISTED = 60  # headings in the table of contents before only chapters are listed
CHAPTERS = 200


@frozen
class Section:
    """A heading in the table of contents, with those below it."""

    id: str
    text: str
    sections: list[Section] = field(factory=list)


def take_title(root: Root, title: str, subtitle: str) -> None:
    """Set the title and the subtitle, and take the heading that they repeat out of the text, in place.

    A document's first `#` heading is its title. If another title is given, a lone `#` heading at the
    beginning becomes the subtitle, unless that is given as well.
    """
    tops = [node for node in root.children if isinstance(node, Heading) and node.depth == 1]
    root.title, root.subtitle = title, subtitle
    if not tops:
        return
    text = plain(tops[0]).strip()
    if tops[0] is not root.children[0]:
        root.title = title or text
    elif not title or _same(text, title):
        root.title = title or text
        del root.children[0]
    elif len(tops) == 1 and not subtitle:
        root.subtitle = text
        del root.children[0]


def number_headings(root: Root, taken: Iterable[str] = ()) -> None:
    """Give every heading its id, which is none of those `taken`, and its level, from 2 on, in place.

    Ids are made as GitHub makes them, so that links a writer put into the text find their heading. The levels are
    those of the document's own headings; one in a quotation or a list does not move them.
    """
    headings = [node for node in blocks(root) if isinstance(node, Heading)]
    own = [node for node in root.children if isinstance(node, Heading)]
    shift = 2 - min((node.depth for node in own or headings), default=2)
    seen = dict.fromkeys(taken, 0)
    for node in headings:
        node.depth = min(6, max(2, node.depth + shift))
        node.id = _unique(_slug(plain(node)), seen)


def contents(root: Root) -> list[Section]:
    """The table of contents of a document whose headings have their ids."""
    headings = [node for node in root.children if isinstance(node, Heading)]
    deepest = 3 if sum(node.depth <= 3 for node in headings) <= LISTED else 2
    chapters: list[Section] = []
    for node in headings:
        text = plain(node).strip()
        if node.depth > deepest or not text:
            continue
        section = Section(node.id, text)
        (chapters if node.depth == 2 or not chapters else chapters[-1].sections).append(section)
    return chapters[:CHAPTERS]


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
