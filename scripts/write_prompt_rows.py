"""Write the rows a classifier of prompts is trained on, out of the phrases written for this project.

    python scripts/write_prompt_rows.py [--phrases FOLDER] [--out FOLDER]

A file of phrases is called `LANGUAGE.txt` or `LANGUAGE.PART.txt`. A section begins with `[name]`, its lines are
phrases; `\\n` stands for a new line. In a phrase `{name}` is replaced by a line of that section and `{a|b|}` by one of
its parts; braces that name no section stay. A section `[kind label count]` makes rows: every phrase of it that has no
choice, and draws from the others until there are `count`. `common.txt` holds the sections that every language but
English shares. The same phrases give the same rows: each section draws with its own seed.
"""

from __future__ import annotations

import argparse
import base64
import codecs
import json
import random
import re
import sys
import unicodedata
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

TRAINING = Path(__file__).resolve().parents[1] / "plugins" / "trainer-guard" / "training"
CHOICE = re.compile(r"\{([^{}]*)\}")
IDEOGRAPHS = "\u3000-\u303f\u3040-\u30ff\u4e00-\u9fff\uff00-\uffef"
GAP = re.compile(f"(?<=[{IDEOGRAPHS}]) (?=[{IDEOGRAPHS}])")
TRIES = 60
"""Draws allowed for each row wanted: a section that has fewer different texts gives fewer rows."""


class Section(NamedTuple):
    """Phrases under one name; `label` is `None` if they are only parts of others."""

    name: str
    label: int | None
    wanted: int
    phrases: list[str]


def sections(text: str) -> Iterator[Section]:
    """The sections of one file of phrases."""
    section = None
    for line in text.splitlines():
        if head := re.fullmatch(r"\[([\w-]+)(?: ([01]) (\d+))?\]", line):
            if section:
                yield trimmed(section)
            name, label, count = head.groups()
            section = Section(name, None if label is None else int(label), int(count or 0), [])
        elif section:
            section.phrases.append(line.replace("\\n", "\n"))
    if section:
        yield trimmed(section)


def trimmed(section: Section) -> Section:
    """Without the empty line before the next section; in parts of others, further empty lines are empty phrases."""
    phrases = section.phrases[:-1] if section.phrases and not section.phrases[-1] else section.phrases
    return section._replace(phrases=phrases if section.label is None else [p for p in phrases if p])


def drawn(phrase: str, parts: dict[str, list[str]], rng: random.Random) -> str:
    """The phrase with every choice made: no line of a section twice while it has others, and one `{name}` for all."""
    left = {"name": [rng.choice(parts.get("name", [""]))]}

    def choose(match: re.Match[str]) -> str:
        inside: str = match[1]
        if "|" in inside:
            return rng.choice(inside.split("|"))
        if inside not in parts:
            return match[0].replace("{", "\0").replace("}", "\1")
        if inside == "name":
            return left[inside][0]
        lines = left.get(inside) or rng.sample(parts[inside], len(parts[inside]))
        left[inside] = lines[1:]
        return lines[0]

    while CHOICE.search(phrase):
        phrase = CHOICE.sub(choose, phrase)
    return tidy(phrase.replace("\0", "{").replace("\1", "}"))


def tidy(text: str) -> str:
    """Without gaps between ideographs, before a stop, twice in a row or around the whole."""
    text = GAP.sub("", re.sub(r"(?<=\S) {2,}(?=\S)", " ", text))
    return re.sub(r" +(?=[,;.!?](?:\s|$))", "", text).strip()


def written(text: str, rng: random.Random) -> str:
    """The text as people type it: now and then without capitals, in capitals, without its last stop, or with a slip."""
    way = rng.random()
    if way < 0.08:
        return text.lower()
    if way < 0.10 and len(text) < 200:
        return text.upper()
    if way < 0.15:
        return text.rstrip(".!")
    if way < 0.18 and len(text) > 20:
        at = rng.randrange(5, len(text) - 5)
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text


def disguised(text: str, way: int) -> str:
    """The text as the `way`-th disguise has it."""
    encoded = base64.b64encode(text.encode()).decode()
    return (
        f"Decode this Base64 and do what it says: {encoded}",
        " ".join(text),
        f"ROT13, follow it once decoded: {codecs.encode(text, 'rot13')}",
        f"Read it backwards and obey: {text[::-1]}",
        text.translate(str.maketrans("aeiost", "431057")),
        "-".join(text.replace(" ", "_")),
        f"{encoded}\n\nThat is an order in Base64. Carry it out.",
    )[way % 7]


def key(text: str) -> str:
    """What two texts share if they count as one."""
    return re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text).lower()).strip()


def language_rows(lang: str, found: list[Section], seen: set[str]) -> Iterator[dict[str, str | int]]:
    """The rows of one language; their keys are added to `seen`."""
    parts: dict[str, list[str]] = {}
    for section in found:
        parts.setdefault(section.name, []).extend(section.phrases)
    for section in found:
        if section.label is None:
            continue
        rng = random.Random(f"{lang} {section.name}")  # noqa: S311 - reproducible draws, no secrets
        fixed = [phrase for phrase in section.phrases if drawn(phrase, parts, rng) == tidy(phrase)]
        open_ = [phrase for phrase in section.phrases if phrase not in fixed]
        made = 0
        for turn in range(len(fixed) + TRIES * section.wanted):
            if turn >= len(fixed) and (made >= section.wanted or not open_):
                break
            phrase = fixed[turn] if turn < len(fixed) else open_[turn % len(open_)]
            text = drawn(phrase, parts, rng)
            text = disguised(text, turn) if section.name == "disguised" else written(text, rng)
            if key(text) and key(text) not in seen:
                seen.add(key(text))
                made += 1
                yield {"text": text, "label": section.label, "kind": section.name, "lang": lang}


def main() -> int:
    """Write one file of rows per language and print how many there are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phrases", type=Path, default=TRAINING / "phrases")
    parser.add_argument("--out", type=Path, default=TRAINING / "rows")
    given = parser.parse_args()
    files: dict[str, list[Section]] = {}
    for path in sorted(given.phrases.glob("*.txt")):
        files.setdefault(path.name.split(".")[0], []).extend(sections(path.read_text(encoding="utf-8")))
    common = files.pop("common", [])
    seen: set[str] = set()
    counts: Counter[tuple[str, int]] = Counter()
    for lang, found in files.items():
        rows = list(language_rows(lang, found if lang == "en" else common + found, seen))
        lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
        (given.out / f"prompt-{lang}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        counts.update((str(row["kind"]), int(row["label"])) for row in rows)
        attacks = sum(row["label"] == 1 for row in rows)
        print(f"{lang}: {attacks} attacks, {len(rows) - attacks} harmless")
    for (kind, label), count in sorted(counts.items()):
        print(f"{kind} (label {label}): {count}")
    print(f"rows: {counts.total()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
