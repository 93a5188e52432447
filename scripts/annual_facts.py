"""Make small files of annual figures out of the SEC's companyfacts payloads.

    python scripts/annual_facts.py CIK0000320193_AAPL.json ... --out information/data

A payload is what `https://data.sec.gov/api/xbrl/companyfacts/CIK##########.json` answers, saved under a name
that ends in `_TICKER.json`; the ticker, which the payload does not hold, is taken from there and names the
file that is written. What is chosen from a payload, and why:

- Only annual reports count. Quarterly reports repeat year-end balances rounded (Apple's debt to 0.1 billion).
- The latest report that holds a figure wins, so figures are as last restated.
- A flow covers about a year, a balance is that of a fiscal year's last day; the last five years are kept.
- The year is that of the period's end. The payload's own `fy` is the year of the report, not of the figure.
- Amounts are in the currency of the accounts: the one with the most figures. Foreign companies add a
  "convenience translation" of their newest year at that day's rate; a series of those is no series.
- Of the tags that mean a metric, the first that has the period is taken; each row names its tag.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

YEARS = 5
ANNUAL_FORMS = {"10-K", "10-K/A", "10-KT", "10-KT/A", "20-F", "20-F/A", "40-F", "40-F/A"}


class Metric(NamedTuple):
    """A metric, its unit (`money`, `per share` or `shares`), and its tags in order of preference."""

    name: str
    label: str
    unit: str
    us_gaap: Sequence[str]
    ifrs: Sequence[str]

    def tags(self) -> Iterator[tuple[str, str]]:
        """Each taxonomy and tag, the preferred first."""
        yield from (("us-gaap", tag) for tag in self.us_gaap)
        yield from (("ifrs-full", tag) for tag in self.ifrs)


# Income and equity are those of the company's own shareholders. IFRS balance sheets spread long-term debt
# and short-term investments over several lines, none of which is the whole, so they have no tag there.
METRICS = [
    Metric(
        "revenue", "Revenue", "money",
        ["RevenueFromContractWithCustomerExcludingAssessedTax", "Revenues", "SalesRevenueNet"],
        ["Revenue", "RevenueFromContractsWithCustomers"],
    ),
    Metric(
        "cost_of_revenue", "Cost of revenue", "money",
        ["CostOfRevenue", "CostOfGoodsAndServicesSold", "CostOfGoodsSold"], ["CostOfSales"],
    ),
    Metric("gross_profit", "Gross profit", "money", ["GrossProfit"], ["GrossProfit"]),
    Metric(
        "research_and_development", "Research and development", "money",
        ["ResearchAndDevelopmentExpense"], ["ResearchAndDevelopmentExpense"],
    ),
    Metric(
        "operating_income", "Operating income", "money",
        ["OperatingIncomeLoss"], ["ProfitLossFromOperatingActivities"],
    ),
    Metric(
        "net_income", "Net income", "money",
        ["NetIncomeLoss", "ProfitLoss"], ["ProfitLossAttributableToOwnersOfParent", "ProfitLoss"],
    ),
    Metric(
        "eps_diluted", "Diluted earnings per share", "per share",
        ["EarningsPerShareDiluted"], ["DilutedEarningsLossPerShare"],
    ),
    Metric(
        "shares_diluted", "Diluted share count (average)", "shares",
        ["WeightedAverageNumberOfDilutedSharesOutstanding"], ["AdjustedWeightedAverageShares"],
    ),
    Metric(
        "operating_cash_flow", "Operating cash flow", "money",
        ["NetCashProvidedByUsedInOperatingActivities"], ["CashFlowsFromUsedInOperatingActivities"],
    ),
    Metric(
        "capital_expenditure", "Capital expenditure", "money",
        ["PaymentsToAcquirePropertyPlantAndEquipment", "PaymentsToAcquireProductiveAssets"],
        ["PurchaseOfPropertyPlantAndEquipmentClassifiedAsInvestingActivities"],
    ),
    Metric(
        "cash", "Cash and cash equivalents", "money",
        ["CashAndCashEquivalentsAtCarryingValue"], ["CashAndCashEquivalents"],
    ),
    Metric(
        "short_term_investments", "Short-term investments", "money",
        ["ShortTermInvestments", "MarketableSecuritiesCurrent",
         "AvailableForSaleSecuritiesDebtSecuritiesCurrent"], [],
    ),
    Metric("total_assets", "Total assets", "money", ["Assets"], ["Assets"]),
    Metric("total_liabilities", "Total liabilities", "money", ["Liabilities"], ["Liabilities"]),
    Metric(
        "long_term_debt", "Long-term debt, non-current", "money",
        ["LongTermDebtNoncurrent", "ConvertibleDebtNoncurrent", "ConvertibleLongTermNotesPayable"], [],
    ),
    Metric(
        "equity", "Shareholders' equity", "money",
        ["StockholdersEquity"], ["EquityAttributableToOwnersOfParent", "Equity"],
    ),
]  # fmt: skip
BALANCES = {"cash", "short_term_investments", "total_assets", "total_liabilities", "long_term_debt", "equity"}


def annual_facts(payload: dict[str, Any], ticker: str) -> dict[str, Any]:
    """The annual figures of one company. Raises `ValueError` if the payload holds no full year."""
    cik = f"{int(payload['cik']):010}"
    currency = _currency(payload)
    years = _fiscal_years(payload, currency)
    facts = [_fact(payload, metric, end, currency) for metric in METRICS for end in years]
    about = (
        f"Annual figures of {payload['entityName']} for the fiscal years ended {years[0]} to {years[-1]}, "
        f"in {currency}, as last given in its annual reports: a selection, made by scripts/annual_facts.py, "
        f"from https://data.sec.gov/api/xbrl/companyfacts/CIK{cik}.json."
    )
    return {
        "entity": payload["entityName"],
        "ticker": ticker,
        "cik": cik,
        "about": about,
        "facts": [fact for fact in facts if fact is not None],
    }


def _rows(payload: dict[str, Any], taxonomy: str, tag: str, unit: str) -> Iterator[dict[str, Any]]:
    """What annual reports give under a tag: balances, and flows over about a year."""
    for row in payload["facts"].get(taxonomy, {}).get(tag, {}).get("units", {}).get(unit, ()):
        if row["form"] in ANNUAL_FORMS and ("start" not in row or 350 <= _days(row) <= 380):
            yield row


def _days(row: dict[str, Any]) -> int:
    return (date.fromisoformat(row["end"]) - date.fromisoformat(row["start"])).days + 1


def _currency(payload: dict[str, Any]) -> str:
    counts: Counter[str] = Counter()
    for metric in METRICS:
        for taxonomy, tag in metric.tags():
            units = payload["facts"].get(taxonomy, {}).get(tag, {}).get("units", {})
            counts.update({unit: len(rows) for unit, rows in units.items() if metric.unit == "money"})
    if not counts:
        raise ValueError(f"{payload['entityName']}: no figure under any tag of annual_facts.METRICS")
    return max(sorted(counts), key=lambda unit: counts[unit])


def _fiscal_years(payload: dict[str, Any], currency: str) -> list[str]:
    """The last day of each of the last fiscal years, the oldest first."""
    ends = {
        row["end"]
        for metric in METRICS
        if metric.name in {"revenue", "net_income", "operating_cash_flow"}
        for taxonomy, tag in metric.tags()
        for row in _rows(payload, taxonomy, tag, currency)
    }
    years: list[str] = []
    for end in sorted(ends, reverse=True):
        if not years or date.fromisoformat(years[-1]) - date.fromisoformat(end) >= timedelta(days=350):
            years.append(end)
    if not years:
        raise ValueError(f"{payload['entityName']}: no figure that covers a year")
    return years[:YEARS][::-1]


def _fact(payload: dict[str, Any], metric: Metric, end: str, currency: str) -> dict[str, Any] | None:
    unit = {"money": currency, "per share": f"{currency}/shares", "shares": "shares"}[metric.unit]
    for taxonomy, tag in metric.tags():
        rows = [
            row
            for row in _rows(payload, taxonomy, tag, unit)
            if row["end"] == end and ("start" not in row) == (metric.name in BALANCES)
        ]
        if rows:
            row = max(rows, key=lambda row: (row["filed"], row["accn"]))
            return {
                "metric": metric.name,
                "label": metric.label,
                "taxonomy": taxonomy,
                "tag": tag,
                "unit": unit,
                "start": row.get("start"),
                "end": end,
                "value": row["val"],
                "filed": row["filed"],
                "form": row["form"],
                "accession": row["accn"],
                # A 52/53-week year may end in the first days of January: it belongs to the year before.
                "fy": (date.fromisoformat(end) - timedelta(days=7)).year,
                "fp": "FY",
            }
    return None


def as_text(company: dict[str, Any]) -> str:
    """JSON with one fact a line, so that a changed figure is one changed line."""
    head = {key: value for key, value in company.items() if key != "facts"}
    lines = ",\n".join(f"    {json.dumps(fact, ensure_ascii=False)}" for fact in company["facts"])
    return f'{json.dumps(head, ensure_ascii=False, indent=2)[:-2]},\n  "facts": [\n{lines}\n  ]\n}}\n'


def main(arguments: Sequence[str] | None = None) -> None:
    """Write one file for each payload."""
    parser = argparse.ArgumentParser(description="Annual figures from the SEC's companyfacts payloads.")
    parser.add_argument("payloads", nargs="+", type=Path, metavar="COMPANYFACTS.json")
    parser.add_argument("--out", type=Path, default=Path("information/data"), help="folder to write to")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for path in options.payloads:
        ticker = path.stem.rpartition("_")[2]
        company = annual_facts(json.loads(path.read_text(encoding="utf-8")), ticker)
        target = options.out / f"{ticker}.json"
        target.write_text(as_text(company), encoding="utf-8")
        sys.stdout.write(f"{target}: {len(company['facts'])} facts\n")


if __name__ == "__main__":
    main()
