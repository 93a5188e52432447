"""Whether a template can be filled and a prompt can be sent, with everything that speaks against it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from trainer.instruction import Instruction, Problem
from trainer.models import Prompt
from trainer.validation import check
from trainer_prompts.background import remedy_for
from trainer_prompts.faults import faults
from trainer_prompts.tokens import estimate

if TYPE_CHECKING:
    from trainer_prompts.manager import PromptTemplate


@frozen
class ValidationResult:
    """What was found, what stops a prompt first; `errors` and `warnings` are the same as text, with line and remedy."""

    problems: tuple[Problem, ...]

    @property
    def is_valid(self) -> bool:
        """Whether nothing stops a prompt."""
        return not self.errors

    @property
    def errors(self) -> list[str]:
        """What stops a prompt."""
        return [_told(problem) for problem in self.problems if problem.fatal]

    @property
    def warnings(self) -> list[str]:
        """What does not."""
        return [_told(problem) for problem in self.problems if not problem.fatal]


class PromptValidator:
    """Checks templates against the background in `context_dir`, and prompts against the limit of a model.

    Without `context_dir`, contexts are not looked for. A prompt of more than about `max_tokens` is refused.
    """

    def __init__(self, context_dir: str | Path | None = None, max_tokens: int | None = None) -> None:
        self.context_dir = None if context_dir is None else Path(context_dir)
        self.max_tokens = max_tokens

    def validate(self, subject: PromptTemplate | Prompt) -> ValidationResult:
        """Everything that is wrong with a template or with a composed prompt."""
        found = self._prompt(subject) if isinstance(subject, Prompt) else self._template(subject)
        unique: dict[Problem, None] = dict.fromkeys(found)
        return ValidationResult(tuple(sorted(unique, key=lambda one: (not one.fatal, one.line))))

    def _template(self, template: PromptTemplate) -> Iterator[Problem]:
        instruction, found = Instruction.examine(template.content, template.path)
        yield from found
        folders = () if self.context_dir is None else (self.context_dir,)
        for folder in folders:
            yield from check(instruction, folder)
        yield from faults(instruction, folders)

    def _prompt(self, prompt: Prompt) -> Iterator[Problem]:
        roles = [message.role for message in prompt.messages]
        if not roles or roles[-1] != "user":
            yield Problem(0, "the last message is not the user's", "Put the task last.")
        if any(role == "system" for role in roles[1:]):
            yield Problem(0, "a system message stands among the others", "Put what is stable first.")
        text = "\n".join(message.text for message in prompt.messages if message.role != "system")
        blocks = text.count(f"<data-{prompt.nonce} "), text.count(f"</data-{prompt.nonce}>")
        if prompt.nonce and blocks != (len(prompt.records),) * 2:
            message = f"{len(prompt.records)} records stand in {blocks[0]} blocks with {blocks[1]} ends"
            yield Problem(0, message, "Compose the prompt anew, with data only as records.")
        if prompt.nonce and any(prompt.nonce in one.text for one in prompt.messages if one.role == "system"):
            yield Problem(0, "the word that fences data off stands in the system message", "Compose the prompt anew.")
        if any(not one.text.strip() for one in prompt.messages):
            yield Problem(0, "a message is empty", "Write what the report should say.")
        tokens = sum(estimate(message.text) for message in prompt.messages)
        if self.max_tokens is not None and tokens > self.max_tokens:
            message = f"the prompt has about {tokens:,} tokens, and {self.max_tokens:,} are allowed"
            yield Problem(0, message, "Give the instruction a budget: {context: …, data: …}.")
        yield from (
            Problem(0, f"{part.kind} {part.name}: {part.note}", remedy_for(part.note), False)
            for part in prompt.parts
            if part.note
        )


def _told(problem: Problem) -> str:
    place = f"line {problem.line}: " if problem.line else ""
    return f"{place}{problem.message} ({problem.remedy})"
