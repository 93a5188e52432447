"""Filings: the rows of EDGAR's submissions and of its search."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from trainer.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lxml import etree

    from trainer_sec.parameters import Ask

ACCESSION = re.compile(r"\d{10}-\d{2}-\d{6}")
# Ownership reports name a page that a style sheet makes of their XML; the XML is what was filed.
STYLED = re.compile(r"^xsl[^/]*/")
ATOM = "{http://www.w3.org/2005/Atom}"
FILER = re.compile(r"(.+) \((\d{10})\) \(([^()]+)\)", re.DOTALL)
FILED = re.compile(r"Filed:(?:<[^>]*>|\s)*(\d{4}-\d{2}-\d{2})")
ANNUAL = ("10-K", "20-F", "40-F")
COLUMNS = {
    "accession": "accessionNumber",
    "form": "form",
    "filed": "filingDate",
    "period": "reportDate",
    "accepted": "acceptanceDateTime",
    "items": "items",
    "document": "primaryDocument",
    "description": "primaryDocDescription",
    "size": "size",
}


def filing_rows(page: Mapping[str, Any], folder: str) -> Iterator[dict[str, Any]]:
    """The filings of a page of submissions, which has a list for each column; `folder` is the company's."""
    for values in zip(*(page[column] for column in COLUMNS.values()), strict=True):
        row = dict(zip(COLUMNS, values, strict=True))
        row["url"] = address(folder, row["accession"], row["document"])
        yield row


def address(folder: str, accession: str, document: str) -> str:
    """Where a document of a filing is; without a document, the full submission, which every filing has."""
    name = STYLED.sub("", document) or f"{accession}.txt"
    return f"{folder}/{accession.replace('-', '')}/{name}"


def matches(row: Mapping[str, Any], ask: Ask) -> bool:
    """Whether a filing is of a form and a time that were asked for."""
    return (not ask.form or row["form"] in ask.form) and _within(row["filed"], ask)


def may_hold(page: Mapping[str, Any], ask: Ask) -> bool:
    """Whether an older page, listed with its first and last day, may have filings of a time that was asked for."""
    return (not ask.since or page["filingTo"] >= ask.since) and (not ask.until or page["filingFrom"] <= ask.until)


def feed_rows(feed: bytes, url: str) -> list[dict[str, Any]]:
    """The rows of the Atom feed at `url`: one for each filing and each party to it, in its role."""
    from lxml import etree

    try:
        root = etree.fromstring(feed, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise Unavailable(f"{url} answered with something that is no feed", "Try again later.") from error
    return [_entry_row(entry) for entry in root.iterfind(f"{ATOM}entry")]


def _entry_row(entry: etree._Element) -> dict[str, Any]:
    head, cik, role = FILER.fullmatch(entry.findtext(f"{ATOM}title", "").strip()).groups()  # type: ignore[union-attr]  # an AttributeError says that the shape is another
    form = entry.find(f"{ATOM}category").get("term")  # type: ignore[union-attr]  # as above
    filed = FILED.search(entry.findtext(f"{ATOM}summary", ""))
    return {
        "entity": head.removeprefix(f"{form} - "),
        "cik": cik,
        "role": role,
        "accession": entry.findtext(f"{ATOM}id", "").partition("accession-number=")[2],
        "form": form,
        "filed": filed[1] if filed else None,
        "accepted": entry.findtext(f"{ATOM}updated"),
        "url": entry.find(f"{ATOM}link").get("href"),  # type: ignore[union-attr]  # as above
    }


def hit_row(hit: Mapping[str, Any], archives: str) -> dict[str, Any]:
    """A hit of the full-text search, named `accession:file`."""
    found = hit["_source"]
    accession, _, document = hit["_id"].partition(":")
    cik = found["ciks"][0] if found.get("ciks") else accession[:10]
    return {
        "entities": found.get("display_names", []),
        "ciks": found.get("ciks", []),
        "accession": accession,
        "form": found.get("form") or found.get("file_type"),
        "type": found.get("file_type"),
        "filed": found["file_date"],
        "period": found.get("period_ending"),
        "items": found.get("items", []),
        "document": document,
        "url": address(f"{archives}/Archives/edgar/data/{int(cik)}", accession, document),
    }


def _within(day: str, ask: Ask) -> bool:
    return (not ask.since or day >= ask.since) and (not ask.until or day <= ask.until)
