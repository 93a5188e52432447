"""A style sheet for a page that is there already."""

from __future__ import annotations

import re

from trainer_document.themes import Theme, checked

# What may hold the words that are looked for without meaning them, and these: the end of the head, or the body.
_PLACE = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|title|textarea)\b.*?(?:</\1\s*>|\Z)|(?P<place></head\s*>|<body\b)",
    re.DOTALL | re.IGNORECASE,
)  # fmt: skip


def styled(html: str, theme: Theme) -> str:
    """The page with the theme's style sheet after those that it has, so that its rules win.

    Without a head it stands before all else. Raises `ConversionError` if the style sheet could fetch something.
    """
    style = f"<style>\n{checked(theme).stylesheet.strip()}\n</style>\n"
    place = next((match.start() for match in _PLACE.finditer(html) if match["place"]), 0)
    return html[:place] + style + html[place:]
