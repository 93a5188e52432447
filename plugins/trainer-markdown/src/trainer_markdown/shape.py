"""What a JSON schema says about how values are shown: titles, order, units and formats."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import field, frozen

REFERENCES = 20  # `$ref` that lead to one another
SCALES = [(Decimal("1E12"), "T"), (Decimal("1E9"), "B"), (Decimal("1E6"), "M"), (Decimal("1E3"), "K")]
LARGE = 10**6  # a figure with a unit is shown short from here
MINUS = "−"


@frozen
class Shape:
    """A part of a JSON schema; an empty one says nothing.

    Read are `title`, `description`, `properties` (and their order), `additionalProperties`, `items`, `$ref` within
    the schema, the first of `anyOf`, `oneOf` or `allOf` that is not null, `x-unit` or `unit`, and `x-format`: `compact`
    (3.95T), `grouped` (3,950,000), `percent` (a share of 1 as 12.3 %) or `plain`. A number with a unit is `compact`
    from a million on, and else `grouped`; one without either is shown as it is.
    """

    schema: Mapping[str, Any] = field(factory=dict)
    root: Mapping[str, Any] = field(factory=dict)

    @classmethod
    def of(cls, schema: Any, root: Mapping[str, Any] | None = None) -> Shape:
        """The shape of a schema, or of one that stands in `root`."""
        found = schema if isinstance(schema, Mapping) else {}
        return cls(_resolved(found, root or found), root or found)

    @property
    def title(self) -> str:
        """What the value is called; "" if the schema does not say."""
        return _words(self.schema.get("title"))

    @property
    def description(self) -> str:
        """What the value is, in a sentence or more."""
        return _words(self.schema.get("description"))

    @property
    def unit(self) -> str:
        """What a number counts, such as `USD` or `%`."""
        return _words(self.schema.get("x-unit") or self.schema.get("unit"))

    @property
    def numeric(self) -> bool:
        """Whether the value has to be a number."""
        kind = self.schema.get("type")
        kinds = set(kind if isinstance(kind, list) else [kind])
        return bool(kinds & {"number", "integer"}) and not kinds & {"string", "array", "object"}

    @property
    def members(self) -> Mapping[str, Any]:
        """The schemas of an object's members, in their order."""
        found = self.schema.get("properties")
        return found if isinstance(found, Mapping) else {}

    def member(self, key: str) -> Shape:
        """The shape of a member of an object."""
        return Shape.of(self.members.get(key, self.schema.get("additionalProperties")), self.root)

    def item(self) -> Shape:
        """The shape of an item of a list."""
        return Shape.of(self.schema.get("items"), self.root)

    def ordered(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The members of an object, those that the schema has in its order before the others."""
        return {key: data[key] for key in (*(key for key in self.members if key in data), *data)}

    def label(self, key: str) -> str:
        """What a member is called."""
        return self.member(key).title or key

    def shown(self, value: float) -> str:
        """A number as people read it, without its unit; "" if it is to be shown as it is."""
        form = self.schema.get("x-format") or ("" if not self.unit else "compact" if abs(value) >= LARGE else "grouped")
        return _figure(Decimal(repr(value)), form, 1 if self.unit == "%" else 2)

    @property
    def suffix(self) -> str:
        """The unit as it follows a number."""
        return " %" if self.schema.get("x-format") == "percent" else f" {self.unit}" if self.unit else ""


def _words(text: Any) -> str:
    """Text in one line, without what cannot be seen."""
    shown = "".join(char if char.isprintable() else " " for char in text) if isinstance(text, str) else ""
    return " ".join(shown.split())


def _figure(value: Decimal, form: str, digits: int) -> str:
    match form:
        case "percent":
            text = f"{value * 100:,.1f}"
        case "grouped":
            text = f"{value:,}" if value == value.to_integral_value() else f"{value:,.{digits}f}"
        case "compact":
            scale, sign = next(((size, sign) for size, sign in SCALES if abs(value) >= size), (Decimal(1), ""))
            scaled = value / scale
            text = f"{scaled:,.{max(0, 2 - max(0, scaled.adjusted()))}f}{sign}"
        case _:
            return ""
    return text.replace("-", MINUS)


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(REFERENCES):
        inner: Any = None
        if isinstance(reference := schema.get("$ref"), str):
            inner = _at(root, reference)
        else:
            given = (schema.get(key) for key in ("anyOf", "oneOf", "allOf"))
            choices: list[Any] = next((found for found in given if isinstance(found, list)), [])
            inner = next((one for one in choices if isinstance(one, Mapping) and one.get("type") != "null"), None)
        if not isinstance(inner, Mapping):
            return schema
        own = {key: value for key, value in schema.items() if key not in {"$ref", "anyOf", "oneOf", "allOf"}}
        schema = {**inner, **own}
    return {}


def _at(root: Mapping[str, Any], reference: str) -> Any:
    found: Any = root
    for step in reference.removeprefix("#").strip("/").split("/") if reference.startswith("#/") else ():
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found
