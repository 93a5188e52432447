"""Concepts: metrics by the name used here, with what else data and text call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainer_guard.grounding.words import wordset

TABLE = """
revenue: revenues; net revenue; net revenues; total revenue; total revenues; sales; net sales; total sales; turnover;
  top line; sales revenue net; revenue from contract with customer excluding assessed tax
cost_of_revenue: cost of sales; cost of goods sold; cogs; cost of goods and services sold; costs of revenue; cost of
  revenues; reconciled cost of revenue
gross_profit: gross profits; gross income
research_and_development: r&d; r&d expense; r&d expenses; r&d spending; research and development expense; research &
  development; research and development expenses; research and development spending; research spending; research
  development; research and development costs
selling_general_and_administrative: sg&a; selling general and administrative expense; sg&a expense; sg&a expenses;
  selling general and administration
operating_expenses: opex; operating expense; total operating expenses
operating_income: operating profit; operating loss; operating income loss; ebit; income from operations; loss from
  operations; operating result; profit loss from operating activities
ebitda: normalized ebitda
net_income: net profit; net loss; net earnings; net income loss; profit loss; bottom line; net income to common; net
  income common stockholders; net losses; profit for the year
eps_diluted: diluted earnings per share; diluted eps; eps; earnings per share; loss per share; diluted loss per share;
  earnings per share diluted; trailing eps; eps trailing twelve months; diluted earnings loss per share; eps trailing
eps_basic: basic eps; basic earnings per share; earnings per share basic
shares_diluted: diluted shares; diluted share count; diluted shares outstanding; share count; diluted average shares;
  weighted average number of diluted shares outstanding; diluted share count average; diluted weighted average shares
shares_outstanding: common stock shares outstanding; entity common stock shares outstanding; ordinary shares number;
  shares in issue; common shares outstanding
operating_cash_flow: cash flow from operations; cash from operations; cash flow from operating activities; operating
  cashflow; net cash provided by used in operating activities; cash flows from operating activities; operating cash
  flows; cash generated from operations; cash flows from used in operating activities; net cash from operating
  activities
capital_expenditure: capex; capital expenditures; capital spending; payments to acquire property plant and equipment;
  capital investment; purchases of property plant and equipment; purchase of property plant and equipment
free_cash_flow: fcf; free cashflow; free cash flows; cash burn
cash: cash and cash equivalents; cash and equivalents; cash position; cash and cash equivalents at carrying value;
  cash cash equivalents; cash balance
total_cash:
short_term_investments: marketable securities current; short term marketable securities; other short term investments;
  current marketable securities
total_assets: assets
current_assets: assets current; total current assets
total_liabilities: liabilities; total liabilities net minority interest
current_liabilities: liabilities current; total current liabilities
long_term_debt: long term debt noncurrent; long term debt non current; non current long term debt; term debt
total_debt: debt; borrowings; total borrowings
equity: shareholders equity; stockholders equity; total equity; shareholder equity; equity attributable to owners of
  parent; total stockholder equity; stockholder equity; shareholders' equity; stockholders' equity; shareholder's
  equity; total shareholders equity; total stockholders equity; net assets; book value
dividends_paid: payments of dividends; dividends; cash dividends paid; dividend payments
share_repurchases: buybacks; payments for repurchase of common stock; repurchase of capital stock; share buybacks;
  stock buybacks; repurchases
income_tax: income taxes; tax expense; income tax expense benefit; tax provision; income tax expense
pretax_income: income before tax; profit before tax; income before taxes; pre tax income; pretax profit
interest_expense: interest expenses
inventory: inventories; inventory net
gross_margin: gross margins; gross profit margin
operating_margin: operating margins; operating profit margin; ebit margin
net_margin: profit margin; profit margins; net profit margin; net income margin; net margins
rd_intensity: r&d intensity; research intensity
capital_intensity: capex intensity
free_cash_flow_margin: fcf margin
liabilities_to_assets: liabilities to assets ratio
liquid_funds: liquidity; cash and investments; cash and short term investments; cash and marketable securities
net_cash: net cash position
net_debt:
cash_runway: cash runway; runway on cash alone; runway
liquidity_runway: runway on liquid funds; runway
current_ratio:
working_capital:
debt_to_equity: debt to equity ratio; debt equity; gearing
return_on_equity: roe
return_on_assets: roa
tax_rate: effective tax rate; tax rate
price: share price; stock price; current price; regular market price; closing price; close; closed; shares closed;
  last price; trades at; traded at; trading at
high: day high; regular market day high; intraday high
low: day low; regular market day low; intraday low
market_cap: market caps; market capitalization; market capitalisation; market value
enterprise_value: ev
trailing_pe: p/e; p/e ratio; price to earnings; pe ratio; price earnings ratio; trailing p/e
forward_pe: forward p/e; forward price to earnings
enterprise_to_ebitda: ev/ebitda; ev to ebitda; enterprise value to ebitda; enterprise value ebitda
enterprise_to_revenue: ev/sales; ev/revenue; ev to sales; enterprise value to revenue; enterprise value revenue
price_to_book: p/b; price book
price_to_sales: p/s; price to sales trailing 12 months; price sales
fifty_two_week_high: 52 week high; 52 weeks high
fifty_two_week_low: 52 week low
fifty_day_average: 50 day average; 50 day moving average
two_hundred_day_average: 200 day average; 200 day moving average
dividend_yield:
employees: full time employees; headcount; staff; number of employees
revenue_growth:
earnings_growth:
"""


def _read(table: str) -> dict[str, tuple[str, ...]]:
    lines = table.strip().replace("\n  ", " ").splitlines()
    heads = (line.partition(":") for line in lines)
    return {name: tuple(word.strip() for word in rest.split(";") if word.strip()) for name, _, rest in heads}


CONCEPTS: Mapping[str, Sequence[str]] = _read(TABLE)
# Money that goes out, which accounts show in brackets.
OUTFLOWS = wordset(
    "capital_expenditure dividends_paid share_repurchases cost_of_revenue research_and_development income_tax "
    "interest_expense operating_expenses selling_general_and_administrative"
)
