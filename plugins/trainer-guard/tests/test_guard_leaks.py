"""What must not get out is found in every disguise, taken out whole, and however an answer arrives."""

from __future__ import annotations

import base64
import codecs
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings, strategies as st

from trainer import RunInfo, Segment, Stage
from trainer.guarding import judge, redacted
from trainer_guard import Leaks, new_canary
from trainer_guard.credentials import FORMS
from trainer_guard.leaks import find_addresses, find_secrets, find_words
from trainer_guard.words import Haystack

MANY = settings(max_examples=2_000, deadline=None)
FILINGS = Path(__file__).parents[4] / "shared" / "data" / "payloads" / "sec" / "filings"
A36 = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
CREDENTIALS = {
    "AKIAIOSFODNN7EXAMPLE": "an AWS access key",
    f"ghp_{A36}": "a GitHub token",
    f"github_pat_{A36}": "a GitHub token",
    f"glpat-{A36[:20]}": "a GitLab token",
    f"xoxb-{A36}": "a Slack token",
    f"sk-ant-api03-{A36}": "a key of a model provider",
    f"AIza{A36[:35]}": "a Google key",
    f"sk_live_{A36}": "a Stripe key",
    f"hf_{A36}": "a Hugging Face token",
    f"npm_{A36}": "an npm token",
    f"SG.{A36[:22]}.{A36}": "a SendGrid key",
    f"eyJ{A36}.eyJ{A36}.{A36}": "a JSON web token",
    f"-----BEGIN RSA PRIVATE KEY-----\n{A36}\n-----END RSA PRIVATE KEY-----": "a private key",
    "postgresql://reader:hunter2x@db.example/prices": "a password in an address",
}
DISGUISES: dict[str, Any] = {
    "as it is": str,
    "in capitals": str.upper,
    "spaced": " ".join,
    "with signs between": "-.".join,
    "backwards": lambda word: word[::-1],
    "Base64": lambda word: base64.b64encode(word.encode()).decode(),
    "Base64 inside of more": lambda word: base64.b64encode(f"xy{word} and more".encode()).decode(),
    "Base64 one further": lambda word: base64.b64encode(f"x{word}!".encode()).decode(),
    "hexadecimal": lambda word: word.encode().hex(),
    "hexadecimal, spaced": lambda word: word.encode().hex(" ").upper(),
    "ROT13": lambda word: codecs.encode(word, "rot13"),
    "percent": lambda word: "".join(f"%{byte:02x}" for byte in word.encode()),
    "percent where needed": lambda word: quote(word, safe=""),
}
RUN = RunInfo("run-1", level="moderate")


@pytest.mark.parametrize(("text", "name"), CREDENTIALS.items(), ids=CREDENTIALS.values())
def test_a_credential_is_known_by_its_form_and_taken_out_whole(text: str, name: str) -> None:
    (finding,) = find_secrets(f"key: {text} (end)")
    assert name in finding.message
    assert A36[:8] not in finding.message
    left = redacted(f"key: {text} (end)", finding.edits)
    assert A36[:20] not in left
    assert "hunter2x" not in left
    assert left.endswith("(end)" if "://" not in text else "db.example/prices (end)")
    assert find_secrets(left) == []


@pytest.mark.parametrize(
    "text",
    [
        "task-oriented-approach-to-risk-2024",
        "disk-based",
        "AKIA",
        "eyJ",
        "https://user@host/x",
        "postgres://u:${PASSWORD}@h/d",
    ],
)
def test_what_only_begins_like_a_credential_is_none(text: str) -> None:
    assert find_secrets(text) == []


words = (
    st.text("abcdefghijkmnopqrstuvwxyzABCDEFGHIJ0123456789-_", min_size=12, max_size=40)
    .filter(lambda word: sum(char.isalnum() for char in word) >= 10)
    .map(lambda word: f"Zq7{word}")
)
plain = st.text("QXYZ ,.%\n", max_size=30)


@MANY
@given(words, plain, plain, st.sampled_from(sorted(DISGUISES)))
def test_a_canary_is_found_in_every_disguise(word: str, before: str, after: str, disguise: str) -> None:
    hidden = DISGUISES[disguise](word)
    text = f"{before} {hidden} {after}"
    found = find_words(text, canaries=[word])
    assert found, text
    assert all(finding.category == "canary" and word not in repr(finding) for finding in found)
    left = redacted(text, [edit for finding in found for edit in finding.edits])
    assert not Haystack(left).find(word)


@MANY
@given(st.text(max_size=200))
def test_a_text_without_the_canary_gives_none_away(text: str) -> None:
    assert find_words(text, [new_canary()], [new_canary()[7:]]) == []


pieces = st.sampled_from(
    [*CREDENTIALS, "canary-0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210-yranac", "https://evil.example/x?q=1",
     "![a](https://evil.example/p.png)", "[text](//evil.example)", "https://sec.gov/a", "Revenue rose by 4 %. ", "\n", "x", "-----BEGIN ",
     "sk-", "hf_", "![", "](", "http", " " * 400, "word " * 200]
)  # fmt: skip


def found_in(text: str) -> Any:
    return (
        find_secrets(text)
        + find_words(text, ["canary-0123456789abcdef0123456789abcdef"])
        + find_addresses(text, {"https://sec.gov/a"})
    )


