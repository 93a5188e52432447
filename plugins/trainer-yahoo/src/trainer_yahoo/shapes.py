"""What is made of Yahoo's answers: rows of prices, and key figures under fixed names."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

# Currencies that Yahoo quotes shares in by the hundredth; it gives amounts of the whole company in the whole unit.
WHOLE = {"GBp": "GBP", "GBX": "GBP", "ZAc": "ZAR", "ILA": "ILS"}
MODULES = ("price", "summaryDetail", "defaultKeyStatistics", "financialData")
PERIODS = ("annual", "quarterly", "trailing")
ITEMS = (
    "TotalRevenue", "CostOfRevenue", "GrossProfit", "ResearchAndDevelopment", "OperatingIncome", "NetIncome",
    "DilutedEPS", "DilutedAverageShares", "TotalAssets", "TotalLiabilitiesNetMinorityInterest", "StockholdersEquity",
    "TotalDebt",
    "CashAndCashEquivalents", "OperatingCashFlow", "CapitalExpenditure", "FreeCashFlow",
)  # fmt: skip
# Each figure: its name, and where Yahoo has it, the first that is there.
FIGURES: dict[str, dict[str, tuple[str, ...]]] = {
    "price": {
        "regularMarketPrice": ("price.regularMarketPrice", "financialData.currentPrice"),
        "previousClose": ("summaryDetail.previousClose", "price.regularMarketPreviousClose"),
        "open": ("summaryDetail.open", "price.regularMarketOpen"),
        "dayLow": ("summaryDetail.dayLow", "price.regularMarketDayLow"),
        "dayHigh": ("summaryDetail.dayHigh", "price.regularMarketDayHigh"),
        "fiftyTwoWeekLow": ("summaryDetail.fiftyTwoWeekLow",),
        "fiftyTwoWeekHigh": ("summaryDetail.fiftyTwoWeekHigh",),
        "fiftyDayAverage": ("summaryDetail.fiftyDayAverage",),
        "twoHundredDayAverage": ("summaryDetail.twoHundredDayAverage",),
        "volume": ("summaryDetail.volume", "price.regularMarketVolume"),
        "averageVolume": ("summaryDetail.averageVolume", "price.averageDailyVolume3Month"),
        "beta": ("summaryDetail.beta", "defaultKeyStatistics.beta"),
        "dividendRate": ("summaryDetail.dividendRate",),
        "dividendYield": ("summaryDetail.dividendYield",),
    },
    "valuation": {
        "marketCap": ("price.marketCap", "summaryDetail.marketCap"),
        "enterpriseValue": ("defaultKeyStatistics.enterpriseValue",),
        "trailingPE": ("summaryDetail.trailingPE",),
        "forwardPE": ("summaryDetail.forwardPE", "defaultKeyStatistics.forwardPE"),
        "pegRatio": ("defaultKeyStatistics.pegRatio",),
        "priceToSales": ("summaryDetail.priceToSalesTrailing12Months",),
        "priceToBook": ("defaultKeyStatistics.priceToBook",),
        "enterpriseToRevenue": ("defaultKeyStatistics.enterpriseToRevenue",),
        "enterpriseToEbitda": ("defaultKeyStatistics.enterpriseToEbitda",),
        "sharesOutstanding": ("defaultKeyStatistics.sharesOutstanding",),
    },
    "financials": {
        "revenue": ("financialData.totalRevenue",),
        "revenuePerShare": ("financialData.revenuePerShare",),
        "quarterlyRevenueGrowth": ("financialData.revenueGrowth",),
        "grossProfit": ("financialData.grossProfits",),
        "ebitda": ("financialData.ebitda",),
        "netIncomeToCommon": ("defaultKeyStatistics.netIncomeToCommon",),
        "trailingEps": ("defaultKeyStatistics.trailingEps",),
        "quarterlyEarningsGrowth": ("defaultKeyStatistics.earningsQuarterlyGrowth",),
        "totalCash": ("financialData.totalCash",),
        "totalDebt": ("financialData.totalDebt",),
        "debtToEquity": ("financialData.debtToEquity",),
        "currentRatio": ("financialData.currentRatio",),
        "bookValue": ("defaultKeyStatistics.bookValue",),
        "operatingCashflow": ("financialData.operatingCashflow",),
        "freeCashflow": ("financialData.freeCashflow",),
    },
    "profitability": {
        "profitMargin": ("financialData.profitMargins", "defaultKeyStatistics.profitMargins"),
        "operatingMargin": ("financialData.operatingMargins",),
        "grossMargin": ("financialData.grossMargins",),
        "ebitdaMargin": ("financialData.ebitdaMargins",),
        "returnOnAssets": ("financialData.returnOnAssets",),
        "returnOnEquity": ("financialData.returnOnEquity",),
    },
}


def number(value: Any) -> int | float | None:
    """A plain, finite number, also out of `{"raw": 1.5, "fmt": "1.50"}`; `None` for anything else."""
    if isinstance(value, dict):
        value = value.get("raw")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def metrics(symbol: str, modules: dict[str, Any]) -> dict[str, Any]:
    """Key figures of a symbol's quoteSummary modules, in groups, each with its currency.

    `currency` is that of prices as Yahoo spells it: GBp is pence. What Yahoo does not give is listed in `absent`,
    and `notes` says where its ratios mix currencies.
    """
    price, detail = modules.get("price") or {}, modules.get("summaryDetail") or {}
    quoted = price.get("currency") or detail.get("currency")
    reported = (modules.get("financialData") or {}).get("financialCurrency")
    currencies = {"price": quoted, "valuation": WHOLE.get(str(quoted), quoted), "financials": reported}
    data: dict[str, Any] = {
        "symbol": price.get("symbol") or symbol,
        "name": price.get("longName") or price.get("shortName"),
        "type": price.get("quoteType"),
        "exchange": price.get("exchangeName"),
        "time": _time(number(price.get("regularMarketTime"))),
        "currency": quoted,
        "financialCurrency": reported,
    }
    absent = []
    for group, figures in FIGURES.items():
        data[group] = {"currency": currencies[group]} if group in currencies else {}
        for name, places in figures.items():
            value = next((found for place in places if (found := _at(modules, place)) is not None), None)
            if value is None:
                absent.append(f"{group}.{name}")
            else:
                data[group][name] = value
    data["absent"] = absent
    data["notes"] = _notes(quoted, reported)
    return data


def _at(modules: dict[str, Any], place: str) -> int | float | None:
    module, _, name = place.partition(".")
    return number((modules.get(module) or {}).get(name))


def _notes(quoted: str | None, reported: str | None) -> list[str]:
    notes = []
    if quoted in WHOLE:
        notes.append(f"Prices are in {quoted}, hundredths of {WHOLE[quoted]}; marketCap is in {WHOLE[quoted]}.")
    if quoted and reported and quoted != reported:
        notes.append(
            f"Prices are in {quoted} and accounts in {reported}: Yahoo's forwardPE, priceToBook, priceToSales and "
            "enterprise figures may divide or add the two as they are."
        )
    return notes


def chart(symbol: str, content: dict[str, Any]) -> dict[str, Any]:
    """Prices as rows, the oldest first; what Yahoo leaves open is `None`. Times are in UTC, `tz` is the exchange's."""
    meta = content["meta"]
    name, currency, zone = meta.get("symbol") or symbol, meta.get("currency"), meta.get("exchangeTimezoneName")
    times = content.get("timestamp") or []
    quote = (content["indicators"].get("quote") or [{}])[0]
    adjusted = (content["indicators"].get("adjclose") or [{}])[0]
    columns = {key: quote.get(key) or [None] * len(times) for key in ("open", "high", "low", "close")}
    columns["adjclose"] = adjusted.get("adjclose") or [None] * len(times)
    columns["volume"] = quote.get("volume") or [None] * len(times)
    rows = [
        {"symbol": name, "ts": _time(ts), "tz": zone, **dict(zip(columns, values, strict=True)), "currency": currency}
        for ts, *values in zip(times, *columns.values(), strict=True)
    ]
    events = content.get("events") or {}
    happened = {
        kind: [
            {**event, "date": _time(event["date"])}
            for event in sorted((events.get(kind) or {}).values(), key=lambda event: event["date"])
        ]
        for kind in ("dividends", "splits")
    }
    return {"symbol": name, "currency": currency, "tz": zone, "rows": rows, **happened}


def fundamentals(symbol: str, period: str, series: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures as rows, by item and day, with their currency; items without any are `absent`."""
    rows, absent = [], []
    for one in series:
        kind = one["meta"]["type"][0]
        name = kind.removeprefix(period)
        found = [
            {
                "symbol": symbol, "item": name, "period": point.get("periodType"), "end": point["asOfDate"],
                "value": number(point["reportedValue"]), "currency": point.get("currencyCode"),
            }
            for point in one.get(kind) or []
            if point
        ]  # fmt: skip
        rows += found
        if not found:
            absent.append(name)
    return {"symbol": symbol, "period": period, "rows": rows, "absent": absent}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
