"""What the guards `patterns` and `classifier` find together at the level moderate.

Rows are those of `../shared/data/security/labelled.jsonl`; each is judged by a classifier that has not seen its source
(`scripts/train_classifier.py --unseen` trains those once, into `.bench/detection`). The patterns were written with the
rows in view. Disguises, encodings and places are measured on attacks that are found as they stand.
"""

from __future__ import annotations

import base64
import codecs
import json
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from _bench import CACHE, ROOT, Table, options, publish

from trainer import Finding, Segment, Stage
from trainer.guarding import Action, judge
from trainer_guard.classifier import Classifier
from trainer_guard.classifier.heads import Head, read, shipped
from trainer_guard.classifier.verdicts import classify
from trainer_guard.inspection import inspect

SHARED = ROOT.parent / "shared/data"
DATA = ("benign-data", "benign-finance", "benign-longdoc", "indirect")
RATES = {"prompt": Classifier().rate, "document": Classifier().data_rate}
FINANCE = ("benign-finance", "benign-longdoc")
ALIKE = str.maketrans("aceopxyis", "асеорхуіѕ")
LEET = str.maketrans("aeiost", "4310$7")
DISGUISES: dict[str, Callable[[str], str]] = {
    "zero-width": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "look-alikes": lambda text: text.translate(ALIKE),
    "full-width": lambda text: "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text),
    "mathematical": lambda text: "".join(_bold(char) for char in text),
    "tag characters": lambda text: "".join(chr(0xE0000 + ord(char)) if char.isascii() else char for char in text),
    "spaced letters": lambda text: "   ".join(" ".join(word) for word in text.split()),
    "directional marks": "\u202e".join,
    "combining marks": "\u0301".join,
    "variation selectors": "\ufe0f".join,
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "digits for letters": lambda text: text.translate(LEET),
}
ENCODINGS: dict[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "references": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "selector bytes": lambda text: "".join(map(_selector, text.encode())),
}  # fmt: skip


def _bold(char: str) -> str:
    if "a" <= char <= "z":
        return chr(0x1D41A + ord(char) - 97)
    return chr(0x1D400 + ord(char) - 65) if "A" <= char <= "Z" else char


def _selector(byte: int) -> str:
    return chr(0xFE00 + byte if byte < 16 else 0xE00F0 + byte)


class Stack:
    """Both guards as a pipeline asks them, with the heads that have not seen a source in place of the shipped ones."""

    def __init__(self, folder: Path) -> None:
        self.unseen: dict[tuple[str, str], Head] = {}
        for path in sorted(folder.glob("*.json")):
            name = path.stem.split("-")[0]
            head = read(path.with_suffix(".npz").read_bytes())[name]
            self.unseen |= {(name, source): head for source in json.loads(path.read_text())}

    def found(self, text: str, stage: Stage, source: str = "") -> list[Finding]:
        """The findings on which the level moderate acts, or which it notes in data."""
        name = "document" if stage is Stage.DATA else "prompt"
        head = self.unseen.get((name, source)) or shipped()[name]
        findings = [*inspect(text), *classify(text, name, rate=RATES[name], head=head)]
        segments = [Segment(text, trust="untrusted" if stage is Stage.DATA else "user")]
        least = Action.NOTE if stage is Stage.DATA else Action.BLOCK
        return judge(stage, segments, findings, "moderate").at_least(least)


def stage_of(row: Mapping[str, Any]) -> Stage:
    """Where a row would come in: documents as data, all else as a parameter."""
    return Stage.DATA if row["kind"].startswith(DATA) else Stage.INPUT


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Labelled rows, with one source for all filings and one for all texts of the original program."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row | {"source": row["source"].split(":")[0]} for row in rows]


def score(rows: Sequence[Mapping[str, Any]], hits: Sequence[bool]) -> dict[str, float]:
    """F1, recall and share of false alarms, by row."""
    attacks = sum(row["label"] for row in rows)
    right = sum(row["label"] and hit for row, hit in zip(rows, hits, strict=True))
    wrong = sum(hits) - right
    return {
        "F1": 2 * right / max(attacks + right + wrong, 1),
        "recall": right / max(attacks, 1),
        "false alarms": wrong / max(len(rows) - attacks, 1),
    }


def shares(pairs: Iterable[tuple[str, bool]]) -> dict[str, str]:
    """Of each name, how many are true."""
    seen: dict[str, Counter[bool]] = defaultdict(Counter)
    for name, hit in pairs:
        seen[name][hit] += 1
    return {name: f"{some[True] / some.total():.1%} of {some.total()}" for name, some in sorted(seen.items())}


