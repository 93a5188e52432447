"""The guard against what must not get out: credentials, configured secrets, canaries, addresses nobody gave."""

from __future__ import annotations

import os
import re
import secrets as random
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from trainer import Finding, RunInfo, Stage, hookimpl, plugin
from trainer.guarding import redacted
from trainer.models import Edit
from trainer_guard.credentials import FORMS, GONE, KEY, addresses
from trainer_guard.words import LEAST, Haystack

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from trainer import Segment

GUARD, VERSION = "leaks", "1"
SECRET = "[secret removed]"  # noqa: S105  # what stands in a secret's place
FENCE = re.compile(r"<data-([0-9a-f]{32}) ")
CANARY = re.compile(r"canary-[0-9a-f]{32}")
# A name of an environment variable that holds a secret.
NAMED = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)(?:$|_)|APIKEY", re.IGNORECASE)
LONGEST = 1_000  # characters of the longest match but for a private key
LONGEST_KEY = 17_000
CONTEXT = 8  # characters that a pattern may look behind
RUNS = 1_000  # runs whose words and addresses are remembered


def new_canary() -> str:
    """A word for the system part of a prompt: an answer that holds it gives that part away."""
    return f"canary-{random.token_hex(16)}"


@define
class Known:
    """What is known of a run: addresses in its data, words of its prompt that must not come back."""

    addresses: set[str] = field(factory=set)
    canaries: set[str] = field(factory=set, repr=False)
    fences: set[str] = field(factory=set, repr=False)


@plugin
class Leaks:
    """The guard `leaks`.

    `addresses` are hosts (`sec.gov`: with those below it) or beginnings of addresses that an answer may name
    beside those in its data: unless you say otherwise, the archive of filings, which reports link to. `secrets` are
    exact values that must not occur anywhere; with `environment`, the values of variables whose names say that they
    are secret are such too.
    """

    addresses: list[str] = field(factory=lambda: ["sec.gov"])
    secrets: list[str] = field(factory=list, repr=False)
    environment: bool = True
    _runs: OrderedDict[str, Known] = field(init=False, factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)

    @hookimpl
    def secure(self, stage: Stage, segments: Sequence[Segment], run: RunInfo) -> list[Finding]:
        """Secrets at every stage; in answers and pages, words of the prompt; in answers, addresses from nowhere."""
        known = self._known(run.id)
        self._learn(known, stage, segments)
        found: list[Finding] = []
        for number, segment in enumerate(segments):
            found += find_secrets(segment.text, self._values(), segment=number)
            if stage in {Stage.OUTPUT, Stage.RENDER}:
                found += find_words(segment.text, known.canaries, known.fences, segment=number)
            if stage is Stage.OUTPUT and run.id:
                found += find_addresses(segment.text, known.addresses, self.addresses, segment=number)
        return found

    def stream(self, run: RunInfo) -> Held:
        """What shows a run's answer as it arrives, without what this guard takes out of it."""
        known = self._known(run.id)

        def find(text: str) -> list[Finding]:
            found = find_secrets(text, self._values()) + find_words(text, known.canaries, known.fences)
            return found + (find_addresses(text, known.addresses, self.addresses) if run.id else [])

        longest = max((8 * len(value) for value in self._values().values()), default=0)
        return Held(find, max(longest, LONGEST))

    def _known(self, run: str) -> Known:
        with self._lock:
            known = self._runs.pop(run, None) or Known()
            if run:  # texts outside of runs have nothing in common
                self._runs[run] = known
                while len(self._runs) > RUNS:
                    self._runs.popitem(last=False)
            return known

    def _learn(self, known: Known, stage: Stage, segments: Sequence[Segment]) -> None:
        if stage not in {Stage.INPUT, Stage.DATA, Stage.PROMPT}:
            return
        for segment in segments:
            known.addresses.update(_urls(segment.text))
            if stage is Stage.PROMPT:
                known.fences.update(FENCE.findall(segment.text))
            if stage is Stage.PROMPT and segment.role == "system":
                known.canaries.update(CANARY.findall(segment.text))

    def _values(self) -> dict[str, str]:
        named = {f"a configured secret ({number})": value for number, value in enumerate(self.secrets, 1)}
        if self.environment:
            held = ((name, value) for name, value in os.environ.items() if len(value) >= LEAST and NAMED.search(name))
            named |= {f"the value of {name}": value for name, value in held}
        return named


def find_secrets(text: str, values: Mapping[str, str] | None = None, *, segment: int = 0) -> list[Finding]:
    """Credentials in forms that are known, and `values` (what to call them → the exact value), disguised too."""
    found = [(form.name, *span) for form in FORMS for span in form.find(text)]
    if values:
        hay = Haystack(text)
        found += [(name, *span) for name, value in values.items() for span in hay.find(value)]
    return [
        _finding("secret", f"{name} is in the text", segment, Edit(start, end, SECRET)) for name, start, end in found
    ]


