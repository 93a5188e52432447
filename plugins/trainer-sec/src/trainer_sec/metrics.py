"""The figures an analyst begins with: sixteen metrics over the last fiscal years, and over the last quarters.

What is chosen from the SEC's companyfacts, and why:

- For a year only annual reports count: quarterly ones repeat year-end balances rounded (Apple's debt to 0.1 billion).
- The latest report that holds a figure wins, so figures are as last restated, or as they were on a given day.
- A flow covers about a year, a balance is that of a fiscal year's last day.
- The year is that of the period's end. The payload's own `fy` is the year of the report, not of the figure.
- Amounts are in the currency of the accounts: the one with the most figures. Foreign companies add a
  "convenience translation" of their newest year at that day's rate; a series of those is no series.
- Of the tags that mean a metric, the first that has the period is taken; each row names its tag.
- Reports give the fourth quarter, and cash flows after the first, only as a part of a longer period. Such an amount is
  that of the longer period less that of the shorter one before it, and the row says so under `derived`.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from trainer_sec.facts import filing, latest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trainer_sec.facts import Report

ANNUAL_FORMS = {"10-K", "10-K/A", "10-KT", "10-KT/A", "20-F", "20-F/A", "40-F", "40-F/A"}
QUARTERLY_FORMS = {"10-Q", "10-Q/A", "10-QT", "10-QT/A", "6-K", "6-K/A"}
# Days: years of 52 or 53 weeks, and quarters of 12 to 17 weeks.
YEAR, QUARTER = range(350, 381), range(80, 126)


class Metric(NamedTuple):
    """A metric, its unit (`money`, `per share` or `shares`), and its tags in order of preference, spaces between."""

    name: str
    label: str
    unit: str
    us_gaap: str
    ifrs: str = ""

    def tags(self) -> Iterator[tuple[str, str]]:
        """Each taxonomy and tag, the preferred first."""
        yield from (("us-gaap", tag) for tag in self.us_gaap.split())
        yield from (("ifrs-full", tag) for tag in self.ifrs.split())


# Income and equity are those of the company's own shareholders. IFRS balance sheets spread long-term debt
# and short-term investments over several lines, none of which is the whole, so they have no tag there.
METRICS = (
    Metric("revenue", "Revenue", "money",
        "RevenueFromContractWithCustomerExcludingAssessedTax Revenues SalesRevenueNet",
        "Revenue RevenueFromContractsWithCustomers"),
    Metric("cost_of_revenue", "Cost of revenue", "money",
        "CostOfRevenue CostOfGoodsAndServicesSold CostOfGoodsSold", "CostOfSales"),
    Metric("gross_profit", "Gross profit", "money", "GrossProfit", "GrossProfit"),
    Metric("research_and_development", "Research and development", "money",
        "ResearchAndDevelopmentExpense", "ResearchAndDevelopmentExpense"),
    Metric("operating_income", "Operating income", "money", "OperatingIncomeLoss", "ProfitLossFromOperatingActivities"),
    Metric("net_income", "Net income", "money",
        "NetIncomeLoss ProfitLoss", "ProfitLossAttributableToOwnersOfParent ProfitLoss"),
    Metric("eps_diluted", "Diluted earnings per share", "per share",
        "EarningsPerShareDiluted", "DilutedEarningsLossPerShare"),
    Metric("shares_diluted", "Diluted share count (average)", "shares",
        "WeightedAverageNumberOfDilutedSharesOutstanding", "AdjustedWeightedAverageShares"),
    Metric("operating_cash_flow", "Operating cash flow", "money",
        "NetCashProvidedByUsedInOperatingActivities", "CashFlowsFromUsedInOperatingActivities"),
    Metric("capital_expenditure", "Capital expenditure", "money",
        "PaymentsToAcquirePropertyPlantAndEquipment PaymentsToAcquireProductiveAssets",
        "PurchaseOfPropertyPlantAndEquipmentClassifiedAsInvestingActivities"),
    Metric("cash", "Cash and cash equivalents", "money",
        "CashAndCashEquivalentsAtCarryingValue", "CashAndCashEquivalents"),
    Metric("short_term_investments", "Short-term investments", "money",
        "ShortTermInvestments MarketableSecuritiesCurrent AvailableForSaleSecuritiesDebtSecuritiesCurrent"),
    Metric("total_assets", "Total assets", "money", "Assets", "Assets"),
    Metric("total_liabilities", "Total liabilities", "money", "Liabilities", "Liabilities"),
    Metric("long_term_debt", "Long-term debt, non-current", "money",
        "LongTermDebtNoncurrent ConvertibleDebtNoncurrent ConvertibleLongTermNotesPayable"),
    Metric("equity", "Shareholders' equity", "money",
        "StockholdersEquity", "EquityAttributableToOwnersOfParent Equity"),
)  # fmt: skip
BALANCES = {"cash", "short_term_investments", "total_assets", "total_liabilities", "long_term_debt", "equity"}
SPINE = {"revenue", "net_income", "operating_cash_flow"}  # these tell which periods were reported


class NoFigures(ValueError):
    """A company reported nothing that a metric could be taken from."""


def key_figures(
    payload: Mapping[str, Any], ticker: str, url: str, *, years: int = 5, quarters: int = 0, as_of: str = ""
) -> dict[str, Any]:
    """The metrics of one company for its last fiscal years and quarters, as they were known on the day `as_of`.

    `payload` is the SEC's companyfacts, `url` where it came from. Raises `NoFigures` if it holds no such period.
    """
    accounts = _Accounts(payload, as_of)
    annual = accounts.years[-years:] if years else []
    quarterly = accounts.quarters()[-quarters:] if quarters else []
    if not annual and not quarterly:
        raise NoFigures(f"{accounts.entity}: no figure that covers a {'year' if years else 'quarter'}")
    facts: list[dict[str, Any]] = []
    for metric in METRICS:
        of_years = [fact for end in annual if (fact := accounts.of_year(metric, end))]
        known = {fact["end"] for fact in of_years if fact["start"] is None}
        of_quarters = [fact for end in quarterly if (fact := accounts.of_quarter(metric, end))]
        facts += of_years + [fact for fact in of_quarters if fact["start"] or fact["end"] not in known]
    periods = [
        f"the {name} ended {ends[0]} to {ends[-1]}"
        for name, ends in (("fiscal years", annual), ("quarters", quarterly))
        if ends
    ]
    return {
        "entity": accounts.entity,
        "ticker": ticker,
        "cik": f"{int(payload['cik']):010}",
        "about": f"{'Figures' if quarterly else 'Annual figures'} of {accounts.entity} for {' and '.join(periods)}, "
        f"in {accounts.currency}, as {f'known on {as_of}' if as_of else 'last given'} in its "
        f"{'reports' if quarterly else 'annual reports'}: a selection from {url}.",
        "facts": facts,
    }


class _Accounts:
    """What a company reported until a day: its currency, and the last days of its fiscal years, the oldest first."""

    def __init__(self, payload: Mapping[str, Any], as_of: str) -> None:
        self._tags: Mapping[str, Any] = payload["facts"]
        self._as_of = as_of
        self.entity = str(payload.get("entityName") or "")
        self.currency = self._most_used_currency()
        self.years = _apart(self._ends(ANNUAL_FORMS, YEAR), 350)

    def quarters(self) -> list[str]:
        """The last days of its quarters, the oldest first."""
        return _apart(self._ends(ANNUAL_FORMS | QUARTERLY_FORMS, QUARTER) | set(self.years), 70)

    def of_year(self, metric: Metric, end: str) -> dict[str, Any] | None:
        """The figure of a fiscal year, or of its last day."""
        for taxonomy, tag, unit in self._series(metric):
            reports = [
                report
                for report in self._reports(taxonomy, tag, unit)
                if report["end"] == end and report["form"] in ANNUAL_FORMS and _covers(report, metric, YEAR)
            ]
            if reports:
                return _fact(metric, taxonomy, tag, unit, latest(reports)[-1], _fiscal_year(end), "FY")
        return None

    def of_quarter(self, metric: Metric, end: str) -> dict[str, Any] | None:
        """The figure of a quarter, or of its last day; from longer periods where no report has it alone."""
        for taxonomy, tag, unit in self._series(metric):
            known = [
                report
                for report in self._reports(taxonomy, tag, unit)
                if report["form"] in ANNUAL_FORMS | QUARTERLY_FORMS
            ]
            reports = [report for report in known if report["end"] == end and _covers(report, metric, QUARTER)]
            if metric.name in BALANCES:
                reports = [report for report in reports if report["form"] in ANNUAL_FORMS] or reports
            chosen = latest(reports)[-1] if reports else None
            if chosen is None and metric.unit == "money" and metric.name not in BALANCES:
                chosen = _difference(known, end)
            if chosen:
                return _fact(metric, taxonomy, tag, unit, chosen, *self._quarter(end))
        return None

    def _reports(self, taxonomy: str, tag: str, unit: str) -> list[Report]:
        filed = self._tags.get(taxonomy, {}).get(tag, {}).get("units", {}).get(unit, ())
        return [report for report in filed if not self._as_of or report["filed"] <= self._as_of]

    def _series(self, metric: Metric) -> Iterator[tuple[str, str, str]]:
        unit = {"money": self.currency, "per share": f"{self.currency}/shares", "shares": "shares"}[metric.unit]
        return ((taxonomy, tag, unit) for taxonomy, tag in metric.tags())

    def _most_used_currency(self) -> str:
        counts: Counter[str] = Counter()
        for metric in METRICS:
            for taxonomy, tag in metric.tags():
                units = self._tags.get(taxonomy, {}).get(tag, {}).get("units", {})
                counts.update({unit: len(reports) for unit, reports in units.items() if metric.unit == "money"})
        if not counts:
            raise NoFigures(f"{self.entity}: no figure under any tag of the metrics")
        return max(sorted(counts), key=lambda unit: counts[unit])

    def _ends(self, forms: set[str], days: range) -> set[str]:
        return {
            report["end"]
            for metric in METRICS
            if metric.name in SPINE
            for series in self._series(metric)
            for report in self._reports(*series)
            if report["form"] in forms and _covers(report, metric, days)
        }

    def _quarter(self, end: str) -> tuple[int | None, str | None]:
        """Fiscal year and quarter (`Q1` to `Q4`) that end on a day, by its distance from a fiscal year's end."""
        if not self.years:
            return None, None
        day, close = (
            date.fromisoformat(end),
            date.fromisoformat(next((year for year in self.years if year >= end), self.years[-1])),
        )
        while close < day:
            close += timedelta(days=364)
        return _fiscal_year(close.isoformat()), f"Q{min(4, max(1, 4 - round((close - day).days / 91)))}"