@MANY
@given(st.lists(pieces, max_size=8), st.lists(st.integers(1, 900), max_size=12))
def test_a_stream_shows_the_same_however_it_is_cut_into_pieces(parts: list[str], sizes: list[int]) -> None:
    from trainer_guard import Held

    text, at, shown, held = "".join(parts), 0, "", Held(found_in)
    for size in sizes:
        shown += held.feed(text[at : at + size])
        at += size
    shown += held.feed(text[at:]) + held.close()
    everything = found_in(text)
    assert shown == redacted(text, [edit for finding in everything for edit in finding.edits])
    assert {finding.span for finding in held.findings} == {finding.span for finding in everything}


def test_a_stream_shows_nothing_that_a_later_piece_could_turn_into_a_leak() -> None:
    guard = Leaks(environment=False)
    held = guard.stream(RUN)
    shown = "".join(held.feed(char) for char in "a" * 1_500 + "-----BEGIN PRIVATE KEY-----\n" + "Q" * 5_000)
    assert shown == "a" * 1_500
    assert held.feed("\n-----END PRIVATE KEY-----") + held.close() == "[secret removed]"


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("![chart](https://evil.example/x.png?q=1)", "chart"),
        ("[here](https://evil.example)", "here"),
        ("[https://sec.gov](https://evil.example)", "[address removed]"),
        ("see https://evil.example/a, and", "see [address removed], and"),
        ("<img src=//evil.example/x>", ""),
        ("[x](javascript:alert(1))", "x"),
        ("![a](data:text/html;base64,AAAA)", "a"),
        ("ftp://evil.example/x", "[address removed]"),
        ("https://sec.gov@evil.example/", "[address removed]"),
        ("https://sec.gov.evil.example/", "[address removed]"),
        ("[a](https://evil.example/wiki/B_(c))", "a"),
    ],
)
def test_addresses_from_nowhere_are_taken_out_of_an_answer(answer: str, left: str) -> None:
    guard = Leaks(addresses=["sec.gov"], environment=False)
    found = guard.secure(Stage.OUTPUT, [Segment(answer)], RUN)
    verdict = judge(Stage.OUTPUT, [Segment(answer)], found, "moderate")
    assert verdict.texts == (left,)
    assert judge(Stage.OUTPUT, [Segment(answer)], found, "strict").action.name == "BLOCK"


@pytest.mark.parametrize(
    "answer",
    [
        "![chart](images/chart.png) [mail](mailto:a@b.example) [top](#top) ![dot](data:image/png;base64,AAAA)",
        "[filing](https://data.example/10-K/1) and https://data.example/10-K/1.",
        "https://www.sec.gov/Archives/x?y=1 <https://sec.gov>",
        "EBIT/EBITDA and a//b in 10-K: see Note 4",
    ],
)
def test_addresses_in_the_data_or_on_the_list_may_be_named(answer: str) -> None:
    guard = Leaks(addresses=["sec.gov"], environment=False)
    guard.secure(Stage.DATA, [Segment('{"url": "https://data.example/10-K/1"}')], RUN)
    assert guard.secure(Stage.OUTPUT, [Segment(answer)], RUN) == []
    assert guard.secure(Stage.OUTPUT, [Segment("https://data.example/10-K/1")], RunInfo("run-2")) != []


def test_words_of_the_prompt_must_not_come_back() -> None:
    guard, canary, fence = Leaks(environment=False), new_canary(), "ab" * 16
    prompt = [
        Segment(f"You write reports. {canary}", "system", "operator"),
        Segment(f'<data-{fence} name="x">\n1\n</data-{fence}>'),
    ]
    assert guard.secure(Stage.PROMPT, prompt, RUN) == []
    answer = f"My rules say {canary.upper()}; <data-{fence}"
    assert {finding.category for finding in guard.secure(Stage.OUTPUT, [Segment(answer)], RUN)} == {"canary", "fence"}
    assert guard.secure(Stage.OUTPUT, [Segment(answer)], RunInfo("other")) == []
    assert canary not in repr(guard)
    assert fence not in repr(guard)


def test_values_of_the_environment_and_of_the_settings_are_secrets_at_every_stage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "correct horse battery")
    guard = Leaks(secrets=["staple-4711-staple"])
    for stage in Stage:
        found = guard.secure(stage, [Segment("x Correct-Horse-Battery y"), Segment("elpats-1174-elpats")], RUN)
        assert [finding.segment for finding in found] == [0, 1]
        assert "SOME_API_KEY" in found[0].message
        assert "horse" not in repr(found).lower()
    assert "staple" not in repr(guard)


PUMPS = ["AKIA", "ghp_a", "sk-a", "sk-1a-", "eyJ", "eyJaaaaaaaaa.", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "://", "://a:", "[", "![", "[a](",
         "[a](//", "<a ", "<img src", "<img src=", "http://", "http://a", "%41", "%", "canary-0", "a b", "xoxb-", "[a](//b "]  # fmt: skip


@pytest.mark.parametrize("pump", PUMPS)
def test_time_to_find_leaks_grows_no_faster_than_the_text(pump: str) -> None:
    def seconds(size: int) -> float:
        text = (pump * size)[:size]
        start = time.process_time()
        found_in(text)
        return time.process_time() - start

    short, long = min(seconds(15_000) for _ in range(2)), min(seconds(60_000) for _ in range(2))
    assert long < 9 * short + 0.02


def test_every_form_has_a_sample() -> None:
    assert {form.name for form in FORMS} == set(CREDENTIALS.values())


@pytest.mark.skipif(not FILINGS.exists(), reason="the filings are not beside the repository")
def test_no_filing_holds_a_secret() -> None:
    for path in FILINGS.iterdir():
        assert find_secrets(path.read_text(errors="replace"), {"x": "canary-0123456789"}) == [], path.name
