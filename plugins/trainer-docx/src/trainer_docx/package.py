"""A whole Word document: its styles, what stands on every page, title, contents and body."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docx
from docx.document import Document
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

from trainer.errors import ConversionError
from trainer_document.tree import Heading, Link, Root, Text, plain
from trainer_docx.elements import INK, MUTED, Look, Place, element, paragraph, run, writable
from trainer_docx.writer import Writer

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # of what has no date, so that the same tree makes the same bytes
LISTED = 3  # levels of headings in the contents


def build(root: Root, template: Path | None = None) -> bytes:
    """The bytes of a document. Raises `ConversionError` if the template cannot be used."""
    document = _opened(template)
    body: Any = document.element.body
    section = body.find(qn("w:sectPr"))
    for child in list(body):
        if child is not section:
            body.remove(child)
    if template is None:
        _style(document)
    _about(document, root)
    writer = Writer(document, root)
    for made in [*_head(root, writer), *writer.blocks(root.children), *_origin(root)]:
        section.addprevious(made)
    writer.close()
    stream = io.BytesIO()
    document.save(stream)
    return _dateless(stream)


def _opened(template: Path | None) -> Document:
    try:
        return docx.Document(str(template) if template else None)
    except (OSError, ValueError, KeyError, PackageNotFoundError, zipfile.BadZipFile) as error:
        raise ConversionError(
            f"cannot use the template {template}: {error}", 'Mend ["tree-to-docx"] template in trainer.toml.'
        ) from error


def _style(document: Document) -> None:
    """The default look: one face, sizes that tell levels apart, A4."""
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.2)
    section.top_margin = section.bottom_margin = Cm(2.2)
    sizes = {"Normal": 10.5, "Title": 22, "Subtitle": 12, "Caption": 9.5, "Heading 1": 17, "Heading 2": 14,
             "Heading 3": 12, "Heading 4": 11, "Heading 5": 10.5, "Heading 6": 10.5}  # fmt: skip
    for name, size in sizes.items():
        style: Any = document.styles[name]
        style.font.size, style.font.name = Pt(size), "Calibri"
        style.font.color.rgb = RGBColor.from_string(MUTED if name in {"Subtitle", "Caption"} else INK)
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for face in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{face}"), None)  # it would be stronger than the name
    title: Any = document.styles["Title"]
    for border in title.element.iter(qn("w:pBdr")):
        border.getparent().remove(border)
    normal: Any = document.styles["Normal"]
    normal.paragraph_format.space_after = Pt(6)
    footer: Any = document.sections[0].footer.paragraphs[0]._p
    quiet = Look(colour=MUTED, height=16)
    footer.extend([run("", quiet), _field("PAGE", "1", quiet), run(" / ", quiet), _field("NUMPAGES", "1", quiet)])
    footer.insert(0, element("w:pPr", element("w:jc", val="right")))


def _field(code: str, shown: str, look: Look) -> Any:
    return element("w:fldSimple", run(shown, look), instr=code)


def _about(document: Document, root: Root) -> None:
    about = document.core_properties
    dates = (value for name, value in root.facts if name == "Date")
    about.title, about.author, about.last_modified_by = writable(root.title)[:250], "trainer", "trainer"
    about.comments, about.subject, about.language = "", writable(next(dates, ""))[:250], root.lang[:30]
    about.created = about.modified = EPOCH
    about.revision = 1
    settings: Any = document.styles.element.find(f".//{qn('w:rPrDefault')}/{qn('w:rPr')}")
    if settings is not None:
        for lang in settings.findall(qn("w:lang")):
            settings.remove(lang)
        settings.append(element("w:lang", val=root.lang[:30] or "en"))


def _head(root: Root, writer: Writer) -> list[Any]:
    made = []
    if root.kicker:
        made.append(paragraph(Place(tight=True), [run(root.kicker.upper(), Look(colour=MUTED, height=17))]))
    if root.title:
        made.append(paragraph(Place(style="Title"), [run(root.title)]))
    if root.subtitle:
        made.append(paragraph(Place(style="Subtitle"), [run(root.subtitle)]))
    made += _pairs(root.facts)
    listed = [node for node in root.children if isinstance(node, Heading) and node.depth <= LISTED and node.id]
    if len(listed) > 2:
        made.append(paragraph(Place(keep=True), [run("Contents", Look(bold=True))]))
        least = min(node.depth for node in listed)
        for node in listed:
            link = writer.inlines([_to(node)])
            made.append(paragraph(Place(indent=280 * (node.depth - least), tight=True), link))
        made.append(paragraph(Place(), []))
    return made


def _to(heading: Heading) -> Link:
    return Link([Text(plain(heading).strip())], f"#{heading.id}")


def _origin(root: Root) -> list[Any]:
    return [paragraph(Place(), []), *_pairs(root.origin)] if root.origin else []


def _pairs(pairs: list[tuple[str, str]]) -> list[Any]:
    quiet = Look(colour=MUTED, height=18)
    return [
        paragraph(Place(tight=True), [run(f"{name}: ", quiet.but(bold=True)), run(value, quiet)])
        for name, value in pairs
    ]


def _dateless(stream: io.BytesIO) -> bytes:
    """The same package with every entry of the same date."""
    made = io.BytesIO()
    with zipfile.ZipFile(stream) as given, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as written:
        for name in given.namelist():
            written.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), given.read(name), zipfile.ZIP_DEFLATED)
    return made.getvalue()