def find_words(
    text: str, canaries: Collection[str] = (), fences: Collection[str] = (), *, segment: int = 0
) -> list[Finding]:
    """Words of the prompt in an answer: a canary gives the system part away, the word of a fence its frame."""
    hay, found = Haystack(text), []
    for category, words, message in (
        ("canary", canaries, "the answer gives away the system part of the prompt"),
        ("fence", fences, "the answer repeats the word that fences data off"),
    ):
        for word in words:
            found += [_finding(category, message, segment, Edit(*span, "[…]")) for span in hay.find(word)]
    return found


def find_addresses(
    text: str, known: Collection[str] = (), allowed: Sequence[str] = (), *, segment: int = 0
) -> list[Finding]:
    """Addresses and images that are neither in `known` nor allowed by host or beginning."""
    return [
        _finding(
            "image" if item.image else "address",
            f"{'an image' if item.image else 'an address'} that is not in the data",
            segment,
            Edit(item.start, item.end, item.left if not LINKED.search(item.left) else GONE),
        )
        for item in addresses(text)
        if _trim(item.url) not in known and not _allowed(item.url, allowed)
    ]


LINKED = re.compile(r"://|//|\]\(|<")


def _urls(text: str) -> Iterator[str]:
    return (_trim(item.url) for item in addresses(text))


def _trim(url: str) -> str:
    return url.rstrip(".,;:!?*_/")


def _allowed(url: str, allowed: Sequence[str]) -> bool:
    match = HOST.match(url)
    host = match[1].lower().rpartition("@")[2] if match else ""
    return any(
        url.startswith(entry) if "://" in entry else host == entry.lower() or host.endswith(f".{entry.lower()}")
        for entry in allowed
    )


# What a browser may read differently (`\\`, `@`) belongs to the host, so that it is not taken for an allowed one.
HOST = re.compile(r"(?:https?:)?//([^/?#:]{1,253})(?::\d{1,5})?(?:[/?#]|$)", re.IGNORECASE)


def _finding(category: str, message: str, segment: int, edit: Edit) -> Finding:
    span = (edit.start, edit.end)
    return Finding(GUARD, category, message, "high", segment, span, True, VERSION, edits=(edit,))


class Held:
    """A text that arrives in pieces and is passed on without its leaks, however it was cut into pieces.

    The end is held back as long as the longest pattern is (1,000 characters; a private key to its end), since
    what follows could make a leak of it. `find` is asked for the findings in a text; `findings` are those in what was
    passed on, their places counted in all that came.
    """

    def __init__(self, find: Callable[[str], list[Finding]], longest: int = LONGEST) -> None:
        self.findings: list[Finding] = []
        self._find = find
        self._longest = longest
        self._text = ""  # what is held back, after a little that was passed on, for what looks behind
        self._at = 0  # where in `_text` that begins
        self._passed = 0  # characters before `_text`

    def feed(self, piece: str) -> str:
        """What may be shown after one more piece."""
        self._text += piece
        until = min(len(self._text) - self._longest, self._opened())
        return self._pass(until) if until > self._at else ""

    def close(self) -> str:
        """The rest."""
        return self._pass(len(self._text))

    def _opened(self) -> int:
        """Where a private key begins that has not ended yet."""
        at = self._text.rfind(KEY, self._at)
        ended = at < 0 or "-----END" in self._text[at:-40] or len(self._text) - at > LONGEST_KEY
        return len(self._text) if ended else at

    def _pass(self, until: int) -> str:
        found = [(edit, finding) for finding in self._find(self._text) for edit in finding.edits]
        for edit, _ in sorted(found, key=lambda pair: -pair[0].start):
            if edit.start < until < edit.end:
                until = edit.start
        done = [(edit, finding) for edit, finding in found if self._at <= edit.start and edit.end <= until]
        shown = redacted(
            self._text[self._at : until],
            [evolve(edit, start=edit.start - self._at, end=edit.end - self._at) for edit, _ in done],
        )
        self.findings += [_moved(finding, self._passed) for _, finding in done]
        kept = max(until - CONTEXT, 0)
        self._text, self._at, self._passed = self._text[kept:], until - kept, self._passed + kept
        return shown


def _moved(finding: Finding, by: int) -> Finding:
    edits = [evolve(edit, start=edit.start + by, end=edit.end + by) for edit in finding.edits]
    return evolve(finding, span=(edits[0].start, edits[0].end), edits=edits)
