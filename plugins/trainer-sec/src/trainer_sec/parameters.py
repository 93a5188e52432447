"""What may be asked of the SEC: the views, their parameters, and a question with its parameters read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

from attrs import fields_dict, frozen

from trainer.catalog import did_you_mean
from trainer.errors import RetrievalError
from trainer.models import slug

COMPANY = ("ticker", "cik")
FACTS = ("as_of", "taxonomy", "tag", "unit", "form", "since", "until")
# Each view, with what it answers and the parameters it takes beside `view`.
VIEWS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "metrics": ("key figures of the last fiscal years and quarters", (*COMPANY, "as_of", "years", "quarters")),
    "facts": ("every figure that a company reported, as rows", (*COMPANY, *FACTS)),
    "concept": ("the figures of one tag of a company, as rows", (*COMPANY, *FACTS)),
    "frames": ("one tag for one period, of all companies", ("taxonomy", "tag", "unit", "period")),
    "submissions": ("what a company filed, the newest first", (*COMPANY, "form", "since", "until", "limit")),
    "filing": ("a document as text, with its items", (*COMPANY, "as_of", "form", "accession", "document", "item")),
    "current": ("what was filed just now, by all filers", ("form", "limit")),
    "search": ("filings since 2001 that hold words", ("text", *COMPANY, "form", "since", "until", "limit")),
}


class Kind(NamedTuple):
    """A kind of value: in words, as JSON Schema, and how it is read (`ValueError` or `TypeError` if it is none)."""

    name: str
    schema: Mapping[str, Any]
    read: Callable[[Any], Any]


def _text(value: Any) -> str:
    if isinstance(value, list | dict | bool):
        raise TypeError
    return str(value).strip()


def _words(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list | tuple) else str(value).split(",")
    return tuple(word for item in items if (word := _text(item)))


def _day(value: Any) -> str:
    return date.fromisoformat(_text(value)).isoformat()


def _count(value: Any) -> int:
    number = int(_text(value))
    if not 0 <= number <= 10_000:
        raise ValueError
    return number


TEXT = Kind("text", {"type": ["string", "integer"]}, _text)
WORDS = Kind("words with commas between them", {"type": ["string", "array"], "items": {"type": "string"}}, _words)
DAY = Kind("a day such as 2024-12-31", {"type": "string", "format": "date"}, _day)
COUNT = Kind("a whole number up to 10,000", {"type": "integer", "minimum": 0, "maximum": 10_000}, _count)
PARAMETERS: Mapping[str, tuple[Kind, str]] = {
    "view": (TEXT, f"One of {', '.join(VIEWS)}; metrics if it is not given."),
    "ticker": (TEXT, "A stock symbol; classes of shares as BRK-B or BRK.B."),
    "cik": (TEXT, "The company's number at the SEC, with or without leading zeros."),
    "as_of": (DAY, "What had been filed by that day; without it, by now."),
    "years": (COUNT, "How many fiscal years; 5 if it is not given."),
    "quarters": (COUNT, "How many quarters; none if it is not given."),
    "taxonomy": (WORDS, "us-gaap, ifrs-full, dei, srt, …"),
    "tag": (WORDS, "Tags such as Revenues."),
    "unit": (WORDS, "Units such as USD, USD/shares, shares, pure."),
    "form": (WORDS, "Forms such as 10-K, 10-Q, 8-K, 20-F, 6-K; amendments are forms too: 10-K/A."),
    "since": (DAY, "The first day: of filing, or for a fact, of its period's end."),
    "until": (DAY, "The last day."),
    "limit": (COUNT, "At most so many, 0 for all; 100 if it is not given."),
    "period": (TEXT, "A calendar period: CY2023, CY2023Q1, or CY2023Q1I for balances."),
    "accession": (TEXT, "A filing's accession number, such as 0000320193-24-000123."),
    "document": (TEXT, "A file of the filing in place of its main document."),
    "item": (WORDS, "Items such as 1A or 7; of a quarterly report also II.1A."),
    "text": (TEXT, "Words; a phrase in double quotes."),
}


@frozen
class Ask:
    """A question. What was not asked for is empty; days are as `2024-12-31`."""

    view: str = "metrics"
    ticker: str = ""
    cik: str = ""
    as_of: str = ""
    years: int = 5
    quarters: int = 0
    taxonomy: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    unit: tuple[str, ...] = ()
    form: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    limit: int = 100
    period: str = ""
    accession: str = ""
    document: str = ""
    item: tuple[str, ...] = ()
    text: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> Ask:
        """The question in a query's parameters; text that is empty counts as not given.

        Raises `RetrievalError` for a view or a parameter that is not known, and a value that is none.
        """
        given = {name: value for name, value in query.items() if value not in (None, "")}
        view = str(given.get("view", "metrics"))
        if view not in VIEWS:
            raise RetrievalError(f"{view!r} is no view{did_you_mean(view, VIEWS)}", f"Known: {', '.join(VIEWS)}.")
        known, values = ("view", *VIEWS[view][1]), {}
        for name, value in given.items():
            if name not in known:
                hint = did_you_mean(str(name), known)
                raise RetrievalError(f"the view {view!r} takes no {name!r}{hint}", f"It takes {', '.join(known[1:])}.")
            kind, about = PARAMETERS[name]
            try:
                values[name] = kind.read(value)
            except (ValueError, TypeError):
                raise RetrievalError(f"{name} is {value!r}, not {kind.name}", about) from None
        return cls(**values)

    def subject(self, company: str) -> str:
        """What an answer is about, as a word: the company, the view unless it is `metrics`, what else was asked."""
        words = [company, self.view if self.view != "metrics" else ""]
        for name, field in fields_dict(Ask).items():
            value = getattr(self, name)
            if name not in ("view", *COMPANY) and value != field.default:
                words += [name, *(value if isinstance(value, tuple) else [str(value)])]
        return slug("-".join(word for word in words if word))


def schema() -> dict[str, Any]:
    """What may be asked, as JSON Schema (2020-12): one alternative for each view."""
    known = {name: {**kind.schema, "description": about} for name, (kind, about) in PARAMETERS.items()}
    views = [
        {
            "description": about,
            "properties": {"view": {"const": view}, **{name: known[name] for name in names}},
            "required": [] if view == "metrics" else ["view"],
            "additionalProperties": False,
        }
        for view, (about, names) in VIEWS.items()
    ]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "anyOf": views}
