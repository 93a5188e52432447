"""Secrets that are known, taken out of whatever people or records will see."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

from attrs import frozen

from trainer.errors import TrainerError

# A shorter one could be a word of the data itself (`demo`), which must stay what it is.
LONG = 8
PUBLIC = {"accept", "accept-language", "origin", "referer", "user-agent"}
TELLING = re.compile("key|token|secret|pass|auth|cookie|cred|sig", re.IGNORECASE)


@frozen
class Secrets:
    """Texts that must not appear, also percent-encoded or escaped."""

    values: frozenset[str]

    @classmethod
    def of(cls, values: Iterable[str]) -> Secrets:
        """From whole values; of `Bearer abc` the part after the scheme is a secret too."""
        return cls(frozenset(part for value in values for part in (value, value.rpartition(" ")[2]) if part))

    def mask(self, text: str, shortest: int = 1) -> str:
        """`text` with `***` for each secret of at least so many characters."""
        forms = {
            form
            for value in self.values
            if len(value) >= shortest
            for form in (value, quote(value, safe=""), quote_plus(value), quote(value), json.dumps(value)[1:-1])
        }
        ordered = sorted(forms, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, ordered)), "***", text) if ordered else text

    def mask_error(self, error: TrainerError) -> None:
        """Mask both lines of an error, in place."""
        error.problem, error.remedy = self.mask(error.problem), self.mask(error.remedy)
        error.args = (error.problem, error.remedy)

    def clean(self, data: Any) -> Any:
        """JSON-like data without the secrets that a server repeated in it."""
        if not any(len(value) >= LONG for value in self.values):
            return data
        if isinstance(data, str):
            return self.mask(data, LONG)
        if isinstance(data, list):
            return [self.clean(item) for item in data]
        if isinstance(data, dict):
            return {self.mask(key, LONG): self.clean(item) for key, item in data.items()}
        return data


def may_be_secret(name: str, value: str) -> bool:
    """Whether a header holds a secret: by its name, or because it is long and not known to be public."""
    return bool(TELLING.search(name)) or (len(value) >= LONG and name.lower() not in PUBLIC)
