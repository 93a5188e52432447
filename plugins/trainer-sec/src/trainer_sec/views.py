"""The views: each asks EDGAR for pages and makes data of them. The first page is where the data came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from trainer.catalog import did_you_mean
from trainer.errors import NotFound, RetrievalError
from trainer.http import Response
from trainer.pace import progress
from trainer_sec import filings
from trainer_sec.edgar import Company, Edgar, step
from trainer_sec.facts import Report, fact_rows
from trainer_sec.items import find_items
from trainer_sec.metrics import NoFigures, key_figures
from trainer_sec.parameters import Ask

Answer = tuple[dict[str, Any], Sequence[Response]]
View = Callable[[Edgar, Ask, Company], Answer]
FIRST_DAY = "2001-01-01"  # of the full-text search
UNSEEN = "hidden"  # what a document holds that its readers do not see: for guards, not for prompts
MOST_HITS = 10_000  # it counts and shows no more


def metrics(edgar: Edgar, ask: Ask, company: Company) -> Answer:
    """The figures an analyst begins with."""
    page = edgar.facts(company)
    payload = page.json()
    try:
        data = key_figures(payload, company.ticker, page.url, years=ask.years, quarters=ask.quarters, as_of=ask.as_of)
    except NoFigures as error:
        remedy = "Funds, trusts and new companies may report none; `view: facts` has whatever there is."
        raise NotFound(str(error), remedy) from error
    return data, [page]


def facts(edgar: Edgar, ask: Ask, company: Company) -> Answer:
    """Every fact of a company, as last filed."""
    page = edgar.facts(company)
    return _facts(page.json(), ask, company), [page]


def concept(edgar: Edgar, ask: Ask, company: Company) -> Answer:
    """The facts of one tag of a company, which is a small page where all facts are a large one."""
    if len(ask.tag) != 1 or len(ask.taxonomy) > 1:
        raise RetrievalError("the view 'concept' needs one tag", "Give tag=Revenues, and taxonomy if not us-gaap.")
    page = edgar.concept(company, (*ask.taxonomy, "us-gaap")[0], ask.tag[0])
    found = page.json()
    payload = {**found, "facts": {found["taxonomy"]: {found["tag"]: found}}}
    return {"label": found["label"], "description": found["description"], **_facts(payload, ask, company)}, [page]


def frames(edgar: Edgar, ask: Ask, _: Company) -> Answer:
    """One tag for one period, one fact for each company."""
    if len(ask.tag) != 1 or not ask.period or len(ask.unit) > 1 or len(ask.taxonomy) > 1:
        raise RetrievalError("the view 'frames' needs one tag and a period", "Give tag=Revenues period=CY2023.")
    page = edgar.frame((*ask.taxonomy, "us-gaap")[0], ask.tag[0], (*ask.unit, "USD")[0], ask.period)
    found = page.json()
    what = {"taxonomy": found["taxonomy"], "tag": found["tag"], "unit": found["uom"]}
    rows = [
        {
            "entity": row["entityName"], "cik": f"{int(row['cik']):010}", "location": row.get("loc"), **what,
            "start": row.get("start"), "end": row["end"], "value": row["val"], "accession": row["accn"],
        }
        for row in found["data"]
    ]  # fmt: skip
    return {**what, "period": found["ccp"], "label": found["label"], "facts": rows}, [page]


def submissions(edgar: Edgar, ask: Ask, company: Company) -> Answer:
    """A company and what it filed, the newest first."""
    pages = [edgar.submissions(company)]
    found = pages[0].json()
    rows = (row for row in _filed(edgar, company, ask, pages) if filings.matches(row, ask))
    data = {
        **_named(found, company),
        "sic": found["sic"],
        "industry": found["sicDescription"],
        "state": found["stateOfIncorporation"],
        "fiscal_year_end": found["fiscalYearEnd"],
        "tickers": found["tickers"],
        "exchanges": found["exchanges"],
        "former_names": found["formerNames"],
        "filings": list(islice(rows, ask.limit or None)),
    }
    return data, pages


def filing(edgar: Edgar, ask: Ask, company: Company) -> Answer:
    """A document of a filing: the one named, or the newest of a form (an annual report if none is named)."""
    pages = [edgar.submissions(company)]
    rows = _filed(edgar, company, ask, pages)
    if ask.accession:
        what = f"filing {ask.accession}"
        chosen = next((row for row in rows if row["accession"] == ask.accession), None)
    else:
        forms = ask.form or filings.ANNUAL
        what = f"filing of form {' or '.join(forms)}{f' until {ask.as_of}' if ask.as_of else ''}"
        known = (row for row in rows if not ask.as_of or row["filed"] <= ask.as_of)
        chosen = next((row for row in known if row["form"] in forms), None)
    if chosen is None:
        raise NotFound(f"{company.name} has no {what}", "`view: submissions` lists what it filed.")
    if ask.document:
        chosen["url"] = filings.address(edgar.folder(company.cik), chosen["accession"], step(ask.document))
    page = edgar.get(chosen["url"])
    from trainer_sec.documents import read

    document = read(page.body)
    before, items = find_items(document.text, chosen["form"])
    head = {name: chosen[name] for name in ("form", "accession", "filed", "period")}
    data = {**_named(pages[0].json(), company), **head, "url": page.url}
    data |= {UNSEEN: document.hidden} if document.hidden else {}
    if ask.item:
        return {**data, "items": _chosen(items, ask.item, f"{company.name}'s {chosen['form']}")}, [page, *pages]
    return {**data, "text": before, "items": items}, [page, *pages]


def current(edgar: Edgar, ask: Ask, _: Company) -> Answer:
    """What was filed last, the newest first."""
    rows: list[dict[str, Any]] = []
    pages: list[Response] = []
    most = ask.limit or MOST_HITS
    while len(rows) < most:
        pages.append(edgar.feed(ask.form[0] if len(ask.form) == 1 else "", 100 * len(pages)))
        found = filings.feed_rows(pages[-1].body, pages[-1].url)
        rows += [row for row in found if not ask.form or row["form"] in ask.form]
        progress.getChild("pages").info("%d of %d filings so far", len(rows), most)
        if len(found) < 100 or 100 * len(pages) >= MOST_HITS:
            break
    return {"filings": rows[:most]}, pages


def search(edgar: Edgar, ask: Ask, company: Company) -> Answer:
    """Filings whose text holds words."""
    if not ask.text:
        raise RetrievalError("the view 'search' needs text", "Give text='\"going concern\"'.")
    today = datetime.now(UTC).date().isoformat()
    params = {
        "q": ask.text,
        "dateRange": "custom",
        "startdt": ask.since or FIRST_DAY,
        "enddt": ask.until or today,
        **({"forms": ",".join(ask.form)} if ask.form else {}),
        **({"ciks": f"{company.cik:010}"} if company.cik else {}),
    }
    rows: list[dict[str, Any]] = []
    pages: list[Response] = []
    most = min(ask.limit or MOST_HITS, MOST_HITS)
    while len(rows) < most:
        pages.append(edgar.hits(params | ({"from": len(rows)} if rows else {})))
        hits = pages[-1].json()["hits"]
        rows += [filings.hit_row(hit, edgar.archives) for hit in hits["hits"]]
        progress.getChild("pages").info("%d of %d filings so far", len(rows), hits["total"]["value"])
        if not hits["hits"] or len(rows) >= hits["total"]["value"]:
            break
    total = pages[0].json()["hits"]["total"]
    counted = {"total": total["value"], "total_is_exact": total["relation"] == "eq"}
    return {"text": ask.text, **counted, "filings": rows[:most]}, pages


VIEWS: Mapping[str, View] = {
    view.__name__: view for view in (metrics, facts, concept, frames, submissions, filing, current, search)
}


def _named(found: Mapping[str, Any], company: Company) -> dict[str, Any]:
    return {"entity": found["name"], "ticker": company.ticker, "cik": f"{company.cik:010}"}


def _facts(payload: Mapping[str, Any], ask: Ask, company: Company) -> dict[str, Any]:
    def wanted(taxonomy: str, tag: str, unit: str, report: Report) -> bool:
        chosen = ((ask.taxonomy, taxonomy), (ask.tag, tag), (ask.unit, unit), (ask.form, report["form"]))
        return (
            all(not names or name in names for names, name in chosen)
            and (not ask.as_of or report["filed"] <= ask.as_of)
            and (not ask.since or report["end"] >= ask.since)
            and (not ask.until or report["end"] <= ask.until)
        )

    rows = fact_rows(payload, wanted)
    if not rows:
        tags = {tag for tags in payload["facts"].values() for tag in tags}
        unknown = [tag for tag in ask.tag if tag not in tags]
        hint = f": it uses no tag {unknown[0]!r}{did_you_mean(unknown[0], tags)}" if unknown else ""
        raise NotFound(f"no fact of {company.name} is as asked{hint}", "Ask for less: leave out tag, form or days.")
    return {
        "entity": rows[0]["entity"],
        "ticker": company.ticker,
        "cik": f"{company.cik:010}",
        "restated": sum("restatements" in row for row in rows),
        "facts": rows,
    }


def _filed(edgar: Edgar, company: Company, ask: Ask, pages: list[Response]) -> Iterator[dict[str, Any]]:
    """The filings of a company; older pages are fetched when they are come to, and added to `pages`."""
    found = pages[0].json()["filings"]
    folder = edgar.folder(company.cik)
    yield from filings.filing_rows(found["recent"], folder)
    for older in found["files"]:
        if filings.may_hold(older, ask):
            pages.append(edgar.submissions(company, older["name"]))
            yield from filings.filing_rows(pages[-1].json(), folder)


def _chosen(items: Sequence[dict[str, Any]], wanted: Sequence[str], where: str) -> list[dict[str, Any]]:
    """The items asked for, as `1A` or as `II.1A`."""
    names = [word.upper().removeprefix("ITEM").strip() for word in wanted]
    known = {name for item in items for name in (item["item"], f"{item['part']}.{item['item']}")}
    for name in names:
        if name not in known:
            there = ", ".join(dict.fromkeys(item["item"] for item in items)) or "no item that could be told apart"
            raise NotFound(f"{where} has no item {name}", f"It has {there}.")
    return [item for item in items if item["item"] in names or f"{item['part']}.{item['item']}" in names]
