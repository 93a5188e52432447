"""Several reports at once in an asyncio program, each with a time limit, and by the fastest of several models.

In the folder of a project (`trainer init host; cd host`); words with a slash are models:

    python ../examples/asyncio_program.py Northwind ollama/llama3.3 offline/report
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing

from trainer import Pipeline, Report, TrainerError

INSTRUCTION = "information/instructions/first-report.md"
SECONDS = 120.0


async def written(pipeline: Pipeline, company: str, model: str) -> str:
    """What became of one report. A run that is too slow, or that is cancelled, stops and writes nothing."""
    told = ""
    try:
        pieces = pipeline.aio.stream(INSTRUCTION, {"COMPANY": company}, model=model)
        async with asyncio.timeout(SECONDS), aclosing(pieces):
            async for piece in pieces:
                if isinstance(piece, Report):
                    told = f"{piece.title}, by {piece.model}: {piece.files['markdown'].name}"
    except TimeoutError:
        told = f"{company}: not done within {SECONDS:g} seconds"
    except TrainerError as error:
        told = f"{company}: {error.problem}"
    return told


async def fastest(pipeline: Pipeline, company: str, models: Sequence[str]) -> str:
    """The same by the model that ends first. The runs of the others are called off."""
    runs = [asyncio.create_task(written(pipeline, company, model)) for model in models]
    try:
        done, _ = await asyncio.wait(runs, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for run in runs:
            run.cancel()
        await asyncio.wait(runs)


async def main(words: Sequence[str]) -> None:
    """All companies at once."""
    companies = [word for word in words if "/" not in word]
    models = [word for word in words if "/" in word] or [""]
    pipeline = Pipeline()
    try:
        lines = await asyncio.gather(*(fastest(pipeline, company, models) for company in companies))
        print(*lines, sep="\n")
    finally:
        await pipeline.aio.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
