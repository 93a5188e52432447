"""EDGAR: where things are, how it may be asked, what its answers mean and how long they stay true."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from trainer.catalog import did_you_mean
from trainer.errors import ConfigError, NotFound, RateLimited, Refused, RetrievalError, Unavailable
from trainer.http import Client, Response, Rule, check

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA, ARCHIVES, SEARCH = "https://data.sec.gov", "https://www.sec.gov", "https://efts.sec.gov"
MOST = 10.0  # requests a second, by the SEC's rules
BLOCK = 600.0  # seconds for which the SEC limits who exceeded its rate; asking meanwhile makes it longer
# What data.sec.gov says of caching is "no-store", so that these times are ours. A filing never changes.
CACHE = (
    Rule(r"/Archives/edgar/data/", "forever"),
    Rule(r"/files/company_tickers\.json", 86_400),
    Rule(r"/submissions/", 60),
    Rule(r"/api/xbrl/frames/", 3_600),
    Rule(r"/api/xbrl/", 600),
    Rule(r"/LATEST/search-index", 60),
)
JSON = re.compile(r"\.json$|/search-index")
EMAIL = re.compile(r"[^\s@<>()]+@[^\s@<>()]+\.[^\s@<>()]+")
CIK = re.compile(r"(?:CIK)?0*(\d{1,10})", re.IGNORECASE)


class Company(NamedTuple):
    """A filer: its number at the SEC, and its ticker if that is known."""

    cik: int
    ticker: str

    @property
    def name(self) -> str:
        """The ticker, or the ten digits of the number."""
        return self.ticker or f"{self.cik:010}"


def judge(response: Response) -> None:
    """What EDGAR means by an answer; a 403 alone has three meanings, which only the body tells apart."""
    head = response.body[:4096].lower()
    if response.status == 429 or b"request rate threshold exceeded" in head:
        raise RateLimited(
            f"the SEC was asked too often and pauses its answers ({response.url}, {response.status})",
            f"No request leaves this machine for {BLOCK:.0f} s. Lower [sec] rate if other programs ask as well.",
            retry_after=max(BLOCK, response.retry_after or 0.0),
        )
    if b"undeclared automated tool" in head:
        raise Refused(
            f"the SEC does not accept who asks ({response.url}, {response.status})",
            'Put your name and e-mail address into [sec] user_agent: "Jane Doe jane@example.org".',
        )
    if response.status == 403 and b"<code>accessdenied</code>" in head:
        raise NotFound(f"EDGAR has nothing at {response.url} (403, access denied)", "Check company and filing.")
    check(response)
    if JSON.search(response.url.partition("?")[0]) and not isinstance(response.json(), dict):
        raise Unavailable(f"{response.url} answered with JSON that is no object", "Try again later.")


class Edgar:
    """EDGAR over HTTP, by the addresses of its parts."""

    def __init__(self, client: Client, data: str = DATA, archives: str = ARCHIVES, search: str = SEARCH) -> None:
        self.get = client.get
        self.data, self.archives, self.search = (address.rstrip("/") for address in (data, archives, search))

    def company(self, ticker: str, cik: str) -> Company:
        """The filer with this number or, without one, with this ticker. Raises `NotFound`.

        The SEC writes a class of shares with a dash (`BRK-B`); a dot, a slash or a space will do as well.
        """
        symbol = re.sub(r"[./ ]", "-", ticker.strip().upper())
        if cik:
            match = CIK.fullmatch(cik.strip())
            if not match:
                raise RetrievalError(f"{cik!r} is no CIK", "A CIK is a number of up to ten digits, such as 320193.")
            return Company(int(match[1]), symbol)
        if not symbol:
            raise RetrievalError("no company was named", "Give ticker=AAPL or cik=320193.")
        listed = self.get(f"{self.archives}/files/company_tickers.json").json().values()
        numbers = {str(row["ticker"]).upper(): int(row["cik_str"]) for row in listed}
        if symbol not in numbers:
            raise NotFound(
                f"no company with the ticker {symbol!r} files with the SEC{did_you_mean(symbol, numbers)}",
                "Give its cik instead: a company may have left the exchange, or trade under other letters.",
            )
        return Company(numbers[symbol], symbol)

    def facts(self, company: Company) -> Response:
        """Every figure a company reported."""
        return self.get(f"{self.data}/api/xbrl/companyfacts/CIK{company.cik:010}.json")

    def concept(self, company: Company, taxonomy: str, tag: str) -> Response:
        """The figures of one tag of a company."""
        path = f"CIK{company.cik:010}/{step(taxonomy)}/{step(tag)}"
        return self.get(f"{self.data}/api/xbrl/companyconcept/{path}.json")

    def frame(self, taxonomy: str, tag: str, unit: str, period: str) -> Response:
        """The figures of one tag for one period, of all companies."""
        path = "/".join(map(step, (taxonomy, tag, unit.replace("/", "-per-"), period)))
        return self.get(f"{self.data}/api/xbrl/frames/{path}.json")

    def submissions(self, company: Company, page: str = "") -> Response:
        """A company and its newest filings, or one of the older pages that are named there."""
        return self.get(f"{self.data}/submissions/{step(page) if page else f'CIK{company.cik:010}.json'}")

    def folder(self, cik: int) -> str:
        """Where the filings of a company are."""
        return f"{self.archives}/Archives/edgar/data/{cik}"

    def feed(self, form: str, start: int) -> Response:
        """A page of the Atom feed of what was filed last."""
        params = {"action": "getcurrent", "type": form, "owner": "include", "start": start, "count": 100}
        return self.get(f"{self.archives}/cgi-bin/browse-edgar", params | {"output": "atom"})

    def hits(self, params: Mapping[str, Any]) -> Response:
        """A page of the full-text search."""
        return self.get(f"{self.search}/LATEST/search-index", params)


def step(text: str) -> str:
    """`text` if it is one step of an address and leads nowhere else."""
    if not re.fullmatch(r"\w[\w.-]*", text, re.ASCII):
        raise RetrievalError(f"{text!r} cannot stand in an address of EDGAR", "Check what was asked for.")
    return text


def identified(user_agent: str) -> str:
    """`user_agent` if it says who asks, as the SEC demands. Raises `ConfigError`."""
    said = user_agent.strip()
    name = EMAIL.sub("", said, count=1)
    if name == said or not re.search(r"[A-Za-z]{2}", name) or not (said.isascii() and said.isprintable()):
        found = f"user_agent is {user_agent!r}" if said else "user_agent is not set"
        raise ConfigError(
            f"the SEC answers only to who gives a name and an e-mail address, and {found}",
            'Set it in trainer.toml: [sec] user_agent = "Jane Doe jane@example.org". Nothing was sent.',
        )
    return said
