"""Grounding: every figure and every quote of a text, looked up in the records that it was written from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, localcontext
from itertools import islice
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from trainer_guard.grounding.claims import Claim, Claims
from trainer_guard.grounding.context import Context
from trainer_guard.grounding.derive import Derived, derivations
from trainer_guard.grounding.ledger import ARITHMETIC, Entry, Ledger, described
from trainer_guard.grounding.markdown import masked
from trainer_guard.grounding.matching import ORDER, change_fits, faults, shows, sign_fits, window
from trainer_guard.grounding.numerals import Numeral, moved
from trainer_guard.grounding.quotes import Passages, quotes
from trainer_guard.grounding.result import SOUND, Figure, GroundingResult, Origin, Status

if TYPE_CHECKING:
    from trainer import StoredData

MOST_CANDIDATES = 400
POWERS = (3, -3, 6, -6, 9, -9, 2, -2, 12, -12, 1, -1)


@frozen
class Verdict:
    """What became of a figure, before it is told."""

    status: Status
    entries: tuple[Entry, ...] = ()
    formula: str = ""
    reason: str = ""
    origin: Origin | None = None


class Grounding:
    """Looks the figures and quotes of texts up in records (any name → record), which are read once.

    `background` are texts that were given to the writer beside the data, by name: an instruction, context files. What
    is quoted or repeated from them is found there.
    """

    def __init__(self, records: Mapping[str, StoredData], background: Mapping[str, str] | None = None) -> None:
        self.ledger = Ledger(records)
        self.passages = Passages(self.ledger.texts, background or {})

    def check(self, text: str) -> GroundingResult:
        """The figures of a Markdown text, each with what became of it, and its quotes."""
        with localcontext(ARITHMETIC):
            plain = masked(text)
            figures = [self._figure(text, claim) for claim in Claims(plain, self.ledger)]
            return GroundingResult(text, figures, quotes(plain, self.passages))

    def _figure(self, text: str, claim: Claim) -> Figure:
        numeral, verdict = claim.numeral, self.look_up(claim)
        sound = verdict.status in SOUND
        ref, path = "", ""
        if sound:
            origin = verdict.origin or verdict.entries[0].facts[0]
            ref, path = origin.ref, origin.path
        return Figure(
            start=numeral.start,
            end=numeral.end,
            text=text[numeral.start : numeral.end],
            value=numeral.value,
            unit=numeral.kind,
            currency=numeral.currency,
            precision=numeral.unit,
            status=verdict.status,
            ref=ref,
            path=path,
            formula=verdict.formula if sound else "",
            inputs=_inputs(verdict.entries) if verdict.status is Status.DERIVED else (),
            candidates=() if sound else tuple(_origin(entry) for entry in verdict.entries[:3]),
            reason=verdict.reason,
        )

    def look_up(self, claim: Claim) -> Verdict:
        """What becomes of a figure."""
        verdict = self._verdict(claim.numeral, claim.context, claim.idle)
        if claim.bare is not None and verdict.status not in SOUND:
            bare = self._verdict(claim.bare, claim.context, "")
            return bare if bare.status in SOUND else verdict
        return verdict

    def _verdict(self, numeral: Numeral, context: Context, idle: str) -> Verdict:
        near: list[tuple[list[Status], Entry]] = []
        about = context.about
        if not idle or context.sure:
            for entry in islice(self._at(numeral, about), MOST_CANDIDATES):
                wrong = faults(numeral, entry, context)
                if (wrong and wrong != [Status.WRONG_METRIC]) or (wrong and context.metrics):
                    near.append((wrong, entry))
                    continue
                near.insert(0, ([], entry))
            fitting = [entry for wrong, entry in near if not wrong and (not idle or entry.metric in context.metrics)]
            if fitting:
                best = min(
                    fitting,
                    key=lambda entry: (entry.metric not in context.metrics, bool(entry.formula), entry.unit == "part"),
                )
                return Verdict(Status.DERIVED if best.formula else Status.FOUND, (best,), best.formula)
        if idle:
            return Verdict(Status.UNCHECKED, reason=idle)
        if (verdict := self._derived(numeral, context)) and verdict.status is Status.DERIVED:
            return verdict
        if found := self.passages.figure(
            numeral, context.loose | {word for name in context.named for word in name.split("_")}
        ):
            return Verdict(Status.FOUND, origin=found)
        if context.bound and (bounded := self._bounded(numeral, context)):
            return bounded
        return self._wrong(numeral, context, near, verdict)

    def _at(self, numeral: Numeral, about: bool, power: int = 0) -> Iterator[Entry]:
        """The entries that a figure shows, their sign aside."""
        shown = moved(numeral, power) if power else numeral
        for entry in self.ledger.between(*window(shown, about)):
            if shows(shown, entry.value, about):
                yield entry

    def _derived(self, numeral: Numeral, context: Context) -> Verdict | None:
        """The derivation that gives the figure, or one that gives it with another sign or period."""
        wrong: Verdict | None = None
        for derived in derivations(numeral, context, self.ledger):
            if not shows(numeral, derived.value, context.about):
                continue
            if _signed(numeral, derived, context):
                return Verdict(Status.DERIVED, derived.inputs, derived.formula)
            wrong = wrong or Verdict(Status.WRONG_SIGN, derived.inputs, reason=derived.formula)
        if wrong is None and context.sure and (context.periods or context.all_periods):
            for derived in derivations(numeral, context, self.ledger, loosely=True):
                if shows(numeral, derived.value) and _signed(numeral, derived, context):
                    return Verdict(Status.WRONG_PERIOD, derived.inputs, reason=derived.formula)
        return wrong

    def _bounded(self, numeral: Numeral, context: Context) -> Verdict | None:
        """A bound, as in "more than 400 billion", that a known figure keeps and is near to."""
        low, high = abs(numeral.value), abs(numeral.value) * Decimal("1.25")
        if context.bound < 0:
            low, high = low * Decimal("0.8"), low
        for entry in islice(self.ledger.between(low, high), MOST_CANDIDATES):
            if context.sure and not faults(numeral, entry, context) and entry.metric in context.metrics:
                return Verdict(Status.DERIVED, (entry,), f"a bound of {described(entry)}")
        for derived in derivations(numeral, context, self.ledger) if context.sure else ():
            if low <= abs(derived.value) <= high and _signed(numeral, derived, context):
                return Verdict(Status.DERIVED, derived.inputs, f"a bound of {derived.formula}")
        return None

    def _wrong(
        self, numeral: Numeral, context: Context, near: Sequence[tuple[list[Status], Entry]], derived: Verdict | None
    ) -> Verdict:
        """What is the matter with a figure that is neither found nor derived."""
        single = [(wrong[0], entry) for wrong, entry in near if len(wrong) == 1 and wrong[0] in ORDER]
        if single:
            status = min((status for status, _ in single), key=ORDER.index)
            entries = tuple(entry for wrong, entry in single if wrong is status)
            if _precise(numeral) or (context.sure and status is not Status.WRONG_METRIC):
                return Verdict(status, entries[:3], reason=_reason(status, entries[0]))
        if derived:
            return derived
        for power in POWERS:
            for entry in islice(self._at(numeral, False, power), MOST_CANDIDATES):
                if context.sure and not faults(numeral, entry, context) and entry.metric in context.metrics:
                    return Verdict(Status.WRONG_SCALE, (entry,), reason=f"by 10^{power}")
        return Verdict(Status.NOT_FOUND, tuple(self._nearest(numeral, context)))

    def _nearest(self, numeral: Numeral, context: Context) -> list[Entry]:
        """The facts that the text seems to speak of, the nearest in value first."""
        series = [item for metric in sorted(context.metrics) for item in self.ledger.series_of.get(metric, ())]
        entries = [
            entry
            for item in series[:12]
            for entry in item.entries[-40:]
            if not faults(evolve(numeral, sign=2), entry, context)
        ]
        return sorted(entries, key=lambda entry: abs(entry.size - abs(numeral.value)))[:3]


def _signed(numeral: Numeral, derived: Derived, context: Context) -> bool:
    if derived.magnitude and not numeral.sign:
        return derived.value >= 0 or context.loss
    return (
        change_fits(numeral, derived.value, context) if derived.change else sign_fits(numeral, derived.value, context)
    )


def _precise(numeral: Numeral) -> bool:
    """Whether a figure has digits enough that meeting another by chance is unlikely."""
    return len(str(abs(int((numeral.value / numeral.unit).to_integral_value())))) > 2


def _reason(status: Status, entry: Entry) -> str:
    return (
        f"it is {described(entry)}"
        if status in {Status.WRONG_PERIOD, Status.WRONG_METRIC, Status.WRONG_COMPANY, Status.WRONG_UNIT}
        else ""
    )


def _origin(entry: Entry) -> Origin:
    fact = entry.facts[0]
    return Origin(fact.ref, fact.path, f"{entry.value:f}", described(entry))


def _inputs(entries: Sequence[Entry]) -> tuple[Origin, ...]:
    facts = {(fact.ref, fact.path): fact for entry in entries for fact in entry.facts}
    return tuple(Origin(fact.ref, fact.path, f"{fact.value:f}", fact.metric) for fact in islice(facts.values(), 12))
