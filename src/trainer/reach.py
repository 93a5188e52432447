"""Which models can be used here: by the keys that are set, by the servers on this machine, and offline."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from attrs import frozen

from trainer.errors import TrainerError
from trainer.routing import OFFLINE, provider

if TYPE_CHECKING:
    from trainer.plugins import Plugins

# The variables that providers document for their keys, and a model to name in the hint.
KEYS: Mapping[str, str] = {
    "ANTHROPIC_API_KEY": "anthropic/claude-sonnet-4-5",
    "OPENAI_API_KEY": "openai/gpt-4o",
    "GEMINI_API_KEY": "gemini/gemini-2.5-pro",
    "MISTRAL_API_KEY": "mistral/mistral-large-latest",
}
SERVERS: Mapping[str, int] = {"ollama": 11434, "lmstudio": 1234, "llamacpp": 8080, "vllm": 8000}  # default ports


@frozen
class Reachable:
    """A model that could be used, and why. `usable` says whether a plugin for its provider is installed."""

    model: str
    reason: str
    provider: str
    usable: bool


def in_reach(environment: Mapping[str, str], plugins: Plugins) -> Iterator[Reachable]:
    """Models that could be used here, the best first.

    Nobody is asked but servers on this machine, and those not if `TRAINER_NO_PROBE` is set.
    """
    names = plugins.names("complete")
    for key, model in KEYS.items():
        if environment.get(key):
            yield Reachable(model, f"{key} is set", model.partition("/")[0], provider(model, names) in names)
    for name, port in SERVERS.items():
        if "TRAINER_NO_PROBE" not in environment and answers(port):
            yield from _served(name, port, plugins)


def auto(environment: Mapping[str, str], plugins: Plugins) -> Reachable:
    """The first usable model in reach; the offline writer if there is none."""
    offline = Reachable(OFFLINE, "no key is set and no server answers on this machine", "offline", True)
    return next((found for found in in_reach(environment, plugins) if found.usable), offline)


def answers(port: int) -> bool:
    """Whether something listens at a port of this machine."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return True
    except OSError:
        return False


def _served(name: str, port: int, plugins: Plugins) -> Iterator[Reachable]:
    reason = f"a server answers at port {port} of this machine"
    if name not in plugins.names("complete"):
        yield Reachable(f"{name}/…", reason, name, False)
        return
    try:
        models = plugins.load("complete", name).list_models()
    except TrainerError:
        return  # whatever listens there, it is no such server
    for model in models:
        yield Reachable(f"{name}/{model.name}", reason, name, True)
