"""From one page to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
from attrs import define, field, frozen

from trainer.errors import RetrievalError
from trainer.http import Response
from trainer.pace import progress
from trainer_rest.extract import Path, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trainer_rest.apis import Paging

    Get = Callable[[str, Mapping[str, Any]], Response]


@frozen
class Ask:
    """One request: an address and the parameters to add to it."""

    url: str
    params: dict[str, Any]


@define
class Pages:
    """What was read: the answers, their data (rows in one list if there is paging), and whether there may be more."""

    answers: list[Response] = field(factory=list)
    data: Any = None
    more: bool = False


def read_pages(get: Get, ask: Ask, extract: str, paging: Paging | None) -> Pages:
    """Every page of an answer, up to the bound. Raises `RetrievalError` for pages without rows or without an end."""
    take = Path(extract).take if extract else _whole
    if paging is None:
        answer = get(ask.url, ask.params)
        return Pages([answer], take(parse(answer)))
    following: Ask | None = Ask(ask.url, {**ask.params, **paging.first})
    seen, pages = [], Pages(data=[])
    while following and len(pages.answers) < paging.pages:
        seen.append(following)
        answer = get(following.url, following.params)
        payload = parse(answer)
        rows = take(payload)
        if not isinstance(rows, list):
            raise RetrievalError(
                f"a page of {answer.url} is not a list of rows", 'Name the rows with extract, for example "$.items[*]".'
            )
        if rows and pages.answers and answer.sha256 == pages.answers[-1].sha256:
            raise RetrievalError(
                f"two pages of {answer.url} are the same: the API does not page this way", "Check the paging."
            )
        pages.answers.append(answer)
        pages.data += rows
        progress.getChild("pages").info("%d rows on %d pages so far", len(pages.data), len(pages.answers))
        following = _next(paging, following, answer, payload, rows, pages)
        if following in seen:
            raise RetrievalError(f"the pages of {answer.url} lead in a circle", "Check the paging.")
    pages.more = following is not None
    return pages


def _next(paging: Paging, ask: Ask, answer: Response, payload: Any, rows: list[Any], pages: Pages) -> Ask | None:
    if paging.by == "link":
        url = _linked(answer, ask.url)
        return Ask(url, {}) if url else None
    if paging.by == "cursor":
        found = next(iter(Path(paging.cursor).all(payload)), None)
        if isinstance(found, str) and found.startswith(("https://", "http://")):
            return Ask(found, {})
        known = isinstance(found, str | int) and not isinstance(found, bool) and found != ""
        return Ask(ask.url, {**ask.params, paging.param or "cursor": found}) if known else None
    if not rows or len(rows) < paging.size:
        return None
    read = len(pages.answers) if paging.by == "page" else len(pages.data)
    return Ask(ask.url, {**ask.params, paging.param or paging.by: paging.begin + read})


def _linked(answer: Response, base: str) -> str:
    """The address of `rel="next"` in the Link header (RFC 8288), empty if there is none."""
    links = httpx.Response(200, headers={"link": answer.headers.get("link", "")}).links
    found = [link["url"] for link in links.values() if "next" in link.get("rel", "").lower().split() and link["url"]]
    try:
        return str(httpx.URL(base).join(found[0])) if found else ""
    except httpx.InvalidURL as error:
        raise RetrievalError("the Link header names something that is not an address", "Page otherwise.") from error


def _whole(data: Any) -> Any:
    return data
