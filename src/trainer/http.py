"""The one place that speaks HTTP: pace, pauses, retries, cache and errors, all by one explicit policy for each source.

It needs httpx, which the core does not: a plugin that imports this module depends on httpx itself.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from pathlib import Path
from typing import Any, Literal

import httpx
from attrs import asdict, evolve, field, frozen

from trainer.errors import NotFound, RateLimited, Refused, RetrievalError, Unavailable
from trainer.lineage import sha256
from trainer.pace import Clock, Limiter, progress
from trainer.paths import own_folder, sweep_parts, write_all

log = logging.getLogger("trainer")
SECRET = re.compile(r"(?<=[?&])([^=&]*(?:key|token|secret|pass|credential|crumb|auth|sig)[^=&]*=)[^&#]+", re.IGNORECASE)
PUBLIC = {"accept", "accept-language", "user-agent"}  # sent wherever a redirect leads
HEADERS = ("content-type", "etag", "last-modified", "link", "location", "retry-after")
LONGEST = 3600.0  # seconds: no answer may silence every process for longer
HOPS = 5


@frozen
class Response:
    """An answer. `body` is decompressed and `sha256` is its; `url` shows no secret; `headers` are a few, in lower case.

    `fetched_at` is when the source last said that this is its answer; `cached` tells that it was kept since.
    """

    url: str
    status: int
    body: bytes = field(repr=False)
    sha256: str
    fetched_at: datetime
    headers: Mapping[str, str] = field(factory=dict)
    cached: bool = False

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait (RFC 9110, section 10.2.3: a number or a date); `None` without a readable header."""
        text = self.headers.get("retry-after", "").strip()
        try:
            date = None if text.isdecimal() else parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        if date is None:
            return min(float(text), LONGEST)
        wait = date.replace(tzinfo=date.tzinfo or UTC) - self.fetched_at
        return min(max(wait.total_seconds(), 0.0), LONGEST)

    def json(self) -> Any:
        """The body as JSON. Raises `Unavailable` if it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            begins = self.body[:40].decode("utf-8", "replace")
            raise Unavailable(
                f"{self.url} answered with something that is not JSON: {begins!r}",
                "Try again later; if it stays so, look at the address in a browser.",
            ) from error


def check(response: Response) -> None:
    """What statuses mean where a source says nothing else: nothing for 2xx, else a typed error."""
    status, what = response.status, f"{response.url} answered {response.status}"
    if 200 <= status < 300:
        return
    if status in (404, 410):
        raise NotFound(f"there is nothing at {response.url} ({status})", "Check the names that were asked for.")
    if status in (401, 403, 407, 451):
        raise Refused(f"{what}: access refused", "Check the credentials and the terms of the source.")
    if status == 429:
        raise RateLimited(f"{what}: too many requests", "Try again later.", retry_after=response.retry_after)
    if status in (408, 425) or status >= 500:
        raise Unavailable(f"{what}: it is overloaded or broken", "Try again later.", retry_after=response.retry_after)
    raise RetrievalError(what, "Check the names that were asked for, or report this to the plugin's author.")


@frozen
class Rule:
    """How long an answer is kept whose address has `pattern` in it.

    `keep` is a number of seconds, `forever`, `never`, or `headers`: asked for each time, by ETag and Last-Modified.
    """

    pattern: str
    keep: float | Literal["forever", "headers", "never"]


@frozen
class Policy:
    """How one source may be asked; times are in seconds. What no rule of `cache` matches is never kept.

    At most `rate` requests a second leave this machine, `burst` of them at once, for all processes and policies of
    one `name`. After `RateLimited` none leaves for as long as the source asks, or else for `pause`. `deadline` is for a
    whole `get` with its waiting and retries, `timeout` for one silence. `origins` (`https://data.sec.gov`) are all
    that is ever asked, redirected or not. `check` raises on answers that are errors; what is `Unavailable` is tried
    again, `retries` times, after up to `backoff` seconds that double each time.
    """

    name: str
    origins: tuple[str, ...]
    rate: float = 5.0
    burst: int = 1
    pause: float = 0.0
    retries: int = 4
    backoff: float = 0.5
    timeout: float = 30.0
    deadline: float = 120.0
    largest: int = 200_000_000
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    cache: tuple[Rule, ...] = ()
    check: Callable[[Response], None] = check


class Client:
    """GET by a policy. One serves any number of threads; `state` and `cache` are folders that processes share.

    Without them they are the user's own (`XDG_STATE_HOME`, `XDG_CACHE_HOME`); `cache_bytes` bounds what is kept.
    `limiter` gives the turns, also to who must ask the same source by other means.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        cache: Path | str = "",
        state: Path | str = "",
        cache_bytes: int = 1_000_000_000,
        clock: Clock = time,
    ) -> None:
        self.policy = policy
        self._clock = clock
        turns = _folder(state, "XDG_STATE_HOME", ".local/state") / "turns.db"
        self.limiter = Limiter(turns, policy.name, policy.rate, policy.burst, clock)
        self._cache = Cache(_folder(cache, "XDG_CACHE_HOME", ".cache") / "http", cache_bytes)
        self._origins = {_origin(_url(address)) for address in policy.origins}
        self._http = httpx.Client()
        self.close = weakref.finalize(self, self._http.close)

    def get(self, url: str, params: Mapping[str, Any] | None = None) -> Response:
        """The answer of `url`, kept or fetched. Raises `RetrievalError`, most often one of its children."""
        address = str(_url(url).copy_merge_params(params) if params else _url(url))
        rule = next((rule.keep for rule in self.policy.cache if re.search(rule.pattern, address)), "never")
        end = self._clock.monotonic() + self.policy.deadline
        for attempt in count():
            kept, fresh = self._look(address, rule)
            if not fresh:
                self.limiter.wait(end)
                kept, fresh = self._look(address, rule)  # another process may have fetched it meanwhile
            if kept and fresh:
                return kept
            try:
                response = self._fetch(address, kept, end)
                break
            except Unavailable as error:
                delay = self._delay(error, attempt)
                turn = self._clock.monotonic() + delay + 1 / self.policy.rate
                if attempt >= self.policy.retries or turn > end:
                    error.problem += f" ({attempt + 1} attempts)" if attempt else ""
                    raise
                progress.info("trying %s again in %.1f s", _place(httpx.URL(address)), delay)
                self._clock.sleep(delay)
        if rule != "never":
            self._cache.keep(address, response)
        return response

    def _look(self, address: str, rule: float | str) -> tuple[Response | None, bool]:
        """What is kept of an address, and whether it may be used without asking."""
        kept = None if rule == "never" else self._cache.find(address)
        if kept is None or isinstance(rule, str):
            return kept, kept is not None and rule == "forever"
        return kept, 0 <= self._clock.time() - kept.fetched_at.timestamp() < rule

    def _delay(self, error: Unavailable, attempt: int) -> float:
        """Full jitter (Brooker, 2015), and what the source asks for; after `RateLimited` every process waits."""
        wait = error.retry_after or 0.0
        if isinstance(error, RateLimited):
            wait = self.policy.pause if error.retry_after is None else wait
            self.limiter.pause(wait)
        return max(wait, random.Random().uniform(0, self.policy.backoff * 2**attempt))  # noqa: S311  # no secret

    def _fetch(self, address: str, kept: Response | None, end: float) -> Response:
        url = httpx.URL(address)
        for hop in range(HOPS):
            if _origin(url) not in self._origins:
                raise Refused(
                    f"{_shown(url)} is not at {' or '.join(sorted(self._origins))}, where {self.policy.name} is asked",
                    "Nothing was sent there. Check the addresses in the settings.",
                )
            if hop:
                self.limiter.wait(end)
            progress.info("asking %s", _place(url))
            response = self._send(url, self._headers(url, address), kept, end)
            if response.status == 304 and kept:
                return evolve(kept, fetched_at=response.fetched_at)
            if not (300 <= response.status < 400 and "location" in response.headers):
                self.policy.check(response)
                return response
            url = _url(response.headers["location"], url)
        raise RetrievalError(f"{_shown(address)} redirects more than {HOPS} times", "Look at it in a browser.")

    def _headers(self, url: httpx.URL, address: str) -> dict[str, str]:
        """The policy's headers; where a redirect leads to another origin, only those that are no credentials."""
        home = _origin(url) == _origin(httpx.URL(address))
        return {name: value for name, value in self.policy.headers.items() if home or name.lower() in PUBLIC}

    def _send(self, url: httpx.URL, headers: Mapping[str, str], kept: Response | None, end: float) -> Response:
        timeout = max(0.001, min(self.policy.timeout, end - self._clock.monotonic()))
        known = {"If-None-Match": "etag", "If-Modified-Since": "last-modified"}
        asked = {name: kept.headers[header] for name, header in known.items() if kept and header in kept.headers}
        body = bytearray()
        try:
            request = self._http.build_request("GET", url, headers={**headers, **asked}, timeout=timeout)
            request.url = _Unlogged(request.url)
            with closing(self._http.send(request, stream=True)) as answer:
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > self.policy.largest:
                        raise RetrievalError(f"{_shown(url)} sends over {self.policy.largest:,} bytes", "Ask for less.")
                    if self._clock.monotonic() > end:
                        raise httpx.ReadTimeout("")
        except httpx.TimeoutException as error:
            raise Unavailable(f"{_shown(url)} did not answer within {timeout:.3g} s", "Try again later.") from error
        except httpx.HTTPError as error:
            reason = f"{_shown(url)} gives no whole answer: {str(error) or type(error).__name__}"
            if str(error).startswith("[SSL"):
                raise RetrievalError(reason, "Check certificates and proxies: trying again is no help.") from error
            raise Unavailable(reason, "Check the network, or try again later.") from error
        said = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
        now = datetime.fromtimestamp(self._clock.time(), UTC)
        return Response(_shown(url), answer.status_code, bytes(body), sha256(bytes(body)), now, said)


