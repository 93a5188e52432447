"""Facts as rows: what was reported of a period, as it was last filed, with what it replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Report = dict[str, Any]


def fact_rows(payload: Mapping[str, Any], wanted: Callable[[str, str, str, Report], bool]) -> list[dict[str, Any]]:
    """One row for each fact (taxonomy, tag, unit, start, end) in the SEC's companyfacts.

    Of all reports of a fact that are `wanted` (taxonomy, tag, unit, report), the latest filed is taken. `reports`
    counts them; `restatements` has each value that a later report replaced, the oldest first, and is there only if
    there are any. Units and values stay as they were filed; `fy` and `fp` are those of the report, not of the figure.
    """
    return [
        _row(payload.get("entityName") or "", taxonomy, tag, unit, reports)
        for taxonomy, tags in payload["facts"].items()
        for tag, body in tags.items()
        for unit, filed in body["units"].items()
        for reports in _facts(report for report in filed if wanted(taxonomy, tag, unit, report))
    ]


def latest(reports: Sequence[Report]) -> list[Report]:
    """Reports in the order in which they were filed."""
    return sorted(reports, key=lambda report: (report["filed"], report["accn"]))


def _facts(reports: Iterator[Report]) -> Iterator[list[Report]]:
    found: dict[tuple[str, str], list[Report]] = {}
    for report in reports:
        found.setdefault((report.get("start") or "", report["end"]), []).append(report)
    return (latest(found[period]) for period in sorted(found, key=lambda period: (period[1], period[0])))


def _row(entity: str, taxonomy: str, tag: str, unit: str, reports: Sequence[Report]) -> dict[str, Any]:
    last = reports[-1]
    row = {
        "entity": entity, "taxonomy": taxonomy, "tag": tag, "unit": unit,
        "start": last.get("start"), "end": last["end"], "value": last["val"],
        **filing(last), "fy": last.get("fy"), "fp": last.get("fp"), "reports": len(reports),
    }  # fmt: skip
    changes = [
        report
        for report, before in zip(reports, [None, *reports], strict=False)
        if before is None or report["val"] != before["val"]
    ]
    if len(changes) > 1:
        row["restatements"] = [{"value": report["val"], **filing(report)} for report in changes[:-1]]
    return row


def filing(report: Report) -> dict[str, Any]:
    """The filing that a report stands in."""
    return {"filed": report["filed"], "form": report["form"], "accession": report["accn"]}
