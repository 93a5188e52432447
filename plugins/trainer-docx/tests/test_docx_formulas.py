"""Brackets of formulas are fences in Word, which other programs than Word need to read them at all."""

from __future__ import annotations

import pytest
from docx.oxml.ns import qn

from trainer_docx.formulas import formula


def fences(tex: str) -> list[tuple[str, str, str]]:
    """The signs of each fence of a formula, and what stands between them."""
    found = []
    for fence in formula(tex).iter(qn("m:d")):
        signs = [fence.find(f"{qn('m:dPr')}/{qn(name)}").get(qn("m:val")) for name in ("m:begChr", "m:endChr")]
        inside = "".join(words.text for words in fence.find(qn("m:e")).iter(qn("m:t")))
        found.append((signs[0], signs[1], inside))
    return found


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"(1+r)^i", [("(", ")", "1+r")]),
        (r"f((a+b)c)_1", [("(", ")", "a+bc"), ("(", ")", "a+b")]),
        (r"\left[\frac{a}{b}\right]", [("[", "]", "ab")]),
        (r"\begin{pmatrix} a & b \end{pmatrix}", [("(", ")", "ab")]),
        (r"[0,1)", []),
    ],
)
def test_a_pair_of_brackets_is_a_fence_around_what_is_between(tex: str, expected: list[tuple[str, str, str]]) -> None:
    assert fences(tex) == expected


def test_scripts_of_a_closing_bracket_are_of_the_whole_fence() -> None:
    (power,) = formula("(1+r)^i").iter(qn("m:sSup"))
    assert power.find(qn("m:e"))[0].tag == qn("m:d")
    assert "".join(words.text for words in power.find(qn("m:sup")).iter(qn("m:t"))) == "i"


@pytest.mark.parametrize("tex", ["[0,1)", "|x|", "x^)"])
def test_a_bracket_alone_is_a_sign(tex: str) -> None:
    plain = [run for run in formula(tex).iter(qn("m:r")) if run.find(f"{qn('m:rPr')}/{qn('m:nor')}") is not None]
    assert plain
    assert all(run.find(qn("m:t")).text in "[)|" for run in plain)
