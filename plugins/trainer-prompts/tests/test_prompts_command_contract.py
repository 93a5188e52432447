"""The command `prompts` keeps the contract of commands."""

from __future__ import annotations

from trainer.testing import CommandContract
from trainer_prompts.command import prompts


class TestPrompts(CommandContract):
    command = prompts
    module = "trainer_prompts.command"
    calls = (["history"], ["history", "--json"], ["history", "none.md"], ["diff", "--help"])
