"""The contract of a plugin that embeds texts, as tests: subclass `EmbedContract`, name a model, and run pytest."""

# ruff: noqa: S101 - a contract is made of assertions

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from hypothesis import example, given, settings as rules, strategies as st

from trainer.pipeline import Pipeline
from trainer.testing.contract import UNHURT, Make, PluginContract, only_typed_errors, together

FEW = 25


class EmbedContract(PluginContract):
    """What every embedder promises. A subclass has `plugin`, and `model` if its models have names."""

    role = "embed"
    model: ClassVar[str] = "model"
    """The model's name, without its provider."""
    texts: ClassVar[Sequence[str]] = ("Revenue rose.", "The weather is fine.", "Umsätze & Größen", "a")
    """Texts with different vectors."""

    def ask(self, pipeline: Pipeline, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of texts."""
        rows: list[list[float]] = self.matrix(pipeline, texts).tolist()  # type: ignore[assignment]  # of two dimensions
        return rows

    def matrix(self, pipeline: Pipeline, texts: Sequence[str]) -> memoryview:
        """What the plugin answers, as the buffer that it is."""
        return memoryview(pipeline.embed(texts, f"{self.name}/{self.model}"))

    def answers(self, pipeline: Pipeline) -> Any:
        """The vectors of all texts."""
        return self.ask(pipeline, self.texts)

    def test_it_answers_with_a_float32_matrix_of_a_row_for_each_text(self, make: Make) -> None:
        pipeline, widths = make(), set()
        for count in (1, len(self.texts)):
            matrix = self.matrix(pipeline, self.texts[:count])
            assert matrix.format == "f", f"the numbers have the format {matrix.format!r}, not float32"
            assert matrix.ndim == 2, f"the answer has {matrix.ndim} dimensions, and a matrix has 2"
            rows, width = matrix.shape or ()
            assert rows == count, f"{count} texts have {rows} rows"
            widths.add(width)
        assert len(widths) == 1, f"vectors have different lengths: {widths}"

    def test_a_vector_depends_on_its_text_alone(self, make: Make) -> None:
        pipeline = make()
        rows, turned = self.ask(pipeline, self.texts), self.ask(pipeline, self.texts[::-1])
        for text, row, again in zip(self.texts, rows, turned[::-1], strict=True):
            assert _near(row, again), f"the vector of {text!r} changes with the place it stands at"
            assert _near(row, self.ask(pipeline, [text])[0]), f"the vector of {text!r} changes with its neighbours"
        for number, row in enumerate(rows):
            assert row not in rows[:number], f"{self.texts[number]!r} has the vector of another text"

    def test_texts_are_not_changed(self, make: Make) -> None:
        texts = [*self.texts]
        make().embed(texts, f"{self.name}/{self.model}")
        assert texts == [*self.texts], "the list of texts was changed"

    def test_texts_of_many_threads_are_not_mixed_up(self, make: Make) -> None:
        pipeline = make()
        alone = [self.ask(pipeline, [text])[0] for text in self.texts]
        for row in together([partial(self.ask, pipeline, (text,)) for text in self.texts]):
            for mine, (other,) in zip(alone, row, strict=True):
                assert _near(mine, other), "asked by many threads, one gets the vector of another's text"

    @example(text="\ud800")
    @example(text="")
    @given(text=st.text(st.characters() | st.sampled_from("\0\ud800\u202e\n"), max_size=40))
    @rules(max_examples=FEW, deadline=None, suppress_health_check=UNHURT)
    def test_any_text_has_finite_numbers_or_a_typed_error(self, make: Make, text: str) -> None:
        with only_typed_errors(repr(text)):
            (row,) = self.ask(make(), [text])
            assert all(math.isfinite(number) for number in row), f"the vector of {text!r} has numbers that are none"


def _near(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two vectors are equal but for rounding, which may change with the size of a batch."""
    return len(one) == len(other) and all(
        math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-4) for a, b in zip(one, other, strict=True)
    )
