"""Grounding on made-up reports about real figures: how many wrong ones are flagged, how many right ones pass, how fast.

Half of the reports are true; in the others a third of the figures has a wrong digit, sign, scale, period or
currency. Records of 60 and 300 facts are taken from the SEC's companyfacts where they are at hand (`../shared`),
else from `information/data`. The limit of 1 ms is for looking figures up, once the text is taken apart and the records
are read; `check` is all that is done for a text, `read the records` what is done once for a run.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from functools import partial
from typing import Any, NamedTuple

from _bench import ROOT, Bench, Table, Target, loop, options, publish

from trainer import StoredData
from trainer_guard.grounding import Grounding, Status
from trainer_guard.grounding.claims import Claims
from trainer_sec.metrics import key_figures

PAYLOADS = ROOT.parent / "shared/data/payloads/sec/companyfacts"
KINDS = ("digit", "sign", "scale", "period", "currency")
BARE = "bare"  # a claim without a period or without a metric, which says little of where it comes from
SOUND = {Status.FOUND, Status.DERIVED}
RATIOS = {
    "gross margin": ("gross_profit", "revenue"),
    "operating margin": ("operating_income", "revenue"),
    "net margin": ("net_income", "revenue"),
}


class Claim(NamedTuple):
    """A sentence and where its figures stand in it; `wrong` says in what way the first of them is."""

    text: str
    figures: Sequence[tuple[int, int]]
    wrong: str = ""
    about: str = "direct"


class Shown(NamedTuple):
    """A figure as it is shown, with what it would take to show it wrongly."""

    text: str
    kind: str


class Writer:
    """Writes claims about the rows of one company, true ones and wrong ones."""

    def __init__(self, data: Mapping[str, Any], seed: int) -> None:
        self.random = random.Random(seed)
        self.company = data["ticker"]
        self.rows: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
        for row in data["facts"]:
            self.rows[row["metric"]][period(row)] = row
        self.labels = {row["metric"]: row["label"] for row in data["facts"]}
        self.flows = [metric for metric, rows in self.rows.items() if len(rows) > 1]

    def value(self, metric: str, when: str) -> Decimal | None:
        row = self.rows.get(metric, {}).get(when)
        return Decimal(str(row["value"])) if row else None

    def claim(self, wrong: str) -> Claim | None:
        """A claim, wrong in the way asked for; `None` where chance did not find one."""
        make: Callable[[str], Claim | None] = self.random.choice(
            [
                self.direct,
                self.direct,
                self.direct,
                self.pair,
                self.growth,
                self.growth,
                self.margin,
                self.difference,
                self.annual,
                self.bare,
            ]
        )
        return make(wrong)

    def pick(self) -> tuple[str, str, Decimal, Mapping[str, Any]]:
        metric = self.random.choice(self.flows)
        when = self.random.choice(list(self.rows[metric]))
        row = self.rows[metric][when]
        return metric, when, Decimal(str(row["value"])), row

    def direct(self, wrong: str) -> Claim | None:
        metric, when, value, row = self.pick()
        told = self.amount(value, row["unit"], wrong)
        if told is None:
            return None
        if wrong == "period":
            when = self.other(metric, when, told)
            if not when:
                return None
        label = self.labels[metric]
        form = self.random.choice(
            [
                "{label} was {0} in {when}.", "In {when}, {company} reported {low} of {0}.",
                "{label} came to {0} ({when}).",
                "{company} posted {0} of {low} for {when}.", "- **{label}**: {0} in {when}.",
                "For {when}, {low} stood at {0}.",
                "{when} {low} of {0} set the tone.",
            ]
        )  # fmt: skip
        return fill(form, [told], wrong, label=label, low=lower(label), when=when, company=self.company)

    def pair(self, wrong: str) -> Claim | None:
        metric, when, value, row = self.pick()
        older = self.before(metric, when)
        if older is None or wrong == "sign":
            return None
        old = self.value(metric, older)
        told, then = self.amount(value, row["unit"], wrong), self.amount(old, row["unit"], "")
        if told is None or then is None or old is None or value == old:
            return None
        if wrong == "period":
            when = self.other(metric, when, told)
            if not when or when == older:
                return None
        verb = "rose" if value > old else "fell"
        form = self.random.choice(
            ["{label} {verb} from {1} in {older} to {0} in {when}.",
             "{label} {verb} to {0} in {when}, from {1} in {older}.",
             "In {when}, {low} {verb} to {0}, compared with {1} in {older}."]
        )  # fmt: skip
        return fill(
            form,
            [told, then],
            wrong,
            label=self.labels[metric],
            low=lower(self.labels[metric]),
            when=when,
            older=older,
            verb=verb,
        )

    def growth(self, wrong: str) -> Claim | None:
        metric, when, value, _ = self.pick()
        older = self.before(metric, when)
        old = self.value(metric, older) if older else None
        if not old or old <= 0 or value <= 0 or wrong in {"scale", "currency"}:
            return None
        change = value / old - 1
        shown = abs(change * 100).quantize(Decimal("0.1"), self.random.choice([ROUND_HALF_UP, ROUND_HALF_EVEN]))
        if not shown:
            return None
        text = f"{shown:,}%"
        verb = ("rose", "fell")[(change < 0) != (wrong == "sign")]
        if wrong == "digit":
            text = self.digit(text)
        if wrong == "period":
            when = self.other_growth(metric, when, shown)
            if not when:
                return None
        label = self.labels[metric]
        form = self.random.choice(
            [
                "{label} {verb} {0} in {when}.",
                "In {when}, {low} {verb} by {0}.",
                "{label} {verb} {0} year on year in {when}.",
                "Compared with {older}, {low} {verb} {0} in {when}.",
                "{label} {verb} {0} in {when} against {older}.",
            ]
        )
        return fill(
            form,
            [Shown(text, "percent")],
            wrong,
            "growth",
            label=label,
            low=lower(label),
            when=when,
            verb=verb,
            older=self.before(metric, when),
        )

    def margin(self, wrong: str) -> Claim | None:
        name, (part, whole) = self.random.choice(sorted(RATIOS.items()))
        if part not in self.rows or whole not in self.rows or wrong in {"scale", "currency"}:
            return None
        ratios = {
            when: (Decimal(str(row["value"])) / top * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
            for when, row in self.rows[part].items()
            if (top := self.value(whole, when))
        }
        if len(ratios) < 2:
            return None
        when = self.random.choice(list(ratios))
        text = f"{ratios[when]}%".replace("-", "−")
        if wrong == "sign":
            text = text[1:] if text[0] == "−" else f"−{text}"
        if wrong == "digit":
            text = self.digit(text)
        if wrong == "period":
            others = [other for other in ratios if ratios[other] != ratios[when] and same_kind(other, when)]
            if not others:
                return None
            when = self.random.choice(others)
        form = self.random.choice(
            [
                "The {name} was {0} in {when}.",
                "{when} closed with a {name} of {0}.",
                "In {when} the {name} came to {0}.",
            ]
        )
        return fill(form, [Shown(text, "percent")], wrong, "margin", name=name, when=when)

    def difference(self, wrong: str) -> Claim | None:
        metric, when, value, row = self.pick()
        older = self.before(metric, when)
        old = self.value(metric, older) if older else None
        if old is None or value == old or "/" in row["unit"] or wrong == "period":
            return None
        told = self.amount(abs(value - old), row["unit"], "" if wrong == "sign" else wrong)
        if told is None:
            return None
        verb = ("increased", "decreased")[(value < old) != (wrong == "sign")]
        return fill(
            "{label} {verb} by {0} between {older} and {when}.", [told], wrong, "difference",
            label=self.labels[metric], verb=verb, older=older, when=when,
        )  # fmt: skip

    def annual(self, wrong: str) -> Claim | None:
        metric, _, _, _ = self.pick()
        years = sorted(when for when in self.rows[metric] if when.startswith("FY"))
        if len(years) < 3 or wrong in {"scale", "currency", "period"}:
            return None
        first, last = self.value(metric, years[0]), self.value(metric, years[-1])
        if not first or not last or first <= 0 or last <= 0:
            return None
        rate = (last / first) ** (Decimal(1) / (int(years[-1][2:]) - int(years[0][2:]))) - 1
        shown = abs(rate * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
        if not shown:
            return None
        text = f"{shown}%"
        verb = ("grew", "shrank")[(rate < 0) != (wrong == "sign")]
        if wrong == "digit":
            text = self.digit(text)
        return fill(
            "{label} {verb} {0} a year from {a} to {b}.", [Shown(text, "percent")], wrong, "annual growth",
            label=self.labels[metric], verb=verb, a=years[0], b=years[-1],
        )  # fmt: skip

    def bare(self, wrong: str) -> Claim | None:
        """A claim that leaves its period, or its metric, to what was said before."""
        metric, when, value, row = self.pick()
        told = self.amount(value, row["unit"], wrong)
        if told is None or wrong == "period":
            return None
        label = self.labels[metric]
        form = self.random.choice(
            ["{label} was {0}.", "{label} stands at {0}, by the latest account.",
             "{label} mattered most. It came to {0} in {when}.", "At {0}, {low} was as planned."]
        )  # fmt: skip
        return fill(form, [told], wrong, BARE, label=label, low=lower(label), when=when)

    def before(self, metric: str, when: str) -> str | None:
        """The period before, of the same length."""
        row = self.rows[metric][when]
        end = date.fromisoformat(row["end"])
        days = 366 if when.startswith("FY") else 92
        for other, older in self.rows[metric].items():
            if same_kind(other, when) and abs((end - date.fromisoformat(older["end"])).days - days) < 12:
                return other
        return None

    def other(self, metric: str, when: str, told: Shown) -> str:
        """Another period whose figure would not be shown in the same way."""
        numeral = next(iter(numerals(told.text)))
        options = [
            other for other, row in self.rows[metric].items()
            if other != when and same_kind(other, when)
            and abs(abs(Decimal(str(row["value"]))) - abs(numeral.value)) > numeral.unit
        ]  # fmt: skip
        return self.random.choice(options) if options else ""

    def other_growth(self, metric: str, when: str, shown: Decimal) -> str:
        options = []
        for other in self.rows[metric]:
            older = self.before(metric, other)
            old, new = self.value(metric, older) if older else None, self.value(metric, other)
            if (
                other != when
                and same_kind(other, when)
                and old
                and new
                and old > 0
                and abs(abs(new / old - 1) * 100 - shown) > Decimal("0.1")
            ):
                options.append(other)
        return self.random.choice(options) if options else ""

    def amount(self, value: Decimal | None, unit: str, wrong: str) -> Shown | None:
        """A value as somebody may write it."""
        if value is None:
            return None
        code, _, per = unit.partition("/")
        money = len(code) == 3 and code.isupper()
        if not money and wrong == "currency":
            return None
        if wrong == "sign" and value == 0:
            return None
        size, minus = abs(value), (value < 0) != (wrong == "sign")
        scales = (
            [(9, "billion", "bn"), (6, "million", "m")]
            if size >= 10**9
            else [(6, "million", "m")]
            if size >= 10**6
            else [(0, "", "")]
        )
        if size >= 10**9 and self.random.random() < 0.1:
            scales = [(0, "", "")]
        power, word, short = self.random.choice(scales)
        scaled = size.scaleb(-power)
        places = (
            max(0, self.random.choice([3, 4, 5]) - 1 - scaled.adjusted())
            if power
            else min(2, max(0, -int(size.normalize().as_tuple().exponent)))
        )
        shown = scaled.quantize(Decimal(1).scaleb(-places), self.random.choice([ROUND_HALF_UP, ROUND_HALF_EVEN]))
        digits = f"{shown:,f}"
        if not shown:
            return None
        if wrong == "digit":
            digits = self.digit(digits)
        if wrong == "scale":
            if not power:
                return None
            power, word, short = {9: (6, "million", "m"), 6: (9, "billion", "bn")}[power]
        shown_code = (
            self.random.choice([other for other in ("USD", "EUR", "GBP", "JPY") if other != code])
            if wrong == "currency"
            else code
        )
        sign = "−" if minus else ""
        tail = " per share" if per else ""
        if not money:
            return Shown(f"{sign}{digits}{f' {word}' if word else ''} {unit}", "count")
        style = self.random.randrange(4)
        if style == 0 and shown_code == "USD":
            return Shown(f"{sign}${digits}{short and f' {word}'}{tail}", "money")
        if style == 1 and short == "bn":
            return Shown(f"{shown_code} {sign}{digits}bn", "money")
        if style == 2 and not tail:
            return Shown(f"{sign}{digits}{f' {word}' if word else ''} {shown_code}", "money")
        return Shown(f"{shown_code} {sign}{digits}{f' {word}' if word else ''}{tail}", "money")

    def digit(self, text: str) -> str:
        """`text` with one other digit; the first is never made zero."""
        places = [place for place, char in enumerate(text) if char.isdigit()]
        place = self.random.choice(places)
        options = [digit for digit in "0123456789" if digit != text[place] and (place != places[0] or digit != "0")]
        return text[:place] + self.random.choice(options) + text[place + 1 :]

    def table(self, wrong: Sequence[str]) -> tuple[str, list[tuple[int, int, str]]]:
        """A table of three metrics over the years; some of its cells are wrong."""
        years = sorted({when for rows in self.rows.values() for when in rows if when.startswith("FY")})[-4:]
        metrics = [
            metric
            for metric in self.rows
            if self.rows[metric] and "/" not in next(iter(self.rows[metric].values()))["unit"]
        ]
        chosen = self.random.sample(metrics, min(3, len(metrics)))
        text, marks = "| Metric | Unit | " + " | ".join(years) + " |\n|---|---|" + "---:|" * len(years) + "\n", []
        for metric in chosen:
            unit = next(iter(self.rows[metric].values()))["unit"]
            text += f"| {self.labels[metric]} | {f'{unit} million' if unit.isupper() else f'million {unit}'} |"
            for year in years:
                value = self.value(metric, year)
                if not value:
                    text += " – |"
                    continue
                digits = f"{abs(value).scaleb(-6).quantize(Decimal('0.1'), ROUND_HALF_UP):,f}"
                how = self.random.choice(wrong) if wrong and self.random.random() < 0.3 else ""
                how = how if how in {"digit", "sign"} and digits != "0.0" else ""
                digits = self.digit(digits) if how == "digit" else digits
                sign = "−" if (value < 0) != (how == "sign") else ""
                marks.append((len(text) + 1, len(text) + 1 + len(sign + digits), how))
                text += f" {sign}{digits} |"
            text += "\n"
        return text, marks


def numerals(text: str) -> Iterator[Any]:
    """The figures of a text."""
    from trainer_guard.grounding.numerals import FIGURE, read_numeral

    for match in re.finditer(FIGURE, text):
        if numeral := read_numeral(match, european=False):
            yield numeral


def lower(label: str) -> str:
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def same_kind(one: str, other: str) -> bool:
    return one.startswith("FY") == other.startswith("FY")


def period(row: Mapping[str, Any]) -> str:
    """How a row's period is called."""
    part = row.get("fp") or "FY"
    return f"FY{row['fy']}" if part == "FY" else f"{part} FY{row['fy']}"


