"""Pictures of a document as bytes that Word can show."""

from __future__ import annotations

import io
import re
from base64 import b64decode
from collections.abc import Mapping

from trainer_document.policy import is_drawing, is_image

EACH = 20_000_000  # bytes
ZOOM = 2  # pixels of a drawing to each of its own

_KIND = re.compile(r"image/(?:png|jpeg|gif)")


def picture(url: str, assets: Mapping[str, tuple[str, bytes]]) -> io.BytesIO | None:
    """The bytes of the picture at `url`; None if the document does not have it, or Word cannot show it."""
    if not is_image(url):
        return None
    if url.startswith("asset:"):
        kind, content = assets.get(url, ("", b""))
    else:
        head, _, text = url.removeprefix("data:").partition(",")
        kind = head.partition(";")[0].lower()
        try:
            content = b64decode(text.replace("%3D", "=").replace("%2B", "+").replace("%2F", "/"), validate=True)
        except ValueError:
            return None
    return io.BytesIO(content) if _KIND.fullmatch(kind) and len(content) <= EACH else None


def drawn(svg: str) -> io.BytesIO | None:
    """A drawing as PNG; None if it is more than a drawing."""
    if not is_drawing(svg):
        return None
    from resvg_py import svg_to_bytes

    try:
        return io.BytesIO(bytes(svg_to_bytes(svg_string=svg, zoom=ZOOM, background="#ffffff")))
    except ValueError:
        return None
