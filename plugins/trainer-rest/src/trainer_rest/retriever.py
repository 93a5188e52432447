"""A JSON API as a source: a question, the pages that answer it, and where they came from."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from trainer import Query, RetrievalResult
from trainer.catalog import did_you_mean
from trainer.errors import ConfigError, Refused, RetrievalError
from trainer.http import Client, Policy, Response, Rule, check
from trainer.lineage import keep, sha256
from trainer.models import slug
from trainer.settings import build
from trainer_rest.address import PLACEHOLDER, Template, origin, text_of
from trainer_rest.apis import API, Auth, Paging
from trainer_rest.extract import parse
from trainer_rest.pages import Ask, read_pages
from trainer_rest.secrets import Secrets, may_be_secret

if TYPE_CHECKING:
    from trainer import DataStore
    from trainer.pace import Clock

COMMON = {
    "params": {"type": "object", "description": "parameters of the query string: texts, numbers, or lists of them"},
    "extract": {"type": "string", "description": 'what to take of each page, as a JSONPath: "$.items[*]"'},
    "paging": {"type": "object", "description": "how to come to the next page: {by: page, offset, cursor or link, …}"},
    "subject": {"type": "string", "description": "what the data is about"},
}


class _Question(NamedTuple):
    """A query, understood."""

    name: str
    api: API
    template: Template
    params: dict[str, Any]
    values: dict[str, str]
    extract: str
    paging: Paging | None


class APIRetriever:
    """JSON over HTTP from the origins in `hosts`, and from no other, redirected or not.

    At most `rate` requests a second go to a host, from all processes of this machine. `timeout` is for one silence,
    `deadline` for one page with waiting and retries, in seconds. `headers` and `token` (a bearer token) go to every
    host. `apis` are APIs by name, as tables (see `trainer_rest.apis.API`); one with an `auth` of its own is asked at
    its own origin only. `cache` is a folder for answers, apart for each credential; `state` is one for the pace,
    without which it is the user's own. With a `data_store`, what is retrieved is stored there. It serves any number of
    threads. Raises `ValueError` for wrong origins or headers, and `WrongSetting` for a wrong API.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        data_store: DataStore | None = None,
        rate: float = 5.0,
        timeout: float = 30.0,
        deadline: float = 120.0,
        retries: int = 4,
        headers: Mapping[str, str] | None = None,
        token: str = "",
        apis: Mapping[str, Mapping[str, Any]] | None = None,
        cache: Path | str = ".trainer/cache",
        state: Path | str = "",
        clock: Clock = time,
    ) -> None:
        if rate <= 0 or timeout <= 0 or deadline <= 0 or retries < 0:
            raise ValueError("rate, timeout and deadline must be above 0, and retries cannot be below 0")
        self.data_store = data_store
        self._hosts = tuple(dict.fromkeys(map(origin, hosts)))
        self._rate, self._timeout, self._deadline, self._retries = rate, timeout, deadline, retries
        self._headers = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        self._apis = {
            name: build(API, dict(table), f"the API '{name}'", f"[rest.apis.{name}]", interpolated=True)
            for name, table in (apis or {}).items()
        }
        auths = [Auth.read(api.auth) for api in self._apis.values()]
        for given in [self._headers, *(auth.headers for auth in auths)]:
            _check_headers(given)
        hidden = [value for name, value in self._headers.items() if may_be_secret(name, value)]
        owned = [value for auth in auths for value in (*auth.headers.values(), *auth.params.values())]
        self._secrets = Secrets.of([*hidden, *owned])
        self._cache, self._state, self._clock = Path(cache), state, clock
        self._clients: dict[tuple[str, str], Client] = {}
        self._lock = threading.Lock()

    def get_schema(self) -> dict[str, Any]:
        """What may be asked, as JSON Schema: each API with its placeholders, and any address at the hosts."""
        kinds = []
        for name, api in self._apis.items():
            places = {place: {"type": ["string", "number"]} for place in _places(api)}
            known = {"api": {"const": name, "description": api.about or Template.read(api.url).origin}}
            kinds.append({"properties": known | places | COMMON, "required": ["api", *places]})
        url = {"url": {"type": "string", "description": f"an address at {' or '.join(self._hosts) or 'no host'}"}}
        kinds.append({"properties": url | COMMON, "required": ["url"]})
        return {"type": "object", "anyOf": kinds}

    def retrieve(self, query: Mapping[str, Any], store: bool = True) -> RetrievalResult:
        """The answer to a query; `get_schema` says what may be asked. It is stored if there is a store and `store`.

        With paging, `data` is the list of all rows; `metadata` has `pages`, `rows`, and `truncated` where the bound
        on pages ended it. `raw_hash` is the SHA-256 of the bytes of all pages, one after the other. Raises
        `ConfigError` if no host is listed, and `RetrievalError`: `NotFound`, `Refused`, `RateLimited`, `Unavailable`,
        or itself for a question or an answer that cannot be read. No secret of the settings is in errors or results.
        """
        try:
            result = self._retrieve(self._question(query), query)
        except (RetrievalError, ConfigError) as error:
            self._secrets.mask_error(error)
            raise
        if store and self.data_store is not None:
            keep(self.data_store, Query("rest", dict(query)), result)
        return result

    def _retrieve(self, question: _Question, query: Mapping[str, Any]) -> RetrievalResult:
        auth, client = Auth.read(question.api.auth), self._client(question)

        def get(url: str, params: Mapping[str, Any]) -> Response:
            return client.get(url, {**params, **auth.params})

        ask = Ask(question.template.fill(question.values), question.params)
        pages = read_pages(get, ask, question.extract, question.paging)
        answers = pages.answers
        rows = len(pages.data) if isinstance(pages.data, list) else 1
        words = [str(query.get("subject") or "")]
        if not words[0]:
            words = [question.name or question.template.origin.partition("//")[2], *question.values.values()]
        return RetrievalResult(
            data=self._secrets.clean(pages.data),
            source="rest",
            subject=slug(self._secrets.mask("-".join(words))) or "rest",
            url=self._secrets.mask(answers[0].url),
            raw_hash=sha256(b"".join(answer.body for answer in answers)),
            retrieved_at=min(answer.fetched_at for answer in answers),
            cached=all(answer.cached for answer in answers),
            metadata={"pages": len(answers), "rows": rows} | ({"truncated": True} if pages.more else {}),
        )

    def _question(self, query: Mapping[str, Any]) -> _Question:
        """A query as it is meant. Raises `RetrievalError` for what it cannot mean, `ConfigError` without hosts."""
        if not self._hosts:
            raise ConfigError(
                "no host is listed, so nothing may be asked",
                'List the origins in trainer.toml: [rest] hosts = ["https://api.example.org"]',
            )
        name, api = self._chosen(query)
        template, places = _template(api.url), _places(api)
        if template.origin not in self._hosts:
            raise Refused(
                f"{template.origin} is not a listed host ({', '.join(self._hosts)})",
                "Nothing was sent. If it can be trusted, add it to hosts in [rest].",
            )
        known = {"api", "url", *COMMON, *places}
        if unknown := sorted(map(str, query.keys() - known)):
            hint = did_you_mean(unknown[0], known)
            raise RetrievalError(
                f"nothing in the query takes {unknown[0]!r}{hint}",
                f"It takes {', '.join(sorted(known - {'url'}))}; what goes into the query string stands in params.",
            )
        if missing := [place for place in places if query.get(place) in (None, "")]:
            raise RetrievalError(f"the address needs {missing[0]!r}", f"Add {missing[0]} to the query.")
        values = {place: text_of(place, query[place]) for place in places}
        paging = _paging(query.get("paging") or api.paging)
        return _Question(name, api, template, _params(api, query, values), values, _extract(api, query), paging)

    def _chosen(self, query: Mapping[str, Any]) -> tuple[str, API]:
        name, url = query.get("api"), query.get("url")
        if bool(name) == bool(url) or not isinstance(name or url, str):
            raise RetrievalError(
                "a query names either an api or a url", f"APIs are: {', '.join(self._apis) or 'none'}."
            )
        if url:
            _template(str(url))
            return "", API(str(url))
        if name not in self._apis:
            raise RetrievalError(
                f"no API is called {name!r}{did_you_mean(str(name), self._apis)}",
                f"APIs are: {', '.join(self._apis) or 'none; add [rest.apis.NAME] to trainer.toml'}.",
            )
        return str(name), self._apis[str(name)]

    def _client(self, question: _Question) -> Client:
        api, place = question.api, question.template.origin
        with self._lock:
            if (question.name, place) not in self._clients:
                auth = Auth.read(api.auth)
                taken = {name.lower() for name in auth.headers} | ({"authorization"} if api.auth else set())
                common = {"Accept": "application/json", **self._headers}
                headers = {name: value for name, value in common.items() if name.lower() not in taken}
                headers.update(auth.headers)
                policy = Policy(
                    place.partition("//")[2],
                    (place,) if api.auth else self._hosts,  # credentials of one API go to no other host
                    rate=api.rate or self._rate,
                    timeout=self._timeout,
                    deadline=self._deadline,
                    retries=self._retries,
                    headers=headers,
                    cache=(Rule("", api.cache),) if auth.is_masked else (),  # a page of the cache has its address
                    check=_check,
                )
                who = sha256(repr(sorted([*headers.items(), *auth.params.items()])).encode())[:16]
                folder = self._cache / "rest" / who
                client = Client(policy, cache=folder, state=self._state, clock=self._clock)
                self._clients[question.name, place] = client
            return self._clients[question.name, place]


