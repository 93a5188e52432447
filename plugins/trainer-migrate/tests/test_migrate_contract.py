"""The command `migrate` keeps the contract of commands."""

from __future__ import annotations

from trainer.testing import CommandContract
from trainer_migrate.command import migrate


class TestMigrate(CommandContract):
    command = migrate
    module = "trainer_migrate.command"
    calls = (["--help"],)
