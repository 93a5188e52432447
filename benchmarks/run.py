"""A whole run with a model that does nothing, beside the chain of LangChain and the pipeline of Haystack.

Each case lives in a process of its own, started once; the processes are asked for their calls in turn.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from _bench import BIN, CACHE, ENVIRONMENT, Bench, Case, Sample, Target, environment, loop, options, publish, version

CALLS = 100
MEMORY = Path("/dev/shm")  # where Linux keeps a file system in memory
SYSTEM = "You write reports."
TASK = "Write about {TICKER} in {YEAR}."
PARAMS = {"TICKER": "ACME", "YEAR": "2024"}
ANSWER = "Revenue rose to 1,200 million dollars. [facts]"


def pipeline() -> tuple[Any, Any]:
    """A pipeline with a store in memory, the plugin that composes, a null model, and its instruction."""
    from trainer import CompletionRequest, CompletionResult, Instruction, Pipeline, hookimpl
    from trainer.testing.memory import Memory
    from trainer_prompts import Sequential

    class Null:
        @hookimpl
        def complete(self, request: CompletionRequest) -> CompletionResult:
            return CompletionResult(ANSWER, request.model, "null")

    plugins = {"store.memory": Memory, "compose.sequential": Sequential, "complete.null": Null}
    settings = {"store": "memory:", "model": "null/null"}
    return Pipeline(plugins, {"pipeline": settings}), Instruction.parse(TASK, "brief.md")


def whole() -> Callable[[], object]:
    """Everything, files and record included, below the current folder."""
    ours, instruction = pipeline()
    return lambda: ours.run(instruction, PARAMS).text


def kept() -> Callable[[], object]:
    """Everything but the files: the report with its documents, and the run record in the store in memory."""
    ours, instruction = pipeline()
    return lambda: ours.run(instruction, PARAMS, write=False).text


def answer() -> Callable[[], object]:
    """Up to the answer: input checked, prompt composed and guarded, model asked. Nothing is written."""
    from trainer import CompletionRequest

    ours, instruction = pipeline()
    return lambda: ours.complete(CompletionRequest("null/null", ours.plan(instruction, PARAMS)[1])).content


def files() -> Callable[[], object]:
    """Only the files: the bytes that a run writes, written as a run writes them."""
    from trainer.paths import write_all

    ours, instruction = pipeline()
    contents = {path: path.read_bytes() for path in ours.run(instruction, PARAMS).files.values()}
    return lambda: write_all(contents)


def langchain() -> Callable[[], object]:
    """`prompt | model | parser`."""
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    prompt = ChatPromptTemplate.from_messages([("system", SYSTEM), ("user", TASK)])
    chain = prompt | FakeListChatModel(responses=[ANSWER]) | StrOutputParser()
    return lambda: chain.invoke(PARAMS)


def haystack() -> Callable[[], object]:
    """Prompt builder, generator, adapter to text."""
    from haystack import Pipeline, component
    from haystack.components.builders import ChatPromptBuilder
    from haystack.components.converters import OutputAdapter
    from haystack.dataclasses import ChatMessage

    @component
    class Null:
        @component.output_types(replies=list[ChatMessage])
        def run(self, messages: list[ChatMessage]) -> dict[str, list[ChatMessage]]:  # noqa: ARG002  # the input that the prompt is connected to
            return {"replies": [ChatMessage.from_assistant(ANSWER)]}

    task = ChatMessage.from_user(TASK.replace("{", "{{").replace("}", "}}"))
    template = [ChatMessage.from_system(SYSTEM), task]
    chain = Pipeline()
    chain.add_component("prompt", ChatPromptBuilder(template, required_variables=list(PARAMS)))
    chain.add_component("model", Null())
    chain.add_component("text", OutputAdapter("{{ replies[0].text }}", output_type=str))
    chain.connect("prompt.prompt", "model.messages")
    chain.connect("model.replies", "text.replies")
    return lambda: chain.run({"prompt": PARAMS})["text"]["output"]


WORKERS = {
    "whole": whole,
    "kept": kept,
    "answer": answer,
    "files": files,
    "langchain-core": langchain,
    "haystack-ai": haystack,
}


def serve(name: str) -> None:
    """Answer each line on standard input with the mean CPU and wall time of a call, in seconds."""
    for _ in sys.stdin:
        call = WORKERS[name]()  # anew each time, so that no store of past runs grows under the later ones
        if name != "files" and call() != ANSWER:
            raise SystemExit(f"{name} does not give the model's answer")
        print(*loop(call, CALLS), flush=True)


def worker(stack: ExitStack, name: str, place: Path, folder: Path) -> Case:
    """A case that asks a process with this worker, started now and ended with `stack`."""
    cwd = stack.enter_context(tempfile.TemporaryDirectory(dir=folder, prefix="bench-"))
    process = stack.enter_context(
        subprocess.Popen(
            [place / "python", Path(__file__).resolve(), "--serve", name],
            cwd=cwd, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
    )  # fmt: skip

    def ask() -> Sample:
        assert process.stdin and process.stdout  # noqa: PT018  # for the type checker
        print(file=process.stdin, flush=True)
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"{name} ended")
        return Sample(*map(float, line.split()))

    return ask


def main() -> None:
    args = options(__doc__, rounds=15).parse_args()
    CACHE.mkdir(exist_ok=True)
    peers = {name: place for name in ("langchain-core", "haystack-ai") if (place := environment(name, name))}
    with ExitStack() as stack:
        start = partial(worker, stack)
        cases = {"trainer, whole run": start("kept", BIN, CACHE), "the same, files written": start("whole", BIN, CACHE)}
        if os.access(MEMORY, os.W_OK):
            cases["the same, files in memory"] = start("whole", BIN, MEMORY)
        cases["trainer, up to the answer"] = start("answer", BIN, CACHE)
        cases["the two files alone"] = start("files", BIN, CACHE)
        cases |= {name: start(name, place, CACHE) for name, place in peers.items()}
        bench = Bench(cases, args.rounds)
    ours = [name for name in cases if name.startswith("trainer") and "langchain-core" in peers]
    targets = [
        Target(f"{name} / langchain-core", bench.best(name) / bench.best("langchain-core"), 0.2) for name in ours
    ]
    versions = [version(place, name) for name, place in {"trainer-core": BIN, **peers}.items()]
    table = bench.table("trainer, up to the answer", "µs")
    publish(args, "A run with a null model: CPU time of one call", [table], targets, bench.noise, ", ".join(versions))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    else:
        main()
