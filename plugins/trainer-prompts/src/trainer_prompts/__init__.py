"""Composing prompts from an instruction, background and data, in three layouts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainer import Brief, Prompt, hookimpl, plugin
from trainer.instruction import Instruction, Problem
from trainer_prompts.background import named
from trainer_prompts.cache import PromptCache
from trainer_prompts.engines import includes
from trainer_prompts.faults import faults
from trainer_prompts.layouts import PromptComposer
from trainer_prompts.manager import PromptManager, PromptTemplate
from trainer_prompts.validator import PromptValidator, ValidationResult

__all__ = [
    "Hierarchical", "Parallel", "PromptCache", "PromptComposer", "PromptManager", "PromptTemplate", "PromptValidator",
    "Sequential", "ValidationResult",
]  # fmt: skip


@plugin
class Sequential:
    """Background, then every record in its order, then the task: the layout for one subject.

    `context_tokens` and `data_tokens` are how much of either a prompt may hold, where its instruction does not say.
    """

    context_tokens: int = 50_000
    data_tokens: int = 100_000

    @hookimpl
    def compose(self, brief: Brief) -> Prompt:
        return PromptComposer(self.context_tokens, self.data_tokens).sequential(brief)

    def problems(self, instruction: Instruction, folders: Sequence[Path]) -> list[Problem]:
        """What is wrong with an instruction's body, background and schema; `trainer validate` asks for it."""
        return list(faults(instruction, folders, self.context_tokens))

    def background(self, instruction: Instruction, folders: Sequence[Path]) -> list[str]:
        """The texts of the background and of the included files of an instruction; they tell its batches apart."""
        contexts = (context.text for context, _ in named(instruction, folders))
        return [*contexts, *(part.text for part in includes(instruction, folders))]


@plugin
class Parallel(Sequential):
    """A message for each record, then the task: the layout for subjects of equal rank, to be compared."""

    @hookimpl
    def compose(self, brief: Brief) -> Prompt:
        return PromptComposer(self.context_tokens, self.data_tokens).parallel(brief)


@plugin
class Hierarchical(Sequential):
    """Background and records under nested headings: the layout for much background in many folders."""

    @hookimpl
    def compose(self, brief: Brief) -> Prompt:
        return PromptComposer(self.context_tokens, self.data_tokens).hierarchical(brief)
