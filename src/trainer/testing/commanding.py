"""The contract of a command, as tests: subclass `CommandContract`, say how it may be called, and run pytest."""

# ruff: noqa: S101 - a contract is made of assertions

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import click
import pytest
from click.testing import CliRunner

from trainer.testing.contract import HEAVY, imported


class CommandContract:
    """What every command promises. A subclass has `command`, `module`, and `calls` if it can be called anywhere."""

    command: ClassVar[Any]
    """The click command that the entry point names."""
    module: ClassVar[str]
    """The module that it stands in."""
    calls: ClassVar[Sequence[Sequence[str]]] = ()
    """Words with which it works in any folder."""
    heavy: ClassVar[Sequence[str]] = HEAVY
    """Modules that importing it must not import."""

    def test_it_is_a_command_whose_help_says_what_it_does(self) -> None:
        assert isinstance(self.command, click.Command), f"{self.command!r} is no click command"
        assert self.command.get_short_help_str().strip(), "the command has no docstring, which is its help"
        done = CliRunner().invoke(self.command, ["--help"])
        assert done.exit_code == 0, f"--help ends with {done.exit_code}"

    def test_an_option_that_does_not_exist_ends_with_2(self) -> None:
        done = CliRunner().invoke(self.command, ["--no-such-option"])
        assert done.exit_code == 2, f"wrong usage ends with {done.exit_code}, not with 2"

    def test_importing_it_imports_nothing_heavy(self) -> None:
        found = imported(self.module) & set(self.heavy)
        assert not found, f"importing {self.module} imports {', '.join(sorted(found))}: do so inside the command"

    def test_it_works_where_it_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for words in self.calls:
            done = CliRunner().invoke(self.command, [*words])
            told = done.output or repr(done.exception)
            assert done.exit_code == 0, f"{' '.join(words)} ends with {done.exit_code}: {told}"