def kept(
    stack: Stack, attacks: Sequence[Mapping[str, Any]], ways: Mapping[str, Callable[[str], str]]
) -> dict[str, str]:
    """How many of the attacks that are found as they stand are found after each change."""
    return shares(
        (
            name,
            any(item.category not in HIDDEN for item in stack.found(change(row["text"]), Stage.INPUT, row["source"])),
        )
        for name, change in ways.items()
        for row in attacks
    )


HIDDEN = {"tags", "bidi", "invisible", "control", "nul"}  # these tell of a disguise, and not of what is disguised


def speed(rounds: int) -> dict[str, str]:
    """Megabytes per second of CPU time for a filing in HTML, and milliseconds for a parameter of 300 characters."""
    filing = max((SHARED / "payloads/sec/filings").glob("*.html"), key=lambda path: path.stat().st_size)
    text = filing.read_text(errors="replace")[:400_000]
    parameter = ("Compare the gross margins of these companies over five years and say what changed them. " * 4)[:300]
    told = {}
    for name, work in {
        "patterns": inspect,
        "classifier": lambda part: classify(part, "document", rate=RATES["document"]),
        "both": lambda part: (inspect(part), classify(part, "document", rate=RATES["document"])),
    }.items():
        # Each text is a new one: what was read of the last ones is kept.
        whole = min(_cpu(work, f"{name} {number} {text}") for number in range(rounds))
        each = sorted(_cpu(work, f"{name} {number} {parameter}"[:300]) for number in range(300))
        told[name] = (
            f"{len(text) / whole / 1e6:.1f} MB/s; parameter {each[150] * 1e3:.2f} ms, 99 %: {each[296] * 1e3:.2f} ms"
        )
    return told


def _cpu(work: Callable[[str], object], text: str) -> float:
    began = time.thread_time()
    work(text)
    return time.thread_time() - began


def measure(stack: Stack, rows: Sequence[Mapping[str, Any]], rounds: int) -> dict[str, Mapping[str, Any]]:
    """Everything, by heading."""
    findings = [stack.found(row["text"], stage_of(row), row["source"]) for row in rows]
    hits = [bool(some) for some in findings]
    told: dict[str, Mapping[str, Any]] = {}
    for stage in (Stage.INPUT, Stage.DATA):
        part = [number for number, row in enumerate(rows) if stage_of(row) is stage]
        told[f"stage {stage}"] = score([rows[number] for number in part], [hits[number] for number in part])
    named = [
        (f"{'attack' if row['label'] else 'harmless'} {row['kind']} {row['source']}", hit)
        for row, hit in zip(rows, hits, strict=True)
    ]
    told["found, by source"] = shares(named)
    finance = [hit for row, hit in zip(rows, hits, strict=True) if row["kind"].startswith(FINANCE)]
    filings = {
        path.name: stack.found(path.read_text(errors="replace"), Stage.DATA)
        for path in sorted((SHARED / "payloads/sec/filings").glob("*.*m*"))
        if path.suffix in {".html", ".htm"}
    }
    told["flagged"] = {"financial texts": f"{sum(finance)} of {len(finance)}"} | {
        name: len(some) for name, some in filings.items()
    }
    placed = [
        (
            "found where it stands",
            any(item.span and item.span[0] < row["span"][1] and row["span"][0] < item.span[1] for item in some),
        )
        for row, some in zip(rows, findings, strict=True)
        if row["label"] and row.get("span") and some
    ]
    told["place"] = shares(placed)
    plain = [
        row for row, hit in zip(rows, hits, strict=True) if hit and row["kind"] == "direct" and len(row["text"]) < 1_000
    ]
    sample = random.Random(1).sample(plain, min(len(plain), 150))
    told["kept in disguise"] = kept(stack, sample, DISGUISES)
    told["kept when encoded"] = kept(stack, sample, ENCODINGS)
    told["speed"] = speed(rounds)
    return told


def main() -> None:
    args = options(__doc__, rounds=3).parse_args()
    folder = CACHE / "detection"
    if not any(folder.glob("*.npz")):
        print("training heads that have not seen a source …", file=sys.stderr)
        words = [sys.executable, ROOT / "scripts/train_classifier.py", "--check", "--unseen", folder]
        subprocess.run(words, stdout=sys.stderr, check=False)
    told = measure(Stack(folder), rows_of(SHARED / "security/labelled.jsonl"), args.rounds)
    tables = [Table([heading, "measured"], [*lines.items()]) for heading, lines in told.items()]
    publish(args, "Attacks found, harmless texts flagged", tables)


if __name__ == "__main__":
    main()
