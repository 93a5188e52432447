"""Names: what metrics and companies are called, in data and in text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from trainer_guard.grounding.concepts import CONCEPTS
from trainer_guard.grounding.words import wordset

# Names that say nothing in a sentence, though they are keys of data.
COMMON = wordset(
    "value total count other change open high low close amount number date time name data rate level share shares "
    "year cash all current average sum min max net gross price volume score index text size rank day month"
)
LEGAL = re.compile(
    r"(?:[,.]?\s+(?:inc|corp|corporation|company|co|ltd|limited|plc|ag|se|sa|nv|llc|lp|holdings?|group|"
    r"incorporated|class [a-z]|trust|traders)\b\.?|[,.]|\(.*)+$",
    re.IGNORECASE,
)
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
PIECE = re.compile(r"[A-Za-zÀ-ɏ0-9&/]+")


@lru_cache(8192)
def words_of(name: str) -> tuple[str, ...]:
    """A name's words in lower case: `net_income`, `NetIncomeLoss`, `Shareholders' equity`."""
    plain = name.replace("’", "'").replace("'s", "s").replace("'", "")
    return tuple(word.lower() for word in PIECE.findall(CAMEL.sub(" ", plain)))


def _canon() -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    for name, others in CONCEPTS.items():
        for phrase in (name, *others):
            found.setdefault(words_of(phrase), name)
    return found


CANON = _canon()


@lru_cache(8192)
def metric_of(names: tuple[str, ...]) -> str:
    """The one name of a metric by those that data gives it: a concept, or the first in snake case."""
    for name in names:
        if concept := CANON.get(words_of(name)):
            return concept
    return "_".join(words_of(names[0])) if names else ""


def name_of(metric: str) -> str:
    """A metric as words."""
    return " ".join(words_of(metric))


def is_firm(metric: str) -> bool:
    """Whether a metric's name in a sentence says for certain that it is meant: not a word such as `founded`."""
    return metric in CONCEPTS or "_" in metric


class Phrases:
    """Phrases to be found in text, the longest first: each stands for one or more names."""

    def __init__(self) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], frozenset[str]]]] = {}
        self._names: dict[tuple[str, ...], set[str]] = {}

    def add(self, phrase: Sequence[str], name: str) -> None:
        """Let `phrase` stand for `name`."""
        if phrase and len(phrase) <= 12:
            self._names.setdefault(tuple(phrase), set()).add(name)

    def freeze(self) -> None:
        """Make the phrases ready to be found."""
        for phrase, names in sorted(self._names.items(), key=lambda item: (-len(item[0]), item[0])):
            self._by_first.setdefault(phrase[0], []).append((phrase, frozenset(names)))

    def find(self, words: Sequence[str]) -> Iterator[tuple[int, int, frozenset[str]]]:
        """First and last position, and names, of each phrase among words; phrases do not overlap."""
        place, first = 0, self._by_first
        while place < len(words):
            options = first.get(words[place])
            step = 1
            if options:
                for phrase, names in options:
                    if len(phrase) == 1 or tuple(words[place : place + len(phrase)]) == phrase:
                        step = len(phrase)
                        yield place, place + step - 1, names
                        break
            place += step


def metric_phrases(metrics: Mapping[str, Iterable[str]]) -> Phrases:
    """The phrases for metrics: their names, those the data uses, and those of the concepts."""
    phrases = Phrases()
    for metric, names in metrics.items():
        for name in (metric, *names, *CONCEPTS.get(metric, ())):
            words = words_of(name)
            weak = (
                len(words) == 1 and (words[0] in COMMON or len(words[0]) < 3) and name not in CONCEPTS.get(metric, ())
            )
            if not weak or metric == "cash":
                phrases.add(words, metric)
    # What the data does not have is not to be taken for what is a part of its name: a "gross margin" is no "margin".
    if "total_cash" in metrics and "cash" not in metrics:
        for name in ("cash", *CONCEPTS["cash"]):
            phrases.add(words_of(name), "total_cash")
    for concept, others in CONCEPTS.items():
        if concept not in metrics:
            for name in (concept, *others):
                if len(words_of(name)) > 1:
                    phrases.add(words_of(name), concept)
    phrases.freeze()
    return phrases


def company_names(entity: str, ticker: str) -> set[tuple[str, ...]]:
    """The phrases for a company: its ticker, its name, its name without what the law adds."""
    found = {words_of(ticker)} if ticker else set()
    if entity:
        short = LEGAL.sub("", entity.split("(", maxsplit=1)[0].strip())
        for name in (entity, short):
            found.add(words_of(name))
        first = words_of(short)[:1]
        if (
            first
            and len(first[0]) > 3
            and first[0] not in {"first", "general", "american", "united", "national", "bank"}
        ):
            found.add(first)
    return {words for words in found if words}
