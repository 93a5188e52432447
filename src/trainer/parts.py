"""What prompts were made of, kept so that versions of them can be told apart and compared."""

from __future__ import annotations

from typing import Any

from trainer.models import Prompt
from trainer.stores import DataStore

PARTS = "trainer.part"


def listed(prompt: Prompt) -> list[dict[str, Any]]:
    """The parts of a prompt as a run record has them: kind, name, SHA-256 of the text, tokens, note."""
    return [
        {"kind": part.kind, "name": part.name, "sha256": part.sha256, "tokens": part.tokens, "note": part.note}
        for part in prompt.parts
    ]


def keep(store: DataStore, prompt: Prompt) -> None:
    """Store the text of each part but data, under `trainer.part:SHA256`, so each text once."""
    for part in prompt.parts:
        key = f"{PARTS}:{part.sha256}"
        if part.kind != "data" and not store.exists(key):
            # No database takes NUL, and a part is only shown to people from here on.
            store.store(key, {"name": part.name, "text": part.text.replace("\0", "\ufffd")}, source=PARTS)


def text_of(store: DataStore, sha256: str) -> str | None:
    """The text of a part, or `None` if it was not kept."""
    record = store.retrieve(f"{PARTS}:{sha256}")
    return None if record is None else str(record.data["text"])
