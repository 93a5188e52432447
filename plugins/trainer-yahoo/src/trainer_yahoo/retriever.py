"""Yahoo Finance as a source: a question, the page that answers it, and what is made of it."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from trainer import Query, RetrievalResult
from trainer.catalog import did_you_mean
from trainer.errors import NotFound, RetrievalError
from trainer.http import Policy, Rule
from trainer.lineage import keep
from trainer.models import slug
from trainer_yahoo import session, shapes
from trainer_yahoo.session import NoFundamentals, Session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trainer import DataStore
    from trainer.http import Response
    from trainer.pace import Clock

SYMBOL = ("symbol", "ticker")
FIRST_DAY = date(1985, 1, 1)  # no figure of Yahoo's is older
# Each view, with what it answers and the parameters it takes beside `view`.
VIEWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "metrics": ("key figures: price, valuation, financials, profitability", SYMBOL),
    "chart": ("prices as rows", (*SYMBOL, "interval", "range", "start", "end")),
    "quote": ("the current quote, as Yahoo gives it", SYMBOL),
    "fundamentals": ("figures of the accounts, as rows", (*SYMBOL, "items", "period", "start", "end")),
    "summary": ("modules of quoteSummary, as Yahoo gives them", (*SYMBOL, "modules")),
    "search": ("symbols that match words", (*SYMBOL, "text", "limit")),
}
PARAMETERS = {
    "view": f"One of {', '.join(VIEWS)}; metrics if it is not given.",
    "symbol": "Yahoo's symbol: AAPL, OCDO.L, BTC-USD, EURUSD=X, ^GSPC.",
    "ticker": "The same as symbol.",
    "interval": "1m, 5m, 1h, 1d, 1wk, 1mo, …; 1d if it is not given.",
    "range": "1d, 5d, 1mo, 6mo, 1y, 5y, max, …; 1y if neither it nor start is given.",
    "start": "The first day, such as 2024-01-01 (UTC).",
    "end": "The last day; today if it is not given.",
    "items": f"Names with commas between them; {','.join(shapes.ITEMS)} if it is not given.",
    "period": f"One of {', '.join(shapes.PERIODS)}; annual if it is not given.",
    "modules": f"Names with commas between them; {','.join(shapes.MODULES)} if it is not given.",
    "text": "Words, or a symbol.",
    "limit": "At most so many symbols, up to 50; 10 if it is not given.",
}


class YahooFinanceRetriever:
    """Prices, quotes and fundamentals from Yahoo Finance's unofficial API.

    At most `rate` requests a second leave this machine, for all its processes; after "too many requests" none does for
    `pause` seconds. `timeout` is for one silence, `deadline` for one page with waiting and retries, in seconds; an
    answer is kept for `cache_seconds`. With a `data_store`, what is retrieved is stored there. One retriever serves
    any number of threads.
    """

    def __init__(
        self,
        *,
        data_store: DataStore | None = None,
        rate: float = 2.0,
        timeout: float = 15.0,
        deadline: float = 60.0,
        pause: float = 600.0,
        cache_seconds: float = 60.0,
        cache: Path | str = "",
        state: Path | str = "",
        base_url: str = session.DATA,
        page_url: str = session.PAGE,
        clock: Clock = time,
    ) -> None:
        if rate <= 0:
            raise ValueError(f"rate must be above 0, not {rate}")
        self.data_store = data_store
        self._base, self._clock = base_url.rstrip("/"), clock
        policy = Policy(
            "yahoo.com", (self._base,), rate=rate, pause=pause, retries=2, timeout=timeout, deadline=deadline,
            headers={"User-Agent": session.AGENT}, cache=(Rule(r"/v\d+/finance/", cache_seconds),), check=session.judge,
        )  # fmt: skip
        self._session = Session(policy, page_url, cache=cache, state=state, clock=clock)

    def get_schema(self) -> dict[str, Any]:
        """What may be asked, as JSON Schema (2020-12): one alternative for each view."""
        views = [
            {
                "description": about,
                "properties": {
                    "view": {"const": view},
                    **{
                        name: {"type": "integer" if name == "limit" else "string", "description": PARAMETERS[name]}
                        for name in names
                    },
                },
                "required": [] if view == "metrics" else ["view"],
                "additionalProperties": False,
            }
            for view, (about, names) in VIEWS.items()
        ]
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "anyOf": views}

    def retrieve(self, query: Mapping[str, Any], store: bool = True) -> RetrievalResult:
        """The answer to a query; `get_schema` says what may be asked. It is stored if there is a store and `store`.

        Raises `RetrievalError`: `NotFound` for an unknown symbol, `Refused`, `RateLimited`, `Unavailable`, or itself
        for a question or an answer that cannot be read.
        """
        view, asked = _read(query)
        symbol = _symbol(asked, needed=view != "search")
        try:
            data, response = getattr(self, f"_{view}")(symbol, asked)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError) as error:
            raise RetrievalError(
                f"Yahoo's answer for the view {view!r} is not of the known shape: {type(error).__name__}",
                "Update trainer-yahoo; if it stays so, tell its authors what you asked for.",
            ) from error
        more = [f"{name}-{value}" for name, value in asked.items() if name not in ("view", *SYMBOL)]
        subject = slug("-".join([*([symbol] if symbol else []), *([view] if view != "metrics" else []), *more]))
        result = RetrievalResult(
            data=data,
            source="yahoo_finance",
            subject=symbol if view == "metrics" else subject,
            url=response.url,
            raw_hash=response.sha256,
            retrieved_at=response.fetched_at,
            cached=response.cached,
            metadata={"schema": f"yahoo.{view}/1"},
        )
        if store and self.data_store is not None:
            keep(self.data_store, Query("yahoo", dict(query)), result)
        return result

    def _metrics(self, symbol: str, _: Mapping[str, str]) -> tuple[Any, Response]:
        modules, response = self._modules(symbol, list(shapes.MODULES))
        return shapes.metrics(symbol, modules), response

    def _summary(self, symbol: str, asked: Mapping[str, str]) -> tuple[Any, Response]:
        names = [name.strip() for name in asked.get("modules", ",".join(shapes.MODULES)).split(",") if name.strip()]
        modules, response = self._modules(symbol, names)
        return {name: modules.get(name) or {} for name in names}, response

    def _modules(self, symbol: str, names: list[str]) -> tuple[dict[str, Any], Response]:
        """The modules that exist; none if Yahoo has none of them for a symbol that it knows.

        Yahoo says "no fundamentals data" of some unknown symbols too, so that the quote tells which it is.
        """
        url = f"{self._base}/v10/finance/quoteSummary/{quote(symbol, safe='')}"
        try:
            response = self._session.get(url, {"formatted": "false", "modules": ",".join(names)}, crumb=True)
        except NoFundamentals:
            _, response = self._quote(symbol, {})
            return {}, response
        return dict(response.json()["quoteSummary"]["result"][0]), response

    def _quote(self, symbol: str, _: Mapping[str, str]) -> tuple[Any, Response]:
        response = self._session.get(f"{self._base}/v7/finance/quote", {"symbols": symbol}, crumb=True)
        found = response.json()["quoteResponse"]["result"]
        if not found:
            raise NotFound(f"Yahoo knows no symbol {symbol!r}", "Look it up with view=search.")
        return found[0], response

    def _chart(self, symbol: str, asked: Mapping[str, str]) -> tuple[Any, Response]:
        params = {"interval": asked.get("interval", "1d"), "events": "div|split", "includePrePost": "false"}
        if "start" in asked:
            params |= self._between(_day(asked, "start"), asked)
        else:
            params["range"] = asked.get("range", "1y")
        url = f"{self._base}/v8/finance/chart/{quote(symbol, safe='')}"
        response = self._session.get(url, params, crumb=False)
        return shapes.chart(symbol, response.json()["chart"]["result"][0]), response

    def _between(self, start: date, asked: Mapping[str, str]) -> dict[str, str]:
        end = _day(asked, "end") if "end" in asked else datetime.fromtimestamp(self._clock.time(), UTC).date()
        return {"period1": _seconds(start), "period2": _seconds(end + timedelta(days=1))}

    def _fundamentals(self, symbol: str, asked: Mapping[str, str]) -> tuple[Any, Response]:
        """Rows of figures; Yahoo answers with none for an unknown symbol too, so that the quote tells which it is."""
        period = asked.get("period", "annual")
        items = [name.strip() for name in asked.get("items", ",".join(shapes.ITEMS)).split(",") if name.strip()]
        if period not in shapes.PERIODS or not all(re.fullmatch(r"[A-Za-z0-9]{1,100}", name) for name in items):
            raise RetrievalError(f"fundamentals of {items} by {period!r} make no sense", PARAMETERS["period"])
        params = {"symbol": symbol, "type": ",".join(period + name for name in items)}
        params |= self._between(_day(asked, "start") if "start" in asked else FIRST_DAY, asked)
        url = f"{self._base}/ws/fundamentals-timeseries/v1/finance/timeseries/{quote(symbol, safe='')}"
        response = self._session.get(url, params, crumb=False)
        data = shapes.fundamentals(symbol, period, response.json()["timeseries"]["result"] or [])
        if not data["rows"]:
            self._quote(symbol, {})
        return data, response

    def _search(self, symbol: str, asked: Mapping[str, str]) -> tuple[Any, Response]:
        text, limit = asked.get("text", symbol), asked.get("limit", "10")
        if not text or not re.fullmatch(r"[1-9]|[1-4]\d|50", limit):
            raise RetrievalError("a search needs text, and a limit from 1 to 50", PARAMETERS["limit"])
        params = {"q": text, "quotesCount": limit, "newsCount": "0"}
        response = self._session.get(f"{self._base}/v1/finance/search", params, crumb=False)
        return list(response.json()["quotes"]), response


def _read(query: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The view, and its parameters as text; what is empty counts as not given. Raises `RetrievalError`."""
    asked = {}
    for name, value in query.items():
        if value not in (None, "", []):
            asked[name] = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value).strip()
    view = asked.get("view", "metrics")
    if view not in VIEWS:
        raise RetrievalError(f"{view!r} is no view{did_you_mean(view, VIEWS)}", f"Known: {', '.join(VIEWS)}.")
    known = VIEWS[view][1]
    for name in asked:
        if name not in ("view", *known):
            hint = did_you_mean(str(name), known)
            raise RetrievalError(f"the view {view!r} takes no {name!r}{hint}", f"It takes {', '.join(known)}.")
    if "range" in asked and ("start" in asked or "end" in asked):
        raise RetrievalError("range was given together with start or end", "Give either range, or start and end.")
    if "end" in asked and "start" not in asked and view == "chart":
        raise RetrievalError("end was given without start", "Give start as well.")
    return view, asked


def _symbol(asked: Mapping[str, str], *, needed: bool) -> str:
    text = (asked.get("symbol") or asked.get("ticker") or "").upper()
    if not text and needed:
        raise RetrievalError("no symbol was named", "Give symbol=AAPL.")
    if needed and not re.fullmatch(r"(?!\.+$)[A-Z0-9^.=&_-]{1,40}", text):
        raise RetrievalError(f"{text!r} is no symbol", PARAMETERS["symbol"])
    return text


def _day(asked: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(asked[name])
    except ValueError:
        raise RetrievalError(f"{name} is {asked[name]!r}, not a day such as 2024-12-31", PARAMETERS[name]) from None


def _seconds(day: date) -> str:
    return str(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()))
