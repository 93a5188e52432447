"""Payloads of any company, and damaged ones: rows that recount, or an error of two lines; never anything else."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from trainer.errors import RetrievalError, Unavailable
from trainer.http import Response
from trainer.stores import canonical_json
from trainer.testing.replay import Answer, ReplayServer
from trainer_sec import SECFilingsRetriever
from trainer_sec.edgar import judge

Make = Callable[..., SECFilingsRetriever]
PAYLOADS = Path(__file__).parent / "payloads"
FEED = "/cgi-bin/browse-edgar"
# Where each view is answered, and a question for it.
ANSWERED: dict[str, tuple[str, dict[str, Any]]] = {
    "/api/xbrl/companyfacts/CIK0000000042.json": ("CIK0000000042.json", {"cik": 42, "view": "facts"}),
    "/api/xbrl/companyfacts/CIK0000000042.json?": ("CIK0000000042.json", {"cik": 42, "quarters": 8}),
    "/api/xbrl/companyconcept/CIK0000000042/us-gaap/Revenues.json": (
        "concept-Revenues.json",
        {"cik": 42, "view": "concept", "tag": "Revenues"},
    ),
    "/api/xbrl/frames/us-gaap/Revenues/USD/CY2024.json": (
        "frame-Revenues.json",
        {"view": "frames", "tag": "Revenues", "period": "CY2024"},
    ),
    "/submissions/CIK0000000042.json": (
        "submissions-CIK0000000042.json",
        {"cik": 42, "view": "submissions", "since": "2024-01-01"},
    ),
    "/files/company_tickers.json": ("company_tickers.json", {"ticker": "NWND", "view": "facts"}),
    "/LATEST/search-index": ("search-0.json", {"view": "search", "text": "wind", "limit": 2}),
}
JUNK = st.sampled_from([None, "", "junk", "2024-13-45", 0, -1, 1.5, 10**30, True, [], {}, [None], {"a": None}])


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a payload; of long lists, the first three items."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for key, item in inner:
        yield from paths(item, (*path, key))


PLACES = {name: list(paths(json.loads((PAYLOADS / name).read_bytes()))) for name, _ in ANSWERED.values()}


def damaged(payload: Any, places: list[tuple[Any, ...]], data: st.DataObject) -> Any:
    payload = copy.deepcopy(payload)
    for _ in range(data.draw(st.integers(1, 3))):
        *above, last = data.draw(st.sampled_from(places))
        inner = payload
        try:
            for step in above:
                inner = inner[step]
            if data.draw(st.booleans()):
                del inner[last]
            else:
                inner[last] = data.draw(JUNK)
        except (LookupError, TypeError):
            continue  # an earlier damage took it away
    return payload


@cache
def unasked() -> SECFilingsRetriever:
    return SECFilingsRetriever("Jane Doe jane@example.org")


def answering(path: str, payload: Any) -> SECFilingsRetriever:
    """A retriever that is answered with `payload` at a path, and with what we have elsewhere, without a server."""
    retriever = unasked()

    def get(url: str, params: object = None) -> Response:
        asked = "/" + url.split("/", 3)[3]
        body = json.dumps(payload).encode() if asked == path else (PAYLOADS / ANSWERED[asked][0]).read_bytes()
        response = Response(url, 200, body, "", datetime.now(UTC))
        judge(response)
        return response

    retriever._edgar.get = get  # the same question, answered at once
    return retriever


@pytest.mark.parametrize("path", ANSWERED)
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_payload_is_data_or_a_typed_error(path: str, data: st.DataObject) -> None:
    name, query = ANSWERED[path]
    payload = json.loads((PAYLOADS / name).read_bytes())
    retriever = answering(path.rstrip("?"), damaged(payload, PLACES[name], data))
    try:
        result = retriever.retrieve(query)
    except RetrievalError as error:
        assert len(str(error).splitlines()) == 2
        assert error.remedy
    else:
        assert json.loads(json.dumps(result.data)) == result.data


def facts_of(payload: dict[str, Any]) -> dict[str, Any]:
    path, query = next((path, query) for path, (_, query) in ANSWERED.items())
    data: dict[str, Any] = answering(path, payload).retrieve(query).data
    return data


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
days = st.dates().map(str)
report = st.fixed_dictionaries(
    {"end": days, "val": st.none() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | words,
     "accn": words, "form": words, "filed": days},
    optional={"start": days, "fy": st.none() | st.integers(0, 9999), "fp": st.none() | words, "frame": words},
)  # fmt: skip
tags = st.fixed_dictionaries(
    {"units": st.dictionaries(words, st.lists(report, max_size=4), max_size=3)},
    optional={"label": st.none() | words, "description": st.none() | words},
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(words, st.dictionaries(words, tags, max_size=3), max_size=3),
    st.sampled_from([42, "42", "0000000042", None]),
    st.none() | words,
)
def test_any_taxonomy_unit_and_value_is_taken_verbatim_and_recounts(
    facts: dict[str, Any], cik: Any, entity: str | None
) -> None:
    expected = {
        (taxonomy, tag, unit, one.get("start"), one["end"])
        for taxonomy, tags in facts.items()
        for tag, body in tags.items()
        for unit, reports in body["units"].items()
        for one in reports
    }
    payload = {"cik": cik, "entityName": entity, "facts": facts}
    if not expected:
        with pytest.raises(RetrievalError, match="no fact of"):
            facts_of(payload)
        return
    data = facts_of(payload)
    found = [(row["taxonomy"], row["tag"], row["unit"], row["start"], row["end"]) for row in data["facts"]]
    assert len(found) == len(set(found))
    assert set(found) == expected
    assert {row["entity"] for row in data["facts"]} == {entity or ""}
    assert data["restated"] == sum("restatements" in row for row in data["facts"])
    canonical_json(data)


def test_what_was_filed_just_now_is_a_row_for_each_party(edgar: ReplayServer, make: Make) -> None:
    edgar.add(FEED, Answer((PAYLOADS / "current.xml").read_bytes()))
    result = make(edgar).retrieve({"view": "current"})
    assert result.data["filings"][0] == {
        "entity": "NORTHWIND - INSTRUMENTS (OLD) INC.", "cik": "0000000042", "role": "Filer",
        "accession": "0000000042-25-000001", "form": "10-K/A", "filed": "2025-02-20",
        "accepted": "2025-02-20T18:02:10-05:00",
        "url": "https://www.sec.gov/Archives/edgar/data/42/000000004225000001/0000000042-25-000001-index.htm",
    }  # fmt: skip
    assert (len(result.data["filings"]), result.subject, result.cached) == (2, "current", False)
    assert [row["form"] for row in make(edgar).retrieve({"view": "current", "form": "4"}).data["filings"]] == ["4"]
    assert "type=4&" in edgar.requests[-1].path
    assert len(make(edgar).retrieve({"view": "current", "limit": 1}).data["filings"]) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [("<html><p>busy", Unavailable), ("", Unavailable), ("<a/>", None), ("<feed xmlns=\"http://www.w3.org/2005/Atom\"><entry/></feed>", RetrievalError)],
)  # fmt: skip
def test_what_is_no_feed_is_told(body: str, kind: type[RetrievalError] | None, edgar: ReplayServer, make: Make) -> None:
    edgar.add(FEED, Answer(body))
    if kind is None:
        assert make(edgar).retrieve({"view": "current"}).data == {"filings": []}
        return
    with pytest.raises(kind):
        make(edgar).retrieve({"view": "current"})
