"""Reports without a language model: what the data says, worded by rule."""

from __future__ import annotations

from trainer import CompletionRequest, CompletionResult, hookimpl, plugin
from trainer.errors import UnknownModel
from trainer.models import ModelInfo
from trainer_offline.writer import OfflineWriter, Part

__all__ = ["Offline", "OfflineWriter", "Part"]

MODEL = "offline/report"


@plugin
class Offline:
    """The provider `offline`, with one model: `offline/report`."""

    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        """Write the report; `metadata` lists the instruction's sections as `written` and `not_written`."""
        if request.model != MODEL:
            raise UnknownModel(f"offline has no model {request.model!r}", f"Its one model is {MODEL}.")
        parts = OfflineWriter().parts(request.prompt)
        if request.on_text is not None:
            for part in parts:
                request.on_text(part.text)
        return CompletionResult(
            content="".join(part.text for part in parts),
            model=MODEL,
            provider="offline",
            tokens_used=0,
            cost=0.0,
            metadata={
                "written": [part.title for part in parts if part.written is True],
                "not_written": [part.title for part in parts if part.written is False],
            },
        )

    def list_models(self) -> list[ModelInfo]:
        """The one model there is, which costs nothing."""
        return [ModelInfo("report", "offline", input_price=0.0, output_price=0.0)]
