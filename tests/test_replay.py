"""The replaying server: it answers what was recorded, and misbehaves on demand."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
import pytest

from trainer.testing.replay import Answer, Ban, ReplayServer, Request, SimulatedClock, replay_server

__all__ = ["replay_server"]  # the fixture, as a conftest.py would import it

RECORDED = Path(__file__).resolve().parents[2] / "shared" / "data" / "payloads" / "sec"


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, timeout=5, trust_env=False)


def test_answers_are_given_in_turn_and_the_last_one_for_ever(replay_server: ReplayServer) -> None:
    url = replay_server.add("/a", "one", b"two", {"three": 3})
    assert [get(url).text for _ in range(4)] == ["one", "two", '{"three": 3}', '{"three": 3}']


def test_a_path_stands_for_any_query_unless_that_query_has_an_answer(replay_server: ReplayServer) -> None:
    replay_server.add("/a", "any")
    replay_server.add("/a?page=2", "second")
    assert [get(f"{replay_server.url}/a{query}").text for query in ("", "?page=1", "?page=2")] == [
        "any",
        "any",
        "second",
    ]


def test_what_nobody_put_there_is_missing(replay_server: ReplayServer) -> None:
    assert get(replay_server.url + "/b").status_code == 404
    replay_server.missing = Answer("gone", 410)
    assert get(replay_server.url + "/b").status_code == 410


def test_every_request_is_noted(replay_server: ReplayServer) -> None:
    httpx.post(replay_server.add("/a", "x") + "?q=1", content=b"body", headers={"X-Me": "me"}, trust_env=False)
    request = replay_server.requests[0]
    assert (request.method, request.path, request.body, request.headers["x-me"]) == ("POST", "/a?q=1", b"body", "me")
    assert (replay_server.count(), replay_server.count("/a"), replay_server.count("/b")) == (1, 1, 0)


def test_an_answer_can_depend_on_the_request(replay_server: ReplayServer) -> None:
    def echo(request: Request) -> Answer:
        return Answer(request.headers["x-me"], 201)

    answer = get(replay_server.add("/a", echo), **{"X-Me": "me"})
    assert (answer.status_code, answer.text) == (201, "me")


def test_a_recorded_answer_comes_with_its_status_and_headers(replay_server: ReplayServer, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"<Error/>")
    head = {
        "uri": "https://example.org/x/a.xml?q=1",
        "status": 503,
        "response_headers": {
            "Content-Type": "application/xml",
            "Set-Cookie": ["a=1", "b=2"],
            "Transfer-Encoding": "chunked",
        },
    }
    (tmp_path / "a.xml.headers.json").write_text(json.dumps(head))
    answer = get(replay_server.replay(tmp_path / "a.xml"))
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (503, b"<Error/>", "application/xml")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert "transfer-encoding" not in answer.headers
    assert replay_server.requests[0].path == "/x/a.xml?q=1"


@pytest.mark.parametrize("file", sorted(RECORDED.rglob("*.headers.json")), ids=lambda file: file.name)
def test_every_recording_is_replayed_byte_by_byte(file: Path, replay_server: ReplayServer) -> None:
    body = file.with_name(file.name.removesuffix(".headers.json"))
    answer = get(replay_server.replay(body))
    assert answer.content == body.read_bytes()
    assert answer.status_code == json.loads(file.read_text())["status"]


@pytest.mark.parametrize(
    ("header", "question"), [({"ETag": '"1"'}, {"If-None-Match": '"1"'}), ({"Last-Modified": "yesterday"}, {"If-Modified-Since": "yesterday"})]
)  # fmt: skip
def test_what_did_not_change_is_304(
    header: dict[str, str], question: dict[str, str], replay_server: ReplayServer
) -> None:
    url = replay_server.add("/a", Answer("x", headers=header))
    assert (get(url).status_code, get(url, **question).status_code) == (200, 304)
    assert get(url, **dict.fromkeys(question, "other")).status_code == 200


@pytest.mark.parametrize("answer", [Answer("x" * 100, cut=10), Answer(raw=b"garbage\r\n\r\n"), Answer(raw=b"")])
def test_a_broken_answer_breaks(answer: Answer, replay_server: ReplayServer) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        get(replay_server.add("/a", answer))


def test_a_hanging_answer_hangs_until_the_server_is_closed() -> None:
    with ReplayServer() as server:
        url = server.add("/a", Answer(hang=True))
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(url, timeout=0.05, trust_env=False)
        begun = time.monotonic()
    assert time.monotonic() - begun < 2


def test_a_late_answer_is_late(replay_server: ReplayServer) -> None:
    begun = time.monotonic()
    assert get(replay_server.add("/a", Answer("x", delay=0.1))).text == "x"
    assert time.monotonic() - begun >= 0.1


def test_a_ban_begins_above_the_limit_and_ends_after_a_quiet_time() -> None:
    clock = SimulatedClock(0.0)
    with ReplayServer(ban=Ban(Answer("banned", 429), limit=3), clock=clock.monotonic) as server:
        url = server.add("/a", "x")
        assert [get(url).status_code for _ in range(4)] == [200, 200, 200, 429]
        clock.now = 599
        assert get(url).status_code == 429  # which lengthens it
        clock.now = 601
        assert get(url).status_code == 429
        clock.now = 1202
        assert get(url).status_code == 200
        assert server.ban is not None
        assert server.ban.count == 1