def _check(response: Response) -> None:
    """Let only JSON pass, so that nothing else is kept in the cache."""
    check(response)
    parse(response)


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not name.isascii() or not value.isascii() or not (name + value).isprintable():
            raise ValueError(f"the header {name!r}, or its value, is not printable ASCII")


def _template(url: str) -> Template:
    try:
        return Template.read(url)
    except ValueError as error:
        raise RetrievalError(f"the url cannot be asked: {error}", "Write for example https://host/v1/{id}.") from error


def _places(api: API) -> list[str]:
    """The placeholders of an API's address and parameters."""
    texts = [value for value in api.params.values() if isinstance(value, str)]
    return list(dict.fromkeys([*Template.read(api.url).names, *PLACEHOLDER.findall("\n".join(texts))]))


def _params(api: API, query: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of the query string; the texts of an API's own may have placeholders."""
    given = query.get("params") or {}
    if not isinstance(given, Mapping):
        raise RetrievalError("params is not a table", "Write for example params: {limit: 10}")
    params: dict[str, Any] = {
        name: PLACEHOLDER.sub(lambda match: values[match[1]], value) if isinstance(value, str) else value
        for name, value in api.params.items()
    } | {str(name): value for name, value in given.items()}
    return {
        name: [text_of(name, item) for item in value] if isinstance(value, list) else text_of(name, value)
        for name, value in params.items()
    }


def _extract(api: API, query: Mapping[str, Any]) -> str:
    text = query.get("extract") or api.extract
    try:
        return API(api.url, extract=text).extract
    except (ValueError, TypeError) as error:
        raise RetrievalError(f"extract: {error}", 'Write for example extract: "$.items[*]"') from error


def _paging(table: Any) -> Paging | None:
    if not table:
        return None
    if not isinstance(table, Mapping):
        raise RetrievalError("paging is not a table", "Write for example paging: {by: page, pages: 5}")
    try:
        return build(Paging, dict(table), "the paging", "the query's paging", interpolated=True)
    except ConfigError as error:
        raise RetrievalError(error.problem, error.remedy) from error
