"""The contract of a conversion, as tests: subclass `ConvertContract`, give it documents, and run pytest."""

# ruff: noqa: S101 - a contract is made of assertions

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import pytest
from attrs import evolve
from hypothesis import example, given, settings as rules, strategies as st

from trainer.errors import ConversionError
from trainer.models import Document
from trainer.pipeline import Pipeline
from trainer.testing.contract import UNHURT, Make, PluginContract, kept, only_typed_errors, refusal, together

PARTS = frozenset({"tables", "math", "images", "links", "footnotes", "charts", "lineage", "style"})
TEXTS = st.text(st.characters() | st.sampled_from("\0\ud800\u202e\n<>&`*_|#[]{}()$\\\"'"), max_size=80)
HARD: tuple[str | bytes, ...] = ("\ud800", b"\xff", "")
FEW = 25
# What may stand in the place of a value of a document that is JSON.
WRONG: tuple[Any, ...] = (None, -1, 99, "x", [], {}, [None])
METADATA = {"title": "Contract", "run": "20250101T000000Z-00000000", "x-own": ["kept"]}


class ConvertContract(PluginContract):
    """What every conversion promises. A subclass has `plugin`, `name` (`markdown-to-text`), `documents`, `refused`."""

    role = "convert"
    documents: ClassVar[Sequence[str | bytes]]
    """Contents of at least two documents that become different ones."""
    refused: ClassVar[Sequence[str | bytes]] = ()
    """Contents that are no documents of the format it reads; empty if there are none, as for plain text."""
    rounds: ClassVar[int] = 8
    """How often each of many threads converts. With 1, for what takes long, it is asked about fewer contents too."""
    back: ClassVar[Any] = None
    """The plugin of the way back, for a conversion that says a document survives the way there and back."""

    def convert(self, pipeline: Pipeline, content: str | bytes) -> Document:
        """What becomes of a content."""
        document = Document(content, self.name.partition("-to-")[0], copy.deepcopy(METADATA))
        return self.put(pipeline, document)

    def put(self, pipeline: Pipeline, document: Document) -> Document:
        """What the plugin itself answers: a pipeline would go on from an answer of another format."""
        target = self.name.partition("-to-")[2]
        return pipeline.plugins.call("convert", self.name, Document, document=document, to=target)

    def answers(self, pipeline: Pipeline) -> Any:
        """What becomes of all documents."""
        return [self.convert(pipeline, content).content for content in self.documents]

    def test_its_name_and_what_it_says_of_itself_can_be_compared(self, make: Make) -> None:
        source, _, target = self.name.partition("-to-")
        assert source, "the name of a conversion is FROM-to-TO"
        assert target, "the name of a conversion is FROM-to-TO"
        plugin = make().plugins.load(self.role, self.name)
        assert isinstance(getattr(plugin, "cost", 10), int), "cost is no integer"
        unknown = frozenset(getattr(plugin, "loses", ())) - PARTS
        assert not unknown, f"loses names {', '.join(sorted(unknown))}, and documents have {', '.join(sorted(PARTS))}"

    def test_a_document_has_the_format_of_the_name_and_keeps_its_metadata(self, make: Make) -> None:
        pipeline, target = make(), self.name.partition("-to-")[2]
        for content in self.documents:
            document = self.convert(pipeline, content)
            assert document.format == target, f"the answer's format is {document.format!r}, and its name says {target}"
            lost = [key for key, value in METADATA.items() if document.metadata.get(key) != value]
            assert not lost, f"the answer has lost {', '.join(lost)} of the document's metadata"

    def test_the_same_document_becomes_the_same_and_another_one_another(self, make: Make) -> None:
        assert len(self.documents) > 1, "give at least two documents"
        pipeline = make()
        first = self.answers(pipeline)
        assert self.answers(pipeline) == first, "the same document becomes another one the second time"
        for number, content in enumerate(first):
            assert content not in first[:number], f"document {number} becomes what another one has become"

    def test_text_and_its_bytes_become_the_same(self, make: Make) -> None:
        pipeline = make()
        for content in self.documents:
            if isinstance(content, str):
                as_bytes = self.convert(pipeline, content.encode()).content
                assert as_bytes == self.convert(pipeline, content).content, "UTF-8 becomes another document than text"

    def test_a_document_comes_back_as_it_was(self, make: Make) -> None:
        if self.back is None:
            return
        source, _, target = self.name.partition("-to-")
        with Pipeline({f"convert.{target}-to-{source}": self.back}, {}) as home:
            for content in self.documents:
                there = self.convert(make(), content)
                document = evolve(there, format=target)
                again = home.convert(document, source).text
                text = content if isinstance(content, str) else content.decode()
                assert again == text, "there and back, a document is not what it was"

    def test_a_document_is_neither_changed_nor_kept(self, make: Make) -> None:
        pipeline, source = make(), self.name.partition("-to-")[0]
        for content in self.documents[:2]:
            document = Document(content, source, copy.deepcopy(METADATA))
            self.put(pipeline, document)
            assert document.metadata == METADATA, "the conversion has changed the metadata it was given"
            held = kept(document, partial(self.put, pipeline))
            assert not held, "the conversion keeps the document it was given"

    def test_documents_of_many_threads_are_not_mixed_up(self, make: Make) -> None:
        pipeline = make()
        alone = self.answers(pipeline)
        calls = [partial(self.convert, pipeline, content) for content in self.documents]
        for row in together(calls, self.rounds):
            assert [one.content for one in row] == alone, "asked by many threads, documents are mixed up"

    def test_what_it_cannot_read_is_told_by_a_typed_error_in_two_lines(self, make: Make) -> None:
        pipeline = make()
        for content in self.refused:
            what = f"the document {content[:30]!r}"
            error = refusal(what, partial(self.convert, pipeline, content))
            assert isinstance(error, ConversionError), f"{what} is told as a {type(error).__name__}"

    @example(content=HARD[0])
    @example(content=HARD[1])
    @example(content=HARD[2])
    @given(content=TEXTS | st.binary(max_size=40))
    @rules(max_examples=FEW, deadline=None, suppress_health_check=UNHURT)
    def test_any_content_is_converted_or_told_by_a_typed_error(self, pipeline: Pipeline, content: str | bytes) -> None:
        if self.rounds == 1 and content not in HARD:
            return
        with only_typed_errors(repr(content)):
            answer = self.convert(pipeline, content)
            assert isinstance(answer.content, str | bytes), "the content is neither text nor bytes"

    def test_a_damaged_document_is_converted_or_told_by_a_typed_error(self, pipeline: Pipeline) -> None:
        for content in self.documents[:1]:
            damaged = [*_damaged(content if isinstance(content, str) else content.decode("utf-8", "replace"))]
            for text in damaged[:: len(damaged) // 3] if self.rounds == 1 else damaged:
                with only_typed_errors(text if len(text) < 400 else f"{text[:400]}…"):
                    self.convert(pipeline, text)

    @pytest.fixture
    def pipeline(self, make: Make) -> Pipeline:
        """One pipeline for all examples of a test."""
        return make()


def _damaged(text: str) -> Iterator[str]:
    """A document with a part missing or twice; if it is JSON, also with wrong values in the place of right ones."""
    step = max(1, len(text) // 10)
    for at in range(0, len(text), step):
        yield text[:at] + text[at + step :]
        yield text[: at + step] + text[at:]
    try:
        data = json.loads(text)
    except ValueError:
        return
    for holder, key in [*_places(data)]:
        right = holder[key]
        for wrong in WRONG:
            holder[key] = wrong
            yield json.dumps(data)
        holder[key] = right


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Where the values within JSON stand: what holds them, and their key in it."""
    for key in [*data] if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ():
        yield data, key
        yield from _places(data[key])
