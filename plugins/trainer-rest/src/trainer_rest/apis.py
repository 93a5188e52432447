"""What is known of an API: its address, who asks, how it pages, where its rows are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen

from trainer.http import SECRET
from trainer_rest.address import Template
from trainer_rest.extract import Path

Keep = float | Literal["headers", "forever", "never"]


def _path(_: Any, __: Any, text: str) -> None:
    if text:
        Path(text)


@frozen
class Auth:
    """Who asks: headers and parameters that go with each request."""

    headers: Mapping[str, str] = field(factory=dict, repr=False)
    params: Mapping[str, str] = field(factory=dict, repr=False)

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Auth:
        """From `{bearer: …}`, `{header: NAME, value: …}` or `{query: NAME, value: …}`; values are never repeated.

        Raises `ValueError` for any other table.
        """
        given = {name: text for name, text in table.items() if isinstance(text, str) and text}
        match sorted(table):
            case ["bearer"] if len(given) == 1:
                return cls({"Authorization": f"Bearer {given['bearer']}"})
            case ["header", "value"] if len(given) == 2:
                return cls({given["header"]: given["value"]})
            case ["query", "value"] if len(given) == 2:
                return cls(params={given["query"]: given["value"]})
            case []:
                return cls()
        raise ValueError("auth is {bearer = …}, {header = NAME, value = …} or {query = NAME, value = …}, all texts")

    @property
    def is_masked(self) -> bool:
        """Whether `trainer.http` hides the parameters wherever it writes an address."""
        return all(SECRET.search(f"?{name}=x") for name in self.params)


@frozen
class Paging:
    """How to come from one page to the next, for at most `pages` pages.

    `page` counts `param` up from `start`; `offset` counts the rows before; `cursor` sends as `param` what the JSONPath
    `cursor` finds in a page, or follows it if it is a whole address; `link` follows the Link header (RFC 8288).
    `size` rows are asked for as `size_param`; a page with fewer is the last.
    """

    by: Literal["page", "offset", "cursor", "link"]
    param: str = ""
    start: int | None = None
    size: int = 0
    size_param: str = "limit"
    cursor: str = field(default="", validator=_path)
    pages: int = 10

    def __attrs_post_init__(self) -> None:
        if self.pages < 1 or self.size < 0:
            raise ValueError("paging needs pages of at least 1 and a size of at least 0")
        if (self.by == "cursor") != bool(self.cursor):
            raise ValueError("paging by cursor, and no other, needs a JSONPath in cursor")

    @property
    def first(self) -> dict[str, Any]:
        """The parameters of the first page."""
        params: dict[str, Any] = {self.size_param: self.size} if self.size else {}
        if self.by in ("page", "offset"):
            params[self.param or self.by] = self.begin
        return params

    @property
    def begin(self) -> int:
        """The number of the first page, or of the first row."""
        return self.start if self.start is not None else int(self.by == "page")


@frozen
class API:
    """An API: `url` and the texts of `params` may have {placeholders}, `extract` is a JSONPath (RFC 9535).

    `cache` is a number of seconds, `headers` (asked for each time, by ETag and Last-Modified), `forever` or `never`;
    `rate` is in requests a second, and 0 is that of the source.
    """

    url: str
    params: dict[str, Any] = field(factory=dict)
    auth: dict[str, Any] = field(factory=dict, repr=False)
    paging: dict[str, Any] = field(factory=dict)
    extract: str = field(default="", validator=_path)
    cache: Keep = "headers"
    rate: float = 0.0
    about: str = ""

    def __attrs_post_init__(self) -> None:
        Template.read(self.url)
        Auth.read(self.auth)
        if self.rate < 0 or (isinstance(self.cache, float) and self.cache < 0):
            raise ValueError("rate and cache cannot be below 0")
