"""The document tree: what readers make of a text, and writers make a format of.

Nodes have the names and fields of mdast 5, the syntax tree that Markdown tools share; `definitionList`, `callout`,
`figure`, `chart` and `math` are added. Two trees are equal if they say the same; `from_json(to_json(tree))` is `tree`.
Nothing in a tree is markup of a format: a writer escapes all text, and asks `policy` before it writes an address.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from attrs import define, field, fields_dict

from trainer.errors import ConversionError

VERSION = 1
DEPTH = 100  # levels of a tree that is read from JSON
SIZE = 20_000_000  # letters of a tree in JSON, with its pictures
NODES = 250_000  # of a tree that is read from JSON, where a writer does not set less
LINES = 1_000_000  # of its words and code
FACTS = 10_000  # that stand below a title, or at the end of a document

Align = Literal["left", "right", "center"] | None
KINDS: dict[str, type[Node]] = {}


@define
class Node:
    """One node; `type` is its name in JSON."""

    type: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        if name := cls.__dict__.get("type"):
            KINDS[name] = cls  # attrs makes a slotted class of it once more: the later one stays


@define
class Parent(Node):
    """A node that holds others."""

    children: list[Node] = field(factory=list)


@define
class Root(Parent):
    """A whole document.

    `title` and `subtitle` stand above it, `kicker` (what kind of report it is) above the title, `facts` (name and
    value) below; `origin` (the same) at its very end: the run, and what it cost. `assets` maps `asset:<sha256>` to
    the media type and the bytes of what is shown at that address. `lang` is the language of the text (BCP 47).
    """

    type = "root"
    title: str = ""
    subtitle: str = ""
    kicker: str = ""
    lang: str = "en"
    facts: list[tuple[str, str]] = field(factory=list)
    origin: list[tuple[str, str]] = field(factory=list)
    assets: dict[str, tuple[str, bytes]] = field(factory=dict, repr=False)


@define
class Paragraph(Parent):
    """Running text: inline nodes."""

    type = "paragraph"


@define
class Heading(Parent):
    """A heading of level `depth`, 1 to 6; `id` is where a link finds it."""

    type = "heading"
    depth: int = 1
    id: str = ""


@define
class ThematicBreak(Node):
    """A rule between two parts."""

    type = "thematicBreak"


@define
class Blockquote(Parent):
    """A quotation: block nodes."""

    type = "blockquote"


@define
class Callout(Parent):
    """A block set apart; `kind` is note, tip, important, warning or caution; `title` has inline nodes."""

    type = "callout"
    kind: str = "note"
    title: list[Node] = field(factory=list)


@define
class List(Parent):
    """List items. `start` is the first number of an ordered list; `spread`: items are set apart."""

    type = "list"
    ordered: bool = False
    start: int | None = None
    spread: bool = False


@define
class ListItem(Parent):
    """Block nodes; `checked` is None but in a list of tasks."""

    type = "listItem"
    checked: bool | None = None
    spread: bool = False


@define
class DefinitionList(Parent):
    """Terms and their definitions, in order."""

    type = "definitionList"


@define
class DefinitionTerm(Parent):
    """A term: inline nodes."""

    type = "definitionTerm"


@define
class DefinitionDescription(Parent):
    """What a term means: block nodes."""

    type = "definitionDescription"


@define
class Code(Node):
    """A block of code as it is written."""

    type = "code"
    value: str = ""
    lang: str | None = None
    meta: str | None = None


@define
class Math(Node):
    """A formula on a line of its own, in TeX."""

    type = "math"
    value: str = ""


@define
class Html(Node):
    """HTML that somebody wrote into a text, block or inline. It is shown as text, never passed on."""

    type = "html"
    value: str = ""


@define
class Table(Parent):
    """Rows, the first of which is the head. `align` has one entry a column; `caption` has inline nodes.

    `label` names the table for those who do not see it. `numeric` tells which columns hold figures. `kind` is
    `kpi` for key figures, a row each (what it is, the figure, a remark), that may be shown as a strip.
    """

    type = "table"
    align: list[Align] = field(factory=list)
    caption: list[Node] = field(factory=list)
    label: str = ""
    numeric: list[bool] = field(factory=list)
    id: str = ""
    kind: str = ""


@define
class TableRow(Parent):
    """Cells; `id` is where a link finds the row."""

    type = "tableRow"
    id: str = ""


@define
class TableCell(Parent):
    """Inline nodes."""

    type = "tableCell"


@define
class FootnoteDefinition(Parent):
    """A footnote: block nodes. `identifier` is what references name."""

    type = "footnoteDefinition"
    identifier: str = ""


@define
class Chart(Node):
    """A drawing of data of the run.

    `svg` is safe to embed: it has a title, a description, no script and no address. `table` holds what is drawn, as
    a table; `source` says where that is from. `spec` is what the drawing was made from.
    """

    type = "chart"
    title: str = ""
    svg: str = ""
    table: Table = field(factory=Table)
    source: list[Node] = field(factory=list)
    spec: dict[str, Any] = field(factory=dict)


@define
class Text(Node):
    """Words."""

    type = "text"
    value: str = ""


@define
class Emphasis(Parent):
    """Stressed words."""

    type = "emphasis"


@define
class Strong(Parent):
    """Important words."""

    type = "strong"


@define
class Delete(Parent):
    """Words that do not hold any more."""

    type = "delete"


@define
class InlineCode(Node):
    """Code within a line."""

    type = "inlineCode"
    value: str = ""


@define
class InlineMath(Node):
    """A formula within a line, in TeX."""

    type = "inlineMath"
    value: str = ""


@define
class Break(Node):
    """The end of a line within a paragraph."""

    type = "break"


@define
class Link(Parent):
    """Words that lead to `url`; `#id` is a place of this document."""

    type = "link"
    url: str = ""
    title: str | None = None


@define
class Image(Node):
    """A picture at `url`: `asset:<sha256>` or a `data:` address."""

    type = "image"
    url: str = ""
    alt: str = ""
    title: str | None = None


@define
class FootnoteReference(Node):
    """The mark of a footnote."""

    type = "footnoteReference"
    identifier: str = ""


@define
class Mark(Parent):
    """Words with a style that has no node of its own: `name` is one of sub, sup, kbd, ins, mark, small."""

    type = "mark"
    name: str = "mark"


@define
class Figure(Parent):
    """A number that the text states, as it is written there, and where it is from.

    `status` is a word of grounding (`found`, `derived`, `not found`, `wrong scale`, …); `ref` is the record
    (`key@version`), `path` the place in it, `formula` how it was derived, `reason` what is wrong with it. `url` leads
    to the record in this document's appendix.
    """

    type = "figure"
    status: str = ""
    ref: str | None = None
    path: str = ""
    formula: str = ""
    reason: str = ""
    url: str = ""

    @property
    def traced(self) -> bool:
        """Whether it is the data's, or follows from it."""
        return self.status in {"found", "derived"}


