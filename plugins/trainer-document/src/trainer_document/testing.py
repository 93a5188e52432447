"""The contract of a type of charts, as tests: subclass `ChartContract`, give it fences and records, and run pytest."""

# ruff: noqa: S101 - a contract is made of assertions

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar
from xml.etree import ElementTree

from trainer.errors import ConversionError
from trainer.testing.contract import HEAVY, imported, refusal
from trainer_document.policy import is_drawing
from trainer_document.tree import Chart, Root, from_json, plain, to_json

Fence = Mapping[str, Any]
HOSTILE = "</title><script>x</script> & ]]> \" ' http://example.org"


class ChartContract:
    """What every type of charts promises. A subclass has `plugin`, `fences`, `records` and `refused`."""

    role = "chart"
    plugin: ClassVar[Any]
    """The function that the entry point of the group `trainer.chart` names, as `staticmethod(function)`."""
    fences: ClassVar[Sequence[Fence]]
    """At least two descriptions of different charts."""
    records: ClassVar[Mapping[str, Any]]
    """The run's data, by name."""
    refused: ClassVar[Sequence[Fence]]
    """Descriptions of what cannot be drawn, beside data that the run has not."""
    sources: ClassVar[Sequence[Mapping[str, Any]]] = ({"name": "facts", "source": "file", "ref": "file:a:20250101@1"},)
    """Where the data is from."""
    heavy: ClassVar[Sequence[str]] = HEAVY
    """Modules that importing the plugin must not import."""

    def draw(self, fence: Fence, records: Mapping[str, Any] | None = None) -> Chart:
        """The chart of a description."""
        data = self.records if records is None else records
        chart = self.plugin(*copy.deepcopy((dict(fence), dict(data), self.sources)))
        assert isinstance(chart, Chart), f"a chart is a trainer_document.tree.Chart, not a {type(chart).__name__}"
        return chart

    def test_importing_it_imports_nothing_heavy(self) -> None:
        module = inspect.unwrap(self.plugin).__module__
        found = imported(module) & set(self.heavy)
        assert not found, f"importing {module} imports {', '.join(sorted(found))}: do so in the function that needs it"

    def test_a_drawing_is_shapes_and_words_with_a_title_and_its_data_as_a_table(self) -> None:
        for fence in self.fences:
            chart = self.draw(fence)
            assert is_drawing(chart.svg), "the drawing has more than shapes and words: see trainer_document.policy"
            root = ElementTree.fromstring(chart.svg)  # noqa: S314  # without a declaration there are no entities
            assert root.get("role") == "img", 'who cannot see the drawing does not know that it is one: role="img"'
            named = root.find("{*}title")
            assert getattr(named, "text", ""), "the drawing has no title for who cannot see it"
            assert chart.title.strip(), "the chart has no title"
            assert len(chart.table.children) > 1, "its data is not there as a table"
            assert plain(Root(list(chart.source))).strip(), "the chart does not say where its data is from"

    def test_the_same_description_makes_the_same_chart_and_another_one_another(self) -> None:
        assert len(self.fences) > 1, "give at least two descriptions"
        first = [self.draw(fence) for fence in self.fences]
        assert [self.draw(fence) for fence in self.fences] == first, "the same description makes another chart"
        for number, chart in enumerate(first):
            assert chart.svg not in [one.svg for one in first[:number]], "another description makes the same drawing"

    def test_a_chart_survives_json(self) -> None:
        tree = Root([self.draw(self.fences[0])])
        again = from_json(json.loads(json.dumps(to_json(tree))))
        assert again == tree, "through JSON, in which trees travel, the chart is not what it was"

    def test_data_that_the_run_has_not_is_never_drawn(self) -> None:
        for fence in self.fences:
            error = refusal("a chart without its data", partial(self.draw, fence, {}))
            assert isinstance(error, ConversionError), f"it is told as a {type(error).__name__}, not a ConversionError"

    def test_what_cannot_be_drawn_is_told_by_a_typed_error_in_two_lines(self) -> None:
        for fence in self.refused:
            error = refusal(str(fence)[:60], partial(self.draw, fence))
            assert isinstance(error, ConversionError), f"it is told as a {type(error).__name__}, not a ConversionError"

    def test_hostile_words_stay_words(self) -> None:
        chart = self.draw({**self.fences[0], "title": HOSTILE})
        assert is_drawing(chart.svg), "a title has become markup of the drawing"
        assert HOSTILE in chart.title, "the title is not the one that was given"

    def test_description_and_data_are_not_changed(self) -> None:
        given, records = copy.deepcopy(dict(self.fences[0])), copy.deepcopy(dict(self.records))
        self.plugin(given, records, self.sources)
        assert (given, records) == (self.fences[0], self.records), "the description or the data was changed"
