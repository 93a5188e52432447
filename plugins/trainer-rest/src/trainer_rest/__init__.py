"""Data from JSON APIs over HTTP, from listed hosts only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import field

from trainer import Query, RetrievalResult, hookimpl, plugin
from trainer_rest.retriever import APIRetriever

__all__ = ["APIRetriever", "Rest"]


@plugin
class Rest:
    """The source `rest`: JSON over HTTP from the origins in `hosts` (`https://api.example.org`), and from no other.

    At most `rate` requests a second go to a host. `timeout` is for one silence, `deadline` for one page with waiting
    and retries, in seconds. `headers` and `token` (a bearer token) go to every host, `apis` are APIs by name. `cache`
    is a folder for answers, inside the project if it is relative; `state` is one for the pace, or else the user's own.
    """

    hosts: list[str] = field(factory=list)
    rate: float = 5.0
    timeout: float = 30.0
    deadline: float = 120.0
    retries: int = 4
    headers: dict[str, str] = field(factory=dict, repr=False)
    token: str = field(default="", repr=False)
    apis: dict[str, dict[str, Any]] = field(factory=dict, repr=False)
    cache: str = ".trainer/cache"
    state: str = ""
    root: Path | str = Path()
    _retriever: APIRetriever = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._retriever = APIRetriever(
            self.hosts,
            rate=self.rate,
            timeout=self.timeout,
            deadline=self.deadline,
            retries=self.retries,
            headers=self.headers,
            token=self.token,
            apis=self.apis,
            cache=Path(self.root) / Path(self.cache).expanduser(),
            state=self.state and Path(self.root) / Path(self.state).expanduser(),
        )

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        return self._retriever.retrieve(query.params)

    def get_schema(self) -> dict[str, Any]:
        """What may be asked, as JSON Schema."""
        return self._retriever.get_schema()
