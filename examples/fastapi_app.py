"""Reports over HTTP: in one piece, or as server-sent events while they are written.

In the folder of a project (`trainer init host; cd host`), with `pip install fastapi uvicorn`:

    uvicorn --app-dir ../examples fastapi_app:app
    curl -N 'http://127.0.0.1:8000/stream?instruction=first-report&COMPANY=Northwind'

The events called `message` are pieces of the text, each a JSON string. The last event is `report`, with where its
figures come from and where its files are, or `problem`, as in RFC 9457. Who leaves a stream stops its run.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from trainer import Instruction, Pipeline, Report, TrainerError
from trainer.models import to_json
from trainer.paths import confine
from trainer.plugins import told

INSTRUCTIONS = Path("information/instructions")
STATUS = {1: 502, 2: 422, 3: 403}  # by the exit code of an error: the work failed, was asked wrongly, was stopped


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One pipeline for all requests."""
    app.state.pipeline = pipeline = Pipeline()
    yield
    await pipeline.aio.close()


app = FastAPI(title="Reports", lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, str]:
    """Answers while runs are under way, since none of them is in the event loop."""
    return {"status": "ok"}


@app.post("/reports", status_code=201)
async def create(request: Request, instruction: str) -> dict[str, Any]:
    """The report, when it is written. The query's other parameters are the instruction's variables."""
    chosen, params = asked(request, instruction)
    report = await request.app.state.pipeline.aio.run(chosen, params, to=["html"])
    return {"text": report.text, **summary(report)}


@app.get("/stream")
async def stream(request: Request, instruction: str) -> StreamingResponse:
    """The same while it is written. What is wrong with the request has a status; what goes wrong later, an event."""
    chosen, params = asked(request, instruction)
    return StreamingResponse(events(request.app.state.pipeline, chosen, params), media_type="text/event-stream")


@app.get("/reports/{run}/{format}")
def file(request: Request, run: str, format: str) -> FileResponse:
    """A file of a report."""
    pipeline: Pipeline = request.app.state.pipeline
    record = pipeline.find_run(run)
    if record is None or format not in record.data["outputs"]:
        raise HTTPException(404, "There is no such report.")
    return FileResponse(pipeline.config.root / record.data["outputs"][format]["path"])


@app.exception_handler(TrainerError)
@app.exception_handler(Exception)
async def refuse(_: Request, error: Exception) -> JSONResponse:
    """What trainer raises on purpose, and what plugins raise, as a problem."""
    problem = explained(error)
    return JSONResponse(problem, problem["status"], media_type="application/problem+json")


def asked(request: Request, name: str) -> tuple[Instruction, dict[str, str]]:
    """The instruction and its variables. Raises a `TrainerError` for what is wrong with either."""
    params = {key: value for key, value in request.query_params.items() if key != "instruction"}
    chosen = Instruction.load(confine(INSTRUCTIONS, f"{name}.md"))
    chosen.resolve(params)
    return chosen, params


async def events(pipeline: Pipeline, instruction: Instruction, params: Mapping[str, str]) -> AsyncIterator[str]:
    """A run as events."""
    try:
        async with aclosing(pipeline.aio.stream(instruction, params, to=["html"])) as pieces:
            async for piece in pieces:
                yield event(summary(piece), "report") if isinstance(piece, Report) else event(piece)
    except Exception as error:  # the status has been sent
        yield event(explained(error), "problem")


def event(data: Any, name: str = "message") -> str:
    """One server-sent event. JSON has no bare line ends, which would end it too early."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def summary(report: Report) -> dict[str, Any]:
    """A report without its text."""
    return {
        "id": report.id,
        "title": report.title,
        "figures": report.documents["markdown"].metadata["grounding"],
        "sources": to_json(report.sources),
        "warnings": report.warnings,
        "links": {name: f"/reports/{report.id}/{name}" for name in report.files},
    }


def explained(error: Exception) -> dict[str, Any]:
    """Any error as a problem."""
    short = told(error)
    return {
        "type": "about:blank",
        "title": type(error).__name__,
        "status": STATUS[short.exit_code],
        "detail": short.problem,
        "remedy": short.remedy,
    }
