"""What every provider promises of its answers, kept by the one that has no server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

pytest.register_assert_rewrite("trainer.testing.completing")

from trainer import CompletionRequest, Instruction, Prompt, StoredData  # noqa: E402 - the line above must come first
from trainer.testing.completing import AnswerContract  # noqa: E402
from trainer_offline import Offline  # noqa: E402

NOW = datetime(2025, 1, 1, tzinfo=UTC)


class TestOffline(AnswerContract):
    model = "offline/report"

    @pytest.fixture
    def plugin(self) -> Any:
        return Offline()

    def request(self, text: str = "Write about {X}.", **options: Any) -> CompletionRequest:
        instruction = Instruction.parse(f"## Revenue\n\n{text}", "test.md")
        params, number = {"X": "ACME"}, options.pop("number", 7)
        record = StoredData("file:ACME:20250101", {"revenue": number}, "file", 1, NOW, NOW)
        return CompletionRequest(self.model, Prompt((), instruction, params, {"facts": record}), **options)

    def echo(self, number: int) -> tuple[CompletionRequest, Callable[[str], bool]]:
        figure = f"{7_000_000 + number:,}"
        return self.request(number=7_000_000 + number), lambda text: figure in text
