"""Data from files: JSON, CSV, Parquet, Markdown and text, one file or all that a pattern names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer import Query, RetrievalResult, hookimpl, plugin
from trainer_files.retriever import FileRetriever

__all__ = ["File", "FileRetriever"]


@plugin
class File:
    """The source `file`: files inside the project's folder.

    `root` is the folder that no path leaves, `max_bytes` what may be held of one retrieval in all.
    """

    root: Path | str = Path()
    max_bytes: int = 50_000_000

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        return FileRetriever(self.root, self.max_bytes).retrieve(query.params)

    def get_schema(self) -> dict[str, Any]:
        """What may be asked, as JSON Schema."""
        return FileRetriever(self.root, self.max_bytes).get_schema()
