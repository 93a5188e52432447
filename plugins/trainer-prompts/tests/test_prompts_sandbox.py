"""Templates end: whatever one asks for, it is rendered within its bounds or refused with a typed error."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from trainer.errors import InstructionError
from trainer_prompts import PromptTemplate, PromptValidator

HEAD = "---\nengine: jinja\ninput: {A: {default: x}, N: {type: integer, default: 3}}\n---\n"
GROWN = "{% set t = 'x' %}" + "{% set t = t ~ t %}" * 19  # half a million characters
LOOPS = "{% for i in 'xxxxxxxxxx' %}" * 3
ENDS = "{% endfor %}" * 3
BOMBS = {
    "a text times a number": "{{ 'a' * 10 ** 9 }}",
    "a filter that pads": "{{ 'a' | center(10 ** 9) }}",
    "loops over ranges": "{% for i in range(10 ** 9) %}{% for j in range(10 ** 9) %}{% endfor %}{% endfor %}",
    "texts put together": GROWN + "{{ (" + " ~ ".join(["t"] * 3000) + ") | length }}",
    "texts put together one by one": GROWN + "{% if " + " or ".join(["(t ~ t ~ 'z') == 'y'"] * 40) + " %}{% endif %}",
    "lists of letters": GROWN + "{{ [" + ",".join(["t | list"] * 200) + "] | length }}",
    "slices": GROWN + "{{ [" + ",".join(["t[1:]"] * 2000) + "] | length }}",
    "a filter in loops": GROWN + LOOPS + "{% set s = t | list | sort | unique | join %}" + ENDS,
    "a comparison in loops": GROWN + LOOPS + "{% if (t ~ 'z') in (t ~ t) %}{% endif %}" + ENDS,
    "a sorted list of long texts": GROWN + "{{ ([" + ",".join(["t"] * 2000) + "] | sort) | length }}",
    "digits to round to": "{{ 1.5 | round(999999999, 'ceil') }}",
    "a sum of lists": "{{ [[1], [2]] | sum(start=[]) }}",
    "a chain of sums": "{{ " + " + ".join(["1"] * 4_000) + " }}",
    "a long number": "{{ 1" + "0" * 100_000 + " }}",
    "a long hexadecimal number": "{{ 0x1" + "0" * 100_000 + " }}",
    "loops in loops": "".join(f"{{% for a{n} in A %}}" for n in range(25)) + "{% endfor %}" * 25,
    "brackets in brackets": "{{ " + "[" * 500 + "]" * 500 + " | length }}",
    "many nodes": LOOPS + "{{ '' }}" * 30_000 + ENDS,
    "a long file": "x" * 5_000_000,
}


def rendered(body: str, **values: Any) -> str:
    return PromptTemplate(HEAD + body).fill(values)


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_a_template_that_asks_for_too_much_is_a_typed_error_within_little_memory(body: str) -> None:
    program = (
        "import sys\nfrom trainer.errors import InstructionError\nfrom trainer_prompts import PromptTemplate\n"
        "try:\n    PromptTemplate(sys.stdin.read()).fill({})\nexcept InstructionError as error:\n"
        "    sys.exit(0 if error.problem and error.remedy else 2)\nsys.exit(1)\n"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (30, 30))

    done = subprocess.run(
        [sys.executable, "-c", program], input=HEAD + body, text=True, capture_output=True, preexec_fn=limit, check=False
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["a chain of sums", "loops in loops", "a long hexadecimal number", "many nodes"])
def test_what_cannot_be_compiled_is_found_without_rendering(name: str) -> None:
    result = PromptValidator().validate(PromptTemplate(HEAD + BOMBS[name]))
    assert not result.is_valid
    assert all(problem.remedy for problem in result.problems)


pieces = st.sampled_from(
    ["{{ A }}", "{{ N * 7 }}", "{% set t = A %}", "{% set t = t ~ t ~ t %}", "{% set l = t | list %}", "{{ t | upper }}",
     "{% for i in l %}", "{% endfor %}", "{% if t > A %}", "{% endif %}", "{{ l | sort | join(t) }}", "{{ t[1:] }}", "x"]
)  # fmt: skip


@given(st.lists(pieces, max_size=40), st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_template_is_rendered_to_at_most_its_length_or_refused(found: list[str], value: str) -> None:
    try:
        text = rendered("{% set t = '' %}{% set l = [] %}" + "".join(found), A=value)
    except InstructionError as error:
        assert error.remedy
    else:
        assert len(text) <= 1_000_000


def test_what_prompts_are_made_of_is_far_from_the_bounds() -> None:
    body = (
        "{% set rivals = ['Umbrella', 'Initech'] %}{% for one in rivals | sort %}{{ loop.index }}. {{ one | upper }}\n"
        "{% endfor %}{% if N is divisibleby(3) and A in 'xyz' %}{{ 2.26 | round(1, 'ceil') }} {{ 2.5 | round }}{% endif %}"
        "{{ [1, N] | sum }}{{ rivals | max }}{{ A | default('none') }}{{ ('a' ~ N) | title }}{{ rivals[1:] | join(', ') }}"
    )
    assert rendered(body) == "1. INITECH\n2. UMBRELLA\n2.3 2.04UmbrellaxA3Initech"
    assert len(rendered("{{ A }}" * 4, A="y" * 200_000)) == 800_000


def test_every_line_that_is_not_jinja_is_told_and_so_is_what_else_is_wrong() -> None:
    body = "{{ A b }}\n{% fro x in A %}\n{{ UNKNOWN }}\n{{ A | center(3) }}\n{% if A %}"
    found = PromptValidator().validate(PromptTemplate(HEAD + body)).problems
    assert {(one.line, one.message.partition(":")[0]) for one in found} == {
        (5, "this is not Jinja"),
        (6, "this is not Jinja"),
        (7, "UNKNOWN is not declared"),
        (8, "the filter center is not allowed in a prompt"),
        (9, "this is not Jinja"),
    }