def _days(report: Report) -> int:
    return (date.fromisoformat(report["end"]) - date.fromisoformat(report["start"])).days + 1


def _covers(report: Report, metric: Metric, days: range) -> bool:
    """Whether a report is of a balance, or of a flow over so many days, as the metric is."""
    if metric.name in BALANCES:
        return "start" not in report
    return "start" in report and _days(report) in days


def _apart(ends: set[str], days: int) -> list[str]:
    """Days that are at least so far from each other, from the newest back; the oldest first."""
    found: list[date] = []
    for end in sorted(map(date.fromisoformat, ends), reverse=True):
        if not found or (found[-1] - end).days >= days:
            found.append(end)
    return [end.isoformat() for end in reversed(found)]


def _fiscal_year(end: str) -> int:
    # A 52/53-week year may end in the first days of January: it belongs to the year before.
    return (date.fromisoformat(end) - timedelta(days=7)).year


def _difference(reports: Sequence[Report], end: str) -> Report | None:
    """The amount of the quarter that ends on a day: that of a longer period, less that of its part before."""
    day = date.fromisoformat(end)
    for whole in reversed(latest([report for report in reports if report["end"] == end and "start" in report])):
        parts = [
            report
            for report in reports
            if report.get("start") == whole["start"] and (day - date.fromisoformat(report["end"])).days in QUARTER
        ]
        if parts:
            part = latest(parts)[-1]
            begun = date.fromisoformat(part["end"]) + timedelta(days=1)
            told = f"{whole['start']} to {end}, less {part['start']} to {part['end']} ({part['accn']})"
            return {**whole, "start": begun.isoformat(), "val": _less(whole["val"], part["val"]), "derived": told}
    return None


def _less(whole: float, part: float) -> float:
    exact = Decimal(str(whole)) - Decimal(str(part))
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def _fact(
    metric: Metric, taxonomy: str, tag: str, unit: str, report: Report, year: int | None, period: str | None
) -> dict[str, Any]:
    fact = {
        "metric": metric.name, "label": metric.label, "taxonomy": taxonomy, "tag": tag, "unit": unit,
        "start": report.get("start"), "end": report["end"], "value": report["val"],
        **filing(report), "fy": year, "fp": period,
    }  # fmt: skip
    return fact | {"derived": report["derived"]} if "derived" in report else fact
