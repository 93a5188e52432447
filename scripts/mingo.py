"""Compare filters and pipelines with mingo, an independent implementation of MongoDB's words in JavaScript.

`python scripts/mingo.py FOLDER` compares, `--record` writes cases with mingo's answers for the tests. FOLDER is
where `npm install mingo` was run. Left out is what mingo does otherwise than MongoDB's manual says:

- lists right inside lists or among other values, empty lists, integers beyond 2^53;
- `$size`, `$elemMatch` and equality with a list or an object below the first level, `$elemMatch` with a negation
  or a junction, `$all` of a value that is no list;
- `$sort` through lists, `$count` of nothing, `$unwind` of what is empty or below the first level, `$push` and
  `$addToSet` of what is absent, and `$project` on a path into what another stage made (it changes the original).
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer.aggregation import aggregate
from trainer.errors import UnsupportedQuery
from trainer.filters import matches, order, parse
from trainer.testing.cases import filter_of, pipeline

RECORDED = Path(__file__).parent.parent / "tests/recorded/mingo.json.gz"
SCALARS = (None, True, False, 0, 1, 1.0, -1, 2.5, 3, "a", "ab", "b", "1", "true", "A", "é", "\U0010ffff", "%")
PROGRAM = """
import * as mingo from "mingo"; import * as fs from "node:fs";
for (const line of fs.readFileSync(0, "utf8").trim().split("\\n")) {
  const [documents, queries] = JSON.parse(line);
  const ask = (work) => { try { return work(structuredClone(documents)) } catch (e) { return null } };
  console.log(JSON.stringify(queries.map(([filter, pipeline]) => [
    ask((copies) => new mingo.Query(filter, {}).find(copies).all().map((d) => d._id)),
    ask((copies) => new mingo.Aggregator(pipeline, {}).run(copies))])));
}
"""


def documents(chance: random.Random) -> list[dict[str, Any]]:
    """Documents in which a list holds only scalars or only objects."""

    def value(depth: int) -> Any:
        luck = chance.random() if depth else 1
        if luck < 0.2:
            return fields(depth - 1)
        if luck < 0.35:
            return [fields(0) for _ in range(chance.randint(1, 3))]
        return [chance.choice(SCALARS) for _ in range(chance.randint(1, 3))] if luck < 0.5 else chance.choice(SCALARS)

    def fields(depth: int) -> dict[str, Any]:
        return {name: value(depth) for name in chance.sample(("a", "b", "c"), chance.randint(1, 3))}

    return [{**fields(2), "_id": f"k{number}"} for number in range(chance.randint(1, 10))]


def plain(value: Any, path: str = "") -> bool:
    """Whether a filter or a pipeline is one that mingo and MongoDB's manual agree on."""
    if isinstance(value, list):
        names = {name for stage in value if isinstance(stage, dict) for name in stage}
        return all(plain(item, path) for item in value) and not ("$project" in names and len(names) > 1)
    if value == {}:
        return False
    if not isinstance(value, dict):
        return not (isinstance(value, int | float) and abs(value) >= 2**53) and value not in ("$metadata", "$_id")
    for word, operand in value.items():
        deep = "." in path
        if word in ("$all", "$push", "$addToSet", "$count") or (word in ("$size", "$elemMatch") and deep):
            return False
        if word == "$elemMatch" and not all(
            name.startswith("$") and name not in ("$and", "$or", "$nor", "$not", "$ne", "$nin") for name in operand
        ):
            return False
        if word == "$sort" or (
            isinstance(operand, dict | list) and not word.startswith("$") and not _operators(operand)
        ):
            return False
        if word == "$unwind" and "." in str(operand):
            return False
        if {"$contains", "$startsWith"} <= value.keys() or word.startswith("metadata") or word.count(".") > 1:
            return False
        if not plain(operand, path if word.startswith("$") else word):
            return False
    return True


def _operators(value: Any) -> bool:
    return isinstance(value, dict) and any(name.startswith("$") for name in value)


def spoken(value: Any) -> Any:
    """A query in the words that mingo knows."""
    if isinstance(value, list):
        return [spoken(item) for item in value]
    if not isinstance(value, dict):
        return value
    said = {}
    for word, operand in value.items():
        if word in ("$contains", "$startsWith"):
            text = re.sub(r"[\\.^$|?*+()\[\]{}]", lambda found: "\\" + found[0], operand)
            said["$regex"] = ("^" if word == "$startsWith" else "") + text
        else:
            said[word] = spoken(operand)
    return said


def generate(seed: int, count: int) -> Iterator[tuple[list[dict[str, Any]], list[Any]]]:
    """Sets of documents, each with up to 50 filters and pipelines."""
    chance = random.Random(seed)  # noqa: S311  # the same cases each time are what is wanted
    while count > 0:
        asked = [(filter_of(chance), pipeline(chance)) for _ in range(200)]
        kept = [pair for pair in asked if plain(list(pair))][: min(50, count)]
        count -= len(kept)
        yield documents(chance), kept


def answers(found: list[dict[str, Any]], asked: Any, stages: Any) -> tuple[Any, Any]:
    """Ours: the keys that a filter lets through, and what a pipeline makes; `None` for what is refused."""
    try:
        tree = parse(asked)
        keys = [document["_id"] for document in found if matches(document, tree)]
    except UnsupportedQuery:
        keys = None
    try:
        made = aggregate(found, stages)
    except UnsupportedQuery:
        made = None
    return keys, made


def main() -> None:
    """Compare or record, and say how many cases were the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where mingo is installed")
    parser.add_argument("--count", type=int, default=20_000, help="pairs of a filter and a pipeline")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", action="store_true", help="write 2,000 of them for the tests")
    options = parser.parse_args()
    sets = list(generate(options.seed, 2000 if options.record else options.count))
    lines = "\n".join(json.dumps([found, [[spoken(part) for part in pair] for pair in asked]]) for found, asked in sets)
    done = subprocess.run(  # the program is the one above
        ["node", "--input-type=module", "-e", PROGRAM],  # noqa: S607
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        cwd=options.folder,
    )
    same, refused, different = 0, 0, []
    theirs = [json.loads(line) for line in done.stdout.splitlines()]
    for (found, asked), told in zip(sets, theirs, strict=True):
        for (wanted, stages), (keys, made) in zip(asked, told, strict=True):
            for ours, other, question in zip(
                answers(found, wanted, stages), (keys, made), (wanted, stages), strict=True
            ):
                if ours is None or other is None:
                    refused += 1
                elif order(ours) == order(other):
                    same += 1
                else:
                    different.append((question, ours, other, found))
    print(f"{same} the same, {len(different)} different, {refused} refused by one of the two")
    for question, ours, other, found in different[:10]:
        print(f"\n{question}\n  ours  {ours}\n  mingo {other}\n  on    {found}")
    if options.record:
        text = json.dumps([[found, asked, told] for (found, asked), told in zip(sets, theirs, strict=True)])
        RECORDED.write_bytes(gzip.compress(text.encode(), mtime=0))
    sys.exit(bool(different))


if __name__ == "__main__":
    main()
