"""Write the rows a classifier of documents is trained on, out of the attacks and passages written for this project.

    python scripts/write_document_rows.py [--phrases FOLDER] [--out FOLDER]

`document-attacks.jsonl` and `document-carriers.jsonl` hold one `{"text", "kind", "lang"}` a line, and an attack
tells how many `rows` are made of it if not two. `{name}` in a text is replaced by one of the phrases of that name in
`document-slots.json`, other braces stay. Attacks are placed at the start, in the middle or at the end of a piece of a
passage. The same lists give the same rows.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TRAINING = Path(__file__).resolve().parents[1] / "plugins" / "trainer-guard" / "training"
SEED = 20240607
COPIES = 2
"""Rows made of one attack that does not say how many."""
VARIANTS = 9
"""Draws for one harmless passage; equal ones are dropped."""
LENGTHS = (100, 200, 300)
"""The least characters of a piece of a passage, drawn by row."""
SLOT = re.compile(r"\{(\w+)\}")
BREAK = re.compile(r"(?<=[.!?;。？！।:]) |\n|(?<=[。！？।])")
NEAR = {
    "code": ("code",),
    "csv": ("table", "json", "log"),
    "footnote": ("filing", "notes", "table", "mdna"),
    "hidden": ("html", "html", "readme", "news"),
    "resume": ("resume",),
    "review": ("resume", "news"),
}
"""Kinds of passages that suit a kind of attack; others go anywhere."""

Row = dict[str, Any]


def listed(path: Path) -> list[Row]:
    """The rows of a file with one JSON object a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def filled(text: str, slots: dict[str, list[str]], rng: random.Random) -> str:
    """The text with a phrase for each slot, and for the slots inside that phrase."""

    def choose(match: re.Match[str]) -> str:
        return filled(rng.choice(slots[match[1]]), slots, rng) if match[1] in slots else match[0]

    return SLOT.sub(choose, text)


def piece(text: str, least: int, rng: random.Random) -> str:
    """Whole sentences or lines of the text in a row, `least` characters or more if it has them."""
    starts = [0, *(match.end() for match in BREAK.finditer(text))]
    starts = [start for start in starts if len(text) - start >= min(least, len(text))]
    start = rng.choice(starts)
    ends = [match.start() for match in BREAK.finditer(text) if match.start() - start >= least]
    return text[start : ends[0] if ends else len(text)]


def placed(attack: str, passage: str, rng: random.Random) -> tuple[str, list[int]]:
    """The passage with the attack at its start, end or a break, and where the attack stands."""
    cuts = [match.start() for match in BREAK.finditer(passage)] or [0]
    cut = rng.choice([0, rng.choice(cuts), len(passage)])
    gap = "\n" if "\n" in passage or "\n" in attack else rng.choice([" ", " ", "\n", "\n\n"])
    before, after = passage[:cut].rstrip(), passage[cut:].lstrip()
    head = before + gap if before else ""
    return head + attack + (gap + after if after else ""), [len(head), len(head) + len(attack)]


def attack_rows(attacks: list[Row], carriers: list[Row], slots: dict[str, list[str]]) -> Iterator[Row]:
    """Rows with label 1."""
    rng = random.Random(SEED)  # noqa: S311 - reproducible draws, no secrets
    kinds: dict[str, list[Row]] = {}
    for carrier in carriers:
        kinds.setdefault(carrier["kind"], []).append(carrier)
        kinds.setdefault(carrier["lang"], []).append(carrier)
    for attack in attacks:
        for _ in range(attack.get("rows", COPIES)):
            suited = NEAR.get(attack["kind"]) if rng.random() < 0.7 else None
            home = attack["lang"] if rng.random() < 0.6 else "en"
            passage = rng.choice(kinds[rng.choice(suited) if suited else home])
            body = piece(filled(passage["text"], slots, rng), rng.choice(LENGTHS), rng)
            text, span = placed(filled(attack["text"], slots, rng), body, rng)
            yield {"text": text, "label": 1, "kind": attack["kind"], "lang": attack["lang"], "span": span}


def harmless_rows(carriers: list[Row], slots: dict[str, list[str]]) -> Iterator[Row]:
    """Rows with label 0: passages whole, in pieces, and two pieces together."""
    rng = random.Random(SEED)  # noqa: S311 - reproducible draws, no secrets
    for carrier in carriers:
        others = [other for other in carriers if other["kind"] == carrier["kind"] and other["lang"] == carrier["lang"]]
        for variant in range(VARIANTS):
            text = filled(carrier["text"], slots, rng)
            if variant:
                text = piece(text, rng.choice(LENGTHS), rng)
            if variant % 3 == 2:
                other = filled(rng.choice(others)["text"], slots, rng)
                text += rng.choice([" ", "\n", "\n\n"]) + piece(other, 100, rng)
            yield {"text": text, "label": 0, "kind": carrier["kind"], "lang": carrier["lang"]}


def main() -> int:
    """Write a file of attacks and one of harmless rows, and print how many there are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phrases", type=Path, default=TRAINING / "phrases")
    parser.add_argument("--out", type=Path, default=TRAINING / "rows")
    given = parser.parse_args()
    attacks, carriers = (listed(given.phrases / f"document-{name}.jsonl") for name in ("attacks", "carriers"))
    slots = json.loads((given.phrases / "document-slots.json").read_text(encoding="utf-8"))
    found = {"attacks": attack_rows(attacks, carriers, slots), "harmless": harmless_rows(carriers, slots)}
    seen: set[str] = set()
    for name, drawn in found.items():
        rows = [row for row in {row["text"]: row for row in drawn}.values() if row["text"] not in seen]
        seen |= {row["text"] for row in rows}
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        (given.out / f"document-{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{name}: {len(rows)}")
        for column in ("kind", "lang"):
            print("  " + ", ".join(f"{value} {count}" for value, count in Counter(row[column] for row in rows).items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
