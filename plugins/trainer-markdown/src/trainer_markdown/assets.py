"""What a page shows that is not text: pictures of the document, embedded into it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping

EACH = 2_000_000  # bytes of one picture that is embedded
TOTAL = 10_000_000  # bytes of all pictures together

_TYPE = re.compile(r"image/(?:png|jpeg|gif|webp)")


class Assets:
    """The assets of one document, for one page. What cannot be embedded is told in `notes`."""

    def __init__(self, assets: Mapping[str, tuple[str, bytes]]) -> None:
        self._assets = assets
        self._size = 0
        self._known: dict[str, str] = {}
        self.notes: list[str] = []

    def address(self, url: str) -> str:
        """The `data:` address of a picture; "" if the page cannot have it."""
        if url.startswith("asset:") and url in self._known:
            return self._known[url]
        found = self._embedded(url) if url.startswith("asset:") else url
        size = len(found) * 3 // 4
        if found and (size > EACH or self._size + size > TOTAL):
            found = self._note(
                f"A picture of {size:,} bytes is left out: a page holds {EACH:,} of one, {TOTAL:,} in all."
            )
        self._size += len(found) * 3 // 4
        if url.startswith("asset:"):
            self._known[url] = found
        return found

    def _embedded(self, url: str) -> str:
        kind, content = self._assets.get(url, ("", b""))
        if not _TYPE.fullmatch(kind):
            return self._note(f"The picture {url[:18]} is not among the document's.")
        return f"data:{kind};base64,{b64encode(content).decode()}"

    def _note(self, note: str) -> str:
        if note not in self.notes:
            self.notes.append(note)
        return ""
