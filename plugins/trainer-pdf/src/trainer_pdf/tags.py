"""The tags of a PDF, put right where WeasyPrint's are not what PDF/UA-1 asks for (ISO 32000-1, 14.8.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

FRAMES = {"/Div", "/NonStruct"}
LISTED = {"/Caption", "/L", "/LI"}  # what may stand right in a list


def mend(_: Any, pdf: Any) -> None:
    """Tell of each head of a table whether it is of a column or of a row, and take frames out of lists.

    This is a `finisher` of WeasyPrint: it is given the document and the PDF before it is written.
    """
    tagged: list[Any] = [item for item in pdf.objects if isinstance(item, dict) and item.get("Type") == "/StructElem"]
    elements = {item.reference: item for item in tagged}
    for element in tagged:
        if element["S"] == "/TH" and "A" in element:
            group = elements.get(elements[element["P"]]["P"], {})
            element["A"]["Scope"] = "/Column" if group.get("S") == "/THead" else "/Row"
        elif element["S"] == "/L":
            keys = list(_unframed(element, elements))
            element["K"][:] = []
            for key in keys:
                item = elements.get(key, {})
                listed = item.get("S") in LISTED or not element["K"]
                holder = element if listed else _last(_last(element, elements), elements)
                holder["K"].append(key)  # a space between two items is the end of the first
                if item:
                    item["P"] = holder.reference


def _last(holder: Any, elements: Mapping[Any, Any]) -> Any:
    """The last element within one; the one itself if there is none."""
    return elements.get(holder["K"][-1], holder) if holder["K"] else holder


def _unframed(holder: Any, elements: Mapping[Any, Any]) -> Iterator[Any]:
    """What stands in a list, and in the frames within it."""
    for key in holder["K"]:
        framed = isinstance(key, bytes) and elements.get(key, {}).get("S") in FRAMES
        yield from _unframed(elements[key], elements) if framed else [key]
