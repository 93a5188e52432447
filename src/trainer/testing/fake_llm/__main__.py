"""`python -m trainer.testing.fake_llm`: the server in a process of its own, for benchmarks and for trying out."""

from __future__ import annotations

import argparse
import sys

from trainer.testing.fake_llm import FakeLLM


def main() -> None:
    """Serve until standard input ends or Ctrl-C; the first line printed is the address."""
    parser = argparse.ArgumentParser(prog="python -m trainer.testing.fake_llm", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="where to listen (default: a free port)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before the first byte")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between two pieces of a stream")
    parser.add_argument("--say", default="", help="what to answer")
    words = parser.parse_args()
    with FakeLLM(port=words.port, latency=words.latency, pace=words.pace) as llm:
        if words.say:
            llm.say(words.say)
        sys.stdout.write(llm.url + "\n")
        sys.stdout.flush()
        try:
            sys.stdin.read()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
