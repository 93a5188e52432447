"""Train the guard `classifier`: from the rows to the weights, bit for bit the same each time.

Rows are those of `plugins/trainer-guard/training/rows`, which were written for this project, and those of
`../shared/data/security/labelled.jsonl` whose licence is known and permissive. All other labelled rows measure.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.calibration import pieces
from trainer_guard.classifier.features import BITS, CHUNK, grams, plain
from trainer_guard.classifier.heads import LEAST, WEIGHTS, Head, saved
from trainer_guard.folding import fold

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "plugins/trainer-guard/training/rows"
PACKAGE = ROOT / "plugins/trainer-guard/src/trainer_guard/classifier"
LABELLED = ROOT.parent / "shared/data/security/labelled.jsonl"
# Pages of public filings, as documents with their markup.
PAGES = [
    path
    for name in ("20-F_0001062993-21-003193.html", "10-Q_NVDA_2025Q2.html", "8-K_NVDA_20260302-index.html")
    if (path := ROOT.parent / "shared/data/payloads/sec/filings" / name).is_file()
]
# Sources whose licence is known and permissive; of BIPIA the attacks alone, not the documents they stand in.
FREE = ("deepset/", "Lakera/gandalf", "SEC-filings", "awesome-chatgpt-prompts", "orig-trainer")
BIPIA, FILINGS, ORIGINAL = "microsoft/BIPIA", "SEC-filings/edgartools", "orig-trainer"
LEARNED = {"prompt": 320, "document": 80}  # codes of a window to learn from
SEEN = {"prompt": (320,), "document": (42,)}  # and of those that are scored
TOLLS = {"prompt": 2.0, "document": 0.0}
PENALTIES = {"prompt": 3e-6, "document": 1e-5}
ROUNDS = 40
KEPT = 500  # of the scores of harmless pieces, the highest
SEED = 20261122


class Row(NamedTuple):
    """A text to learn from or to measure with; `span` is where the attack stands, in the whole text if None."""

    text: str
    label: int
    source: str
    span: tuple[int, int] | None = None


class Windows(NamedTuple):
    """The features of the windows of one row, and their sizes in codes."""

    row: Row
    parts: list[tuple[NDArray[np.int32], int]]


def labelled(path: Path = LABELLED) -> list[dict[str, Any]]:
    """The labelled rows; none where they are not at hand."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def source(row: Mapping[str, Any]) -> str:
    """The source of a labelled row: all filings are one, and so are all texts of the original program."""
    return str(row["source"]).split(":")[0]


def own(pattern: str) -> list[dict[str, Any]]:
    """Rows of this project, in order."""
    return [json.loads(line) for path in sorted(ROWS.glob(pattern)) for line in path.read_text().splitlines()]


def prompts(given: Iterable[Mapping[str, Any]]) -> list[Row]:
    """What the head for prompts learns from."""
    rows = [
        Row(row["text"], row["label"], source(row))
        for row in given
        if row["source"].startswith(FREE) and row["kind"] != "benign-longdoc"
    ]
    return rows + [Row(row["text"], row["label"], f"own {row['kind']}") for row in own("*prompt*.jsonl")]


def documents(given: Iterable[Mapping[str, Any]]) -> list[Row]:
    """What the head for documents learns from: harmless documents, and others with an attack put into them."""
    given, random = list(given), Random(SEED)  # noqa: S311
    rows = [Row(row["text"], 0, source(row)) for row in given if row["source"].startswith(("SEC", "orig"))]
    rows += [
        Row(row["text"], row["label"], f"own {row['kind']}", tuple(row["span"]) if row["label"] else None)
        for row in own("*document*.jsonl")
    ]
    rows += [Row(piece, 0, FILINGS) for path in PAGES for piece in [*pieces(path.read_text(errors="replace"))][::6]]
    hosts = [row.text for row in rows if not row.label and len(row.text) < 3_000 and "style=" not in row.text]
    attacks = {row["text"][slice(*row["span"])].strip() for row in given if row["source"] == BIPIA and row["label"]}
    placed = [(attack, BIPIA) for attack in sorted(attacks)]
    placed += [(row.text, row.source) for row in prompts(given)[::4] if row.label and len(row.text) < 700]
    return rows + [_placed(attack, random.choice(hosts), name, random) for attack, name in placed]


def _placed(attack: str, host: str, name: str, random: Random) -> Row:
    """A document with an attack at its beginning, at its end, or between two of its lines or sentences."""
    at = random.choice([0, len(host), *(match.end() for match in re.finditer(r"[.!?]\s|\n|[>,}]", host))])
    before, after = random.choice([("\n", "\n"), (" ", " "), ("\n\n", "\n\n"), ("<!-- ", " -->"), ("", " ")])
    start = at + len(before)
    return Row(host[:at] + before + attack + after + host[at:], 1, name, (start, start + len(attack)))


