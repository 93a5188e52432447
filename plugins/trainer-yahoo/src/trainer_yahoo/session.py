"""A session with Yahoo: the cookies and the crumb it asks for, and what its answers mean.

Cookies come from an ordinary page, in some countries behind a form of consent, which is agreed to. That leg needs
POST and a cookie jar, so it is held here over httpx; everything else goes through `trainer.http`.
"""

from __future__ import annotations

import json
import threading
import time
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import httpx
from attrs import evolve

from trainer.errors import NotFound, RateLimited, Refused, RetrievalError, Unavailable
from trainer.http import Client, Policy, Response, check
from trainer.pace import progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trainer.pace import Clock, Limiter

DATA, PAGE = "https://query2.finance.yahoo.com", "https://finance.yahoo.com/quote/AAPL"
AGENT = "Mozilla/5.0 (compatible; trainer-yahoo/0.1)"
CRUMB = "/v1/test/getcrumb"
LONGEST_CRUMB = 20  # a longer text, or one with a space or markup, is an error message in the crumb's place
HOPS = 8


class CrumbRefused(Refused):
    """The crumb is no longer good."""


class NoFundamentals(NotFound):
    """The symbol may be known; the modules that were asked for do not exist for it."""


def judge(response: Response) -> None:
    """What Yahoo means by an answer. Raises a `RetrievalError` on those that are errors."""
    limited = b"too many requests" in response.body[:200].lower()
    if response.status == 429 or (limited and response.url.endswith(CRUMB)):
        raise RateLimited(
            f"Yahoo was asked too often ({response.url}, {response.status})",
            "Nothing more is sent for some minutes. Try again later, or lower [yahoo] rate.",
            retry_after=response.retry_after,
        )
    said = _description(response.body) if response.status >= 400 else ""
    if response.status == 401:
        raise CrumbRefused(
            f"Yahoo does not let us in ({response.url}, 401{said and f': {said}'})",
            "Try again later; it may refuse this network, or have changed its rules.",
        )
    if response.status == 404 and said.startswith("No fundamentals data"):
        raise NoFundamentals(f"Yahoo has no such figures at {response.url}: {said}", "Ask for other modules.")
    if response.status == 404 and said:
        raise NotFound(f"Yahoo does not know it: {said} ({response.url})", "Look the symbol up with view=search.")
    if response.status in (400, 422) and said:
        raise RetrievalError(f"Yahoo does not accept the question: {said} ({response.url})", "Check the parameters.")
    check(response)


def _description(body: bytes) -> str:
    """What an error body says, on one line; empty if it says nothing known."""
    try:
        (content,) = json.loads(body).values()
        return " ".join(str(content["error"]["description"]).split())[:200]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ""


class Session:
    """GET at Yahoo, with cookies and crumb where they are needed; minted once, and once more when refused."""

    def __init__(
        self, policy: Policy, page: str, *, cache: Path | str = "", state: Path | str = "", clock: Clock = time
    ) -> None:
        self._policy, self._page, self._clock = policy, page, clock
        self._folders: dict[str, Any] = {"cache": cache, "state": state, "clock": clock}
        self._plain = Client(policy, **self._folders)
        self._minted: tuple[Client, str] | None = None
        self._lock = threading.Lock()

    def get(self, url: str, params: Mapping[str, Any], *, crumb: bool) -> Response:
        """The answer; its `url` shows no crumb. Raises `RetrievalError`."""
        if not crumb:
            return self._plain.get(url, params)
        used = self._pass(None)
        try:
            response = used[0].get(url, {**params, "crumb": used[1]})
        except CrumbRefused:
            used = self._pass(used)
            response = used[0].get(url, {**params, "crumb": used[1]})
        return evolve(response, url=response.url.removesuffix("&crumb=***"))

    def _pass(self, refused: tuple[Client, str] | None) -> tuple[Client, str]:
        """A client with cookies and its crumb, other than the refused one."""
        with self._lock:
            if self._minted is None or self._minted is refused:
                cookies = give_cookies(self._page, self._policy, self._plain.limiter, self._clock)
                headers = {**self._policy.headers, **({"Cookie": cookies} if cookies else {})}
                client = Client(evolve(self._policy, headers=headers), **self._folders)
                self._minted = client, read_crumb(client.get(self._policy.origins[0] + CRUMB))
            return self._minted


def read_crumb(response: Response) -> str:
    """The crumb in an answer. Raises `Unavailable` if that is something else, without telling what."""
    text = response.body.decode("utf-8", "replace").strip()
    if not text or len(text) > LONGEST_CRUMB or "<" in text or any(map(str.isspace, text)):
        raise Unavailable(f"{response.url} answered with something that is no crumb", "Try again later.")
    return text


def give_cookies(page: str, policy: Policy, limiter: Limiter, clock: Clock) -> str:
    """The value of `Cookie` for the data's address: from a page and, where Yahoo asks for it, a form of consent.

    Each request takes a turn like all others, and all together have the policy's deadline. Raises `Unavailable`,
    `RateLimited`, or `Refused` for a redirect to somebody else's server.
    """
    home, url, form = httpx.URL(page).host, httpx.URL(page), None
    end = clock.monotonic() + policy.deadline
    with httpx.Client(headers=dict(policy.headers), timeout=policy.timeout) as http:
        for _ in range(HOPS):
            if not (url.host == home or (url.scheme == "https" and url.host.endswith(".yahoo.com"))):
                raise Refused(f"Yahoo's page leads to {url.host}", "Nothing was sent there. Check [yahoo] page_url.")
            limiter.wait(end)
            progress.info("asking %s for cookies", url.host)
            try:
                with http.stream("POST" if form else "GET", url, data=form) as answer:
                    consent = answer.is_success and not form and "consent" in url.path.lower()
                    body = answer.read() if consent else b""
                following = url.join(answer.headers.get("location", ""))
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise Unavailable(
                    f"{url.host} gives no cookies: {type(error).__name__}", "Check the network, or try again later."
                ) from error
            if answer.status_code == 429:
                limiter.pause(policy.pause)
                raise RateLimited(f"Yahoo was asked too often ({url.host}, 429)", "Try again in some minutes.")
            if answer.status_code >= 500:
                raise Unavailable(f"{url.host} answered {answer.status_code}", "Try again later.")
            if answer.has_redirect_location:
                url, form = following, None
            elif consent:
                form = _Form.read(body)
            else:
                return str(http.build_request("GET", policy.origins[0]).headers.get("cookie", ""))
    raise Unavailable(f"{url.host} redirects more than {HOPS} times", "Look at [yahoo] page_url in a browser.")


class _Form(HTMLParser):
    """The hidden fields of the first form of consent."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    @classmethod
    def read(cls, body: bytes) -> dict[str, str]:
        form = cls()
        form.feed(body.decode("utf-8", "replace"))
        if "csrfToken" not in form.fields:
            raise Unavailable("Yahoo's form of consent is not of the known shape", "Update trainer-yahoo.")
        return {**form.fields, "agree": "agree"}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name")
        if tag == "input" and given.get("type") == "hidden" and name:
            self.fields.setdefault(name, given.get("value") or "")
