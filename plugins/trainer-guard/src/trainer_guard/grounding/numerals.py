"""Numerals: how figures are written in text, and what else in text has digits without being a figure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from attrs import evolve, frozen

from trainer_guard.grounding.words import wordset

Kind = Literal["number", "money", "percent", "points", "multiple"]

CODES = sorted(
    wordset(
        "USD EUR GBP JPY CNY CNH RMB TWD KRW INR CHF CAD AUD NZD HKD SGD SEK NOK DKK PLN CZK HUF RON ILS TRY ZAR BRL "
        "MXN CLP COP ARS PEN THB IDR MYR PHP VND SAR AED QAR KWD EGP NGN KES RUB UAH ISK BTC ETH GBp GBX ILA ZAc"
    )
)
SYMBOLS = {
    "US$": "USD", "NT$": "TWD", "HK$": "HKD", "CA$": "CAD", "C$": "CAD", "AU$": "AUD", "A$": "AUD", "NZ$": "NZD",
    "S$": "SGD", "R$": "BRL", "MX$": "MXN", "$": "$", "€": "EUR", "£": "GBP", "¥": "¥", "₩": "KRW", "₹": "INR",
    "dollar": "$", "euro": "EUR", "pound": "GBP", "yen": "JPY", "yuan": "CNY", "RMB": "CNY",
}  # fmt: skip
# What a symbol may stand for, beside what it is called.
SHARED = {"$": wordset("USD CAD AUD NZD HKD SGD"), "¥": frozenset({"JPY", "CNY"})}
SCALES = {
    "thousand": 3, "k": 3, "tsd": 3, "lakh": 5, "million": 6, "m": 6, "mm": 6, "mn": 6, "mln": 6, "mio": 6,
    "millionen": 6, "millions": 6, "crore": 7, "billion": 9, "b": 9, "bn": 9, "bln": 9, "mrd": 9, "milliarde": 9,
    "milliarden": 9, "milliard": 9, "milliards": 9, "billions": 9, "thousands": 3, "trillion": 12, "trillions": 12,
    "t": 12, "tn": 12,
}  # fmt: skip
SCALE_WORDS = (
    r"thousands?|lakhs?|millions?|Millionen|crores?|billions?|trillions?|milliards?|Milliarden?|mio\b\.?|Mio\b\.?|"
    r"Mrd\b\.?|mrd\b\.?|Tsd\b\.?|bln|mln|bn|mn|tn"
)
CURRENCY = r"(?:(?:US|NT|HK|CA|AU|NZ|MX|[CASR])?\$|[€£¥₩₹]|(?:" + "|".join(CODES) + r")(?![A-Za-z]))"
# Of thousands set apart by one and the same mark, or without any; never a part of longer digits.
NUMBER = (
    r"(?>\d{1,3}(?P<mark>[,.'’\u00a0\u202f\u2009 ])\d{3}(?:(?P=mark)\d{3})*(?!\d)(?:[.,]\d++(?![.,]?\d))?"
    r"(?!(?P=mark)\d)"
    r"|\d++(?:[.,]\d++)?|[.]\d++)"
)
FIGURE = (
    rf"(?!\s)(?P<open>\((?!(?:19|20)\d\d(?![\d,.%]|\s?[mbtk%])))?(?P<sign>(?<![\w%)\]])[-−–+±])?\s?(?P<before>{CURRENCY})?\s?(?P<inner>(?(before)\(|(?!)))?(?P<sign2>(?<![\w%)\]])[-−–+])?\s?"
    rf"(?P<number>{NUMBER})(?P<close>\))?"
    rf"(?:[ \u00a0\u202f-]?(?P<scale>{SCALE_WORDS})(?![A-Za-z])|(?P<letter>[kKmMbBT]|MM|mm)(?![A-Za-z0-9]))?"
    r"(?:[ \u00a0\u202f-]?(?P<unit>%[ -]?points?\b|%|percentage[ -]points?|percent\b|per[ ]cent\b|pct\b|ppts?\b|pps?\b|"
    r"bps?\b|basis[ -]points?\b|x\b|×|times\b|fold\b|-fold\b))?(?P<close2>\))?"
    rf"(?:\s?(?P<after>{CURRENCY}|(?:US )?(?:dollar|euro|pound)s?\b|yen\b|yuan\b))?"
    r"(?P<per>\s+(?:per|a|/)\s+(?:diluted |basic |ordinary |common )?(?:share|ADS|ADR)\b)?"
    r"(?![A-Za-z0-9_])(?!-[A-Za-z])"
)
LABELS = (
    r"(?:S&P|Nasdaq|NASDAQ|Russell|FTSE|Dow|Nikkei|CAC|DAX|STOXX|MSCI|Fortune|Forbes|ASC|ASU|IFRS|IAS|SFAS|Section|Item|"
    r"Note|Phase|Part|Chapter|Table|Figure|Fig|Page|page|pp|Step|No|Nr|Rule|Form|[Tt]op|Level|Tier|Type|Stage|Class|"
    r"Article|Schedule|Exhibit|Appendix|Windows|iOS|Python|version|Version|Room|Suite|Box|CIK|phase|step|section|item|"
    r"note|level|chapter|figure|table)"
    r"(?:\.|s)?[ \u00a0]?\d++(?:[.,-]\d++)*+[A-Za-z]?(?:(?:,|,? and|,? or|[-–/]) ?\d++)*"
)
SKIP = (
    rf"\b{LABELS}(?![\w%])|\d{{10}}-\d\d-\d{{6}}|\[\^?[\w-]{{1,20}}\]|\d{{1,2}}:\d\d(?::\d\d)?(?:[ ]?[ap]\.?m\b)?"
    r"|(?<!\w)\+?(?:\d{1,3}[ .-])?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)"
    r"|(?!\d{1,3}(?:\.\d{3})++(?:,\d++)?(?![.\d]))\d++(?:\.\d++){2,}|\d++(?:st|nd|rd|th)\b"
    r"|\d{1,4}/\d{1,4}(?:/\d{1,4})?(?!\d)|\#\d++"
)
# A word keeps digits and hyphens that belong to it, as in COVID-19; digits with letters after them are a name too.
WORD = r"[A-Za-zÀ-ɏ&][\w&]*+(?:[-'’./](?=[A-Za-z0-9])[\w&]++)*+|\d[\d.,]*+-?[A-Za-z_][\w-]*+|\d++"


@frozen
class Numeral:
    """A figure as it is written: its value in full (a percentage as its share of one), and how exact that is.

    `unit` is one in the last digit shown. `sign` is what is written: 1, -1, 0 for none, and 2 where brackets in prose
    may mean minus or nothing. `currency` is a code, `$` or `¥` for what may be several, or empty.
    """

    start: int
    end: int
    value: Decimal
    unit: Decimal
    kind: Kind
    sign: int
    currency: str
    exponent: int
    per_share: bool
    scaled: bool
    bracketed: bool
    integer: bool


def moved(numeral: Numeral, power: int) -> Numeral:
    """A figure times a power of ten."""
    value, unit = numeral.value.scaleb(power), numeral.unit.scaleb(power)
    return evolve(numeral, value=value, unit=unit, exponent=numeral.exponent + power)


KINDS: dict[str, tuple[Kind, int]] = {"%": ("percent", -2), "x": ("multiple", 0), "×": ("multiple", 0)}


def kind_of(word: str) -> tuple[Kind, int]:
    """What a unit's word makes of a number, and the power of ten it stands for."""
    if word in KINDS:
        return KINDS[word]
    small = word.lower()
    if small.startswith(("b", "-b")):
        return "points", -4
    if "point" in small or small.startswith("pp"):
        return "points", -2
    return ("percent", -2) if small.startswith("p") else ("multiple", 0)