NESTED = {"title", "caption", "source"}  # fields that hold nodes, beside `children`


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in reading order."""
    yield node
    for below in nodes(node):
        yield from walk(below)


def nodes(node: Node) -> Iterator[Node]:
    """What a node holds, in reading order."""
    if isinstance(node, Callout):
        yield from node.title
    if isinstance(node, Table):
        yield from node.caption
    yield from node.children if isinstance(node, Parent) else ()
    if isinstance(node, Chart):
        yield node.table
        yield from node.source


BLOCKS: tuple[type[Parent], ...] = (
    Root, Blockquote, Callout, List, ListItem, DefinitionList, DefinitionDescription, FootnoteDefinition,
)  # fmt: skip


def blocks(node: Node) -> Iterator[Node]:
    """The blocks below a node, in reading order. Much quicker than `walk`, which looks into lines and tables too."""
    if isinstance(node, BLOCKS):
        for below in node.children:
            yield below
            yield from blocks(below)


def plain(tree: Node | Sequence[Node]) -> str:
    """The words of a node, or of several: no marks, no footnote numbers."""
    return _words(tree) if isinstance(tree, Node) else "".join(map(_words, tree))


def rewrite(node: Node, change: Callable[[Node], Sequence[Node] | None]) -> None:
    """Ask `change` for each node below `node`, from the inside out; what it returns stands in the node's place."""
    for name in ("title", "caption", "children", "source"):
        held = getattr(node, name, None)
        if not isinstance(held, list):
            continue
        result: list[Node] = []
        for below in held:
            rewrite(below, change)
            changed = change(below)
            result.extend([below] if changed is None else changed)
        setattr(node, name, result)
    if isinstance(node, Chart):
        rewrite(node.table, change)


def to_json(node: Node) -> dict[str, Any]:
    """A node as JSON: `type`, and the fields that are not as they would be anyway. Bytes are in base64."""
    data: dict[str, Any] = {"type": node.type}
    if isinstance(node, Root):
        data["version"] = VERSION
    for name, attribute in fields_dict(type(node)).items():
        value = getattr(node, name)
        default = attribute.default
        if value == (default.factory() if hasattr(default, "factory") else default):  # type: ignore[union-attr]
            continue
        data[name] = _plain_json(name, value)
    return data


