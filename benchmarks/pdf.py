"""A report as a PDF: through Typst, through WeasyPrint in its process with limits, and through WeasyPrint alone.

All start warm: their libraries are loaded, and each document is made in a child forked from there, bare WeasyPrint's
too. CPU time is that of the child, of the process that forks it and of the caller, which for Typst writes its source.
It is read from `/proc`, so that this runs on Linux only. The report has a table, a callout, a formula, a list and code
for each of 17 companies, about 16 pages in WeasyPrint; for the growth it has 480, about 300 pages in Typst.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path

import pypdf
from _bench import BIN, Bench, Sample, Target, options, publish, version

from trainer import Document
from trainer_markdown import FormatConverter
from trainer_pdf import HTMLToPDF
from trainer_typst import TreeToPDF

ABOUT = {"title": "A report", "date": "2025-11-19", "run": "1"}
METRICS = (
    "Revenue", "Cost of revenue", "Gross profit", "Research and development", "Operating income", "Net income",
    "Diluted earnings per share", "Operating cash flow", "Capital expenditure", "Total assets",
)  # fmt: skip
YEARS = ("2021", "2022", "2023", "2024", "2025")
CHAPTER = """
## Company {n}

Revenue rose by **{n}.4 %** to $416.2 billion, from $391.0 billion; the [filing](https://example.com/{n}) says why. The
present value is $`PV = \\sum_{{t=1}}^{{5}} \\frac{{CF_t}}{{(1+r)^t}}`$, and "quotes" stay as they are.

Table: Figures of company {n}

| Metric | Unit | {years} | Change |
|---|---|{rule}---|
{rows}

> [!NOTE]
> These figures are made up.

- Gross margin = gross profit / revenue.
  - Of a figure that was filed more than once, the latest filing counts.
- Everything is rounded once, at the end.

```python
def margin(profit: float, revenue: float) -> float:
    return profit / revenue
```
"""


def row(seed: int, metric: str) -> str:
    values = " | ".join(f"{seed * int(year) % 400_000:,}" for year in YEARS)
    return f"| {metric} | USD million | {values} | {seed % 9 - 4:+d}.5% |"


def report(chapters: int) -> str:
    """A report in Markdown."""
    return "".join(
        CHAPTER.format(
            n=n,
            years=" | ".join(YEARS),
            rule="---|" * len(YEARS),
            rows="\n".join(row(n + i, metric) for i, metric in enumerate(METRICS)),
        )
        for n in range(1, chapters + 1)
    )


def spent(process: int | str = "self") -> float:
    """CPU seconds of a process and of its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def edge(plugin: TreeToPDF | HTMLToPDF, document: Document) -> Sample:
    """One conversion, with the time of the process that does it."""
    (worker,) = plugin._press._idle
    before, began = spent() + spent(worker.pid), time.perf_counter()
    plugin.convert(document)
    return Sample(spent() + spent(worker.pid) - before, time.perf_counter() - began)


def alone(page: str) -> Sample:
    """WeasyPrint without anything of ours but the style sheet, in a child."""
    from weasyprint import CSS, HTML

    before, began = spent(), time.perf_counter()
    child = os.fork()
    if not child:
        sheet = CSS(string=(files("trainer_pdf") / "print.css").read_text())
        HTML(string=page).write_pdf(stylesheets=[sheet], pdf_variant="pdf/ua-1")
        os._exit(0)
    os.waitpid(child, 0)
    return Sample(spent() - before, time.perf_counter() - began)


def pages(document: Document) -> int:
    return len(pypdf.PdfReader(io.BytesIO(document.content)).pages)  # type: ignore[arg-type]  # a PDF is bytes


def main() -> None:
    args = options(__doc__, rounds=5).parse_args()
    few_words, many_words = report(17), report(480)
    convert = FormatConverter().convert
    html = Document(convert(few_words, "markdown", "html", ABOUT), "html", ABOUT)
    tree, book = (Document(convert(text, "markdown", "tree", ABOUT), "tree", ABOUT) for text in (few_words, many_words))
    typst, press = TreeToPDF(seconds=60, memory=2_048), HTMLToPDF()
    counts = pages(typst.convert(tree)), pages(typst.convert(book)), pages(press.convert(html))
    cases: dict[str, Callable[[], Sample]] = {
        f"trainer-typst, {counts[0]} pages": partial(edge, typst, tree),
        f"trainer-typst, {counts[1]} pages": partial(edge, typst, book),
        f"trainer-pdf, {counts[2]} pages": partial(edge, press, html),
        "WeasyPrint alone": partial(alone, str(html.content)),
    }
    bench = Bench(cases, args.rounds)
    few, many, ours, bare = map(bench.best, cases)
    typst.close()
    press.close()
    targets = [
        Target("trainer-pdf / WeasyPrint alone", ours / bare, 1.05),
        Target("trainer-typst / trainer-pdf", few / ours, 0.1),
        Target("a page of many / a page of few, trainer-typst", many / counts[1] / (few / counts[0]), 1.2),
    ]
    versions = ", ".join(version(BIN, name) for name in ("weasyprint", "typst"))
    publish(args, "PDF of a report", [bench.table("WeasyPrint alone", "ms")], targets, bench.noise, versions)


if __name__ == "__main__":
    main()
