"""Bodies in JSON and XML: filled as trees, so that no value can change what surrounds it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from trainer.errors import InstructionError
from trainer.instruction import NAME, Template

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ONE = re.compile(rf"\{{({NAME})\}}")
# What XML 1.0, section 2.2, has no way to write.
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@frozen
class Structure:
    """A tree with `{NAME}` in its texts. `outline` is its sections as Markdown, with the same variables."""

    fill: Callable[[Mapping[str, str], Mapping[str, Any]], str]
    outline: str


class Malformed(InstructionError):
    """A body is not what its engine reads; `line` is where."""

    def __init__(self, problem: str, remedy: str, line: int) -> None:
        super().__init__(problem, remedy)
        self.line = line


def from_json(body: Template, name: str) -> Structure:
    """A body of JSON: an object or a list. Raises `InstructionError` with the line for anything else.

    `sections`, a list of texts or of objects with a `title`, is what the report should have sections for.
    """
    try:
        tree = json.loads(body.text, object_pairs_hook=_unique, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        line = body.first_line + error.lineno - 1
        raise Malformed(f"{name}: the body is not JSON: {error.msg} (line {line})", "Mend that line.", line) from error
    except (ValueError, RecursionError) as error:
        message = f"{name}: the body cannot be used: {error}"
        raise Malformed(message, "Write JSON with each key once.", body.first_line) from error
    if not isinstance(tree, dict | list):
        raise Malformed(f"{name}: the body is not an object or a list", "Write { … }.", body.first_line)

    def fill(texts: Mapping[str, str], typed: Mapping[str, Any]) -> str:
        return json.dumps(_filled(tree, texts, typed), ensure_ascii=False, indent=2, default=str)

    asked = tree.get("sections", []) if isinstance(tree, dict) else []
    sections = [_section(item) for item in (asked if isinstance(asked, list) else [])]
    return Structure(fill, "\n\n".join(sections))


def from_xml(body: Template, name: str) -> Structure:
    """A body of XML. Raises `InstructionError` with the line for anything else, and for declarations of entities.

    Elements called `section`, with a `title`, are what the report should have sections for. Characters that XML
    cannot hold are filled in as U+FFFD.
    """
    from xml.etree import ElementTree

    text = body.text.lstrip()
    first = body.first_line + body.text[: len(body.text) - len(text)].count("\n")
    if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise Malformed(f"{name}: the body declares a document type", "Take the <!DOCTYPE …> out.", first)
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  # without a document type there are no entities to expand
    except ElementTree.ParseError as error:
        line = first + error.position[0] - 1
        message = f"{name}: the body is not XML: {error.msg.partition(':')[0]} (line {line})"
        raise Malformed(message, "Mend that line; a literal < is written &lt; and & is &amp;.", line) from error

    def fill(texts: Mapping[str, str], _: Mapping[str, Any]) -> str:
        return ElementTree.tostring(_copy(root, texts), encoding="unicode").strip()

    sections = [_heading(one.get("title", ""), "".join(one.itertext())) for one in root.iter("section")]
    return Structure(fill, "\n\n".join(sections))


def _filled(value: Any, texts: Mapping[str, str], typed: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        filled = {Template(key).fill(texts): _filled(item, texts, typed) for key, item in value.items()}
        if len(filled) < len(value):
            raise InstructionError(f"two keys of {{{', '.join(value)}}} are the same when filled", "Tell them apart.")
        return filled
    if isinstance(value, list):
        return [_filled(item, texts, typed) for item in value]
    if not isinstance(value, str):
        return value
    whole = ONE.fullmatch(value)
    return typed[whole[1]] if whole and whole[1] in typed else Template(value).fill(texts)


def _copy(element: Element, texts: Mapping[str, str]) -> Element:
    from xml.etree.ElementTree import Element as New

    def filled(text: str | None) -> str | None:
        return text and NOT_XML.sub("\ufffd", Template(text).fill(texts))

    copy = New(element.tag, {name: filled(value) or "" for name, value in element.items()})
    copy.text, copy.tail = filled(element.text), filled(element.tail)
    copy.extend(_copy(child, texts) for child in element)
    return copy


def _section(item: Any) -> str:
    if not isinstance(item, dict):
        return _heading(str(item), "")
    return _heading(str(item.get("title", "")), "\n\n".join(str(text) for key, text in item.items() if key != "title"))


def _heading(title: str, text: str) -> str:
    lines = "\n".join(line.strip() for line in text.strip().splitlines())
    return f"## {' '.join(title.split()) or 'Section'}\n\n{lines}".strip()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError(f"a key stands twice among {', '.join(key for key, _ in pairs)}")
    return values


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not a number of JSON")
