"""What is taken of an answer: strict JSON, and the part that a JSONPath (RFC 9535) names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError

from trainer.errors import NotFound, RetrievalError

if TYPE_CHECKING:
    from trainer.http import Response

ENVIRONMENT = JSONPathEnvironment(strict=True)


class Path:
    """A JSONPath. Raises `ValueError` if it is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._path = ENVIRONMENT.compile(text)
        except (JSONPathError, RecursionError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(f"{text!r} is not a JSONPath (RFC 9535): {reason}") from error

    def all(self, data: Any) -> list[Any]:
        """Every value it finds."""
        try:
            return list(self._path.findall(data))
        except (JSONPathError, RecursionError) as error:
            raise RetrievalError(
                f"the JSONPath {self.text!r} cannot be followed: {type(error).__name__}", "Write a simpler one."
            ) from error

    def take(self, data: Any) -> Any:
        """The value, of a path that names one; else a list of all. Raises `NotFound` if the one is not there."""
        found = self.all(data)
        if not (isinstance(self._path, JSONPath) and self._path.singular_query()):
            return found
        if not found:
            raise NotFound(f"the answer has nothing at {self.text}", "Look at the answer without `extract`.")
        return found[0]


def parse(response: Response) -> Any:
    """The JSON of an answer. Raises `RetrievalError` for none, for HTML, and for what JSON does not have (NaN)."""
    if not response.body.strip():
        raise RetrievalError(f"{response.url} answered with nothing", "Check the address; the source reads JSON.")
    try:
        return json.loads(response.body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        kind = response.headers.get("content-type", "an unknown type").partition(";")[0]
        raise RetrievalError(
            f"{response.url} answered with something that is not JSON ({kind}, {len(response.body):,} bytes)",
            "Check the address and the credentials; a page for people is often a login.",
        ) from error


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON")
