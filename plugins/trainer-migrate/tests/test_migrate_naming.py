"""What paths and data say of a snapshot: subject, source and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from trainer_migrate.naming import COMMON, FIRST, LAST, named, read_time, source_of, subject_of, told_subject, told_time

DAY = datetime(2025, 1, 5, tzinfo=UTC)
TICKERS = st.from_regex(r"[A-Z]{1,5}", fullmatch=True)
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC))  # noqa: DTZ001  # made aware
STYLES = [
    "{ticker}_{at:%Y%m%d}", "{at:%Y%m%d}_{ticker}", "{lower}-{at:%Y-%m-%d}", "{at:%Y-%m-%d}/{ticker}",
    "{at:%Y/%m/%d}/{ticker}", "{ticker}/{at:%Y-%m-%d}", "{ticker}_metrics_{at:%Y_%m_%d}",
    "yahoo/{ticker}_{at:%Y%m%d}", "stock_data_{lower}_{at:%Y.%m.%d}",
]  # fmt: skip
TIMED = ["{ticker}_{at:%Y%m%d_%H%M%S}", "{lower}-{at:%Y-%m-%dT%H-%M-%S}", "{at:%Y%m%dT%H%M%SZ}_{ticker}", "{ticker}-{at:%Y%m%d%H%M%S}"]  # fmt: skip


@settings(deadline=None)
@given(TICKERS, TIMES, st.sampled_from(STYLES))
def test_a_path_tells_subject_and_day_however_it_is_spelled(ticker: str, at: datetime, style: str) -> None:
    if ticker.lower() in COMMON and "{lower}" in style:
        return  # such a word cannot be told from one that says what is in a file
    path = style.format(ticker=ticker, lower=ticker.lower(), at=at)
    found = named(PurePosixPath(f"{path}.json"))
    assert (found.subject, found.at, found.exact) == (ticker, at.replace(hour=0, minute=0, second=0), False)
    assert found.source == ("yahoo" if "yahoo" in style else "")


@settings(deadline=None)
@given(TICKERS, TIMES, st.sampled_from(TIMED))
def test_a_path_tells_the_time_too(ticker: str, at: datetime, style: str) -> None:
    if ticker.lower() in COMMON and "{lower}" in style:
        return
    found = named(PurePosixPath(style.format(ticker=ticker, lower=ticker.lower(), at=at) + ".json"))
    assert (found.subject, found.at, found.exact) == (ticker, at, True)


@settings(deadline=None)
@given(TIMES.filter(lambda at: FIRST <= at < LAST), st.booleans())
def test_a_number_in_a_name_may_be_seconds_or_milliseconds(at: datetime, milli: bool) -> None:
    number = int(at.timestamp()) * (1000 if milli else 1)
    found = named(PurePosixPath(f"stock_data_{number}.json"))
    if len(str(number)) in (10, 13):
        assert (found.subject, found.at, found.exact) == ("", at, True)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters="/\0"), min_size=1, max_size=40))
def test_no_name_breaks_it_and_every_subject_is_one_word(name: str) -> None:
    found = named(PurePosixPath(name))
    assert not set(found.subject + found.source) & set("/:@ \n\0")
    assert subject_of(found.subject) == found.subject


@pytest.mark.parametrize(
    ("path", "subject", "source", "at"),
    [
        ("company_metrics_2025-01-05T10-30.json", "", "", DAY.replace(hour=10, minute=30)),
        ("stock_data_20251119_134901.json", "", "", datetime(2025, 11, 19, 13, 49, 1, tzinfo=UTC)),
        ("AAPL_yahoo_20250105.json", "AAPL", "yahoo", DAY),
        ("yahoo/AAPL/2025-01-05.json", "AAPL", "yahoo", DAY),
        ("AAPL/metrics_20250105.json", "AAPL", "", DAY),
        ("AAPL/AAPL_20250105.json", "AAPL", "", DAY),
        ("brk.b_20250105.json", "BRK.B", "", DAY),
        ("AAPL_20250105 (1).json", "AAPL", "", DAY),
        ("Corner Bakery 2025-01-05.json", "Corner-Bakery", "", DAY),
        ("AAPL_20250105_103000-0500.json", "AAPL", "", DAY.replace(hour=15, minute=30)),
        ("prices_AAPL_2024-01-01_2025-01-05.json", "AAPL", "", DAY),
        ("AAPL_20250231.json", "AAPL-20250231", "", None),  # there is no such day
        ("AAPL_05-01-2025.json", "AAPL", "", None),  # May or January?
        ("CIK0000320193.json", "CIK0000320193", "", None),
        ("data.json", "", "", None),
        ("trainer.run/AAPL.json", "AAPL", "old-trainer.run", None),
    ],
)
def test_names_as_people_write_them(path: str, subject: str, source: str, at: datetime | None) -> None:
    found = named(PurePosixPath(path))
    assert (found.subject, found.source, found.at) == (subject, source, at)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"extractedAt": "2025-01-05T10:30:00+01:00", "date": "2020-01-01"}, (DAY.replace(hour=9, minute=30), "extractedAt")),
        ({"retrieved_at": "2025-01-05"}, (DAY, "retrieved_at")),
        ({"as_of": "2025-01-05"}, (DAY, "as_of")),
        ({"metadata": {"Timestamp": DAY.timestamp()}}, (DAY, "Timestamp")),
        ({"date": "2025-01-05"}, (DAY, "date")),
        ([{"date": "2025-01-05"}, {"date": "2024-01-05"}, {}], (DAY, "date")),
        ({"date": "yesterday", "timestamp": True}, None),
        ("2025-01-05", None),
    ],
)  # fmt: skip
def test_data_tells_its_own_time_by_the_surest_field(data: Any, told: tuple[datetime, str] | None) -> None:
    assert told_time(data) == told


@settings(deadline=None)
@given(st.floats() | st.integers() | st.text() | st.none() | st.booleans())
def test_no_value_breaks_the_reading_of_times(value: Any) -> None:
    at = read_time(value)
    assert at is None or at.utcoffset() == timedelta(0)


def test_data_tells_its_own_subject() -> None:
    assert told_subject({"Ticker": "aapl"}) == "AAPL"
    assert told_subject({"symbol": "BRK-B"}) == "BRK-B"
    assert told_subject({"ticker": ["AAPL"], "name": "Apple"}) == ""
    assert source_of("trainer.run") == "old-trainer.run"
