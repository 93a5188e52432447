"""trainer: from an instruction, data and background to a report that can be traced to its records.

Names are imported when they are first used, so that `import trainer` stays as cheap as an empty module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from trainer.config import Config as Config
    from trainer.errors import TrainerError as TrainerError
    from trainer.instruction import Instruction as Instruction, Template as Template
    from trainer.models import (
        Analysis as Analysis,
        Brief as Brief,
        CompletionRequest as CompletionRequest,
        CompletionResult as CompletionResult,
        Context as Context,
        Document as Document,
        Event as Event,
        Finding as Finding,
        Message as Message,
        Prompt as Prompt,
        Query as Query,
        Question as Question,
        Report as Report,
        RetrievalResult as RetrievalResult,
        RunInfo as RunInfo,
        Segment as Segment,
        Source as Source,
        Stage as Stage,
    )
    from trainer.pipeline import Pipeline as Pipeline
    from trainer.plugins import hookimpl as hookimpl, plugin as plugin
    from trainer.stores import (
        BulkResult as BulkResult,
        DataStore as DataStore,
        Freshness as Freshness,
        StoredData as StoredData,
        create_store as create_store,
    )

_HOMES = {
    "config": ("Config",),
    "errors": ("TrainerError",),
    "instruction": ("Instruction", "Template"),
    "models": (
        "Analysis", "Brief", "CompletionRequest", "CompletionResult", "Context", "Document", "Event",
        "Finding", "Message", "Prompt", "Query", "Question", "Report", "RetrievalResult", "RunInfo",
        "Segment", "Source", "Stage",
    ),
    "pipeline": ("Pipeline",),
    "plugins": ("hookimpl", "plugin"),
    "stores": ("BulkResult", "DataStore", "Freshness", "StoredData", "create_store"),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604  # all of them are text


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'trainer' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"trainer.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
