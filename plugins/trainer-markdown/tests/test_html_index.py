"""The reports of a project as a list and as a page that leads to them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

from trainer import StoredData
from trainer.errors import ConversionError
from trainer_markdown.command import reports
from trainer_markdown.index import entries, index_html

from .conftest import Page

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def record(run: str, ticker: str, date: str, **more: object) -> StoredData:
    data = {
        "run": run,
        "title": f"{ticker}: <b>figures</b>",
        "date": f"{date}T10:00:00+00:00",
        "model": "offline/report",
        "params": {"TICKER": ticker},
        "sources": [{"subject": ticker}, {"subject": "sector"}],
        "grounding": {"sentence": "3 of 3 figures trace."},
        "outputs": {
            "html": {"path": f"output/html/{ticker} #1.html"},
            "markdown": {"path": f"output/report/{ticker}.md"},
        },
        **more,
    }
    return StoredData(f"trainer.run:{run}:1", data, "trainer.run", 1, NOW, NOW)


RECORDS = [record("r1", "AAPL", "2025-10-02"), record("r2", "MU", "2025-11-19"), record("r3", "AAPL", "2025-11-20")]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["r3", "r2", "r1"]),
        ({"subject": "aapl"}, ["r3", "r1"]),
        ({"subject": "sector", "since": "2025-11"}, ["r3", "r2"]),
        ({"since": "2025-11-20"}, ["r3"]),
        ({"until": "2025-11-19"}, ["r2", "r1"]),
        ({"until": "2025-10"}, ["r1"]),
        ({"subject": "none"}, []),
    ],
)
def test_reports_are_found_by_what_they_are_on_and_when_they_were_made(asked, found):
    assert [entry.run for entry in entries(RECORDS, **asked)] == found


def test_the_page_leads_to_each_report_by_subject_and_by_month(tmp_path):
    page = Page(index_html(entries(RECORDS), tmp_path, tmp_path / "pages" / "index.html"))
    assert [part.one("summary").text for part in page.body.all("details")] == [
        "AAPL (2)", "MU (1)", "sector (3)", "2025-11 (2)", "2025-10 (1)",
    ]  # fmt: skip
    links = page.body.all("details")[0].all("a")
    assert unquote(links[0].attrs["href"]) == "./../output/html/AAPL #1.html"
    assert links[0].text == "AAPL: <b>figures</b>"
    ids = [element.attrs["id"] for element in page.root.walk() if "id" in element.attrs]
    places = [link.attrs["href"][1:] for link in page.body.one("nav").all("a")]
    assert len(ids) == len(set(ids))
    assert set(places) <= set(ids)
    assert [problem for problem in page.active() if not problem.startswith("a href=./")] == []


@pytest.mark.parametrize(
    "path", ["javascript:alert(1)", "https://evil.example/x", "//evil.example", '"><script>alert(1)</script>']
)
def test_no_path_of_a_record_becomes_another_address(tmp_path, path):
    found = entries([record("r", path, "2025-11-19", outputs={"html": {"path": path}}, title=path)])
    page = Page(index_html(found, tmp_path, tmp_path / "index.html"))
    assert [problem for problem in page.active() if not problem.startswith("a href=./")] == []
    assert all(link.attrs["href"].startswith(("./", "#")) for link in page.body.all("a"))


def test_the_command_lists_and_writes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAINER_NO_PROBE", "1")
    run = CliRunner().invoke
    assert "The store has no run" in run(reports, []).stderr
    for words in ("init .", "run information/instructions/first-report.md --to html"):
        subprocess.run([sys.executable, "-m", "trainer", *words.split()], check=True, capture_output=True)
    (told,) = json.loads(run(reports, ["--subject", "northwind", "--json"]).stdout)
    assert told["files"]["html"].endswith(".html")
    assert told["title"] in run(reports, []).stdout
    assert run(reports, ["--html", "index.html"]).exit_code == 0
    page = Page((tmp_path / "index.html").read_text("utf-8"))
    link = next(link for link in page.body.all("a") if link.text == told["title"])
    assert (tmp_path / unquote(link.attrs["href"])).is_file()
    assert "figures trace to a stored record" in page.body.text


def test_a_page_that_cannot_be_written_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    told = CliRunner().invoke(reports, ["--html", "file/index.html"])
    assert isinstance(told.exception, ConversionError)
    assert "cannot write" in str(told.exception)