def currency_of(word: str) -> str:
    """A currency's code by how it is written."""
    if not word:
        return ""
    name = word.strip()
    if name in SYMBOLS:
        return SYMBOLS[name]
    return name if name in CODES else SYMBOLS.get(name.removeprefix("US ").rstrip("s"), "")


def read_numeral(match: re.Match[str], *, european: bool, whole: bool = False) -> Numeral | None:
    """The figure that `FIGURE` matched; `None` for digits too many to be one.

    `european` says how `1.234` and `1,234` are read; `whole` that the figure stands alone in a cell of a table, where
    brackets mean minus.
    """
    text, mark = match["number"], match["mark"] or ""
    if len(text) > 30:
        return None
    digits, decimals = _parts(text, mark, european)
    # A bracket that is not closed is not the figure's.
    start, end = match.span()
    closed = bool(match["close"] or match["close2"])
    if match["open"] and not closed:
        start += 1
    if closed and not (match["open"] or match["inner"]) and match[0].endswith(")"):
        end -= 1
    power = SCALES[(match["scale"] or match["letter"] or "").rstrip(".").lower()] if _scaled(match) else 0
    kind, factor = kind_of(match["unit"]) if match["unit"] else ("number", 0)
    currency = currency_of(match["before"] or match["after"] or "")
    if currency and kind == "number":
        kind = "money"
    exponent = power + factor
    value = Decimal(digits + decimals).scaleb(exponent - len(decimals))
    written = match["sign"] or match["sign2"] or ""
    bracketed = closed and bool(match["open"] or match["inner"])
    sign = -1 if written in {"-", "−", "–"} and written else 1 if written == "+" else 0
    if bracketed and not sign:
        sign = -1 if match["inner"] or whole else 2
    return Numeral(
        start, end, -value if sign == -1 else value, Decimal(1).scaleb(exponent - len(decimals)), kind, sign, currency,
        exponent, bool(match["per"]), bool(power), bracketed, not decimals and not mark,
    )  # fmt: skip


def _scaled(match: re.Match[str]) -> bool:
    return bool(match["scale"] or match["letter"])


def _parts(text: str, mark: str, european: bool) -> tuple[str, str]:
    """Digits before and after the decimal mark."""
    if mark and mark not in ",.":
        head, _, tail = text.replace(",", ".").rpartition(".") if re.search("[.,]", text) else (text, "", "")
        return head.replace(mark, ""), tail
    if not mark:
        whole, _, decimals = text.replace(",", ".").partition(".")
        return whole or "0", decimals
    decimal = "," if mark == "." else "."
    head, found, tail = text.partition(decimal)
    if found or text.count(mark) > 1:
        return head.replace(mark, ""), tail
    whole, _, rest = text.partition(mark)
    if (mark == ",") == european and whole.lstrip("0"):
        return whole, rest
    return (whole + rest, "") if whole.lstrip("0") else (whole, rest)


MARKED = re.compile(r"(?<!\d)\d++(?:[.,]++\d++)++")
COMMA = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,4},(?:\d{1,2}|\d{4,})")
POINT = re.compile(r"\d{1,3}(?:,\d{3})+\.\d+|\d{1,4}\.(?:\d{1,2}|\d{4,})")


def convention(text: str) -> bool:
    """Whether a text writes its decimals with a comma: whether more of its figures can only be read so."""
    found = MARKED.findall(text)
    comma = sum(COMMA.fullmatch(token) is not None for token in found)
    return comma > 0 and comma > sum(POINT.fullmatch(token) is not None for token in found)
