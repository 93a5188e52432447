"""Company figures and filings from the SEC's EDGAR."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import field, fields_dict

from trainer import Query, RetrievalResult, hookimpl, plugin
from trainer_sec import edgar
from trainer_sec.retriever import SECFilingsRetriever

__all__ = ["SEC", "SECFilingsRetriever"]


@plugin
class SEC:
    """The source `sec`: company figures and filings from EDGAR.

    `user_agent` is a name and an e-mail address, which the SEC demands of everyone who asks. At most `rate` requests
    a second leave this machine, all its processes together. `timeout` is for one silence, `deadline` for one page with
    waiting and retries, in seconds. `cache` and `state` are folders for what is kept, up to `cache_bytes`, and for the
    pace; empty, they are the user's own, which all projects share. The addresses can be those of a mirror.
    """

    user_agent: str = ""
    rate: float = 8.0
    timeout: float = 30.0
    deadline: float = 120.0
    cache: str = ""
    cache_bytes: int = 1_000_000_000
    state: str = ""
    base_url: str = edgar.DATA
    archives_url: str = edgar.ARCHIVES
    search_url: str = edgar.SEARCH
    root: Path | str = Path()
    _retriever: SECFilingsRetriever = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        known = fields_dict(SEC)  # type: ignore[arg-type]  # @plugin makes it an attrs class; mypy sees a dataclass
        settings: dict[str, Any] = {name: getattr(self, name) for name in known if name not in ("root", "_retriever")}
        for name in ("cache", "state"):
            settings[name] = settings[name] and Path(self.root) / Path(settings[name]).expanduser()
        self._retriever = SECFilingsRetriever(**settings)

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        return self._retriever.retrieve(query.params)

    def get_schema(self) -> dict[str, Any]:
        """What may be asked, as JSON Schema; `trainer validate` looks there."""
        return self._retriever.get_schema()
