"""Damaged payloads of Yahoo: data, or an error of two lines; never anything else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from trainer.errors import RetrievalError
from trainer.http import Response
from trainer_yahoo import YahooFinanceRetriever
from trainer_yahoo.session import judge

PAYLOADS = Path(__file__).parent / "payloads"
POINT = {"asOfDate": "2023-12-31", "periodType": "12M", "currencyCode": "GBP", "reportedValue": {"raw": 8, "fmt": "8"}}
SERIES = {"meta": {"type": ["annualTotalRevenue"]}, "timestamp": [1703980800], "annualTotalRevenue": [POINT, None]}
ANSWERS: dict[str, Any] = {
    "metrics": json.loads((PAYLOADS / "summary.json").read_bytes()),
    "summary": json.loads((PAYLOADS / "summary.json").read_bytes()),
    "chart": json.loads((PAYLOADS / "chart.json").read_bytes()),
    "quote": json.loads((PAYLOADS / "quote.json").read_bytes()),
    "fundamentals": {"timeseries": {"result": [SERIES], "error": None}},
    "search": {"quotes": [{"symbol": "NWND.L"}]},
}
JUNK = st.sampled_from([None, "", "junk", 0, -1, 1.5, 10**30, -(10**18), True, [], {}, [None], {"raw": None}])


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a payload."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from paths(item, (*path, key))


PLACES = {view: list(paths(payload)) for view, payload in ANSWERS.items()}


@cache
def unasked() -> YahooFinanceRetriever:
    return YahooFinanceRetriever()


@pytest.mark.parametrize("view", ANSWERS)
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_payload_is_data_or_a_typed_error(view: str, data: st.DataObject) -> None:
    payload = copy.deepcopy(ANSWERS[view])
    for _ in range(data.draw(st.integers(1, 3))):
        *above, last = data.draw(st.sampled_from(PLACES[view]))
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

    def get(url: str, params: object, *, crumb: bool) -> Response:
        found = payload if not crumb or view != "fundamentals" else ANSWERS["quote"]
        response = Response(url, 200, json.dumps(found).encode(), "", datetime.now(UTC))
        judge(response)
        return response

    retriever = unasked()
    retriever._session.get = get  # type: ignore[method-assign]  # the same question, answered at once
    try:
        result = retriever.retrieve({"view": view, **({"text": "wind"} if view == "search" else {"symbol": "NWND.L"})})
    except RetrievalError as error:
        assert len(str(error).splitlines()) == 2
        assert error.remedy
    else:
        assert json.loads(json.dumps(result.data)) == result.data
