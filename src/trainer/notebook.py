"""How a report shows itself in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainer.models import Report

HEIGHT = 640  # pixels


def shown(report: Report) -> str:
    """HTML of a report: its page in a frame where nothing runs, or else its title, its sources and its files.

    The frame has no origin, so that the page reaches nothing of the notebook's. All else is escaped.
    """
    page = report.documents.get("html")
    if page is not None:
        frame = 'sandbox="" referrerpolicy="no-referrer" style="width: 100%; border: 1px solid #8884"'
        return (
            f'<iframe title="{escape(report.title)}" {frame} height="{HEIGHT}" srcdoc="{escape(page.text)}"></iframe>'
        )
    rows = [(source.name, source.ref, source.url or source.subject, source.stale) for source in report.sources]
    rows += [(name, str(path), "", "") for name, path in report.files.items()]
    rows += [("warning", warning, "", "") for warning in report.warnings]
    cells = ("".join(f'<td style="text-align: left">{escape(text)}</td>' for text in row) for row in rows)
    table = "".join(f"<tr>{row}</tr>" for row in cells)
    about = f"<h3>{escape(report.title)}</h3><p>{escape(report.id)}, {escape(report.model)}</p>"
    return f"{about}<table>{table}</table>"
