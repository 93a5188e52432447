"""What the source `rest` promises, against a server on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import example, given, strategies as st

from trainer import Query
from trainer.errors import (
    ConfigError,
    NotFound,
    RateLimited,
    Refused,
    RetrievalError,
    TrainerError,
    Unavailable,
    WrongSetting,
)
from trainer.testing.memory import MemoryStore
from trainer.testing.replay import Answer, ReplayServer, Request, SimulatedClock
from trainer_rest import APIRetriever, Rest
from trainer_rest.address import Template

Make = Callable[..., APIRetriever]
SECRET = "s3cr3t/t0ken+value"
ROWS = [{"id": number} for number in range(7)]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer() as server:
        yield server


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def make(server: ReplayServer, tmp_path: Path, clock: SimulatedClock) -> Make:
    """Makes retrievers that may ask the server, in simulated time."""

    def make(**settings: Any) -> APIRetriever:
        folders = {"cache": tmp_path / "cache", "state": tmp_path / "state"}
        return APIRetriever(
            settings.pop("hosts", [server.url]), **{**folders, "clock": clock, "retries": 1, **settings}
        )

    return make


def asked(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(request.path).query).items()}


def by_number(name: str, step: int, first: int) -> Callable[[Request], Answer]:
    """Three rows a page, by the number of the page or of the row."""

    def answer(request: Request) -> Answer:
        begin = (int(asked(request)[name]) - first) * step
        return Answer({"items": ROWS[begin : begin + 3]})

    return answer


def test_an_answer_says_where_and_when_it_came_from(make: Make, server: ReplayServer, clock: SimulatedClock) -> None:
    url = server.add("/v1/items/7", Answer(b'{"a": [1, 2]}', headers={"ETag": '"1"'}))
    query = {"url": f"{server.url}/v1/items/{{id}}", "id": 7, "params": {"q": "a b", "k": [1, 2]}}
    result = make().retrieve(query)
    assert (result.data, result.source, result.cached) == ({"a": [1, 2]}, "rest", False)
    assert result.url == f"{url}?q=a+b&k=1&k=2"
    assert result.raw_hash == hashlib.sha256(b'{"a": [1, 2]}').hexdigest()
    assert result.retrieved_at.timestamp() == pytest.approx(clock.now)
    assert result.metadata == {"pages": 1, "rows": 1}
    assert result.subject == f"{server.url[7:].replace(':', '-')}-7"
    assert make().retrieve({**query, "subject": "Widgets"}).subject == "Widgets"


def test_the_plugin_asks_by_the_name_of_an_api(server: ReplayServer, tmp_path: Path) -> None:
    server.add("/q/AAPL", {"price": 1.5})
    apis = {"quotes": {"url": f"{server.url}/q/{{symbol}}", "params": {"of": "{symbol}"}, "extract": "$.price"}}
    plugin = Rest(hosts=[server.url], apis=apis, state="state", root=tmp_path)
    result = plugin.retrieve(Query("rest", {"api": "quotes", "symbol": "AAPL"}))
    assert (result.data, result.subject) == (1.5, "quotes-AAPL")
    assert asked(server.requests[0]) == {"of": "AAPL"}
    assert (tmp_path / ".trainer/cache/rest").is_dir()
    assert (tmp_path / "state").is_dir()


def test_a_result_is_stored_if_there_is_a_store_and_it_is_wanted(make: Make, server: ReplayServer) -> None:
    store, url = MemoryStore(), server.add("/x", [1])
    make(data_store=store).retrieve({"url": url}, store=False)
    assert store.count() == 0
    result = make(data_store=store).retrieve({"url": url, "subject": "x"})
    (record,) = store.query(source="rest")
    assert (record.data, record.metadata["raw_hash"], record.metadata["rows"]) == ([1], result.raw_hash, 1)


def test_without_a_listed_host_nothing_is_asked(make: Make, server: ReplayServer) -> None:
    with pytest.raises(ConfigError, match="no host is listed") as error:
        make(hosts=[]).retrieve({"url": f"{server.url}/x"})
    assert "[rest] hosts" in error.value.remedy
    assert server.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest", "http://localhost:{port}/x", "https://127.0.0.1:{port}/x",
        "http://127.0.0.1:{port}@evil.example/x", "http://evil.example#http://127.0.0.1:{port}", "file:///etc/passwd",
        "http://127.0.0.1:{port}.evil.example/x", "//127.0.0.1:{port}/x", "http://127.0.0.1:{port}\\@evil.example/x",
        "http://user:word@127.0.0.1:{port}/x", "http://127.0.0.1:{port}/a/../x", "http://127.0.0.1:{port}/%2e%2e/x",
    ],
)  # fmt: skip
def test_an_address_elsewhere_or_in_disguise_is_refused(url: str, make: Make, server: ReplayServer) -> None:
    with pytest.raises(RetrievalError, match=r"not a listed host|cannot be asked") as error:
        make().retrieve({"url": url.replace("{port}", server.url.rpartition(":")[2])})
    assert error.value.remedy
    assert server.requests == []


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_followed_only_to_a_listed_host(code: int, make: Make, server: ReplayServer) -> None:
    with ReplayServer() as foreign:
        there = foreign.add("/there", [2])
        server.add("/go", Answer(b"", code, {"Location": there}))
        with pytest.raises(Refused, match="is not at"):
            make(token=SECRET).retrieve({"url": f"{server.url}/go"})
        assert foreign.requests == []
        assert make(hosts=[server.url, foreign.url]).retrieve({"url": f"{server.url}/go"}).data == [2]


def test_credentials_of_an_api_go_to_no_other_host_even_a_listed_one(make: Make, server: ReplayServer) -> None:
    with ReplayServer() as other:
        server.add("/go", Answer(b"", 302, {"Location": other.add("/there", [2])}))
        server.add("/list", {"items": [1], "next": f"{other.url}/there"})
        paging = {"by": "cursor", "cursor": "$.next"}
        for auth in ({"bearer": SECRET}, {"header": "X-Key", "value": SECRET}, {"query": "key", "value": SECRET}):
            apis = {
                "go": {"url": f"{server.url}/go", "auth": auth},
                "list": {"url": f"{server.url}/list", "auth": auth, "paging": paging, "extract": "$.items[*]"},
            }
            for name in apis:
                with pytest.raises(Refused):
                    make(hosts=[server.url, other.url], apis=apis).retrieve({"api": name})
        assert other.requests == []


@pytest.mark.parametrize(
    "host", ["api.example.org", "https://h/path", "ftp://h", "https://u:p@h", "https://", "https://h?x"]
)
def test_a_host_that_is_no_origin_is_a_wrong_setting(host: str, make: Make) -> None:
    with pytest.raises(ValueError, match="origin"):
        make(hosts=[host])


@given(st.text(min_size=1, max_size=30))
@example("../admin")
@example("..%2fadmin")
@example("%252e%252e")
@example("x?y=1&z#f")
@example("@evil.example")
@example("..\\x")
@example("a/b")
@example(".")
def test_no_value_changes_host_path_or_query(value: str) -> None:
    template = Template.read("https://api.example.org/v1/{id}/items?of={id}&n=1")
    try:
        url = template.fill({"id": value})
    except RetrievalError as error:
        assert error.remedy
        return
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "api.example.org", "")
    segments = parts.path.split("/")
    assert (len(segments), unquote(segments[2])) == (4, value)
    assert segments[:2] + segments[3:] == ["", "v1", "items"]
    assert parse_qs(parts.query, keep_blank_values=True) == {"of": [value], "n": ["1"]}


def test_what_is_sent_is_the_value_encoded(make: Make, server: ReplayServer) -> None:
    server.missing = Answer([1])
    make().retrieve({"url": f"{server.url}/v1/{{id}}/x", "id": "a/b?c=d#e &é%2F"})
    assert server.requests[0].path == "/v1/a%2Fb%3Fc%3Dd%23e%20%26%C3%A9%252F/x"


@pytest.mark.parametrize(
    "value", ["..", ".", "../x", "a/../b", "%2e%2e", "%252e%252e%252fx", "..\\x", "a\nb", "\0", "\ud800"]
)
def test_a_value_that_could_lead_elsewhere_is_refused(value: str, make: Make, server: ReplayServer) -> None:
    with pytest.raises(RetrievalError):
        make().retrieve({"url": f"{server.url}/v1/{{id}}", "id": value})
    assert server.requests == []


@pytest.mark.parametrize("url", ["https://{host}/x", "https://api.{x}.org/", "{x}", "https://api.example.org:{port}/"])
def test_no_placeholder_stands_in_the_host(url: str) -> None:
    with pytest.raises(ValueError, match="after the host"):
        Template.read(url)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({}, "either an api or a url"),
        ({"api": "a", "url": "{server}/x"}, "either an api or a url"),
        ({"api": "qoutes"}, "did you mean 'quotes'"),
        ({"api": "quotes"}, "needs 'symbol'"),
        ({"api": "quotes", "symbol": ["a"]}, "symbol must be a text"),
        ({"api": "quotes", "symbl": "a"}, "did you mean 'symbol'"),
        ({"url": "{server}/x", "params": [1]}, "params is not a table"),
        ({"url": "{server}/x", "params": {"a": {"b": 1}}}, "a must be a text"),
        ({"url": "{server}/x", "extract": "$.["}, "not a JSONPath"),
        ({"url": "{server}/x", "extract": "$.a | $.b"}, "JSONPath"),
        ({"url": "{server}/x", "extract": 5}, "extract"),
        ({"url": "{server}/x", "paging": "page"}, "paging is not a table"),
        ({"url": "{server}/x", "paging": {"by": "magic"}}, "by must be one of"),
        ({"url": "{server}/x", "paging": {"by": "cursor"}}, "needs a JSONPath"),
        ({"url": "{server}/x", "paging": {"by": "page", "pages": 0}}, "at least 1"),
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_asked_is_answered_by_what_can(
    query: dict[str, Any], said: str, make: Make, server: ReplayServer
) -> None:
    filled = {
        key: value.replace("{server}", server.url) if isinstance(value, str) else value for key, value in query.items()
    }
    with pytest.raises(RetrievalError, match=said) as error:
        make(apis={"quotes": {"url": f"{server.url}/{{symbol}}"}}).retrieve(filled)
    assert error.value.remedy
    assert server.requests == []


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"url": "nowhere"}, "an address is"),
        ({"link": "x"}, "unknown key link"),
        ({"auth": {"bearer": SECRET, "header": "x"}}, "auth is"),
        ({"auth": {"bearer": ["s3cr3t"]}}, "auth is"),
        ({"extract": "items"}, "JSONPath"),
        ({"cache": "sometimes"}, "cache must be"),
        ({"rate": -1}, "below 0"),
    ],
)
def test_a_wrong_api_is_a_wrong_setting_that_names_it_and_no_secret(
    table: dict[str, Any], said: str, make: Make
) -> None:
    with pytest.raises(WrongSetting, match=said) as error:
        make(apis={"quotes": {"url": "https://api.example.org", **table}})
    assert "quotes" in str(error.value)
    assert "s3cr3t" not in str(error.value)


def test_the_schema_names_each_api_and_what_it_needs(make: Make) -> None:
    apis = {"quotes": {"url": "https://api.example.org/{symbol}", "params": {"d": "{day}"}, "about": "Prices"}}
    first, last = make(apis=apis).get_schema()["anyOf"]
    assert first["required"] == ["api", "symbol", "day"]
    assert first["properties"]["api"] == {"const": "quotes", "description": "Prices"}
    assert last["required"] == ["url"]


def test_pages_are_counted_until_one_is_empty_or_short(make: Make, server: ReplayServer) -> None:
    url = server.add("/list", by_number("p", 3, 1))
    paging = {"by": "page", "param": "p"}
    result = make().retrieve({"url": url, "extract": "$.items[*]", "paging": paging})
    assert (result.data, result.metadata) == (ROWS, {"pages": 4, "rows": 7})
    bodies = b"".join(json.dumps({"items": ROWS[begin : begin + 3]}).encode() for begin in (0, 3, 6, 9))
    assert result.raw_hash == hashlib.sha256(bodies).hexdigest()
    sized = make().retrieve({"url": url, "extract": "$.items", "paging": {**paging, "size": 3}})
    assert (sized.data, sized.metadata["pages"]) == (ROWS, 3)
    assert asked(server.requests[-1]) == {"p": "3", "limit": "3"}


def test_offsets_count_the_rows_that_came(make: Make, server: ReplayServer) -> None:
    url = server.add("/list", by_number("offset", 1, 0))
    result = make().retrieve({"url": url, "extract": "$.items[*]", "paging": {"by": "offset"}})
    assert result.data == ROWS
    assert [asked(request)["offset"] for request in server.requests] == ["0", "3", "6", "7"]


def test_a_cursor_is_sent_back_until_there_is_none(make: Make, server: ReplayServer) -> None:
    server.add("/list", {"items": [1], "meta": {"next": "a&b"}})
    server.add("/list?cursor=a%26b", {"items": [2], "meta": {"next": f"{server.url}/more"}})
    server.add("/more", {"items": [3], "meta": {"next": None}})
    paging = {"by": "cursor", "cursor": "$.meta.next"}
    result = make().retrieve({"url": f"{server.url}/list", "extract": "$.items[*]", "paging": paging})
    assert (result.data, result.metadata) == ([1, 2, 3], {"pages": 3, "rows": 3})


def test_link_headers_are_followed_to_their_end(make: Make, server: ReplayServer) -> None:
    links = ['</first>; rel="first"', '</list?page=2,3>; title="a, b"; rel="Last next"']
    server.add("/list", Answer([1], headers={"Link": links}))
    server.add("/list?page=2,3", Answer([2], headers={"Link": '</list>; rel="prev"'}))
    result = make().retrieve({"url": f"{server.url}/list", "paging": {"by": "link"}})
    assert (result.data, result.metadata) == ([1, 2], {"pages": 2, "rows": 2})
    with ReplayServer() as foreign:
        server.add("/away", Answer([1], headers={"Link": f"<{foreign.url}/x>; rel=next"}))
        with pytest.raises(Refused):
            make().retrieve({"url": f"{server.url}/away", "paging": {"by": "link"}})
        assert foreign.requests == []


@pytest.mark.parametrize(
    "paging", [{"by": "page"}, {"by": "offset"}, {"by": "cursor", "cursor": "$[0]"}, {"by": "link"}], ids=str
)
def test_no_paging_goes_beyond_its_bound_and_the_result_says_so(
    paging: dict[str, Any], make: Make, server: ReplayServer
) -> None:
    numbers = iter(range(100))
    url = server.add("/n", lambda _: Answer([(n := next(numbers))], headers={"Link": f"</n?after={n}>; rel=next"}))
    result = make().retrieve({"url": url, "paging": {**paging, "pages": 3}})
    assert (result.data, result.metadata) == ([0, 1, 2], {"pages": 3, "rows": 3, "truncated": True})
    assert server.count() == 3


@pytest.mark.parametrize(
    ("paging", "said"),
    [
        ({"by": "page"}, "are the same"),
        ({"by": "offset"}, "are the same"),
        ({"by": "cursor", "cursor": "$.next"}, r"are the same|in a circle"),
    ],
    ids=str,
)
def test_pages_that_repeat_are_an_error(paging: dict[str, Any], said: str, make: Make, server: ReplayServer) -> None:
    url = server.add("/list", {"items": [1], "next": "x"})
    with pytest.raises(RetrievalError, match=said):
        make().retrieve({"url": url, "extract": "$.items[*]", "paging": paging})
    assert server.count() == 2


def test_pages_without_rows_ask_for_an_extract(make: Make, server: ReplayServer) -> None:
    with pytest.raises(RetrievalError, match="not a list of rows") as error:
        make().retrieve({"url": server.add("/x", {"items": []}), "paging": {"by": "page"}})
    assert "extract" in error.value.remedy


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.a.b", 1),
        ("$.list[*].n", [1, 2, 3]),
        ("$.list[?@.n > 1].n", [2, 3]),
        ("$..nothing", []),
        ("$.list", [{"n": 1}, {"n": 2}, {"n": 3}]),
        ("$", {"a": {"b": 1}, "list": [{"n": 1}, {"n": 2}, {"n": 3}]}),
    ],
)
def test_a_path_takes_one_value_or_all_that_match(path: str, found: Any, make: Make, server: ReplayServer) -> None:
    url = server.add("/x", {"a": {"b": 1}, "list": [{"n": 1}, {"n": 2}, {"n": 3}]})
    assert make().retrieve({"url": url, "extract": path}).data == found


def test_one_value_that_is_not_there_is_an_error(make: Make, server: ReplayServer) -> None:
    with pytest.raises(NotFound, match=r"nothing at \$\.a\.c"):
        make().retrieve({"url": server.add("/x", {"a": {}}), "extract": "$.a.c"})


def test_each_kind_of_auth_is_sent_as_asked_and_instead_of_the_token(make: Make, server: ReplayServer) -> None:
    url = server.add("/x", [1])
    kinds = {
        "none": {},
        "bearer": {"bearer": SECRET},
        "header": {"header": "X-Key", "value": SECRET},
        "query": {"query": "appid", "value": SECRET},
    }
    apis = {name: {"url": url, "auth": auth} for name, auth in kinds.items()}
    api = make(token="the-token-of-all", headers={"X-All": "yes"}, apis=apis)
    for name in kinds:
        api.retrieve({"api": name, "params": {"appid": "forged"}} if name == "query" else {"api": name})
    none, bearer, header, query = server.requests
    assert none.headers["authorization"] == "Bearer the-token-of-all"
    assert bearer.headers["authorization"] == f"Bearer {SECRET}"
    assert (header.headers["x-key"], "authorization" in header.headers) == (SECRET, False)
    assert parse_qs(urlsplit(query.path).query) == {"appid": [SECRET]}
    assert {request.headers["x-all"] for request in server.requests} == {"yes"}


def test_a_key_in_the_query_goes_with_every_page(make: Make, server: ReplayServer) -> None:
    server.add("/list", {"items": [1], "next": f"{server.url}/more"})
    server.add("/more", {"items": [2]})
    api = {
        "url": f"{server.url}/list", "auth": {"query": "key", "value": SECRET},
        "paging": {"by": "cursor", "cursor": "$.next"}, "extract": "$.items[*]",
    }  # fmt: skip
    assert make(apis={"a": api}).retrieve({"api": "a"}).data == [1, 2]
    assert [asked(request)["key"] for request in server.requests] == [SECRET, SECRET]


AUTHS = [{"bearer": SECRET}, {"header": "X-Thing", "value": SECRET}, {"query": "appid", "value": SECRET}]


def shown(text: str) -> str:
    """A text with what hides in it made plain."""
    return unquote(text.replace("\\/", "/").replace("+", "%2B")) + unquote(text)


@pytest.mark.parametrize("auth", AUTHS, ids=str)
@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500])
def test_no_secret_is_in_an_error_even_if_the_server_repeats_it(
    status: int, auth: dict[str, str], make: Make, server: ReplayServer
) -> None:
    url = server.add("/x", Answer(f"{SECRET} is wrong", status))
    with pytest.raises(RetrievalError) as error:
        make(apis={"a": {"url": url, "auth": auth}}).retrieve({"api": "a"})
    told = str(error.value)
    assert len(told.splitlines()) == 2
    assert SECRET not in shown(told)
    assert SECRET not in shown(repr(error.value.args))


@pytest.mark.parametrize("auth", AUTHS, ids=str)
def test_no_secret_is_in_a_result_or_a_store_even_if_the_server_repeats_it(
    auth: dict[str, str], make: Make, server: ReplayServer
) -> None:
    url, store = server.add("/x", {"you": f"sent {SECRET}", SECRET: [SECRET], "n": 1}), MemoryStore()
    result = make(apis={"a": {"url": url, "auth": auth}}, data_store=store).retrieve({"api": "a"})
    assert result.data == {"you": "sent ***", "***": ["***"], "n": 1}
    (record,) = store.query()
    assert SECRET not in shown(repr((result, record)))


def test_a_short_key_leaves_the_words_of_the_data_alone(make: Make, server: ReplayServer) -> None:
    url = server.add("/x", ["democracy"])
    result = make(apis={"a": {"url": url, "auth": {"query": "apikey", "value": "demo"}}}).retrieve({"api": "a"})
    assert (result.data, result.url) == (["democracy"], f"{url}?apikey=***")


def test_a_header_is_a_secret_by_its_name_or_its_length_and_a_version_is_none(make: Make, server: ReplayServer) -> None:
    headers = {"X-Version": "1", "X-Key": "abc", "X-Odd": "long-enough", "User-Agent": "jane@example.org"}
    url = server.add("/1-abc-long-enough-jane@example.org", ["long-enough jane@example.org 1"])
    result = make(headers=headers).retrieve({"url": url})
    assert result.url == f"{server.url}/1-***-***-jane@example.org"
    assert result.data == ["*** jane@example.org 1"]


def test_a_secret_in_a_query_of_ones_own_is_masked(make: Make, server: ReplayServer) -> None:
    result = make().retrieve({"url": server.add("/x", [1]), "params": {"api_key": "abc", "q": "z"}})
    assert result.url.endswith("/x?api_key=***&q=z")


def test_no_repr_shows_a_secret(server: ReplayServer, tmp_path: Path) -> None:
    apis = {"a": {"url": server.url, "auth": {"bearer": SECRET}}}
    plugin = Rest(hosts=[server.url], token=SECRET, headers={"X-Key": SECRET}, apis=apis, root=tmp_path)
    assert SECRET not in repr(plugin)


def test_a_header_that_could_forge_another_is_refused(make: Make) -> None:
    with pytest.raises(ValueError, match="printable ASCII") as error:
        make(headers={"X-Key": f"{SECRET}\r\nX-Other: 1"})
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("status", [429, 503])
def test_it_is_asked_again_after_the_time_the_server_names(
    status: int, make: Make, server: ReplayServer, clock: SimulatedClock
) -> None:
    url = server.add("/x", Answer(b"", status, {"Retry-After": "7"}), [1])
    began = clock.now
    assert make().retrieve({"url": url}).data == [1]
    assert clock.now - began >= 7
    assert server.count() == 2


def test_it_is_given_up_after_the_retries_or_the_deadline(make: Make, server: ReplayServer) -> None:
    with pytest.raises(Unavailable, match="3 attempts"):
        make(retries=2).retrieve({"url": server.add("/down", Answer(b"", 500))})
    with pytest.raises(RateLimited):
        make(deadline=10.0).retrieve({"url": server.add("/busy", Answer(b"", 429, {"Retry-After": "60"}))})
    assert (server.count("/down"), server.count("/busy")) == (3, 1)


def test_requests_keep_the_pace_of_the_source_or_of_the_api(
    make: Make, server: ReplayServer, clock: SimulatedClock
) -> None:
    api = make(rate=2.0, apis={"slow": {"url": server.add("/slow", [1]), "rate": 0.1}})
    began = clock.now
    for number in range(5):
        api.retrieve({"url": server.add(f"/{number}", [number])})
    assert clock.now - began == pytest.approx(2, abs=0.1)
    began = clock.now
    for _ in range(2):
        api.retrieve({"api": "slow"})
    assert clock.now - began == pytest.approx(10.5, abs=0.2)


def test_an_answer_is_kept_for_so_many_seconds(make: Make, server: ReplayServer, clock: SimulatedClock) -> None:
    api = make(apis={"a": {"url": server.add("/x", [1], [2]), "cache": 60}})
    first = api.retrieve({"api": "a"})
    clock.sleep(50)
    again = api.retrieve({"api": "a"})
    assert (again.cached, again.data, again.retrieved_at) == (True, [1], first.retrieved_at)
    clock.sleep(20)
    assert (api.retrieve({"api": "a"}).data, server.count()) == ([2], 2)


def test_by_headers_an_answer_is_asked_for_again_and_kept_while_it_is_the_same(
    make: Make, server: ReplayServer
) -> None:
    url = server.add("/x", Answer([1], headers={"ETag": '"a"'}))
    results = [make().retrieve({"url": url}) for _ in range(2)]
    assert [result.cached for result in results] == [False, True]
    assert results[1].data == [1]
    assert server.requests[1].headers["if-none-match"] == '"a"'


def test_nobody_is_given_what_was_kept_for_another_credential(make: Make, server: ReplayServer) -> None:
    url = server.add("/x", lambda request: Answer([request.headers.get("authorization")]))
    for token in ("token-of-alice", "token-of-bob"):
        api = make(token=token, apis={"a": {"url": url, "cache": "forever"}})
        assert not api.retrieve({"api": "a"}).cached
        assert api.retrieve({"api": "a"}).cached
    assert server.count() == 2


@pytest.mark.parametrize("auth", AUTHS, ids=str)
def test_no_secret_is_written_to_disk(auth: dict[str, str], make: Make, server: ReplayServer, tmp_path: Path) -> None:
    make(apis={"a": {"url": server.add("/x", [1]), "auth": auth, "cache": 60}}).retrieve({"api": "a"})
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert all(SECRET not in shown(path.read_bytes().decode("latin-1") + str(path)) for path in files)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(b""), "answered with nothing"),
        (Answer(b"", 204), "answered with nothing"),
        (Answer(b" \n"), "answered with nothing"),
        (Answer("<html>Sign in</html>", headers={"Content-Type": "text/html; charset=utf-8"}), r"not JSON \(text/html, 20 bytes\)"),
        (Answer(b"\xff\xfe\0garbage"), "not JSON"),
        (Answer(b'{"a": NaN}'), "not JSON"),
        (Answer(b"[" * 100_000), "not JSON"),
        (Answer(b'{"a": 1'), "not JSON"),
        (Answer([1] * 100, cut=10), "no whole answer"),
        (Answer(raw=b"SSH-2.0-OpenSSH\r\n"), "no whole answer"),
        (Answer(hang=True), "did not answer within"),
    ],
    ids=["empty", "204", "blank", "html", "garbage", "nan", "deep", "half", "cut", "ssh", "hanging"],
)  # fmt: skip
def test_an_answer_that_is_none_is_an_error_of_two_lines_and_not_kept(
    answer: Answer, said: str, make: Make, server: ReplayServer
) -> None:
    server.add("/x", answer)
    api = make(timeout=0.2, retries=0, apis={"a": {"url": f"{server.url}/x", "cache": "forever"}})
    with pytest.raises(RetrievalError, match=said) as error:
        api.retrieve({"api": "a"})
    assert len(str(error.value).splitlines()) == 2
    server.add("/x", [1])
    assert api.retrieve({"api": "a"}).data == [1]


def test_every_error_of_a_status_has_its_type(make: Make, server: ReplayServer) -> None:
    kinds: dict[int, type[TrainerError]] = {
        404: NotFound,
        401: Refused,
        403: Refused,
        429: RateLimited,
        500: Unavailable,
    }
    for status, kind in kinds.items():
        with pytest.raises(kind):
            make(retries=0).retrieve({"url": server.add(f"/{status}", Answer(b"", status))})
