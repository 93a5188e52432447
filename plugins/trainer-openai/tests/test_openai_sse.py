"""Server-sent events are read as the HTML standard has them, in whatever chunks they come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from trainer_openai.sse import events

ENDS = st.sampled_from(["\n", "\r", "\r\n"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=12)
NOISE = st.sampled_from(
    ["", ":", ": a comment", "id: 1", "retry: 10", "event: delta", "unknown: x", "nothing", "datax: 1", " data: 1"]
)


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    """`whole` cut at these places; some pieces may be empty."""
    edges = [0, *sorted(place % (len(whole) + 1) for place in places), len(whole)]
    return [whole[start:end] for start, end in pairwise(edges)]


@given(data=st.data())
def test_events_come_out_as_they_went_in(data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.lists(TEXTS, min_size=1, max_size=3), max_size=4))
    stream = data.draw(st.sampled_from(["", "\ufeff"]))
    for event in wanted:
        for text in event:
            noise = data.draw(NOISE)
            stream += (noise + data.draw(ENDS)) if noise else ""
            space = " " if text.startswith(" ") else data.draw(st.sampled_from(["", " "]))
            stream += f"data:{space}{text}{data.draw(ENDS)}"
        blank = data.draw(ENDS)
        stream += "\r" if stream.endswith("\r") and blank == "\n" else blank  # or else it would be one line's end
    chunks = cut(stream.encode(), data.draw(st.lists(st.integers(0, 1000), max_size=12)))
    assert list(events(chunks)) == ["\n".join(event) for event in wanted]


@given(whole=st.binary(max_size=80), places=st.lists(st.integers(0, 100), max_size=8))
def test_where_chunks_end_makes_no_difference(whole: bytes, places: list[int]) -> None:
    for stream in (whole, b"data: " + whole.replace(b"\0", b"\n\ndata:").replace(b"\1", b"\r\n") + b"\n\n"):
        assert list(events(cut(stream, places))) == list(events([stream])) == list(events(cut(stream, [*range(200)])))


@pytest.mark.parametrize(
    ("stream", "wanted"),
    [
        # The examples of the standard, section 9.2.6.
        ("data: YHOO\ndata: +2\ndata: 10\n\n", ["YHOO\n+2\n10"]),
        (": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n", ["first event", "second event"]),
        ("data\n\ndata\ndata\n\ndata:", ["", "\n"]),
        ("data:test\n\ndata: test\n\n", ["test", "test"]),
    ],
)  # fmt: skip
def test_the_examples_of_the_standard(stream: str, wanted: list[str]) -> None:
    assert list(events([stream.encode()])) == wanted


def test_bytes_that_are_no_text_do_not_end_the_stream() -> None:
    assert list(events([b"data: a\xff\xe2\x82b\n\n", b"data: c\n\n"])) == ["a\ufffd\ufffdb", "c"]
