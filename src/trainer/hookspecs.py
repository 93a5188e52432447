"""The eight verbs. Everything trainer does, a plugin does by implementing one of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pluggy

from trainer.models import (
    Analysis,
    Brief,
    CompletionRequest,
    CompletionResult,
    Document,
    Finding,
    Prompt,
    Query,
    Question,
    RetrievalResult,
    RunInfo,
    Segment,
    Stage,
)  # fmt: skip
from trainer.stores import DataStore

hookspec = pluggy.HookspecMarker("trainer")


@hookspec(firstresult=True)
def retrieve(query: Query) -> RetrievalResult | None:
    """Fetch the data that `query.source` names."""


@hookspec(firstresult=True)
def store(url: str) -> DataStore | None:
    """Open the store at `url`, whose scheme names the plugin."""


@hookspec
def secure(stage: Stage, segments: Sequence[Segment], run: RunInfo) -> Iterable[Finding] | None:
    """State facts about text at a stage of a run. All guards are asked; that one failed is a finding too."""


@hookspec(firstresult=True)
def compose(brief: Brief) -> Prompt | None:
    """Make a prompt of an instruction, background and data, in the way `brief.strategy` names."""


@hookspec(firstresult=True)
def complete(request: CompletionRequest) -> CompletionResult | None:
    """Ask the model that `request.model` names (`provider/model`; unknown providers go to `any`)."""


@hookspec(firstresult=True)
def convert(document: Document, to: str) -> Document | None:
    """Turn a document into the format `to`; the plugin's name is its edge, `markdown-to-html`."""


@hookspec(firstresult=True)
def embed(texts: Sequence[str], model: str) -> Any:
    """Turn texts into a float32 matrix of shape (texts, dimensions); `model` is `provider/model`."""


@hookspec(firstresult=True)
def analyze(question: Question, store: DataStore) -> Analysis | None:
    """Answer a question about what is in the store; `question.name` names the plugin."""
