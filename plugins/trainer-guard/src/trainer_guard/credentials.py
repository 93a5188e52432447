"""Credentials by the forms their issuers give them, and addresses that a text leads to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "-----BEGIN "
OWNER = r"(?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY-----"


class Form(NamedTuple):
    """A credential that always begins with one of `starts`; `pattern` is matched there."""

    name: str
    starts: tuple[str, ...]
    pattern: re.Pattern[str]

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each in `text`."""
        for start in self.starts:
            at = text.find(start)
            while at >= 0:
                match = self.pattern.match(text, at)
                if match:
                    yield match.span()
                at = text.find(start, match.end() if match else at + 1)


def _form(name: str, starts: str, rest: str) -> Form:
    words = tuple(starts.split())
    begin = "|".join(map(re.escape, words))
    return Form(name, words, re.compile(rf"(?<![A-Za-z0-9_])(?:{begin}){rest}"))


# As the issuers document them; every repetition is bounded.
FORMS = (
    _form("an AWS access key", "AKIA ASIA", r"[0-9A-Z]{16}(?![0-9A-Z])"),
    _form("a GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9]{36,255}"),
    _form("a GitHub token", "github_pat_", r"[A-Za-z0-9_]{22,255}"),
    _form("a GitLab token", "glpat-", r"[A-Za-z0-9_-]{20,64}"),
    _form("a Slack token", "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs-", r"[A-Za-z0-9-]{10,250}"),
    _form("a key of a model provider", "sk-", r"(?=[A-Za-z_-]{0,80}\d)[A-Za-z0-9_-]{20,250}"),
    _form("a Google key", "AIza", r"[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])"),
    _form("a Stripe key", "sk_live_ sk_test_ rk_live_ rk_test_", r"[0-9A-Za-z]{16,250}"),
    _form("a Hugging Face token", "hf_", r"[A-Za-z0-9]{30,64}(?![A-Za-z0-9])"),
    _form("an npm token", "npm_", r"[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    _form("a SendGrid key", "SG.", r"[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    _form("a JSON web token", "eyJ", r"[A-Za-z0-9_-]{8,200}\.eyJ[A-Za-z0-9_-]{8,200}\.[A-Za-z0-9_-]{8,100}"),
    Form("a private key", (KEY,), re.compile(rf"{KEY}{OWNER}(?:[^-]{{0,16000}}-----END {OWNER})?")),
    Form("a password in an address", ("://",), re.compile(r"://[^\s/:@]{0,80}:(?!\*|\$\{|<)[^\s/:@]{3,200}@")),
)  # fmt: skip


class Address(NamedTuple):
    """Where a text leads to: an image that is shown or a link that is followed, and what is left without it."""

    url: str
    image: bool
    start: int
    end: int
    left: str


TARGET = r"[^\s()<>]{1,300}(?:\([^\s()<>]{0,60}\)[^\s()<>]{0,100}){0,2}"
IMAGE = re.compile(rf"(!?)\[([^\[\]\n]{{0,200}})\]\(\s{{0,4}}<?({TARGET})[^()\n]{{0,100}}\)")
TAG = re.compile(
    r"<(img|a|iframe|link|object|embed|script|source|video|audio)\b[^<>]{0,80}?"
    r"\b(?:src|href|data)\s{0,2}=\s{0,2}[\"']?([^\s\"'<>]{1,400})[^<>]{0,80}>?",
    re.IGNORECASE,
)
BARE = re.compile(r"(?<![A-Za-z0-9+])(?:https?|ftp|wss?):/{1,3}[^\s\"'<>\[\](){}|\\^`]{1,400}", re.IGNORECASE)
LEADS = re.compile(r"[a-z][a-z0-9+.-]{0,20}:|[/\\]{2}", re.IGNORECASE)
HARMLESS = re.compile(r"mailto:|data:image/(?:png|jpeg|gif|webp)[;,]", re.IGNORECASE)
GONE = "[address removed]"


def addresses(text: str) -> Iterator[Address]:
    """Each address with a scheme or a host in `text`, as Markdown, HTML or by itself. One that a place inside the
    report has (a relative path, an anchor), a mail address and an embedded picture are none."""
    taken: list[tuple[int, int]] = []
    if "](" in text:
        for match in IMAGE.finditer(text):
            if _leads(match[3]):
                taken.append(match.span())
                yield Address(match[3], bool(match[1]), *match.span(), match[2])
    if "<" in text:
        for match in TAG.finditer(text):
            if _leads(match[2]):
                taken.append(match.span())
                yield Address(match[2], match[1].lower() not in {"a", "link"}, *match.span(), "")
    for match in BARE.finditer(text):
        url = match[0].rstrip(".,;:!?*_")
        end = match.start() + len(url)
        if not any(start < end and match.start() < stop for start, stop in taken):
            yield Address(url, False, match.start(), end, GONE)


def _leads(url: str) -> bool:
    return bool(LEADS.match(url)) and not HARMLESS.match(url)
