"""Records as text, inside fences that nothing in the data can close."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from attrs import evolve, frozen

from trainer.models import Part
from trainer_prompts.tables import Shown, show
from trainer_prompts.tokens import estimate

if TYPE_CHECKING:
    from trainer import StoredData


@frozen
class Blocks:
    """The random word of 128 bits and each record's block, fenced with it; no word if there are no records."""

    word: str
    texts: Mapping[str, str]
    parts: tuple[Part, ...] = ()


def fence(records: Mapping[str, StoredData], tokens: int | None = None) -> Blocks:
    """Each record as a block, all of them in at most about so many `tokens`, shared out fairly.

    A block is `<data-WORD name="…" record="key@version" source="…" retrieved="…">`, the data on lines of
    its own, and `</data-WORD>`. The word stands nowhere inside a block, so no data can end it.
    """
    if not records:
        return Blocks("", {})
    shown = _within(records, tokens)
    inner = {name: _attributes(name, record) + shown[name].text for name, record in records.items()}
    word = secrets.token_hex(16)
    while any(word in text for text in inner.values()):
        word = secrets.token_hex(16)
    texts = {name: f"<data-{word} {text}\n</data-{word}>" for name, text in inner.items()}
    parts = (
        Part("data", name, record.ref, estimate(texts[name]), note=_note(shown[name]))
        for name, record in records.items()
    )
    return Blocks(word, texts, tuple(parts))


def seen(record: StoredData) -> StoredData:
    """The record without the keys of its data that its source lists under `unseen` in its metadata.

    They hold what a document keeps from its readers; guards look at it, and it is no one's data.
    """
    names = record.metadata.get("unseen")
    if not names or not isinstance(record.data, Mapping):
        return record
    return evolve(record, data={key: value for key, value in record.data.items() if key not in names})


def _within(records: Mapping[str, StoredData], tokens: int | None) -> dict[str, Shown]:
    """Each record's data; what a small one does not need of its share goes to the larger ones."""
    shown = {name: show(record.data) for name, record in records.items()}
    if tokens is None or sum(one.tokens for one in shown.values()) <= tokens:
        return shown
    rest = tokens
    for place, name in enumerate(sorted(shown, key=lambda name: shown[name].tokens)):
        share = rest // (len(shown) - place)
        if shown[name].tokens > share:
            shown[name] = show(records[name].data, share)
        rest -= min(share, shown[name].tokens)
    return shown


def _note(shown: Shown) -> str:
    return f"{shown.left_out} left out" if shown.left_out else ""


def _attributes(name: str, record: StoredData) -> str:
    values = {
        "name": name,
        "record": record.ref,
        "source": record.source,
        # When this version was written: `updated_at` moves with every look at the same content, and with
        # it the prompt's hash would.
        "retrieved": record.stored_at.isoformat(timespec="seconds"),
    }
    return " ".join(f"{key}={quoteattr(value)}" for key, value in values.items()) + ">\n"