def fill(form: str, shown: Sequence[Shown], wrong: str, about: str = "direct", **words: Any) -> Claim:
    """A form with its words and figures; where the figures stand is known then."""
    text, figures = "", []
    for part in re.split(r"(\{\w+\})", form):
        name = part[1:-1]
        if part.startswith("{") and name.isdigit():
            figures.append((len(text), len(text) + len(shown[int(name)].text)))
            text += shown[int(name)].text
            if int(name) == 0 and figures:
                figures[0], figures[-1] = figures[-1], figures[0]
        else:
            text += str(words[name]) if part.startswith("{") else part
    return Claim(text, figures, wrong, about)


class Tally:
    """What was flagged of what."""

    def __init__(self) -> None:
        self.flagged: Counter[str] = Counter()
        self.all: Counter[str] = Counter()
        self.named: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = defaultdict(list)

    def count(self, kind: str, flagged: bool, status: str, line: str) -> None:
        self.all[kind] += 1
        self.flagged[kind] += flagged
        self.named[f"{kind}: {status}"] += 1
        if flagged == (not kind.startswith("wrong")) and len(self.examples[kind]) < 8:
            self.examples[kind].append(f"{status}: {line}")

    def rate(self, prefix: str) -> float:
        return sum(self.flagged[kind] for kind in self.all if kind.startswith(prefix)) / max(
            1, sum(self.all[kind] for kind in self.all if kind.startswith(prefix))
        )