def from_json(data: Mapping[str, Any]) -> Node:
    """The node that `to_json` wrote. Raises `ConversionError` for anything else."""
    try:
        return _node(data, 0)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise wrong_tree(str(error)) from error


def read(content: str | bytes, most: int = NODES) -> Root:
    """The tree of a whole document, of its JSON.

    Raises `ConversionError` for anything else, and for one of more than `most` nodes or cells, or `SIZE` letters.
    """
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    _check("letters", len(text), SIZE)
    _check("lines", text.count("\\n"), LINES)
    _check("nodes", text.count('"type"'), most)  # in words its quotation marks would be escaped
    try:
        tree = from_json(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise wrong_tree(f"it is no JSON: {error}") from error
    if not isinstance(tree, Root):
        raise wrong_tree(f"it is a {tree.type} alone")
    _check("cells, with those that short rows are filled up with,", sum(map(_cells, blocks(tree))), most)
    return tree


def _check(what: str, found: int, most: int) -> None:
    if found > most:
        problem = f"the document has {found:,} {what} as a tree, and {most:,} are allowed"
        raise ConversionError(problem, "Split it, or keep long tables and data out of it.")


def _cells(node: Node) -> int:
    """How many cells a table has once all of its rows are as wide as its widest."""
    table = node.table if isinstance(node, Chart) else node
    rows = [len(row.children) for row in table.children if isinstance(row, Parent)] if isinstance(table, Table) else []
    return max(rows, default=0) * len(rows)


def wrong_tree(reason: str) -> ConversionError:
    """The error for JSON that is no document tree."""
    return ConversionError(f"this is no document tree: {reason}", "Make one with a conversion to `tree`.")


def _plain_json(name: str, value: Any) -> Any:
    if name == "assets":
        from base64 import b64encode

        return {key: [kind, b64encode(content).decode()] for key, (kind, content) in value.items()}
    if isinstance(value, Node):
        return to_json(value)
    if isinstance(value, list):
        return [to_json(item) if isinstance(item, Node) else item for item in value]
    return value


def _node(data: Mapping[str, Any], depth: int) -> Node:
    if depth > DEPTH:
        raise wrong_tree(f"it nests more than {DEPTH} levels deep")
    given = dict(data)
    kind = KINDS.get(given.pop("type", ""))
    if kind is None:
        raise wrong_tree(f"there is no node of the type {data.get('type')!r}")
    if kind is Root and given.pop("version", VERSION) != VERSION:
        raise wrong_tree(f"it is of version {data['version']}, and {VERSION} is known")
    if unknown := given.keys() - fields_dict(kind).keys():
        raise wrong_tree(f"{kind.type} has no {', '.join(sorted(unknown))}")
    made = kind(**{name: _value(name, value, depth) for name, value in given.items()})
    empty = kind()
    for name, value in given.items():
        if not _fits(name, getattr(empty, name), getattr(made, name)):
            raise wrong_tree(f"the {name} of a {kind.type} is {type(value).__name__}")
    return made


def _fits(name: str, usual: Any, value: Any) -> bool:
    """Whether a value is of the type of a field that usually has `usual`."""
    if usual is None:
        return value is None or isinstance(value, {"start": int, "checked": bool}.get(name, str))
    if isinstance(value, list) and isinstance(usual, list):
        return all(item is None or isinstance(item, str | bool | tuple | Node) for item in value)
    return isinstance(value, type(usual))


def _value(name: str, value: Any, depth: int) -> Any:
    match name, value:
        case "assets", dict():
            from base64 import b64decode

            return {key: (kind, b64decode(content, validate=True)) for key, (kind, content) in value.items()}
        case "facts" | "origin", list():
            if len(value) > FACTS:
                raise ValueError(f"it has {len(value):,} {name}, and {FACTS:,} are allowed")
            return [(str(key), str(item)) for key, item in value]
        case "table", dict():
            return _node(value, depth + 1)
        case "children" | "title" | "caption" | "source", list():
            return [_node(item, depth + 1) for item in value]
    return value


def _words(node: Node) -> str:
    match node:  # the most frequent first
        case Text():
            return node.value
        case Parent():
            return "".join([_words(below) for below in node.children])
        case InlineCode(value) | InlineMath(value) | Code(value) | Math(value) | Html(value):
            return value
        case Image():
            return node.alt
        case Break():
            return " "
        case Chart():
            return node.title
    return ""
