"""Values that follow a JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer.testing.fake_llm.asking import Request
from trainer.testing.fake_llm.dialect import dumps

Schema = Mapping[str, Any]


class Endless(Exception):
    """A part of a schema that contains itself has been reached again."""


def obey(request: Request) -> str:
    """The answer of a model that follows the request's JSON schema, for `FakeLLM.say`; `{}` if it has none."""
    schema = request.schema or {"type": "object"}
    return dumps(example(schema, schema))


def example(schema: Schema, root: Schema, inside: frozenset[str] = frozenset()) -> Any:
    """The plainest value of a schema: first choices, least numbers, every property that ends.

    `$ref` points into `root`; `inside` are those that this value is a part of. Raises `Endless`.
    """
    if ref := schema.get("$ref"):
        if ref in inside:
            raise Endless(ref)
        return example(_target(ref, root), root, inside | {ref})
    if "const" in schema:
        return schema["const"]
    for word in ("enum", "examples"):
        if schema.get(word):
            return schema[word][0]
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            return _first(schema[word], root, inside)
    if schema.get("allOf"):
        merged: dict[str, Any] = {}
        for part in schema["allOf"]:
            merged |= example(part, root, inside)
        return merged
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return _typed(kind[0] if isinstance(kind, list) else kind, schema, root, inside)


def _target(ref: str, root: Schema) -> Schema:
    target: Any = root
    for step in filter(None, ref.removeprefix("#").split("/")):
        target = target[step.replace("~1", "/").replace("~0", "~")]
    found: Schema = target
    return found


def _first(choices: list[Schema], root: Schema, inside: frozenset[str]) -> Any:
    for choice in choices:
        try:
            return example(choice, root, inside)
        except Endless:
            continue
    raise Endless


def _typed(kind: str, schema: Schema, root: Schema, inside: frozenset[str]) -> Any:
    match kind:
        case "object":
            found = {}
            for name, part in schema.get("properties", {}).items():
                try:
                    found[name] = example(part, root, inside)
                except Endless:
                    if name in schema.get("required", ()):
                        raise
            return found
        case "array":
            try:
                return [example(schema.get("items", {}), root, inside)] * max(1, schema.get("minItems", 1))
            except Endless:
                return []
        case "integer" | "number":
            least = schema["exclusiveMinimum"] + 1 if "exclusiveMinimum" in schema else min(0, schema.get("maximum", 0))
            return schema.get("minimum", least)
        case "boolean":
            return True
        case "null":
            return None
    return "word".ljust(schema.get("minLength", 0), "s")[: schema.get("maxLength")]
