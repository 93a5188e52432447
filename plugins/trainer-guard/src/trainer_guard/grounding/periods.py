"""Periods: the days, quarters and years that text names and that facts are of, as labels which can be compared.

A label is a tuple: `("D", "2025-09-27")`, `("M", 2025, 9)`, `("Q", 2025, 3)`, `("H", 2025, 1)`, `("Y", 2025)`, and
`("FQ", 2025, 3)`, `("FH", 2025, 1)`, `("FY", 2025)` for what is called fiscal. A fact bears every label by which it may
be called; text names one or two.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import TypeAlias

from attrs import frozen

Label: TypeAlias = tuple[str | int | None, ...]

MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)\.?"
)
YEAR = r"(?:19|20)\d\d"
SHORT = rf"(?:{YEAR}|['’]?\d\d)(?!\d)"
FISCAL = r"(?:FYE?|[Ff]iscal[ ](?:[Yy]ear[ ])?|[Ff]iscal[ ][Yy]ear[ ])"
ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4}
SCALED = r"(?:%|percent|per cent|pct|thousand|million|billion|trillion|bn\b|mn\b|shares\b)"
PERIOD = (
    rf"\b(?P<iso>{YEAR}-\d\d-\d\d)(?:[T ]\d\d:\d\d[\d:.+Z-]*)?(?!\d)"
    rf"|\b(?P<quarter>Q[1-4]|[1-4]Q|(?:[Ff]irst|[Ss]econd|[Tt]hird|[Ff]ourth)[ -][Qq]uarter)"
    rf"(?:[ -]?(?:of[ ])?(?:the[ ])?(?P<qfiscal>{FISCAL})?[ ]?(?P<qyear>{SHORT}))?(?!\w)"
    rf"|\b(?P<half>H[12]|[12]H|(?:[Ff]irst|[Ss]econd)[ -][Hh]alf)"
    rf"(?:[ -]?(?:of[ ])?(?P<hfiscal>{FISCAL})?[ ]?(?P<hyear>{SHORT}))?(?!\w)"
    rf"|\b(?P<fiscal>{FISCAL})[ ]?(?P<fyear>{SHORT})(?:[/–-](?P<fto>{SHORT}))?(?:[ ]?(?P<fquarter>Q[1-4]))?(?![\w%])"
    rf"|\b(?:(?P<month>{MONTH})[ ](?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?[ ])?"
    rf"|(?P<day2>\d{{1,2}})\.?[ ](?P<month2>{MONTH})[ ])(?P<myear>{YEAR})(?!\d)"
    rf"|\b(?P<numeric>\d{{1,2}}[./]\d{{1,2}}[./]{YEAR})(?!\d)"
    rf"|\b(?P<range>{YEAR})[ ]?[-–—/][ ]?(?P<to>{YEAR}|\d\d)(?![\w,.]?\d|[ ]?{SCALED})"
    rf"|(?<![\w$€£¥.,])(?P<year>{YEAR})(?![\w%]|[.,]\d|[ ]?{SCALED}|[  ]\d\d\d(?!\d))"
    r"|(?P<relative>\b(?:(?:the[ ])?(?:prior|previous|preceding)[ -](?:fiscal[ ])?(?:year|period|quarter)"
    r"|last[ ](?:fiscal[ ])?year|(?:a[ ]|one[ ]|the[ ])?year[ -](?:earlier|before|ago|prior))\b)"
)


@frozen
class Named:
    """A period named in text: its labels, any of which will do; none says that it is relative to another."""

    start: int
    end: int
    labels: frozenset[Label]


def named(match: re.Match[str], offset: int = 0) -> Named:
    """The period that `PERIOD` matched."""
    start, end = match.span()
    return Named(start + offset, end + offset, _labels(match))


def _labels(match: re.Match[str]) -> frozenset[Label]:
    if day := match["iso"]:
        return frozenset({("D", day)})
    if word := match["quarter"]:
        return _part("FQ" if match["qfiscal"] else "Q", word, match["qyear"])
    if word := match["half"]:
        return _part("FH" if match["hfiscal"] else "H", word, match["hyear"])
    if word := match["fyear"]:
        if quarter := match["fquarter"]:
            return _part("FQ", quarter, word)
        found = {("FY", _year(word))}
        return frozenset(found | ({("FY", _year(match["fto"]))} if match["fto"] else set()))
    if year := match["myear"]:
        month = MONTHS[(match["month"] or match["month2"])[:3].lower()]
        day = match["day"] or match["day2"]
        return frozenset({("D", f"{year}-{month:02}-{int(day):02}") if day else ("M", int(year), month)})
    if text := match["numeric"]:
        first, second, third = re.split("[./]", text)
        return frozenset(
            {("D", f"{third}-{int(second):02}-{int(first):02}"), ("D", f"{third}-{int(first):02}-{int(second):02}")}
        )
    if year := match["range"]:
        last = match["to"] if len(match["to"]) == 4 else year[:2] + match["to"]
        return frozenset({("Y", int(year)), ("Y", int(last))})
    return frozenset({("Y", int(match["year"]))}) if match["year"] else frozenset()


def _part(kind: str, word: str, year: str | None) -> frozenset[Label]:
    digit = re.search(r"\d", word)
    number = int(digit[0]) if digit else ORDINALS[word.lower().replace("-", " ").split()[0]]
    return frozenset({(kind, _year(year) if year else None, number)})


def _year(text: str) -> int:
    digits = int(text.strip("'’"))
    return digits if digits > 99 else 2000 + digits


FULL = re.compile(PERIOD)
DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?!\d)")


@lru_cache(4096)
def period_of_key(text: str) -> frozenset[Label]:
    """The labels of a text that is a period and nothing else, such as a key `2024` or `2024-Q3`; else none."""
    match = FULL.fullmatch(text.strip()) if len(text) < 40 else None
    return _labels(match) if match else frozenset()


def as_day(text: object) -> date | None:
    """The day a value begins with, as `2025-09-27` or `2025-09-27T10:00`."""
    return _day(text[:11]) if isinstance(text, str) else None


@lru_cache(4096)
def _day(text: str) -> date | None:
    match = DAY.match(text)
    try:
        return date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None


SPANS = {"year": (350, 380), "9 months": (265, 285), "half": (175, 190), "quarter": (84, 100)}


@lru_cache(4096)
def span_of(start: date | None, end: date) -> str:
    """What lies between two days: `year`, `half`, `quarter`, `9 months`, other days, or empty without a start."""
    if start is None:
        return ""
    days = (end - start).days + 1
    return next((name for name, (low, high) in SPANS.items() if low <= days <= high), f"{days} days")


@lru_cache(4096)
def labels_of(end: date, span: str, year_end: int = 12, fiscal: int | None = None, part: str = "") -> frozenset[Label]:
    """All labels of a figure that ends on a day.

    `year_end` is the month in which the company's fiscal year ends; `fiscal` and `part` (`FY`, `Q3`) are what the
    source calls it.
    """
    last = end - timedelta(days=7)  # 52/53-week years end some days into the next month
    found: set[Label] = {("D", end.isoformat()), ("M", end.year, end.month), ("M", last.year, last.month)}
    middle = last - timedelta(days=182)
    ahead = (last.month - year_end - 1) % 12  # months of the fiscal year before this one
    fiscal_year = last.year + (1 if last.month > year_end else 0)
    years = {fiscal_year} | ({fiscal} if fiscal else set())
    if span == "year" or not span:
        if span == "year" or ahead == 11:
            found |= {("FY", year) for year in years if ahead == 11 or span == "year"}
            found |= {("Y", year) for year in years}
        found.add(("Y", middle.year if span else end.year))
        found.add(("Y", last.year))
    if span in {"quarter", ""}:
        named = (fiscal, int(part[1:])) if fiscal and re.fullmatch("Q[1-4]", part) else (fiscal_year, ahead // 3 + 1)
        found |= {("FQ", *named), ("Q", *named), ("Q", None, named[1])}
        found |= {("Q", last.year, (last.month + 2) // 3), ("Q", None, (last.month + 2) // 3)}
    if span == "half":
        for kind, year, number in (
            ("H", last.year, (last.month + 5) // 6),
            ("H", fiscal_year, ahead // 6 + 1),
            ("FH", fiscal_year, ahead // 6 + 1),
        ):
            found |= {(kind, year, number), ("H", None, number)}
    return frozenset(found)