def features(text: str) -> tuple[NDArray[np.int32], NDArray[np.int32], int, NDArray[np.intp]]:
    """Places and slots of all features of a text, how many codes it has, and where they come from when folded."""
    codes, kinds, origins = plain(fold(text))
    at, index = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for begin in range(0, codes.size, CHUNK):
        for gram in grams(codes[begin : begin + CHUNK], kinds[begin : begin + CHUNK]):
            at.append((gram.at + begin).astype(np.int32))
            index.append(gram.slots.astype(np.int32))
    return np.concatenate(at), np.concatenate(index), codes.size, origins


def windows(row: Row, size: int, most: int = 80) -> Windows:
    """The windows of a row to learn from: of an attack in a document, its beginning; of other texts, all."""
    at, index, count, origins = features(row.text)
    if count <= size * 1.25 and (row.span is None or not row.label):
        return Windows(row, [(index, count)])
    if row.label and row.span:
        start, end = (int(np.searchsorted(origins, len(fold(row.text[:place])))) for place in row.span)
        places = [(start, min(max(end, start + 1), start + 2 * size))]
    else:
        begins = range(0, max(count - size // 2, 1), size)
        places = [(begin, begin + size) for begin in begins[:: -(-len(begins) // most)]]
    parts = []
    for start, end in places:
        inside = (at >= start) & (at < end)
        parts.append((index[inside], min(end, count) - start))
    return Windows(row, parts)


class Design:
    """Windows as a matrix of features, with labels and weights: each source counts by the root of its size."""

    def __init__(self, learned: Sequence[Windows], penalty: float) -> None:
        self.penalty = penalty
        sizes = Counter((item.row.source, item.row.label) for item in learned)
        parts = [(index, size, item) for item in learned for index, size in item.parts if index.size]
        self.index = np.concatenate([index for index, _, _ in parts])
        self.counts = np.array([len(index) for index, _, _ in parts])
        self.begins = np.cumsum(self.counts) - self.counts
        self.unit = np.array([max(size, LEAST) for _, size, _ in parts]) ** -0.5
        self.label = np.array([item.row.label for _, _, item in parts], float)
        weight = np.array([1 / len(item.parts) / sizes[item.row.source, item.row.label] ** 0.5 for _, _, item in parts])
        for label in (0, 1):
            weight[self.label == label] /= 2 * max(weight[self.label == label].sum(), 1e-9)
        self.weight = weight

    def loss(self, weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The logistic loss and its slope; the last of `weights` is the bias."""
        score = np.add.reduceat(weights[self.index], self.begins) * self.unit + weights[-1]
        margin = np.where(self.label > 0, score, -score)
        error = self.weight * (1 / (1 + np.exp(-np.clip(score, -40, 40))) - self.label)
        slope: NDArray[np.float64] = self.penalty * weights
        slope += np.bincount(self.index, np.repeat(error * self.unit, self.counts), minlength=weights.size)
        slope[-1] = error.sum()
        return float(
            (self.weight * np.logaddexp(0, -margin)).sum() + self.penalty / 2 * (weights[:-1] ** 2).sum()
        ), slope


def fit(learned: Sequence[Windows], penalty: float, rounds: int = ROUNDS) -> NDArray[np.float64]:
    """Weights and bias of least loss, found by L-BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.4)."""
    design = Design(learned, penalty)
    weights = np.zeros((1 << BITS) + 1)
    loss, slope = design.loss(weights)
    past: list[tuple[NDArray[np.float64], NDArray[np.float64], float]] = []
    for _ in range(rounds):
        step = _direction(slope, past)
        length = 1.0 if past else 10 / np.abs(slope).sum()
        for _ in range(20):
            new, slope_new = design.loss(weights - length * step)
            if new <= loss - 1e-4 * length * float(slope @ step):
                break
            length /= 2
        moved, turned = -length * step, slope_new - slope
        if (bend := float(moved @ turned)) > 1e-18:
            past = [*past[-7:], (moved, turned, 1 / bend)]
        weights, loss, slope = weights + moved, new, slope_new
    return weights


def _direction(slope: NDArray[np.float64], past: Sequence[Any]) -> NDArray[np.float64]:
    step, factors = slope.copy(), []
    for moved, turned, inverse in reversed(past):
        factors.append(inverse * float(moved @ step))
        step -= factors[-1] * turned
    if past:
        moved, turned, inverse = past[-1]
        step /= inverse * float(turned @ turned)
    for (moved, turned, inverse), factor in zip(past, reversed(factors), strict=True):
        step += moved * (factor - inverse * float(turned @ step))
    return step


def head(weights: NDArray[np.float64], sizes: Sequence[int], toll: float) -> Head:
    """Weights in 8 bits, and the bias."""
    scale = float(np.quantile(np.abs(weights[:-1][weights[:-1] != 0]), 0.9995)) / 127
    small = np.clip(np.rint(weights[:-1] / scale), -127, 127).astype(np.int8)
    return Head(small, scale, [(size, float(weights[-1])) for size in sizes], toll)


class Plan(NamedTuple):
    """How one head is trained: from which rows, and which sources are held out together."""

    rows: list[Row]
    groups: list[set[str]]


def plans(given: Sequence[Mapping[str, Any]]) -> dict[str, Plan]:
    """What makes the two heads. Sources of others are held out one by one."""
    prompt, document = prompts(given), documents(given)
    theirs = sorted({row.source for row in prompt if not row.source.startswith("own")})
    return {"prompt": Plan(prompt, [{name} for name in theirs]), "document": Plan(document, [{BIPIA}, {FILINGS}])}


def harmless(given: Iterable[Mapping[str, Any]], name: str) -> list[Row]:
    """Harmless texts of others that rates are measured on, trained on or not: documents, or all but long ones."""
    kinds = {
        "document": ("benign-data", "benign-finance", "benign-longdoc"),
        "prompt": ("benign-data", "benign-longdoc"),
    }
    return [
        Row(row["text"], 0, source(row))
        for row in given
        if not row["label"] and row["kind"].startswith(kinds[name]) == (name == "document")
    ]


def _without(group: set[str], learned: Sequence[Windows], name: str) -> Head:
    rest = [item for item in learned if item.row.source not in group]
    return head(fit(rest, PENALTIES[name]), SEEN[name], TOLLS[name])


def train(
    given: Sequence[Mapping[str, Any]], told: Callable[[str], None] = print
) -> tuple[dict[str, Head], dict[str, dict[str, Head]]]:
    """The heads, and for each the heads that have not seen one group of sources, by source.

    A head is calibrated on what heads say that have not seen the source of a text.
    """
    heads, unseen = {}, {}
    for name, plan in plans(given).items():
        learned = [windows(row, LEARNED[name]) for row in plan.rows]
        told(f"{name}: {len(plan.rows):,} rows, {sum(len(item.parts) for item in learned):,} windows")
        whole = head(fit(learned, PENALTIES[name]), SEEN[name], TOLLS[name])
        others = {}
        for group in plan.groups:
            told(f"{name} without {', '.join(sorted(group))}")
            partial = _without(group, learned, name)
            others.update(dict.fromkeys(group, partial))
        scores = sorted(
            others.get(row.source, whole).score(fold(piece))
            for row in harmless(given, name)
            for piece in pieces(row.text)
        )
        for each in (whole, *others.values()):
            each.harmless, each.pieces = [float(score) for score in scores[-KEPT:]], len(scores)
        heads[name], unseen[name] = whole, others
    return heads, unseen


def main() -> None:
    """Train, and write the weights and their hash into the package; with `--check`, compare with what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the weights in the package are not these")
    parser.add_argument("--unseen", type=Path, help="a folder for the heads that have not seen a source")
    options = parser.parse_args()
    heads, unseen = train(labelled())
    if options.unseen:
        _keep(unseen, options.unseen)
    raw = saved(heads)
    digest = hashlib.sha256(raw).hexdigest()
    print(f"{len(raw):,} bytes, {digest}")
    if options.check:
        raise SystemExit((PACKAGE / WEIGHTS).read_bytes() != raw)
    (PACKAGE / WEIGHTS).write_bytes(raw)
    for name in ("heads.py", "MODEL.md"):
        path = PACKAGE / name
        path.write_text(re.sub(r"(?<=SHA256 = \").*(?=\")|(?<=SHA-256: `)\w*(?=`)", digest, path.read_text()))


def _keep(unseen: Mapping[str, Mapping[str, Head]], folder: Path) -> None:
    """Write heads that have not seen some sources, and the names of those."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, others in unseen.items():
        for number, each in enumerate(dict.fromkeys(others.values())):
            (folder / f"{name}-{number}.npz").write_bytes(saved({name: each}))
            held = [source for source, other in others.items() if other is each]
            (folder / f"{name}-{number}.json").write_text(json.dumps(held))


if __name__ == "__main__":
    main()
