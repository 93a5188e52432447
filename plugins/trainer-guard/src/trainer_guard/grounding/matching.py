"""Matching: whether a value is what a figure shows, and what speaks against it."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from trainer_guard.grounding.concepts import OUTFLOWS
from trainer_guard.grounding.context import Context
from trainer_guard.grounding.ledger import Entry
from trainer_guard.grounding.names import is_firm, words_of
from trainer_guard.grounding.numerals import SHARED, Numeral
from trainer_guard.grounding.result import Status
from trainer_guard.grounding.words import wordset

LENGTHS = wordset("quarterly annual yearly yoy ttm trailing twelve months recent latest reported current")
CHANGES = wordset("growth change")
ABOUT = Decimal("0.025")
# From the fault that least likely is one of another figure to the one that most likely is.
ORDER = (Status.WRONG_SIGN, Status.WRONG_PERIOD, Status.WRONG_UNIT, Status.WRONG_COMPANY, Status.WRONG_METRIC)


def window(numeral: Numeral, about: bool) -> tuple[Decimal, Decimal]:
    """The sizes that a figure may stand for: what rounds to what it shows, or with `about` what is near it."""
    size = abs(numeral.value)
    half = numeral.unit / 2
    if about:
        half = max(half, size * ABOUT)
    return max(Decimal(0), size - half), size + half


def shows(numeral: Numeral, value: Decimal, about: bool = False) -> bool:
    """Whether `value`, without its sign, is shown by the figure: rounded half up or half to even."""
    size, shown = abs(value), abs(numeral.value)
    low, high = window(numeral, about)
    if not low <= size <= high:
        return False
    if about or (size not in (low, high)):
        return True
    return any(
        (size / numeral.unit).to_integral_value(rounding) * numeral.unit == shown
        for rounding in (ROUND_HALF_UP, ROUND_HALF_EVEN)
    )


def same_currency(written: str, known: str) -> bool:
    """Whether a currency as it is written may be the one known; where either is silent it may."""
    return not written or not known or written == known or known in SHARED.get(written, ())


def unit_fits(numeral: Numeral, entry: Entry) -> bool:
    """Whether a figure's unit may be that of an entry."""
    unit = entry.unit
    match numeral.kind:
        case "percent":
            return unit in {"ratio", "part"} or (not unit and not entry.currency)
        case "points":
            return False
        case "multiple":
            return unit in {"ratio", "", "count"}
        case "money":
            if numeral.per_share and unit == "money":
                return False
            return unit in {"money", "per share", ""} and same_currency(numeral.currency, entry.currency)
        case _:
            return unit != "part"


def sign_fits(numeral: Numeral, value: Decimal, context: Context, metric: str = "") -> bool:
    """Whether a figure may be shown with the sign it has."""
    if not value or not numeral.value or numeral.sign == 2:
        return True
    if numeral.sign == -1:
        return value < 0 or (metric in OUTFLOWS and numeral.bracketed)
    if numeral.sign == 1:
        return value > 0
    if value < 0:
        return context.loss
    return metric not in context.gain


def change_fits(numeral: Numeral, value: Decimal, context: Context) -> bool:
    """Whether a change may be shown with the sign, or the words, that it has."""
    if not value or not numeral.value or numeral.sign == 2:
        return True
    if numeral.sign:
        return (value < 0) == (numeral.sign == -1)
    return (value < 0) == (context.direction < 0)


def narrower(metric: str, spoken: str, context: Context) -> bool:
    """Whether a metric is one that is spoken of, by a name that also says for how long, or that it is the change."""
    words, given = set(words_of(metric)), set(words_of(spoken))
    if not given < words or not words - given <= (LENGTHS | CHANGES if context.changed else LENGTHS):
        return False
    years = all(label[0] in {"FY", "Y"} for labels in context.periods for label in labels)
    return not context.periods or years == ("quarterly" not in words)


def metric_fits(entry: Entry, context: Context) -> bool:
    """Whether an entry is of a metric that is spoken of."""
    if any(narrower(entry.metric, spoken, context) for spoken in context.metrics):
        return True
    if entry.metric in context.metrics or not any(is_firm(metric) for metric in context.metrics):
        return True
    if entry.formula and all(fact.metric in context.named for fact in entry.facts):
        return True
    names = {word for fact in entry.facts[:1] for name in (entry.metric, *fact.names) for word in words_of(name)}
    return any(len(word) > 3 and word in context.loose for word in names)


def faults(numeral: Numeral, entry: Entry, context: Context) -> list[Status]:
    """What speaks against an entry being what a figure shows, the value aside."""
    found = []
    if context.by and numeral.kind in {"money", "number"}:
        found.append(Status.NOT_FOUND)  # "rose by 5 billion" says nothing of a figure that is 5 billion
    # A figure that is kept as a change is told as one of what changes: "revenue fell 5 %".
    change = not CHANGES.isdisjoint(words_of(entry.metric)) and bool(context.metrics)
    told = change and all(CHANGES.isdisjoint(words_of(metric)) for metric in context.metrics)
    fits = change_fits(numeral, entry.value, context) if told else None
    if not (sign_fits(numeral, entry.value, context, entry.metric) if fits is None else fits):
        found.append(Status.WRONG_SIGN)
    if context.periods and entry.labels and all(labels.isdisjoint(entry.labels) for labels in context.periods):
        found.append(Status.WRONG_PERIOD)
    if not unit_fits(numeral, entry):
        found.append(Status.WRONG_UNIT)
    if context.companies and entry.company and entry.company not in context.companies:
        found.append(Status.WRONG_COMPANY)
    if not metric_fits(entry, context):
        found.append(Status.WRONG_METRIC)
    return found
