"""The SEC as a source: a question, the pages that answer it, and what is made of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from trainer import Query, RetrievalResult
from trainer.errors import RetrievalError
from trainer.http import Client, Policy
from trainer.lineage import keep
from trainer_sec import edgar, parameters
from trainer_sec.edgar import Company, Edgar
from trainer_sec.parameters import Ask
from trainer_sec.views import UNSEEN, VIEWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from trainer import DataStore
    from trainer.http import Response
    from trainer.pace import Clock

NOBODY = Company(0, "")


class SECFilingsRetriever:
    """Company figures and filings from EDGAR.

    `user_agent` is a name and an e-mail address, which the SEC demands. At most `rate` requests a second leave this
    machine, for all its processes. `timeout` is for one silence, `deadline` for one page with waiting and retries, in
    seconds. `cache` and `state` are folders for what is kept and for the pace; without them they are the user's own.
    With a `data_store`, what is retrieved is stored there. One retriever serves any number of threads.
    """

    def __init__(
        self,
        user_agent: str,
        *,
        data_store: DataStore | None = None,
        rate: float = 8.0,
        timeout: float = 30.0,
        deadline: float = 120.0,
        cache: Path | str = "",
        cache_bytes: int = 1_000_000_000,
        state: Path | str = "",
        base_url: str = edgar.DATA,
        archives_url: str = edgar.ARCHIVES,
        search_url: str = edgar.SEARCH,
        clock: Clock = time,
    ) -> None:
        if not 0 < rate <= edgar.MOST:
            raise ValueError(f"rate must be above 0 and at most {edgar.MOST}, the SEC's limit, not {rate}")
        self.data_store = data_store
        self._user_agent = user_agent
        header = {"User-Agent": user_agent.strip().encode("ascii", "replace").decode()}
        policy = Policy(
            "sec.gov", (base_url, archives_url, search_url), rate=rate, pause=edgar.BLOCK, timeout=timeout,
            deadline=deadline, headers=header, cache=edgar.CACHE, check=edgar.judge,
        )  # fmt: skip
        client = Client(policy, cache=cache, state=state, cache_bytes=cache_bytes, clock=clock)
        self._edgar = Edgar(client, base_url, archives_url, search_url)

    def get_schema(self) -> dict[str, Any]:
        """What may be asked, as JSON Schema."""
        return parameters.schema()

    def retrieve(self, query: Mapping[str, Any], store: bool = True) -> RetrievalResult:
        """The answer to a query; `get_schema` says what may be asked. It is stored if there is a store and `store`.

        Raises `ConfigError` before anything is sent if `user_agent` does not say who asks, and `RetrievalError`:
        `NotFound`, `Refused`, `RateLimited` (the SEC pauses us, and this machine sends nothing for ten minutes),
        `Unavailable`, or itself for a question or an answer that cannot be read.
        """
        edgar.identified(self._user_agent)
        ask = Ask.read(query)
        try:
            company = self._company(ask)
            data, pages = VIEWS[ask.view](self._edgar, ask, company)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise RetrievalError(
                f"EDGAR's answer for the view {ask.view!r} is not of the known shape: {type(error).__name__}: {error}",
                "Update trainer-sec; if it stays so, tell its authors what you asked for.",
            ) from error
        result = RetrievalResult(
            data=data,
            source="sec",
            subject=ask.subject(company.name if company.cik else ""),
            url=pages[0].url,
            raw_hash=pages[0].sha256,
            retrieved_at=min(page.fetched_at for page in pages),
            cached=all(page.cached for page in pages),
            metadata={"schema": f"sec.{ask.view}/1"}
            | ({"pages": _noted(pages)} if len(pages) > 1 else {})
            | ({"unseen": [UNSEEN]} if UNSEEN in data else {}),
        )
        if store and self.data_store is not None:
            keep(self.data_store, Query("sec", dict(query)), result)
        return result

    def _company(self, ask: Ask) -> Company:
        takes = parameters.VIEWS[ask.view][1]
        optional = "cik" not in takes or ask.view == "search"
        return NOBODY if optional and not (ask.ticker or ask.cik) else self._edgar.company(ask.ticker, ask.cik)


def _noted(pages: Sequence[Response]) -> list[dict[str, str]]:
    return [{"url": page.url, "sha256": page.sha256, "fetched_at": page.fetched_at.isoformat()} for page in pages]
