"""What is derived from the figures given: a few formulas, each stated in the report that uses it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable


@frozen
class Formula:
    """How a metric is made of others of the same period and currency.

    `compute` takes the inputs in order and answers `None` where the result has no meaning: then `unless`
    says why. `unit` is `ratio`, `months`, or empty for the inputs' own.
    """

    metric: str
    label: str
    inputs: tuple[str, ...]
    text: str
    compute: Callable[..., Decimal | None]
    unit: str = "ratio"
    unless: str = "the divisor is not above zero"


def _ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    return part / whole if whole > 0 else None


def _difference(left: Decimal, right: Decimal) -> Decimal:
    return left - right


def _sum(left: Decimal, right: Decimal) -> Decimal:
    return left + right


def _runway(funds: Decimal, free_cash_flow: Decimal) -> Decimal | None:
    return funds / -free_cash_flow * 12 if free_cash_flow < 0 else None


# In order: a formula may use what an earlier one made.
FORMULAS = (
    Formula(
        "gross_margin", "Gross margin", ("gross_profit", "revenue"), "gross profit / revenue", _ratio
    ),
    Formula(
        "operating_margin", "Operating margin", ("operating_income", "revenue"),
        "operating income / revenue", _ratio,
    ),
    Formula("net_margin", "Net margin", ("net_income", "revenue"), "net income / revenue", _ratio),
    Formula(
        "rd_intensity", "R&D intensity", ("research_and_development", "revenue"),
        "research and development / revenue", _ratio,
    ),
    Formula(
        "capital_intensity", "Capital intensity", ("capital_expenditure", "revenue"),
        "capital expenditure / revenue", _ratio,
    ),
    Formula(
        "free_cash_flow", "Free cash flow", ("operating_cash_flow", "capital_expenditure"),
        "operating cash flow − capital expenditure", _difference, "",
    ),
    Formula(
        "free_cash_flow_margin", "Free cash flow margin", ("free_cash_flow", "revenue"),
        "free cash flow / revenue", _ratio,
    ),
    Formula(
        "liabilities_to_assets", "Liabilities to assets", ("total_liabilities", "total_assets"),
        "total liabilities / total assets", _ratio,
    ),
    Formula(
        "liquid_funds", "Liquid funds", ("cash", "short_term_investments"),
        "cash and cash equivalents + short-term investments", _sum, "",
    ),
    Formula(
        "cash_runway", "Runway on cash alone", ("cash", "free_cash_flow"),
        "cash and cash equivalents / −(free cash flow) × 12 months", _runway, "months",
        "free cash flow is not negative",
    ),
    Formula(
        "liquidity_runway", "Runway on liquid funds", ("liquid_funds", "free_cash_flow"),
        "liquid funds / −(free cash flow) × 12 months", _runway, "months",
        "free cash flow is not negative",
    ),
)  # fmt: skip
BY_METRIC = {formula.metric: formula for formula in FORMULAS}