class Cache:
    """Answers in a folder: each body once, under its SHA-256, and a page for each address, under the address's."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._unswept = limit

    def find(self, address: str) -> Response | None:
        """The answer that was kept, whole; `None` for none, and for one that was damaged."""
        path = self._page(address)
        try:
            page = json.loads(path.read_bytes())
            page["fetched_at"] = datetime.fromisoformat(page["fetched_at"])
            body = self._body(page["sha256"])
            found = Response(body=body.read_bytes(), cached=True, **page)
            if sha256(found.body) != found.sha256:
                body.unlink()
                return None
            os.utime(path)
            os.utime(body)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return found

    def keep(self, address: str, response: Response) -> None:
        """Keep an answer; when there are too many bytes, drop those that were used longest ago."""
        page = asdict(response, filter=lambda field, _: field.name not in ("body", "cached"))
        body, files = self._body(response.sha256), {self._page(address): json.dumps(page, default=datetime.isoformat)}
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_all(files if body.exists() else {body: response.body, **files})
        except OSError as error:
            log.warning("%s is not kept in the cache: %s", response.url, error)
        self._unswept += len(response.body)
        if self._unswept > self._limit // 16:
            self._unswept = 0
            self._sweep()

    def _sweep(self) -> None:
        sweep_parts(self._folder)
        files = []
        for path in self._folder.rglob("*"):
            with suppress(OSError):  # another process sweeps as well
                if path.is_file():
                    files.append((path.stat().st_mtime, path.stat().st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self._limit:
                break
            with suppress(OSError):
                path.unlink()
            total -= size

    def _page(self, address: str) -> Path:
        return self._folder / "pages" / f"{sha256(address.encode())}.json"

    def _body(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest


def _folder(given: Path | str, variable: str, default: str) -> Path:
    return Path(given) if given else own_folder(variable, default)


def _url(text: str, base: httpx.URL | None = None) -> httpx.URL:
    try:
        return base.join(text) if base else httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise RetrievalError(f"{_shown(text)!r} is not an address: {error}", "Check the settings.") from error


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode()}"


def _place(url: httpx.URL) -> str:
    """An address without what follows the path, where keys may stand under any name."""
    return _origin(url) + url.raw_path.partition(b"?")[0].decode()


class _Unlogged(httpx.URL):
    """An address of which httpx, which logs all of them at INFO, shows nothing that may be a key."""

    def __str__(self) -> str:
        return _place(self)


def _shown(url: httpx.URL | str) -> str:
    """An address for people and records: without user, password, and the values of secret parameters."""
    return SECRET.sub(r"\1***", re.sub(r"//[^/@]*@", "//", str(url)))
