"""A batch with a model that does nothing: what it adds to a run, its memory, and what it does to an asyncio loop.

Each case is a process of its own, with a project in a new folder and its store in SQLite.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from operator import itemgetter
from pathlib import Path

from _bench import ENVIRONMENT, Table, Target, options, publish

TASK = "# {TICKER}\n\nWrite about {TICKER}."
JOBS, SIDE_BY_SIDE = 8, 100
SETTINGS = """
[pipeline]
model = "null/null"
[plugins.local]
"complete.null" = "null:Null"
"""
NULL = '''
import time
from trainer import CompletionResult, hookimpl, plugin

@plugin
class Null:
    """Answers at once, or after `seconds`."""

    seconds: float = 0.0

    @hookimpl
    def complete(self, request):
        time.sleep(self.seconds)
        return CompletionResult("Revenue rose.", request.model, "null", cost=0.0)
'''


def megabytes() -> float:
    """The memory that this process has in use now."""
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def alone(count: int) -> dict[str, float]:
    """The runs one after the other, without a batch."""
    from trainer import Instruction, Pipeline

    with Pipeline() as pipeline:
        instruction = Instruction.parse(TASK, "brief.md")
        pipeline.run(instruction, {"TICKER": "first"})
        began, cpu = time.perf_counter(), time.process_time()
        for number in range(count):
            pipeline.run(instruction, {"TICKER": f"T{number}"})
        return {"cpu": (time.process_time() - cpu) / count, "wall": (time.perf_counter() - began) / count}


def batch(count: int) -> dict[str, float]:
    """The runs as a batch, and a second start that finds all done."""
    from trainer import Instruction, Pipeline
    from trainer.batch import Batch

    memory: dict[int, float] = {}
    with Pipeline() as pipeline:
        instruction = Instruction.parse(TASK, "brief.md")
        pipeline.run(instruction, {"TICKER": "first"})
        began, cpu = time.perf_counter(), time.process_time()
        rows = [{"TICKER": f"T{number}"} for number in range(count)]
        work = Batch(pipeline, instruction, rows, on_change=lambda _: memory.update({len(memory) + 1: megabytes()}))
        if work.run(JOBS).done != count:
            raise SystemExit("not all runs were done")
        facts = {"cpu": (time.process_time() - cpu) / count, "wall": (time.perf_counter() - began) / count}
        began = time.perf_counter()
        Batch(pipeline, instruction, rows).run(JOBS)
        early = min(count, 1000)
        return {**facts, "again": time.perf_counter() - began, "early": memory[early], "late": memory[count]}


def side_by_side(count: int) -> dict[str, float]:
    """So many pipelines at once in one asyncio loop: the longest time for which the loop did not get its turn."""
    from trainer import Instruction, Pipeline

    async def stall(over: asyncio.Event) -> tuple[float, float]:
        late: list[float] = []
        while not over.is_set():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append(time.perf_counter() - before - 0.001)
        return max(late), sorted(late)[len(late) // 2]

    async def idle() -> float:
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(1.0, over.set)
        return (await stall(over))[0]

    async def busy() -> tuple[float, float, float]:
        over = asyncio.Event()
        watch = asyncio.create_task(stall(over))
        began = time.perf_counter()
        await asyncio.gather(
            *(pipeline.aio.run(instruction, {"TICKER": f"T{number}"}) for number, pipeline in enumerate(pipelines))
        )
        over.set()
        return *(await watch), time.perf_counter() - began

    instruction = Instruction.parse(TASK, "brief.md")
    with Path("trainer.toml").open("a") as file:
        file.write("[null]\nseconds = 0.2\n")
    pipelines = [Pipeline() for _ in range(count)]
    pipelines[0].run(instruction, {"TICKER": "first"})
    quiet = asyncio.run(idle())
    longest, median, wall = asyncio.run(busy())
    for pipeline in pipelines:
        pipeline.close()
    return {"quiet": quiet, "longest": longest, "median": median, "wall": wall}


CASES = {case.__name__: case for case in (alone, batch, side_by_side)}


def child(name: str, count: int) -> dict[str, float]:
    """A case in a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "trainer.toml").write_text(SETTINGS)
        (Path(folder) / "null.py").write_text(NULL)
        words = [sys.executable, __file__, "--case", name, "--rows", str(count)]
        environment = {**ENVIRONMENT, "XDG_STATE_HOME": folder}
        done = subprocess.run(words, cwd=folder, env=environment, check=True, capture_output=True, text=True)
        found: dict[str, float] = json.loads(done.stdout)
        return found


def main() -> None:
    """Publish the figures of all cases, or print those of one for the process that asked."""
    parser = options(__doc__, rounds=1)
    parser.add_argument("--rows", type=int, default=10_000, help="how many runs the batch has (10000)")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        print(json.dumps(CASES[args.case](args.rows)))
        return
    load = os.getloadavg()[0]
    found: dict[str, list[dict[str, float]]] = {"alone": [], "batch": []}
    for _ in range(args.rounds):
        found["alone"].append(child("alone", min(1000, args.rows)))
        found["batch"].append(child("batch", args.rows))
    one, many = (min(rounds, key=itemgetter("cpu")) for rounds in found.values())
    aio = child("side_by_side", SIDE_BY_SIDE)
    targets = [
        Target("CPU of a run in a batch, × that of a run alone", many["cpu"] / one["cpu"], 2.0),
        Target(f"memory after {args.rows} runs, × that after 1,000", many["late"] / many["early"], 1.1),
    ]
    names = {"one after the other": one, f"a batch of {args.rows}, {JOBS} at once": many}
    rows = [(name, facts["cpu"] * 1e3, facts["wall"] * 1e3) for name, facts in names.items()]
    waits = ", ".join(f"{name} {aio[name] * 1e3:.1f} ms" for name in ("median", "longest", "quiet"))
    notes = [
        f"memory: {many['early']:.1f} MB after 1,000 runs, {many['late']:.1f} MB after {args.rows}",
        f"a second start, with nothing to do: {many['again'] * 1e3:.0f} ms",
        f"{SIDE_BY_SIDE} pipelines side by side in asyncio, 0.2 s for each answer: {aio['wall']:.2f} s in all",
        f"for how long that loop waited for its turn (quiet: the longest when nothing runs): {waits}",
        f"{args.rounds} rounds, load {load:.1f} before and {os.getloadavg()[0]:.1f} after",
    ]
    table = Table(["a run", "CPU ms", "wall ms"], rows)
    publish(args, "A batch with a null model", [table], targets, *notes)


if __name__ == "__main__":
    main()
