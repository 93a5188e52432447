"""Formulas: metrics that follow from others of the same company and day."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from attrs import frozen

Compute = Callable[..., Decimal | None]


@frozen
class Formula:
    """How `metric` is made of `inputs`, in order; `unit` is `ratio`, `months`, `money` or `per share`.

    `compute` answers `None` where the result has no meaning.
    """

    metric: str
    inputs: tuple[str, ...]
    text: str
    compute: Compute
    unit: str = "ratio"


def _over(part: Decimal, whole: Decimal) -> Decimal | None:
    return part / whole if whole else None


def _less(left: Decimal, *rest: Decimal) -> Decimal:
    return left - sum(rest)


def _sum(*parts: Decimal) -> Decimal:
    return sum(parts, Decimal(0))


def _runway(funds: Decimal, flow: Decimal) -> Decimal | None:
    return funds / -flow * 12 if flow < 0 else None


def _net_cash(cash: Decimal, investments: Decimal, debt: Decimal) -> Decimal:
    return cash + investments - debt


def _enterprise(worth: Decimal, debt: Decimal, cash: Decimal) -> Decimal:
    return worth + debt - cash


OCF, CAPEX, STI, LTD = "operating_cash_flow", "capital_expenditure", "short_term_investments", "long_term_debt"

# In order: a formula may use what an earlier one made. A metric with several formulas may follow from any of them.
FORMULAS = (
    Formula("gross_profit", ("revenue", "cost_of_revenue"), "revenue − cost of revenue", _less, "money"),
    Formula("free_cash_flow", (OCF, CAPEX), "operating cash flow − capital expenditure", _less, "money"),
    Formula("liquid_funds", ("cash", STI), "cash + short-term investments", _sum, "money"),
    Formula("total_liabilities", ("total_assets", "equity"), "total assets − equity", _less, "money"),
    Formula(
        "working_capital", ("current_assets", "current_liabilities"), "current assets − current liabilities", _less,
        "money",
    ),
    Formula("net_cash", ("cash", STI, LTD), "cash + short-term investments − long-term debt", _net_cash, "money"),
    Formula("net_cash", ("liquid_funds", "total_debt"), "liquid funds − total debt", _less, "money"),
    Formula("net_cash", ("total_cash", "total_debt"), "total cash − total debt", _less, "money"),
    Formula("net_cash", ("cash", LTD), "cash − long-term debt", _less, "money"),
    Formula("net_debt", (LTD, "cash"), "long-term debt − cash", _less, "money"),
    Formula("net_debt", ("total_debt", "cash"), "total debt − cash", _less, "money"),
    Formula("net_debt", ("total_debt", "total_cash"), "total debt − total cash", _less, "money"),
    Formula("net_debt", (LTD, "liquid_funds"), "long-term debt − liquid funds", _less, "money"),
    Formula(
        "operating_expenses", ("gross_profit", "operating_income"), "gross profit − operating income", _less, "money"
    ),
    Formula("gross_margin", ("gross_profit", "revenue"), "gross profit / revenue", _over),
    Formula("operating_margin", ("operating_income", "revenue"), "operating income / revenue", _over),
    Formula("net_margin", ("net_income", "revenue"), "net income / revenue", _over),
    Formula("rd_intensity", ("research_and_development", "revenue"), "research and development / revenue", _over),
    Formula("capital_intensity", (CAPEX, "revenue"), "capital expenditure / revenue", _over),
    Formula("free_cash_flow_margin", ("free_cash_flow", "revenue"), "free cash flow / revenue", _over),
    Formula("liabilities_to_assets", ("total_liabilities", "total_assets"), "total liabilities / total assets", _over),
    Formula("current_ratio", ("current_assets", "current_liabilities"), "current assets / current liabilities", _over),
    Formula("debt_to_equity", ("total_debt", "equity"), "total debt / equity", _over),
    Formula("debt_to_equity", (LTD, "equity"), "long-term debt / equity", _over),
    Formula("debt_to_equity", ("total_liabilities", "equity"), "total liabilities / equity", _over),
    Formula("return_on_equity", ("net_income", "equity"), "net income / equity", _over),
    Formula("return_on_assets", ("net_income", "total_assets"), "net income / total assets", _over),
    Formula("tax_rate", ("income_tax", "pretax_income"), "income tax / pre-tax income", _over),
    Formula("eps_diluted", ("net_income", "shares_diluted"), "net income / diluted shares", _over, "per share"),
    Formula("cash_runway", ("cash", "free_cash_flow"), "cash / −(free cash flow) × 12", _runway, "months"),
    Formula(
        "liquidity_runway", ("liquid_funds", "free_cash_flow"), "liquid funds / −(free cash flow) × 12", _runway,
        "months",
    ),
    Formula("cash_runway", ("total_cash", "free_cash_flow"), "total cash / −(free cash flow) × 12", _runway, "months"),
    Formula(
        "enterprise_value", ("market_cap", "total_debt", "total_cash"), "market cap + total debt − total cash",
        _enterprise,
        "money",
    ),
    Formula("enterprise_to_revenue", ("enterprise_value", "revenue"), "enterprise value / revenue", _over),
    Formula("enterprise_to_ebitda", ("enterprise_value", "ebitda"), "enterprise value / EBITDA", _over),
    Formula("price_to_sales", ("market_cap", "revenue"), "market cap / revenue", _over),
    Formula("price_to_book", ("market_cap", "equity"), "market cap / equity", _over),
    Formula("trailing_pe", ("price", "eps_diluted"), "price / earnings per share", _over),
)  # fmt: skip
