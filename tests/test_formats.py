"""Documents go the way that keeps most of them at the least cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, strategies as st

from trainer import Config, Document, Pipeline, hookimpl, plugin
from trainer.errors import ConversionError
from trainer.formats import Edge, aims, between, loss, routes

EDGES = [
    Edge("markdown-to-tree"), Edge("markdown-to-html", 15), Edge("tree-to-html"),
    Edge("html-to-pdf", 40, engine="weasyprint"), Edge("tree-to-pdf", 10, {"style"}, "typst"),
    Edge("markdown-to-json", 5, {"images", "style"}), Edge("json-to-markdown"),
]  # fmt: skip


def names(route: tuple[Edge, ...]) -> list[str]:
    return [edge.name for edge in route]


def test_the_way_that_loses_nothing_comes_before_the_cheap_one() -> None:
    assert names(next(routes(EDGES, "markdown", "pdf"))) == ["markdown-to-html", "html-to-pdf"]


def test_a_loss_is_free_for_a_document_that_has_no_such_thing() -> None:
    assert names(next(routes(EDGES, "markdown", "pdf", frozenset({"tables"})))) == ["markdown-to-tree", "tree-to-pdf"]


def test_of_equal_cost_the_shorter_way_is_taken() -> None:
    edges = [Edge("a-to-b", 5), Edge("b-to-c", 5), Edge("a-to-c", 10)]
    assert names(next(routes(edges, "a", "c"))) == ["a-to-c"]


LETTERS = st.sampled_from("abcdef")
GRAPHS = st.lists(
    st.builds(
        lambda start, end, cost, lost: Edge(f"{start}-to-{end}", cost, lost),
        LETTERS, LETTERS, st.integers(1, 9), st.frozensets(st.sampled_from(["math", "links"])),
    ),
    max_size=12, unique_by=lambda edge: edge.name,
)  # fmt: skip


def every_way(edges: list[Edge], here: str, end: str, been: frozenset[str] = frozenset()) -> list[tuple[Edge, ...]]:
    if here == end:
        return [()]
    onward = [edge for edge in edges if edge.source == here and edge.target not in been | {here}]
    return [(edge, *rest) for edge in onward for rest in every_way(edges, edge.target, end, been | {here})]


@given(GRAPHS, LETTERS, LETTERS)
def test_no_way_is_better_than_the_first(edges: list[Edge], start: str, end: str) -> None:
    def worth(route: tuple[Edge, ...]) -> tuple[int, int, int]:
        return len(loss(route)), sum(edge.cost for edge in route), len(route)

    ways = every_way(edges, start, end)
    found = list(routes(edges, start, end))
    assert bool(found) == bool(ways)
    assert not ways or worth(found[0]) == min(map(worth, ways))
    assert {edge.name for way in ways for edge in way} <= set(between((edge.name for edge in edges), start, end))


def convert(name: str, **said: Any) -> type:
    @plugin
    class Conversion:
        cost: ClassVar[int] = said.get("cost", 10)
        loses: ClassVar[frozenset[str]] = frozenset(said.get("loses", ()))
        learns: ClassVar[bool] = said.get("learns", False)
        engine: ClassVar[str] = said.get("engine", "")

        @hookimpl
        def convert(self, document: Document, to: str) -> Document:
            return Document(f"{document.text} {name}", to, {**document.metadata, **said.get("told", {})})

    return Conversion


def pipeline(root: Path, via: str = "", learns: bool = False, **learnt: Any) -> Pipeline:
    plugins = {
        "convert.markdown-to-tree": convert("tree", told=learnt, learns=learns),
        "convert.tree-to-pdf": convert("typst", loses={"style"}, engine="typst"),
        "convert.tree-to-html": convert("html"),
        "convert.html-to-pdf": convert("weasyprint", cost=40, engine="weasyprint"),
    }
    return Pipeline(plugins, Config(root=root, values={"pipeline": {"via": via}}))


@pytest.mark.parametrize(
    ("learnt", "way"),
    [
        ({}, "tree html weasyprint"),
        ({"needs": ["tables"]}, "tree typst"),
        ({"needs": ["style"]}, "tree html weasyprint"),
        ({"needs": ["style"], "via": "typst"}, "tree typst"),
    ],
)
def test_what_a_step_learns_of_the_document_decides_the_rest(tmp_path: Path, learnt: Any, way: str) -> None:
    with pipeline(tmp_path, **learnt) as made:
        assert made.convert(Document("x", "markdown"), "pdf").text == f"x {way}"


def test_a_way_on_which_more_is_learnt_is_begun_with_and_judged_again(tmp_path: Path) -> None:
    with pipeline(tmp_path, learns=True, needs=["tables"]) as made:
        assert made.convert(Document("x", "markdown"), "pdf").text == "x tree typst"
    with pipeline(tmp_path, learns=True, needs=["style"]) as made:
        assert made.convert(Document("x", "markdown"), "pdf").text == "x tree html weasyprint"
    edges = [*EDGES[1:], Edge("markdown-to-tree", learns=True)]
    assert names(next(routes(edges, "markdown", "pdf"))) == ["markdown-to-tree", "tree-to-pdf"]


def test_a_pinned_engine_is_a_must_and_a_configured_one_a_wish(tmp_path: Path) -> None:
    with pipeline(tmp_path, "typst") as made:
        assert made.convert(Document("x", "markdown"), "pdf").text == "x tree typst"
        assert made.convert(Document("x", "markdown"), "html").text == "x tree html"
        assert made.convert(Document("x", "markdown"), "pdf", via="html").text == "x tree html weasyprint"
        with pytest.raises(ConversionError, match="no way from markdown to pdf uses chromium"):
            made.convert(Document("x", "markdown"), "pdf", via="chromium")


def test_a_pinned_conversion_is_passed_where_a_cheaper_way_loses_no_more() -> None:
    found = list(routes(EDGES, "markdown", "html", via="tree-to-html"))
    assert [names(route) for route in found] == [["markdown-to-html"], ["markdown-to-tree", "tree-to-html"]]


def test_of_several_formats_those_are_pinned_that_a_way_leads_to(tmp_path: Path) -> None:
    with pipeline(tmp_path) as made:
        assert aims(made.plugins, "markdown", ["htm", "pdf"], "typst") == {"html": "", "pdf": "typst"}
        assert aims(made.plugins, "markdown", ["pdf", "html"]) == {"pdf": "", "html": ""}
        for targets in (["html"], []):
            with pytest.raises(ConversionError, match="no format of this run uses typst"):
                aims(made.plugins, "markdown", targets, "typst")
        with pytest.raises(ConversionError, match="nothing installed converts markdown to odt"):
            aims(made.plugins, "markdown", ["pdf", "odt"], "typst")
