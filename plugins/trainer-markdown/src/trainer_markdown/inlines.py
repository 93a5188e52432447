"""The words of Markdown: mistune's inline parser in bounded time, with GitHub's addresses and strikethrough."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

import mistune
from mistune.core import InlineState
from mistune.plugins.formatting import strikethrough
from mistune.util import escape_url, unikey

from trainer_markdown.limits import LETTERS, Budget

CALL, STEP = 10, 5  # steps of a budget that a paragraph takes, and each sign in it that may begin something
ADDRESS = r"(?:https?|ftp)://[^\W_][^\s<\]]*|www\.[^\W_][^\s<\]]*"
MAIL = r"@[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)++(?<![_-])"
FOOTNOTE = r"\[\^(?P<footnote_name>[^\\\[\]\s]{1,500})\]"
FORMULA = r"\$`(?P<formula_text>[^`\n]+)`\$"
DELETED = r"(?<![\w~])~(?=[^\s~])(?P<deleted_text>[^~\n]{1,500}+)(?<=[^\s\\])~(?![\w~])"

_RUNS = re.compile(r"\*+|_+")
_ADDRESSED = re.compile(r"(?<!\]\()(?<!<)(?:https?|ftp)://|www\.|@\w")
_TRIGGER = re.compile(r"[\\`*_\[\]<~$\n@]|!\[|https?://|ftp://|www\.")
_LOCAL = re.compile(r"[A-Za-z0-9._+-]{1,64}\Z")
_ENTITY = re.compile(r"&[A-Za-z0-9]+;\Z")


class Inlines(mistune.InlineParser):
    """mistune's inline parser within a budget; `notes` says what was left as it is written."""

    def __init__(self, budget: Budget, extensions: bool, addresses: bool = False) -> None:
        super().__init__()
        self.notes: list[str] = []
        self._budget = budget
        self._emphasis = True
        self._addressed: Inlines | None = None
        self.specification["linebreak"] = r"(?:\\| {2,})\n[ \t\f\v]*"
        self.specification["softbreak"] = r" *\n[ \t\f\v]*"
        if not extensions:
            return
        strikethrough(mistune.Markdown(None, None, self))
        self.register("deleted", DELETED, _deleted, before="link", start_chars="~")
        self.register("footnote", FOOTNOTE, _footnote, before="link", start_chars="[")
        self.register("formula", FORMULA, _formula, before="codespan", start_chars="$")
        if addresses:
            self.register("address", ADDRESS, _address, start_chars=("h", "w", "f"))
            self.register("mail", MAIL, _mail, start_chars="@")
        else:
            self._addressed = Inlines(budget, extensions, addresses=True)
            self._addressed.notes = self.notes

    def __call__(self, s: str, env: MutableMapping[str, Any]) -> list[dict[str, Any]]:
        """The tokens of a paragraph."""
        if self._addressed and _ADDRESSED.search(s):
            return self._addressed(s, env)
        self._budget.spend(CALL + len(s) // LETTERS)
        signs = s.count("*") + s.count("_")
        self._emphasis = not signs or self._budget.emphasis(len(_RUNS.findall(s)))
        if not self._emphasis:
            note = "A paragraph, or the text, has too many marks of emphasis. They are shown as they are written."
            self.notes[:] = [note]
        return super().__call__(s, env)

    def _find_fast_text_end(self, src: str, pos: int) -> int:
        self._budget.spend(STEP)
        # mistune looks at every sign that an address can begin with.
        trigger = _TRIGGER.search(src, pos)
        if not trigger:
            return len(src)
        return self._find_linebreak_start(src, pos, trigger.start()) if trigger[0] == "\n" else trigger.start()

    def finalize_tokens(self, tokens: list[dict[str, Any]], depth: int) -> list[dict[str, Any]]:
        """Find the emphasis; no room to nest is how mistune leaves it alone."""
        return super().finalize_tokens(tokens, depth if self._emphasis else self.max_nested_level)


def _deleted(inline: mistune.InlineParser, m: re.Match[str], state: InlineState) -> int | None:
    if state.depth >= inline.max_nested_level:
        return None
    inner = state.copy()
    inner.src = m["deleted_text"]
    state.append_token({"type": "strikethrough", "children": inline.render(inner)})
    return m.end()


def _footnote(inline: mistune.InlineParser, m: re.Match[str], state: InlineState) -> int:
    identifier = state.env["footnotes"].get(unikey(m["footnote_name"]))
    if identifier is None or state.in_image:
        inline.process_text(m[0], state)
    else:
        state.append_token({"type": "footnote_ref", "raw": identifier})
    return m.end()


def _formula(_: mistune.InlineParser, m: re.Match[str], state: InlineState) -> int:
    state.append_token({"type": "formula", "raw": m["formula_text"]})
    return m.end()


def _address(inline: mistune.InlineParser, m: re.Match[str], state: InlineState) -> int:
    text = _trimmed(m[0])
    if state.in_link or state.src[m.start() - 1 : m.start()].isalnum() or not _is_domain(text):
        inline.process_text(text, state)
    else:
        _link(inline, text if "://" in text else f"http://{text}", text, state)
    return m.start() + len(text)


def _mail(inline: mistune.InlineParser, m: re.Match[str], state: InlineState) -> int | None:
    local = _LOCAL.search(state.src, max(0, m.start() - 64), m.start())
    if not local or state.in_link or not _take(state.tokens, local[0]):
        inline.process_text(m[0], state)
    else:
        _link(inline, f"mailto:{local[0]}{m[0]}", f"{local[0]}{m[0]}", state)
    return m.end()


def _link(inline: mistune.InlineParser, url: str, text: str, state: InlineState) -> None:
    if state.depth >= inline.max_nested_level:
        inline.process_text(text, state)
        return
    child = {"type": "text", "raw": text}
    state.append_token({"type": "link", "children": [child], "attrs": {"url": escape_url(url)}, "_autolink": text})


def _take(tokens: list[dict[str, Any]], text: str) -> bool:
    """Take `text` off the end of the tokens, if it stands there as words."""
    number, rest = len(tokens), text
    while rest:
        number -= 1
        if number < 0 or tokens[number]["type"] != "text" or tokens[number].get("_emphasis") is False:
            return False
        raw = tokens[number]["raw"]
        if not (rest.endswith(raw) or raw.endswith(rest)):
            return False
        left, rest = raw[: len(raw) - len(rest)], rest[: max(0, len(rest) - len(raw))]
    tokens[number:] = [{"type": "text", "raw": left}] if left else []
    return True


def _trimmed(text: str) -> str:
    """An address without the punctuation of the sentence it stands in."""
    opened, closed = text.count("("), text.count(")")
    end = len(text)
    while end:
        if text[end - 1] in "?!.,:*_~'\"":
            end -= 1
        elif text[end - 1] == ")" and closed > opened:
            end, closed = end - 1, closed - 1
        elif text[end - 1] == ";":
            entity = _ENTITY.search(text, max(0, end - 34), end)
            end = entity.start() if entity else end - 1
        else:
            break
    return text[:end]


def _is_domain(address: str) -> bool:
    domain = re.split(r"[/?#:]", address.partition("://")[2] or address, maxsplit=1)[0]
    return "_" not in "".join(domain.split(".")[-2:]) and (domain != address or "." in domain.removeprefix("www."))
