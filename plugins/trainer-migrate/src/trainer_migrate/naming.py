"""What a snapshot's path and its data say of it: whom it is about, from where it is, and of which time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import PurePosixPath
from typing import Any

from attrs import frozen

from trainer.models import slug

DATE = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<sep>[-_./]?)(?P<month>0[1-9]|1[0-2])(?P=sep)(?P<day>0[1-9]|[12]\d|3[01])"
    r"(?:[T_ -]?(?P<hour>[01]\d|2[0-3])(?P<mark>[-_.:]?)(?P<minute>[0-5]\d)(?:(?P=mark)(?P<second>[0-5]\d))?"
    r"(?:\.\d{1,9})?(?P<zone>Z|[+-]\d{4})?(?![-_.]?\d))?(?!\d)"
)
EPOCH = re.compile(r"(?<!\d)(\d{10})(\d{3})?(?!\d)")  # seconds, or milliseconds, since 1970
FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)  # what such numbers may mean

TICKERS = ("ticker", "symbol")
NAMES = ("subject", "company", "companyname", "entity", "name")
# Fields that say when data was fetched, the surest first; the days in DAYS may be those of the data itself.
STAMPS = (
    *("extractedat", "retrievedat", "fetchedat", "scrapedat", "capturedat", "collectedat", "downloadedat"),
    *("timestamp", "asof", "asofdate", "generatedat", "createdat", "updatedat", "lastupdated"),
)
DAYS = ("date", "day", "datetime")
SOURCES = {"yahoo": "yahoo", "sec": "sec", "edgar": "sec"}
# Words that say what is in a file, and not whom it is about.
COMMON = frozenset([
    "all", "analysis", "companies", "company", "current", "data", "edgar", "extract", "extracted", "finance",
    "financial", "financials", "fundamentals", "info", "input", "json", "key", "latest", "metric", "metrics", "output",
    "prices", "quote", "quotes", "raw", "report", "result", "results", "scraped", "sec", "snapshot", "snapshots",
    "statistics", "stats", "stock", "stocks", "ticker", "tickers", "yahoo",
])  # fmt: skip


@frozen
class Named:
    """What a path says: each "" or `None` where it says nothing. `exact` is whether there is a time beside the day."""

    subject: str
    source: str
    at: datetime | None
    exact: bool


def named(path: PurePosixPath) -> Named:
    """Read a path below the folder of snapshots, such as `yahoo/AAPL_20250105.json`. A time without zone is UTC."""
    text = path.with_suffix("").as_posix()
    found = [(match.span(), *when) for match in DATE.finditer(text) if (when := _date(match))]
    found = found or [(match.span(), *when) for match in EPOCH.finditer(text) if (when := _epoch(match))]
    for (start, end), *_ in reversed(found):
        # Of a date that is spread over folders, `2025/01/05`, the last stays one.
        text = text[:start] + ("/" if "/" in text[start:end] else " ") + text[end:]
    *folders, stem = [[word for word in re.split(r"[\s_-]+", part) if word] for part in text.split("/")]
    words = _telling(stem)
    outer = [folder for folder in map(_telling, folders) if folder]
    source = next((SOURCES[word.lower()] for word in stem if word.lower() in SOURCES), "")
    subject = subject_of("-".join(words))
    if not subject and outer:
        subject = subject_of("-".join(outer.pop()))
    # Among the folders around, one of the subject's own says nothing more.
    outer = [folder for folder in outer if subject_of("-".join(folder)) != subject]
    plain = [folder for folder in folders if folder and not _telling(folder)]
    named_so = [SOURCES[word.lower()] for folder in plain for word in folder if word.lower() in SOURCES]
    source = source_of("-".join(outer[0])) if outer else next(iter(named_so), source)
    at, exact = max(((at, exact) for _, at, exact in found), default=(None, False))
    return Named(subject, source, at, exact)


def subject_of(text: str) -> str:
    """A text as a subject, as keys and file names hold it; what can only be a ticker is in capitals."""
    word = slug(text)
    return word.upper() if re.fullmatch(r"[A-Za-z]{1,5}([.-][A-Za-z])?", word) else word


def source_of(text: str) -> str:
    """A text as a source, as keys and folders hold it; the names of our own records are none."""
    word = slug(text).lower()
    return f"old-{word}" if word.startswith("trainer") else word


def told_subject(data: Any, fields: Sequence[str] = TICKERS) -> str:
    """The subject that data names itself in one of the `fields`, or ""."""
    told = _told(data)
    for name in fields:
        _, value = told.get(name, ("", None))
        if isinstance(value, str) and len(value) <= 60 and (subject := subject_of(value)):
            return subject
    return ""


def told_time(data: Any, fields: Sequence[str] = (*STAMPS, *DAYS)) -> tuple[datetime, str] | None:
    """The time that data tells itself, and in which field; of a list of rows, the latest."""
    if isinstance(data, list):
        return max(filter(None, (told_time(row, fields) for row in data if isinstance(row, dict))), default=None)
    told = _told(data)
    for name in fields:
        field, value = told.get(name, ("", None))
        if at := read_time(value):
            return at, field
    return None


def read_time(value: Any) -> datetime | None:
    """A time in ISO 8601, or in seconds or milliseconds since 1970; without zone it is UTC."""
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value.strip())
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        match = EPOCH.fullmatch(f"{value:.0f}")
        return when[0] if match and (when := _epoch(match)) else None
    return None


def _telling(words: Sequence[str]) -> list[str]:
    """The words that say whom something is about; in capitals, a short one may be a ticker."""
    kept = [word for word in words if word.lower() not in COMMON or (word.isupper() and len(word) <= 5)]
    # A number beside words counts copies, or is part of a date.
    return [word for word in kept if not re.fullmatch(r"\(?\d{1,4}\)?", word) or (len(word) == 4 and len(kept) == 1)]


def _date(match: re.Match[str]) -> tuple[datetime, bool] | None:
    part = match.groupdict()
    zone = UTC
    if (told := part["zone"]) and told != "Z":
        offset = timedelta(hours=int(told[1:3]), minutes=int(told[3:]))
        zone = timezone(-offset if told[0] == "-" else offset) if offset < timedelta(hours=24) else UTC
    numbers = [int(part[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")]
    try:
        return datetime(*numbers, tzinfo=zone).astimezone(UTC), part["hour"] is not None  # type: ignore[arg-type, misc]
    except ValueError:
        return None


def _epoch(match: re.Match[str]) -> tuple[datetime, bool] | None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(match[1]), milliseconds=int(match[2] or 0))
    return (at, True) if FIRST <= at < LAST else None


def _told(data: Any) -> dict[str, tuple[str, Any]]:
    """The fields at the top and below `metadata`, with their values, by their names however they are spelled."""
    found: dict[str, tuple[str, Any]] = {}
    for place in (data, *((data.get("metadata"), data.get("meta")) if isinstance(data, dict) else ())):
        for field, value in place.items() if isinstance(place, dict) else ():
            found.setdefault(re.sub(r"[^a-z]", "", field.lower()), (field, value))
    return found
