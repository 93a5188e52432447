"""Prices, quotes and fundamentals from Yahoo Finance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import field

from trainer import Query, RetrievalResult, hookimpl, plugin
from trainer_yahoo import session
from trainer_yahoo.retriever import YahooFinanceRetriever

__all__ = ["Yahoo", "YahooFinanceRetriever"]


@plugin
class Yahoo:
    """The source `yahoo`: prices, quotes and fundamentals from Yahoo Finance's unofficial API.

    At most `rate` requests a second leave this machine, all its processes together; after "too many requests" none does
    for `pause` seconds. `timeout` is for one silence, `deadline` for one page with waiting and retries; an answer is
    kept for `cache_seconds`. `cache` and `state` are folders for what is kept and for the pace; empty, they are the
    user's own. `base_url` is where data is asked for, `page_url` the page that gives cookies.
    """

    rate: float = 2.0
    timeout: float = 15.0
    deadline: float = 60.0
    pause: float = 600.0
    cache_seconds: float = 60.0
    cache: str = ""
    state: str = ""
    base_url: str = session.DATA
    page_url: str = session.PAGE
    root: Path | str = Path()
    _retriever: YahooFinanceRetriever = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        names = ("rate", "timeout", "deadline", "pause", "cache_seconds", "base_url", "page_url")
        settings: dict[str, Any] = {name: getattr(self, name) for name in names}
        for name in ("cache", "state"):
            folder = getattr(self, name)
            settings[name] = folder and Path(self.root) / Path(folder).expanduser()
        self._retriever = YahooFinanceRetriever(**settings)

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        return self._retriever.retrieve(query.params)

    def get_schema(self) -> dict[str, Any]:
        """What may be asked, as JSON Schema."""
        return self._retriever.get_schema()
