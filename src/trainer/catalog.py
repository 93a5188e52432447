"""What is installed: every entry point under `trainer.*`, by verb and name, read once, importing nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

VERBS = ("retrieve", "store", "secure", "compose", "complete", "convert", "embed", "analyze")
ROLES = (*VERBS, "intercept", "command", "execute")

# What to install of ours for a name that nothing installed answers to, with the extra that it cannot do without.
# Written by `make tables` from the pyprojects under plugins/; a test fails when it is stale.
PROVIDERS: Mapping[str, str] = {
    "chart.vega-lite": "trainer-vega",
    "command.migrate": "trainer-migrate",
    "command.prompts": "trainer-prompts",
    "command.reports": "trainer-markdown",
    "complete.anthropic": "trainer-litellm",
    "complete.any": "trainer-litellm",
    "complete.azure": "trainer-litellm",
    "complete.bedrock": "trainer-bedrock",
    "complete.cohere": "trainer-litellm",
    "complete.deepseek": "trainer-litellm",
    "complete.gemini": "trainer-litellm",
    "complete.groq": "trainer-litellm",
    "complete.huggingface": "trainer-litellm",
    "complete.litellm": "trainer-litellm",
    "complete.llamacpp": "trainer-openai",
    "complete.lmstudio": "trainer-openai",
    "complete.mistral": "trainer-litellm",
    "complete.offline": "trainer-offline",
    "complete.ollama": "trainer-openai",
    "complete.openai": "trainer-openai",
    "complete.openrouter": "trainer-litellm",
    "complete.sagemaker": "trainer-sagemaker",
    "complete.vertex_ai": "trainer-litellm",
    "complete.vllm": "trainer-openai",
    "compose.hierarchical": "trainer-prompts",
    "compose.parallel": "trainer-prompts",
    "compose.sequential": "trainer-prompts",
    "convert.html-to-pdf": "trainer-pdf",
    "convert.html-to-tree": "trainer-markdown",
    "convert.json-to-markdown": "trainer-markdown",
    "convert.latex-to-pdf": "trainer-latex",
    "convert.markdown-to-html": "trainer-markdown",
    "convert.markdown-to-json": "trainer-markdown",
    "convert.markdown-to-tree": "trainer-markdown",
    "convert.tree-to-docx": "trainer-docx",
    "convert.tree-to-html": "trainer-markdown",
    "convert.tree-to-latex": "trainer-latex",
    "convert.tree-to-markdown": "trainer-markdown",
    "convert.tree-to-pdf": "trainer-typst",
    "convert.tree-to-typst": "trainer-typst",
    "embed.any": "trainer-litellm[embed]",
    "embed.azure": "trainer-litellm[embed]",
    "embed.cohere": "trainer-litellm[embed]",
    "embed.gemini": "trainer-litellm[embed]",
    "embed.huggingface": "trainer-litellm[embed]",
    "embed.litellm": "trainer-litellm[embed]",
    "embed.llamacpp": "trainer-openai[embed]",
    "embed.lmstudio": "trainer-openai[embed]",
    "embed.mistral": "trainer-litellm[embed]",
    "embed.ollama": "trainer-openai[embed]",
    "embed.openai": "trainer-openai[embed]",
    "embed.vertex_ai": "trainer-litellm[embed]",
    "embed.vllm": "trainer-openai[embed]",
    "execute.dask": "trainer-dask",
    "retrieve.database": "trainer-database",
    "retrieve.file": "trainer-files",
    "retrieve.rest": "trainer-rest",
    "retrieve.sec": "trainer-sec",
    "retrieve.yahoo": "trainer-yahoo",
    "secure.classifier": "trainer-guard",
    "secure.grounding": "trainer-guard",
    "secure.leaks": "trainer-guard",
    "secure.limits": "trainer-guard",
    "secure.patterns": "trainer-guard",
    "store.hybrid": "trainer-redis",
    "store.mongodb": "trainer-mongo",
    "store.postgres": "trainer-sql[postgresql]",
    "store.postgresql": "trainer-sql[postgresql]",
    "store.redis": "trainer-redis",
    "store.rediss": "trainer-redis",
    "store.sqlite": "trainer-sql",
}


class Entry(NamedTuple):
    """One name of one verb (or role), and where it comes from.

    `value` is `module:Class`, or for a plugin that a host handed over, the object itself.
    """

    role: str
    name: str
    value: Any
    point: EntryPoint | None = None

    @property
    def distribution(self) -> str:
        """The distribution's name; empty for a plugin that is not installed but handed over."""
        dist = self.point.dist if self.point else None
        return dist.name if dist else ""

    @property
    def origin(self) -> str:
        """The distribution's name, or for a plugin that is not installed, its class."""
        if self.distribution or isinstance(self.value, str):
            return self.distribution or self.value
        # Never the object's own text: it may show its settings, and secrets among them.
        kind = self.value if isinstance(self.value, type) else type(self.value)
        return f"{kind.__module__}:{kind.__qualname__}"

    @property
    def version(self) -> str:
        """The distribution's version."""
        dist = self.point.dist if self.point else None
        return dist.version if dist else ""

    @property
    def summary(self) -> str:
        """The distribution's one-line description."""
        dist = self.point.dist if self.point else None
        return (dist.metadata["Summary"] or "") if dist else ""

    def __str__(self) -> str:
        return f"{f'{self.origin} {self.version}'.strip()} ({self.role} '{self.name}')"

    def load(self) -> Any:
        """Import what the entry names. Raises whatever importing it raises."""
        if not isinstance(self.value, str):
            return self.value
        module, _, attribute = self.value.partition(":")
        target = import_module(module)
        for part in attribute.split("."):
            target = getattr(target, part)
        return target


class Catalog:
    """Entries by role and name. More than one under a name is a conflict, told when the name is used."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries: dict[str, dict[str, list[Entry]]] = {role: {} for role in ROLES}
        for entry in entries:
            self._entries[entry.role].setdefault(entry.name, []).append(entry)

    @classmethod
    def discover(cls) -> Catalog:
        """Everything installed in this environment, by one scan of the distributions' metadata."""
        from importlib.metadata import entry_points

        points = entry_points()
        return cls(
            Entry(role, point.name, point.value, point)
            for role in ROLES
            for point in points.select(group=f"trainer.{role}")
        )

    def names(self, role: str) -> list[str]:
        """The names under a role, sorted: order never depends on what was installed first."""
        return sorted(self._entries[role])

    def find(self, role: str, name: str) -> list[Entry]:
        """Every entry under a name; several when distributions conflict."""
        return self._entries[role].get(name, [])

    def __iter__(self) -> Any:
        for role in ROLES:
            for name in self.names(role):
                yield from self.find(role, name)


def install(*distributions: str | None) -> str:
    """``Run `pip install …`. ``, with quotes around what a shell would read as a pattern; nothing for nothing."""
    from shlex import join

    wanted = [name for name in distributions if name]
    return f"Run `{join(['pip', 'install', *wanted])}`. " if wanted else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'yahoo'?)`, or nothing when no known word is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""
