"""All reports of a project: which there are, on what and when, and a page that leads to them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from attrs import frozen

from trainer_document import themes
from trainer_document.wording import day, text

if TYPE_CHECKING:
    from trainer import StoredData

SHOWN = ("html", "pdf", "docx", "markdown")  # the format that a title leads to: the first of these that there is


@frozen
class Entry:
    """One report: what it is on (values of parameters, and subjects of its records), and its files by format."""

    run: str
    title: str
    date: str
    model: str
    grounding: str
    subjects: tuple[str, ...]
    files: Mapping[str, str]

    @property
    def day(self) -> str:
        """The date alone."""
        return self.date[:10]


def entries(records: Iterable[StoredData], subject: str = "", since: str = "", until: str = "") -> list[Entry]:
    """The reports among run records, the latest first; of `subject` alone, and made on the days between, if given.

    `since` and `until` are ISO 8601 dates, or beginnings of them (`2025-11`).
    """
    found = [_entry(record.data) for record in records]
    return sorted(
        (
            entry
            for entry in found
            if (not subject or subject.casefold() in map(str.casefold, entry.subjects))
            and entry.date >= since
            and (not until or entry.date[: len(until)] <= until)
        ),
        key=lambda entry: (entry.date, entry.run),
        reverse=True,
    )


def index_html(found: Sequence[Entry], root: Path, target: Path, theme: str = themes.DEFAULT) -> str:
    """A page that lists reports by what they are on and by month, without a script.

    Its links are relative to `target`, the file it will be; paths of reports are from `root`.
    """
    from trainer_markdown.page import templates

    rows = [(entry, _links(entry, root, target.parent)) for entry in found]
    subjects = sorted({subject for entry in found for subject in entry.subjects}, key=str.casefold)
    months = sorted({entry.date[:7] for entry in found}, reverse=True)
    groups = [
        ("By subject", [(name, [row for row in rows if name in row[0].subjects]) for name in subjects]),
        ("By month", [(month, [row for row in rows if row[0].date[:7] == month]) for month in months]),
    ]
    return (
        templates()
        .get_template("index.html")
        .render(
            css=themes.load(theme, root).stylesheet, day=lambda date: day(date, "en"), groups=groups, count=len(found)
        )
    )


def _entry(run: Mapping[str, Any]) -> Entry:
    params, sources, told = run.get("params") or {}, run.get("sources") or [], run.get("grounding")
    subjects = [*map(text, params.values()), *(text(source.get("subject")) for source in sources)]
    return Entry(
        run=text(run.get("run")),
        title=text(run.get("title")),
        date=text(run.get("date")),
        model=text(run.get("model")),
        grounding=text(told.get("sentence") if isinstance(told, Mapping) else told),
        subjects=tuple(dict.fromkeys(filter(None, subjects))),
        files={name: text(output.get("path")) for name, output in (run.get("outputs") or {}).items()},
    )


def _links(entry: Entry, root: Path, folder: Path) -> list[tuple[str, str]]:
    """Format and address of each file, the one that a title leads to first."""
    names = [name for name in SHOWN if name in entry.files] + [name for name in entry.files if name not in SHOWN]
    paths = ((name, os.path.relpath((root / entry.files[name]).resolve(), folder.resolve())) for name in names)
    return [(name, "./" + quote(Path(path).as_posix())) for name, path in paths]
