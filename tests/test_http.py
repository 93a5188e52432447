"""HTTP by a policy: what is asked, how often, of whom, what is kept, and what is told when it goes wrong."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trainer.errors import NotFound, RateLimited, Refused, RetrievalError, Unavailable
from trainer.http import LONGEST, Client, Policy, Response, Rule
from trainer.testing.replay import Answer, Ban, ReplayServer, Request, SimulatedClock

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Make = Callable[..., Client]


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def server(clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReplayServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ReplayServer(clock=clock.monotonic) as server:
        yield server


@pytest.fixture
def make(server: ReplayServer, clock: SimulatedClock, tmp_path: Path) -> Make:
    def make(*rules: Rule, cache_bytes: int = 10**9, **policy: Any) -> Client:
        given = {"name": "test", "origins": (server.url,), "cache": rules} | policy
        return Client(Policy(**given), cache=tmp_path, state=tmp_path, cache_bytes=cache_bytes, clock=clock)

    return make


def test_an_answer_is_its_bytes_with_their_hash_address_and_time(
    server: ReplayServer, make: Make, clock: SimulatedClock
) -> None:
    url = server.add("/a", Answer(b"\x00\xff", headers={"Content-Type": "x/y"}))
    response = make(headers={"User-Agent": "me"}).get(url, {"q": "a b", "n": 1})
    assert (response.body, response.status, response.cached) == (b"\x00\xff", 200, False)
    assert response.sha256 == "06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8"
    assert response.url == f"{url}?q=a+b&n=1"
    assert response.fetched_at.timestamp() == pytest.approx(clock.now)
    assert response.headers["content-type"] == "x/y"
    assert server.requests[0].headers["user-agent"] == "me"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, NotFound), (410, NotFound), (401, Refused), (403, Refused), (451, Refused), (429, RateLimited), (408, Unavailable),
        (500, Unavailable), (503, Unavailable), (400, RetrievalError), (304, RetrievalError), (302, RetrievalError),
    ],
)  # fmt: skip
def test_a_status_is_an_error_of_its_kind_in_two_lines_without_secrets(
    status: int, kind: type[RetrievalError], server: ReplayServer, make: Make
) -> None:
    url = server.add("/a", Answer("no", status))
    with pytest.raises(kind) as error:
        make(retries=0).get(url, {"api_key": "S3CRET", "q": "x"})
    assert type(error.value) is kind
    assert len(str(error.value).splitlines()) == 2
    assert f"{url}?api_key=***&q=x" in error.value.problem
    assert "S3CRET" not in str(error.value)


@pytest.mark.parametrize(
    "name", ["token", "access_token", "apikey", "API-KEY", "password", "crumb", "client_secret", "Signature", "auth"]
)
def test_the_value_of_a_secret_parameter_is_never_shown(name: str, server: ReplayServer, make: Make) -> None:
    response = make().get(server.add("/a", "x"), {"a": "1", name: "S3CRET", "b": "2"})
    assert "S3CRET" not in response.url
    assert "a=1" in response.url
    assert "b=2" in response.url
    assert "S3CRET" in server.requests[0].path


def test_user_and_password_of_an_address_are_never_shown(server: ReplayServer, make: Make) -> None:
    url = server.add("/a", Answer("", 404)).replace("//", "//jane:S3CRET@")
    with pytest.raises(NotFound) as error:
        make().get(url)
    assert "S3CRET" not in str(error.value)
    assert "jane" not in str(error.value)


# What is kept


def asked(client: Client, server: ReplayServer, url: str) -> int:
    before = server.count()
    client.get(url)
    return server.count() - before


def test_what_is_logged_on_the_way_shows_no_query(
    server: ReplayServer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    url = server.add("/a", Answer(b"busy", 503), b"fine")
    make(rate=1.0).get(url, {"appid": "S3CRET", "page": 1})
    assert f'HTTP Request: GET {url} "HTTP/1.1 200 OK"' in caplog.text
    assert "S3CRET" not in caplog.text
    told = [record.getMessage() for record in caplog.records if record.name == "trainer.progress"]
    assert told[0] == told[-1] == f"asking {url}"
    assert re.fullmatch(rf"trying {url} again in \d\.\d s", told[1])
    assert re.fullmatch(r"waiting \d\.\d s for a turn at \w+", told[2])


def test_without_a_rule_nothing_is_kept_whatever_the_headers_allow(server: ReplayServer, make: Make) -> None:
    url = server.add("/a", Answer("x", headers={"Cache-Control": "public, max-age=999", "ETag": '"1"'}))
    client = make(Rule("/b", "forever"), Rule("/a", "never"))
    assert [asked(client, server, url) for _ in range(2)] == [1, 1]


def test_a_rule_of_seconds_holds_for_them_whatever_the_headers_forbid(
    server: ReplayServer, make: Make, clock: SimulatedClock
) -> None:
    url = server.add("/a", Answer("x", headers={"Cache-Control": "no-store"}))
    client = make(Rule("/a", 60.0))
    assert asked(client, server, url) == 1
    clock.now += 50
    assert asked(client, server, url) == 0
    clock.now += 20
    assert asked(client, server, url) == 1


def test_an_answer_of_the_future_is_not_fresh(server: ReplayServer, make: Make, clock: SimulatedClock) -> None:
    url = server.add("/a", "x")
    client = make(Rule("/a", 60.0))
    client.get(url)
    clock.now -= 10_000
    assert asked(client, server, url) == 1


def test_for_ever_is_for_ever_and_the_first_rule_that_matches_counts(
    server: ReplayServer, make: Make, clock: SimulatedClock
) -> None:
    url = server.add("/a/b", "x")
    client = make(Rule("/a/", "forever"), Rule("/b", "never"))
    client.get(url)
    clock.now += 10**9
    assert asked(client, server, url) == 0


@pytest.mark.parametrize("header", [{"ETag": '"1"'}, {"Last-Modified": "Fri, 06 Mar 2026 21:11:50 GMT"}])
def test_by_headers_it_is_asked_each_time_whether_it_changed(
    header: dict[str, str], server: ReplayServer, make: Make, clock: SimulatedClock
) -> None:
    url = server.add("/a", Answer("x", headers=header))
    client = make(Rule("/a", "headers"))
    first = client.get(url)
    clock.now += 100
    again = client.get(url)
    assert (server.count(), again.cached, again.body) == (2, True, b"x")
    assert again.fetched_at - first.fetched_at >= timedelta(seconds=100)
    server.add("/a", Answer("y", headers={"ETag": '"2"'}))
    changed = client.get(url)
    assert (changed.cached, changed.body) == (False, b"y")
    assert client.get(url).body == b"y"


def test_an_error_is_never_kept(server: ReplayServer, make: Make) -> None:
    url = server.add("/a", Answer("", 404), Answer("x"))
    client = make(Rule("/a", "forever"))
    with pytest.raises(NotFound):
        client.get(url)
    assert client.get(url).body == b"x"


def test_what_a_check_refuses_is_never_kept(server: ReplayServer, make: Make) -> None:
    def check(response: Response) -> None:
        response.json()

    url = server.add("/a", Answer("<html>sign in</html>"), Answer("{}"))
    assert make(Rule("/a", "forever"), check=check).get(url).json() == {}
    assert server.count() == 2


def test_two_processes_share_what_is_kept(server: ReplayServer, make: Make, tmp_path: Path) -> None:
    url = server.add("/a", "x")
    code = (
        "import sys; from trainer.http import *\n"
        "policy = Policy('test', (sys.argv[1],), cache=(Rule('/a', 'forever'),))\n"
        "print(Client(policy, cache=sys.argv[2], state=sys.argv[3]).get(sys.argv[1] + '/a').body)\n"
    )
    command = [sys.executable, "-W", "error", "-c", code, server.url, str(tmp_path), str(tmp_path / "other")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "b'x'\n"
    assert asked(make(Rule("/a", "forever")), server, url) == 0


@pytest.mark.parametrize("damage", [b"", b"y", b"\xff" * 100])
def test_what_was_damaged_on_the_disk_is_fetched_again(
    damage: bytes, server: ReplayServer, make: Make, tmp_path: Path
) -> None:
    url = server.add("/a", "x")
    client = make(Rule("/a", "forever"))
    for pattern in ("pages/*.json", "??/*"):
        client.get(url)
        for path in (tmp_path / "http").glob(pattern):
            path.write_bytes(damage)
        assert client.get(url).body == b"x"
        assert asked(client, server, url) == 0


def test_the_same_body_is_kept_once(server: ReplayServer, make: Make, tmp_path: Path) -> None:
    client = make(Rule("/", "forever"))
    for path in ("/a", "/b"):
        client.get(server.add(path, "x" * 1000))
    files = [path for path in (tmp_path / "http").rglob("*") if path.is_file()]
    assert sorted(path.suffix for path in files) == ["", ".json", ".json"]


def test_what_was_used_longest_ago_makes_room(server: ReplayServer, make: Make, tmp_path: Path) -> None:
    client = make(Rule("/", "forever"), cache_bytes=50_000)
    for number in range(10):
        client.get(server.add(f"/{number}", str(number) * 10_000))
        client.get(server.url + "/0")
        for path in (tmp_path / "http").rglob("*"):
            os.utime(path, (path.stat().st_atime - 10, path.stat().st_mtime - 10))
    kept = [path for path in (tmp_path / "http").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in kept) <= 50_000
    assert asked(client, server, server.url + "/0") == 0
    assert asked(client, server, server.url + "/1") == 1


def test_a_cache_that_cannot_be_written_costs_no_answer(
    server: ReplayServer, clock: SimulatedClock, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file")
    policy = Policy("test", (server.url,), cache=(Rule("/", "forever"),))
    client = Client(policy, cache=tmp_path / "cache", state=tmp_path / "state", clock=clock)
    assert client.get(server.add("/a", "x")).body == b"x"


def test_folders_are_the_users_own_unless_they_are_given(
    server: ReplayServer, clock: SimulatedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_STATE_HOME", "relative/paths/do/not/count")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    Client(Policy("test", (server.url,), cache=(Rule("/", "forever"),)), clock=clock).get(server.add("/a", "x"))
    assert (tmp_path / "c/trainer/http/pages").is_dir()
    assert (tmp_path / "home/.local/state/trainer/turns.db").is_file()


# Trying again


def test_what_is_unavailable_is_tried_again_with_jitter_that_grows(
    server: ReplayServer, make: Make, clock: SimulatedClock
) -> None:
    url = server.add("/a", *[Answer("", 503)] * 4, Answer("x"))
    assert make(rate=1e6).get(url).body == b"x"
    waits = [seconds for seconds in clock.slept if seconds > 0.0011]
    assert all(seconds <= 0.5 * 2**attempt for attempt, seconds in enumerate(waits))
    assert server.count() == 5


def test_what_stays_unavailable_is_told_with_the_number_of_attempts(server: ReplayServer, make: Make) -> None:
    with pytest.raises(Unavailable, match=r"answered 503.*\(3 attempts\)"):
        make(retries=2).get(server.add("/a", Answer("", 503)))
    assert server.count() == 3


def test_what_is_refused_or_not_there_is_not_tried_again(server: ReplayServer, make: Make) -> None:
    for status in (400, 403, 404):
        with pytest.raises(RetrievalError):
            make().get(server.add(f"/{status}", Answer("", status)))
    assert server.count() == 3


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("as_date", [False, True])
def test_what_the_source_asks_to_wait_is_waited(
    status: int, as_date: bool, server: ReplayServer, make: Make, clock: SimulatedClock
) -> None:
    begun = clock.now
    after = format_datetime(datetime.fromtimestamp(begun + 30, UTC), usegmt=True) if as_date else "30"
    url = server.add("/a", Answer("", status, {"Retry-After": after}), Answer("x"))
    assert make().get(url).body == b"x"
    assert 29 <= server.requests[1].at - begun <= 32


def test_a_wait_beyond_the_deadline_is_an_error_at_once(
    server: ReplayServer, make: Make, clock: SimulatedClock
) -> None:
    begun = clock.now
    with pytest.raises(Unavailable):
        make(deadline=20.0).get(server.add("/a", Answer("", 503, {"Retry-After": "30"})))
    assert (server.count(), clock.now) == (1, begun)


@pytest.mark.parametrize(
    ("header", "pause"), [({}, 40.0), ({"Retry-After": "50"}, 50.0), ({"Retry-After": "soon"}, 40.0)]
)
def test_who_was_asked_too_often_is_asked_by_nobody_for_a_while(
    header: dict[str, str], pause: float, server: ReplayServer, make: Make, clock: SimulatedClock
) -> None:
    url, other = server.add("/a", Answer("", 429, header)), server.add("/b", "x")
    with pytest.raises(RateLimited):
        make(pause=40.0, deadline=30.0).get(url)
    begun = clock.now
    with pytest.raises(RateLimited, match="another"):
        make(deadline=pause / 2).get(other)
    assert server.count() == 1
    assert make(deadline=60.0).get(other).body == b"x"
    assert clock.now - begun == pytest.approx(pause, abs=0.2)


def test_a_pause_without_anything_asked_for_is_a_try_later(server: ReplayServer, make: Make) -> None:
    assert make().get(server.add("/a", Answer("", 429), Answer("x"))).body == b"x"


@given(st.text(max_size=40) | st.integers(-(10**30), 10**30).map(str) | st.datetimes().map(format_datetime))
def test_any_retry_after_is_a_time_that_can_be_waited_or_none(text: str) -> None:
    wait = Response("u", 429, b"", "", NOW, {"retry-after": text}).retry_after
    assert wait is None or 0 <= wait <= LONGEST


# Where to


def test_a_redirect_within_the_allowed_places_is_followed(server: ReplayServer, make: Make) -> None:
    server.add("/b", Answer("x"))
    url = server.add("/a", Answer("", 301, {"Location": "/b"}))
    response = make(Rule("/a", "forever")).get(url)
    assert (response.body, response.url) == (b"x", server.url + "/b")
    assert asked(make(Rule("/a", "forever")), server, url) == 0


@pytest.mark.parametrize(
    "location",
    ["http://evil.example/?token=S3CRET", "https://127.0.0.1/", "//evil.example", "file:///etc/passwd", "http://["],
)
def test_a_redirect_to_anywhere_else_is_refused_unasked(location: str, server: ReplayServer, make: Make) -> None:
    with pytest.raises(RetrievalError) as error:
        make().get(server.add("/a", Answer("", 302, {"Location": location})))
    assert not isinstance(error.value, Unavailable)
    assert "S3CRET" not in str(error.value)


def test_credentials_do_not_follow_a_redirect_to_another_origin(server: ReplayServer, make: Make) -> None:
    with ReplayServer() as other:
        other.add("/b", Answer("x"))
        server.add("/here", Answer("y"))
        headers = {"User-Agent": "me", "Authorization": "Bearer S3CRET", "X-Key": "S3CRET"}
        client = make(headers=headers, origins=(server.url, other.url))
        client.get(server.add("/away", Answer("", 302, {"Location": f"{other.url}/b"})))
        client.get(server.add("/near", Answer("", 302, {"Location": "/here"})))
        there = {name.lower(): value for name, value in other.requests[0].headers.items()}
        assert there["user-agent"] == "me"
        assert "S3CRET" not in str(there)
        here = {name.lower(): value for name, value in server.requests[-1].headers.items()}
        assert here["authorization"] == "Bearer S3CRET"


def test_a_redirect_in_a_circle_ends(server: ReplayServer, make: Make) -> None:
    with pytest.raises(RetrievalError, match="redirects more than 5 times"):
        make().get(server.add("/a", Answer("", 302, {"Location": "/a"})))
    assert server.count() == 5


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "http://127.0.0.1:1/", "ftp://127.0.0.1/", "", "nonsense", "http://[::1"]
)
def test_an_address_that_is_not_allowed_is_never_asked(url: str, make: Make) -> None:
    with pytest.raises(RetrievalError):
        make().get(url)


# What goes wrong on the way


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(hang=True), "did not answer within 0.05 s"),
        (Answer("x" * 100, cut=10), "gives no whole answer"),
        (Answer(raw=b"garbage\r\n\r\n"), "gives no whole answer"),
        (Answer(raw=b""), "gives no whole answer"),
        (Answer(b"no gzip", headers={"Content-Encoding": "gzip"}), "gives no whole answer"),
    ],
    ids=["hanging", "cut", "garbage", "hung up", "not gzip"],
)
def test_a_broken_answer_is_tried_again_and_then_told(
    answer: Answer, said: str, server: ReplayServer, make: Make
) -> None:
    with pytest.raises(Unavailable, match=said) as error:
        make(timeout=0.05, retries=1).get(server.add("/a", answer))
    assert len(str(error.value).splitlines()) == 2
    assert server.count() == 2


def test_nobody_listening_is_told_as_such(make: Make, clock: SimulatedClock, tmp_path: Path) -> None:
    with ReplayServer() as gone:
        url = gone.url
    with pytest.raises(Unavailable, match="gives no whole answer"):
        Client(Policy("gone", (url,), retries=0), cache=tmp_path, state=tmp_path, clock=clock).get(url)


def test_a_connection_that_cannot_be_made_secure_is_not_tried_again(
    server: ReplayServer, clock: SimulatedClock, tmp_path: Path
) -> None:
    url = server.url.replace("http:", "https:")
    with pytest.raises(RetrievalError, match="SSL") as error:
        Client(Policy("tls", (url,)), cache=tmp_path, state=tmp_path, clock=clock).get(url)
    assert not isinstance(error.value, Unavailable)


def test_an_answer_without_end_is_cut_off(server: ReplayServer, make: Make) -> None:
    with pytest.raises(RetrievalError, match="sends over 1,000 bytes"):
        make(largest=1000).get(server.add("/a", b"x" * 5000))


def test_a_drop_now_and_then_does_not_outlast_the_deadline(server: ReplayServer, tmp_path: Path) -> None:
    def drip(_: Request) -> Answer:
        return Answer(gzip.compress(b"x"), headers={"Content-Encoding": "gzip"}, delay=0.2)

    begun = time.monotonic()
    policy = Policy("drip", (server.url,), timeout=0.1, deadline=0.5, backoff=0.01, retries=100)
    with pytest.raises(Unavailable):
        Client(policy, cache=tmp_path, state=tmp_path).get(server.add("/a", drip))
    assert time.monotonic() - begun < 2


# The pace


def test_no_client_is_faster_than_its_policy(server: ReplayServer, make: Make) -> None:
    url = server.add("/a", "x")
    server.ban = Ban(Answer("banned", 403))
    clients = [make(rate=9.0) for _ in range(3)]
    for number in range(60):
        clients[number % 3].get(url)
    assert server.ban.count == 0


def test_the_server_of_these_tests_does_ban_who_is_too_fast_and_for_longer_who_goes_on(
    server: ReplayServer, make: Make, clock: SimulatedClock
) -> None:
    url = server.add("/a", "x")
    server.ban = Ban(Answer("banned", 403))
    client = make(rate=11.0)
    for _ in range(10):
        client.get(url)
    with pytest.raises(Refused):
        client.get(url)
    assert server.ban.count == 1
    clock.now += 500
    with pytest.raises(Refused):
        client.get(url)
    clock.now += 500
    with pytest.raises(Refused):
        client.get(url)
    clock.now += 601
    assert client.get(url).body == b"x"
