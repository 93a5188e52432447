"""Prompts that were composed before, as long as the files they were made from still say the same."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from trainer import Prompt


@frozen
class _Entry:
    prompt: Prompt
    until: float
    files: dict[Path, str]


class PromptCache:
    """At most `size` prompts, each for at most `ttl` seconds (`None`: no limit); the least recently used goes first.

    A prompt is dropped when the instruction, a context or an included file that it was made from is changed or gone:
    contents are compared, not times. Safe for threads; `clock` gives seconds.
    """

    def __init__(self, size: int = 128, ttl: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        if size < 1:
            raise ValueError(f"a cache of {size} prompts is none")
        self.size, self.ttl, self._clock = size, ttl, clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Prompt | None:
        """The prompt under `key`, or `None` if there is none that still holds."""
        with self._lock:
            entry = self._entries.get(key)
        if entry is None:
            return None
        holds = self._clock() < entry.until and all(_digest(path) == digest for path, digest in entry.files.items())
        with self._lock:
            if self._entries.get(key) is entry:
                if holds:
                    self._entries.move_to_end(key)
                else:
                    del self._entries[key]
        return entry.prompt if holds else None

    def put(self, key: str, prompt: Prompt) -> None:
        """Keep `prompt` under `key`, in place of what was there."""
        # What the prompt was made from, and not what the files say by now.
        files = {part.path.resolve(): part.sha256 for part in prompt.parts if part.path and part.path.is_file()}
        until = float("inf") if self.ttl is None else self._clock() + self.ttl
        with self._lock:
            self._entries[key] = _Entry(prompt, until, files)
            self._entries.move_to_end(key)
            while len(self._entries) > self.size:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        """Drop every prompt."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_text(encoding="utf-8-sig").encode()).hexdigest()
    except (OSError, UnicodeDecodeError):
        return ""
