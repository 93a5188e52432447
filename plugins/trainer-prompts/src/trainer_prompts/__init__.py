"""Composing prompts from an instruction, background and data, in three layouts."""

from __future__ import annotations

from trainer import Brief, Prompt, hookimpl, plugin
from trainer_prompts.layouts import hierarchical, parallel, sequential
from trainer_prompts.manager import PromptManager, PromptTemplate

__all__ = ["Hierarchical", "Parallel", "PromptManager", "PromptTemplate", "Sequential"]


@plugin
class Sequential:
    """Background, then every record in its order, then the task: the layout for one subject."""

    @hookimpl
    def compose(self, brief: Brief) -> Prompt:
        return sequential(brief)


@plugin
class Parallel:
    """A message for each record, then the task: the layout for subjects of equal rank, to be compared."""

    @hookimpl
    def compose(self, brief: Brief) -> Prompt:
        return parallel(brief)


@plugin
class Hierarchical:
    """Background and records under nested headings: the layout for much background in many folders."""

    @hookimpl
    def compose(self, brief: Brief) -> Prompt:
        return hierarchical(brief)