def as_record(data: Any, name: str) -> StoredData:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return StoredData(f"sec:{name}:20260101", data, "sec", 1, moment, moment)


def payloads(facts: int) -> list[dict[str, Any]]:
    """The data of each company with about as many facts as asked for."""
    found = []
    for path in sorted(path for path in PAYLOADS.glob("CIK*_*.json") if "headers" not in path.name):
        payload, ticker = json.loads(path.read_bytes()), path.stem.partition("_")[2].partition(".")[0]
        years, quarters = (4, 0) if facts < 100 else (10, 16)
        data = key_figures(payload, ticker, "", years=years, quarters=quarters)
        data["facts"] = data["facts"][:facts]
        found.append(data)
    if not found:
        for path in sorted((ROOT / "information/data").glob("*.json")):
            data = json.loads(path.read_bytes())
            data["facts"] = data["facts"][:facts]
            found.append(data)
    return found


def accuracy(reports: int, facts: int, seed: int) -> Tally:
    """Write and check reports; tally what is flagged."""
    tally = Tally()
    datas = payloads(facts)
    groundings = [Grounding({data["ticker"]: as_record(data, data["ticker"])}) for data in datas]
    for number in range(reports):
        place = number % len(datas)
        writer = Writer(datas[place], seed + number)
        text, marks = f"# {datas[place]['entity']}\n\n", []
        wrongs = KINDS if number % 2 else ()
        while len(marks) < 12:
            wrong = writer.random.choice(wrongs) if wrongs and writer.random.random() < 0.35 else ""
            claim = writer.claim(wrong)
            if claim is None:
                continue
            for position, (start, end) in enumerate(claim.figures):
                marks.append(
                    (len(text) + start, len(text) + end, claim.wrong if position == 0 else "", claim.text, claim.about)
                )
            text += claim.text + "\n\n"
        table, cells = writer.table(wrongs)
        marks += [
            (len(text) + start, len(text) + end, how, "table " + table[start:end], "table") for start, end, how in cells
        ]
        text += table + "\n"
        result = groundings[place].check(text)
        for start, end, wrong, line, about in marks:
            figure = next((item for item in result.figures if item.start < end and start < item.end), None)
            status = str(figure.status) if figure else "not seen"
            flagged = figure is not None and figure.status not in SOUND and figure.status is not Status.UNCHECKED
            name = f"{wrong} bare" if wrong and about == BARE else wrong
            tally.count(f"wrong {name}" if wrong else f"true {about}", flagged, status, line)
            if not wrong and status in {"unchecked", "not seen"}:
                tally.named["true: " + status] += 0
    return tally


