"""Front matter: what a Markdown file says about itself between two lines of `---`."""

from __future__ import annotations

import io
import json
import re
from typing import Any

from trainer.errors import InstructionError

# The core schema of YAML 1.2, section 10.3.2: what looks like a boolean, a number or nothing, and no more.
SCALARS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "int": (r"[-+]?[0-9]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
}


def split_front_matter(text: str, name: str = "the document") -> tuple[dict[str, Any], str, int]:
    """Front matter, body, and the number of the body's first line. Front matter starts at the first line.

    YAML is read with the scalars of YAML 1.2: `NO`, `ON` and `2025-09-27` stay text. Refused, with
    `InstructionError`: tags, anchors (a few lines of them can expand to gigabytes), more than 64 KiB.
    """
    lines = io.StringIO(text).readlines()  # at line feeds only; other separators may stand in a value
    if not lines or lines[0].rstrip() != "---":
        return {}, text, 1
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        return {}, text, 1
    values = _json(lines[1:end])
    if values is None:
        values = _yaml("".join(lines[1:end]), name)
    return values, "".join(lines[end + 1 :]), end + 2


def _json(lines: list[str]) -> dict[str, Any] | None:
    """Lines of `key: JSON`, which is how reports are written: read fast and at any length."""
    values = {}
    for line in lines:
        key, colon, value = line.partition(": ")
        try:
            values[key] = json.loads(value)
        except (ValueError, RecursionError):
            return None
        if not colon or not key.isidentifier():
            return None
    return values


def _yaml(head: str, name: str) -> dict[str, Any]:
    import yaml

    try:
        if len(head) > 65536:
            raise ValueError("it is longer than 64 KiB")
        if head.count("[") + head.count("{") > 1000:
            raise ValueError("it has more than 1,000 brackets")  # the scanner's time grows with their square
        if any(isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken) for token in yaml.scan(head)):
            raise ValueError("anchors and tags are not allowed")
        values = yaml.load(head, _loader())  # noqa: S506  # a SafeLoader, with fewer scalars
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InstructionError(
            f"{name}: the front matter is not YAML: {reason}", "Mend the lines between the two '---'."
        ) from error
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise InstructionError(
            f"{name}: the front matter must be 'key: value' lines", "Mend the lines between the two '---'."
        )
    return values


def _loader() -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # pyyaml's own name, filled below

    for name, (pattern, first) in SCALARS.items():
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{name}", re.compile(f"^(?:{pattern})$"), list(first))
    return Loader
