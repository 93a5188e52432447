"""Bodies in Jinja, JSON and XML: filled once, within bounds, from the folders they may read, faults with their lines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st

from trainer import Instruction
from trainer.errors import InstructionError
from trainer.instruction import Template, literal
from trainer_prompts import PromptManager, PromptTemplate, jinja
from trainer_prompts.engines import fill, problems

HEAD = "---\nengine: {engine}\ninput: {{A: {{default: x}}, B: {{default: y}}, N: {{type: integer, default: 3}}}}\n---\n"
nasty = st.text() | st.sampled_from(
    [
        "{A}",
        "{{A}}",
        "{{ A }}",
        "{{ 7*7 }}",
        "{% endraw %}",
        "{% include 'a.md' %}",
        "{#",
        '"',
        "\\",
        "</task>",
        "<a/>",
        "&lt;",
        "]]>",
    ]
)


def instruction(body: str, engine: str = "jinja") -> Instruction:
    return Instruction.parse(HEAD.format(engine=engine) + body)


def filled(body: str, engine: str = "jinja", **params: Any) -> str:
    chosen = instruction(body, engine)
    return fill(chosen, chosen.resolve(params)).text


@given(st.text() | st.text("{}AB_ ", max_size=30))
@settings(max_examples=2000, deadline=None)
def test_any_text_can_be_written_as_a_template_that_stands_for_it(text: str) -> None:
    assert Template(literal(text)).fill({}) == text
    assert Template(literal(text)).variables == {}


@given(nasty, nasty)
@settings(max_examples=200, deadline=None)
def test_jinja_fills_values_once_and_as_they_are(first: str, second: str) -> None:
    told = filled("|{{ A }}|{% if B %}{{ B }}{% endif %}|", A=first, B=second)
    assert told == f"|{first}|{second}|"


@given(nasty, nasty)
@settings(max_examples=300, deadline=None)
def test_no_value_changes_the_tree_of_a_json_body(first: str, second: str) -> None:
    told = json.loads(
        filled('{"task": "on {A}: {B}", "list": ["{B}", 7, {"years": "{N}"}]}', "json", A=first, B=second)
    )
    assert told == {"task": f"on {first}: {second}", "list": [second, 7, {"years": 3}]}


xml_text = (
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")) | nasty
)


@given(xml_text, xml_text)
@settings(max_examples=300, deadline=None)
def test_no_value_changes_the_tree_of_an_xml_body(first: str, second: str) -> None:
    told = ElementTree.fromstring(filled('<task of="{A}">\n<ask>{B}!</ask></task>', "xml", A=first, B=second))
    allowed = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
    assert [(one.tag, set(one.attrib)) for one in told.iter()] == [("task", {"of"}), ("ask", set())]
    assert told.get("of") == allowed.sub("\ufffd", first)
    assert (told[0].text or "").replace("\r", "\n") == (allowed.sub("\ufffd", second) + "!").replace(
        "\r\n", "\n"
    ).replace("\r", "\n")


def test_jinja_gets_values_in_their_types() -> None:
    body = "{% if N > 2 %}{{ N + 1 }}{% endif %} {% for one in [A, B] if one %}{{ loop.index }}{{ one }} {% endfor %}"
    assert filled(body, B="") == "4 1x"
    assert filled("{A} {{ '{A}' }}") == "{A} {A}"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("{{ C }}", "C is not declared (line 5)"),
        ("\n{{ A", "this is not Jinja"),
        ("{{ A.__class__ }}", ".__class__ is not allowed"),
        ("{{ A.center(9) }}", "'call' is not allowed"),
        ("{{ A | replace('a', 'b') }}", "the filter replace is not allowed"),
        ("{% macro m() %}{% endmacro %}", "'macro' is not allowed"),
        ("{% import 'x' as y %}", "'import' is not allowed"),
        ("{% for i in A recursive %}{% endfor %}", "recursive is not allowed"),
        ("{{ 10 ** 9 }}", "'pow' is not allowed"),
        ("{% include A %}", "include without the name"),
        ("{% include 'none.md' %}", "there is no file none.md to include (line 5)"),
    ],
)
def test_what_a_jinja_body_may_not_hold_is_told_before_it_is_rendered(body: str, told: str) -> None:
    with pytest.raises(InstructionError, match=re.escape(told)):
        filled(body)
    assert any(one.fatal and one.line and one.remedy for one in problems(instruction(body)))


@pytest.mark.parametrize(
    "body",
    [
        "{{ 'a' * 1000000000 }}",
        "{{ N * 999999999999999999999 }}",
        "{% set a = 'aaaaaaaa' %}" + "{% set a = a ~ a %}" * 40,
        "{% set a = 'aaaaaaaa' %}" + "{% set a = a + a %}" * 40,
        "{% set a = [1, 2] %}" + "{% set a = [a, a] %}" * 40 + "{{ a | join }}",
        "{% set t = 'x' %}" + "{% set t = t ~ t %}" * 10 + "{% for a in t %}" * 4 + "{% endfor %}" * 4,
        "{% for a in 'xxxxxxxxxx' %}{{ B }}{% endfor %}",
        "{{ [A, B] }}",
        "{{ 1 / (N - 3) }}",
        "{{ A - 1 }}",
        "{{ '%0999999999d' % 1 }}",
    ],
)
def test_a_jinja_body_that_would_grow_or_fail_stops(body: str) -> None:
    with pytest.raises(InstructionError, match=r"the template fails( in line 6)?:"):
        filled("\n" + body, B="y" * 200_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "context").mkdir()
    (tmp_path / "instructions").mkdir()
    (tmp_path / "secret.md").write_text("secret")
    (tmp_path / "context" / "tone.md").write_text("Write to {{ A }}.")
    (tmp_path / "instructions" / "own.md").write_text("Own part, {% include 'tone.md' %}")
    return tmp_path


def loaded(folder: Path, body: str) -> Instruction:
    path = folder / "instructions" / "main.md"
    path.write_text(HEAD.format(engine="jinja") + body)
    return Instruction.load(path)


def test_a_jinja_body_includes_files_of_its_own_and_of_the_context_folder(folder: Path) -> None:
    task = fill(loaded(folder, "{% include 'own.md' %}"), {"A": "{{ A }}", "B": "", "N": "1"}, (folder / "context",))
    assert task.text == "Own part, Write to {{ A }}."
    assert {part.name: part.path for part in task.includes} == {
        "own.md": folder / "instructions/own.md",
        "tone.md": folder / "context/tone.md",
    }


@given(
    st.sampled_from(
        [
            "../secret.md",
            "/etc/passwd",
            "~/x",
            "a/../../secret.md",
            "C:\\x",
            "..\\secret.md",
            "//host/x",
            "linked.md",
            "a\0b",
        ]
    )
)
@settings(max_examples=20, deadline=None)
def test_no_include_leads_out_of_its_folders(name: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        (root / "instructions").mkdir()
        (root / "secret.md").write_text("secret")
        (root / "instructions/linked.md").symlink_to(root / "secret.md")
        chosen = loaded(root, "{% include " + json.dumps(name) + " %}")
        found = problems(chosen, (root / "instructions",))
        assert any("leaves the folder" in one.message for one in found if one.fatal)


def test_files_that_include_each_other_are_told_with_the_chain(folder: Path) -> None:
    for name, other in (("a.md", "b.md"), ("b.md", "c.md"), ("c.md", "a.md")):
        (folder / "instructions" / name).write_text(f"\n{{% include '{other}' %}}")
    (found,) = problems(loaded(folder, "{{ A }}{{ B }}{{ N }}{% include 'a.md' %}"))
    assert found.message == "c.md, line 2: files include each other: a.md → b.md → c.md → a.md"
    (found,) = [
        one
        for one in problems(loaded(folder, "{{ A }}{{ B }}{{ N }}\n{% include 'main.md' %}"))
        if "main" in one.message
    ][:1]
    assert "files include each other" in found.message


def test_includes_that_multiply_are_refused(folder: Path) -> None:
    for number in range(12):
        (folder / "instructions" / f"{number}.md").write_text(f"{{% include '{number + 1}.md' %}}" * 2)
    (folder / "instructions/12.md").write_text("x")
    found = problems(loaded(folder, "{% include '0.md' %}"))
    assert any("8,191 includes" in one.message for one in found)


def test_an_instruction_that_was_never_a_file_includes_nothing_of_the_current_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "instructions")
    assert any("no file own.md" in one.message for one in problems(instruction("{% include 'own.md' %}")))


def test_a_jinja_body_has_a_title_sections_and_background_like_any_other() -> None:
    chosen = Instruction.parse(
        "---\nengine: jinja\ninput: {A: {}}\n---\n# {{ A }} in short\n\nSee tone.md.\n{% include 'part.md' %}\n\n## Growth of {{ A }}"
    )
    assert Template(chosen.title).fill({"A": "Acme"}) == "Acme in short"
    assert list(chosen.references) == ["tone.md"]
    chosen = instruction("{% if N %}\n## Growth of {{ A }}\n{% endif %}\n## {{ '{B}' }}\n")
    prompt = PromptManager(".").compose(PromptTemplate(chosen.source), {"A": "{N}"})
    assert [Template(one.title).fill({}) for one in prompt.instruction.sections] == ["Growth of {N}", "{B}"]


def test_the_sections_of_structured_bodies_are_those_of_the_report() -> None:
    body = '{"task": "{A}", "sections": ["Risks", {"title": "Growth of {A}", "ask": "How `revenue` moved."}]}'
    sections = PromptManager(".").compose(PromptTemplate(HEAD.format(engine="json") + body)).instruction.sections
    assert [(one.title, one.text) for one in sections] == [("Risks", ""), ("Growth of {A}", "How `revenue` moved.")]
    body = '<task><section title="Growth of {A}">How <b>revenue</b> moved.</section></task>'
    sections = PromptManager(".").compose(PromptTemplate(HEAD.format(engine="xml") + body)).instruction.sections
    assert [(one.title, one.text) for one in sections] == [("Growth of {A}", "How revenue moved.")]


def test_the_engine_follows_from_the_files_ending_unless_it_is_named() -> None:
    assert Instruction.parse('{"a": "{X}"}', "x.json").engine == "json"
    assert Instruction.parse("<a>{X}</a>", "x.xml").engine == "xml"
    assert Instruction.parse("---\nengine: text\n---\n{X}", "x.xml").engine == "text"
    assert Instruction.parse('{"a": "{X}"}', "x.json").variables == {"X": 1}


@pytest.mark.parametrize(
    ("engine", "body", "line", "told"),
    [
        ("json", '{"a": 1,\n "b" 2}', 6, "not JSON"),
        ("json", '{"a": 1, "a": 2}', 5, "a key stands twice"),
        ("json", '{"a": NaN}', 5, "not a number of JSON"),
        ("json", '"text"', 5, "not an object or a list"),
        ("xml", "<a>\n<b></a>", 6, "not XML"),
        ("xml", '<!DOCTYPE a [<!ENTITY e "x">]>\n<a>&e;</a>', 5, "declares a document type"),
    ],
)
def test_a_structured_body_that_cannot_be_read_is_told_with_its_line(
    engine: str, body: str, line: int, told: str
) -> None:
    (found,) = problems(instruction(body, engine))
    assert told in found.message
    assert found.line == line
    with pytest.raises(InstructionError, match=told):
        filled(body, engine)


pieces = st.sampled_from(
    ["..", ".", "~", "a", "linked", "secret.md", "own.md", "", "C:", "\\", "..\\", "\0", "%2e%2e", "․․"]
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("confined")
    (root / "instructions/a").mkdir(parents=True)
    (root / "instructions/own.md").write_text("own")
    (root / "secret.md").write_text("secret")
    (root / "instructions/linked").symlink_to(root)
    (root / "instructions/a/linked").symlink_to(root / "secret.md")
    (root / "instructions/main.md").write_text("---\nengine: jinja\n---\nx")
    return root


@given(names=st.lists(pieces, min_size=1, max_size=5))
@settings(max_examples=400, deadline=None)
def test_whatever_an_include_names_is_read_from_its_folders_or_not_at_all(shared: Path, names: list[str]) -> None:
    base = Instruction.load(shared / "instructions/main.md")
    body = "{% include " + json.dumps("/".join(names)) + " %}"
    chosen = evolve(base, body=Template(body, 1))
    template = jinja.Template(chosen, (shared / "instructions",), strict=False)
    real = {shared / "instructions/own.md", shared / "instructions/main.md"}
    assert {part.path for part in template.includes} <= real
    assert bool(template.includes) != any(problem.fatal for problem in template.problems)


def test_a_structured_body_with_typed_variables_is_sound_and_a_value_of_another_type_is_refused() -> None:
    chosen = instruction('{"years": "{N}"}', "json")
    assert problems(chosen) == []
    with pytest.raises(InstructionError, match="N must be an integer, not 'many'"):
        fill(chosen, {"N": "many"})


def test_dates_are_put_out_as_they_were_given_and_compare_as_dates() -> None:
    text = "---\nengine: jinja\ninput: {DAY: {type: date}, OTHER: {type: date}}\n---\n{{ DAY }}{% if DAY > OTHER %} later{% endif %}"
    assert PromptTemplate(text).fill({"DAY": "2025-10-01", "OTHER": "2025-09-30"}) == "2025-10-01 later"


def test_two_keys_that_become_one_are_refused() -> None:
    with pytest.raises(InstructionError, match="the same when filled"):
        filled('{"{A}": 1, "{B}": 2}', "json", A="x", B="x")