def speed(facts: int, rounds: int) -> tuple[Bench, int]:
    """A report's worth of figures against facts: all of it, and with the ledger already read."""
    data = payloads(facts)[0]
    writer = Writer(data, 1)
    text = "\n\n".join([claim.text for _ in range(120) if (claim := writer.claim(""))][:40])
    grounding = Grounding({"facts": as_record(data, "A")})

    with localcontext(prec=60):
        claims = list(Claims(text, grounding.ledger))
    cases: dict[str, Callable[[], object]] = {
        "check": lambda: grounding.check(text),
        "look up alone": lambda: [grounding.look_up(claim) for claim in claims],
        "read the records": lambda: Grounding({"facts": as_record(data, "A")}),
    }
    bench = Bench({name: partial(loop, case, 5) for name, case in cases.items()}, rounds)
    return bench, len(grounding.check(text).checked)


def main() -> None:
    parser = options(__doc__, rounds=7)
    parser.add_argument("--reports", type=int, default=2000, help="how many reports are written and checked (2000)")
    parser.add_argument("--examples", action="store_true", help="show what was missed")
    args = parser.parse_args()
    targets, tables = [], []
    for facts, least in ((60, 0.995), (300, 0.97)):
        tally = accuracy(args.reports // 2, facts, facts)
        wrong, alarms = tally.rate("wrong"), tally.rate("true")
        title = f"Flagged: {wrong:.2%} of the wrong, {alarms:.2%} of the true"
        rows = [(kind, f"{count:,}", f"{tally.flagged[kind] / count:.2%}") for kind, count in sorted(tally.all.items())]
        tables.append(Table([f"{facts} facts", "figures", "flagged"], rows, title))
        if args.examples:
            print("\n".join(f"{kind}: {line}" for kind, lines in tally.examples.items() for line in lines))
            print(sorted(tally.named.items()))
        targets += [
            Target(f"missed of wrong figures, {facts} facts", 1 - wrong, 1 - least),
            Target(f"flagged of true figures, {facts} facts", alarms, 0.005),
        ]
    bench, figures = speed(300, args.rounds)
    lookups = bench.best("look up alone") * 1e3
    targets.append(Target(f"ms to look {figures} figures up among 300 facts", lookups, 1))
    publish(args, "Figures traced to records", [*tables, bench.table("check", "ms")], targets, bench.noise)


if __name__ == "__main__":
    main()
