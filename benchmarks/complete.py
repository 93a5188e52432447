"""200 completions, 64 at a time, from a server that takes 200 ms: how near to the server's own time, at what CPU time.

The server is a process of its own, and so is each case; their calls are asked for in turn. Ours is the provider with
the core's whole policy around it, and reads its answers in pieces; the others get theirs in one.
"""

import math
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from _bench import BIN, ENVIRONMENT, Bench, Case, Sample, Target, environment, loop, options, publish, version

CALLS, THREADS, LATENCY = 200, 64, 0.2
FLOOR = math.ceil(CALLS / THREADS) * LATENCY  # seconds
ANSWER = "Revenue rose to 1,200 million dollars. [facts]"
SYSTEM, TASK = "You write reports.", "Write about ACME in 2024."
KEY, MODEL = "sk-benchmark", "fake-large"
QUIET = {  # without these, litellm asks the network and reads .env files when it is imported
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
}
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]


def httpx(url: str) -> Callable[[], str]:
    """One client for all threads, and nothing else."""
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=60)
    client = httpx.Client(limits=limits, timeout=60)
    body, headers = {"model": MODEL, "messages": MESSAGES}, {"authorization": f"Bearer {KEY}"}

    def call() -> str:
        answer = client.post(f"{url}/chat/completions", json=body, headers=headers)
        answer.raise_for_status()
        return str(answer.json()["choices"][0]["message"]["content"])

    return call


def trainer(url: str) -> Callable[[], str]:
    """trainer-openai in `Completer`: budget, pace, retries, price, checks."""
    from trainer import CompletionRequest, Instruction, Prompt
    from trainer.completing import Completer, Policy
    from trainer.models import Message
    from trainer_openai import OpenAIProvider

    provider = OpenAIProvider(base_url=url, api_key=KEY)
    completer = Completer(provider.complete, Policy())
    messages = (Message("system", SYSTEM), Message("user", TASK))
    prompt = Prompt(messages, Instruction.parse(TASK, "brief.md"))
    return lambda: completer.complete(CompletionRequest(f"openai/{MODEL}", prompt)).content


def litellm(url: str) -> Callable[[], str]:
    """`litellm.completion` without its retries."""
    import litellm

    litellm.suppress_debug_info = True
    ask = partial(litellm.completion, f"openai/{MODEL}", api_base=url, api_key=KEY, timeout=60, max_retries=0)
    return lambda: ask(messages=MESSAGES).choices[0].message.content


def langchain(url: str) -> Callable[[], str]:
    """`ChatOpenAI` without its retries."""
    from langchain_openai import ChatOpenAI

    chat = ChatOpenAI(model=MODEL, base_url=url, api_key=KEY, timeout=60, max_retries=0)
    return lambda: chat.invoke([("system", SYSTEM), ("user", TASK)]).content


def haystack(url: str) -> Callable[[], str]:
    """`OpenAIChatGenerator` without its retries."""
    from haystack.components.generators.chat import OpenAIChatGenerator
    from haystack.dataclasses import ChatMessage
    from haystack.utils import Secret

    chat = OpenAIChatGenerator(Secret.from_token(KEY), MODEL, api_base_url=url, timeout=60, max_retries=0)
    messages = [ChatMessage.from_system(SYSTEM), ChatMessage.from_user(TASK)]
    return lambda: chat.run(messages=messages)["replies"][0].text


WORKERS = {
    "httpx": httpx,
    "trainer": trainer,
    "litellm": litellm,
    "langchain-openai": langchain,
    "haystack-ai": haystack,
}


def serve(name: str, url: str) -> None:
    """Answer each line on standard input with the CPU and wall time of all calls together, in seconds."""
    call = WORKERS[name](url)
    call()  # one before all: litellm's threads close each other's clients when they all make the first

    def everything() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            answers = set(pool.map(lambda _: call(), range(CALLS)))
        if answers != {ANSWER}:
            raise SystemExit(f"{name} does not give the model's answer")

    for _ in sys.stdin:
        print(*loop(everything, 1), flush=True)


def process(stack: ExitStack, *words: str | Path) -> subprocess.Popen[str]:
    """A process that is spoken to by lines, ended with `stack`."""
    return stack.enter_context(
        subprocess.Popen(words, env={**ENVIRONMENT, **QUIET}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    )


def line(process: subprocess.Popen[str]) -> str:
    """The next line that a process prints."""
    assert process.stdout  # for the type checker
    if not (text := process.stdout.readline()):
        raise SystemExit(f"{process.args!r} ended")
    return text.strip()


def worker(stack: ExitStack, url: str, name: str, place: Path) -> Case:
    """A case that asks a process with this worker."""
    one = process(stack, place / "python", Path(__file__).resolve(), "--serve", name, url)

    def ask() -> Sample:
        assert one.stdin  # for the type checker
        print(file=one.stdin, flush=True)
        return Sample(*map(float, line(one).split()))

    return ask


def main() -> None:
    args = options(__doc__, rounds=7).parse_args()
    names = ("litellm", "langchain-openai", "haystack-ai")
    peers = {name: place for name in names if (place := environment(f"complete-{name}", name))}
    with ExitStack() as stack:
        words = ("-m", "trainer.testing.fake_llm", "--latency", str(LATENCY), "--say", ANSWER)
        url = f"{line(process(stack, BIN / 'python', *words))}/v1"
        cases = {"httpx alone": worker(stack, url, "httpx", BIN), "trainer": worker(stack, url, "trainer", BIN)}
        cases |= {name: worker(stack, url, name, place) for name, place in peers.items()}
        title = f"{CALLS} completions, {THREADS} at a time, {LATENCY * 1000:g} ms each: at least {FLOOR:g} s"
        bench = Bench(cases, args.rounds)
    wall = {name: median(sample.wall for sample in samples) for name, samples in bench.samples.items()}
    targets = [Target("trainer's wall time / the server's own", wall["trainer"] / FLOOR, 1.15)]
    if "litellm" in peers:
        targets.append(Target("wall time, trainer / litellm", wall["trainer"] / wall["litellm"], 0.5))
        targets.append(Target("CPU time, trainer / litellm", bench.best("trainer") / bench.best("litellm"), 1 / 3))
    versions = [version(BIN, "trainer-core"), version(BIN, "httpx"), *(version(peers[name], name) for name in peers)]
    publish(args, title, [bench.table("trainer", "ms")], targets, bench.noise, ", ".join(versions))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
        os._exit(0)  # peers leave threads behind
    else:
        main()
