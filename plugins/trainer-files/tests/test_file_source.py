"""What the source `file` promises."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from trainer import Query
from trainer.errors import PathRefused, RetrievalError, StoreError
from trainer.stores import canonical_json
from trainer_files import File, FileRetriever

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "AAPL.json").write_text('{"ticker": "AAPL", "price": 189.5}', "utf-8")
    (tmp_path / "secret.json").write_text('{"secret": 1}', "utf-8")
    return folder


def read(root: Path, name: str, content: str | bytes, **params: str) -> Any:
    raw = content.encode() if isinstance(content, str) else content
    (root / name).write_bytes(raw)
    return FileRetriever(root).retrieve({"path": name, **params}).data


def test_the_plugin_reads_a_file_and_says_where_it_came_from(root: Path) -> None:
    path = root / "data" / "AAPL.json"
    os.utime(path, (1_700_000_000, 1_700_000_000))
    result = File(root=root).retrieve(Query("file", {"path": "data/AAPL.json"}))
    assert result.data == {"ticker": "AAPL", "price": 189.5}
    assert (result.source, result.subject, result.url) == ("file", "AAPL", "file:data/AAPL.json")
    assert result.raw_hash == hashlib.sha256(path.read_bytes()).hexdigest()
    assert result.metadata == {"modified": "2023-11-14T22:13:20+00:00", "bytes": path.stat().st_size}
    assert (datetime.now(UTC) - result.retrieved_at).total_seconds() < 60


def test_a_pattern_gives_every_file_under_its_path_in_order(root: Path) -> None:
    (root / "data" / "B.csv").write_text("a\n1\n", "utf-8")
    (root / "data" / "deep").mkdir()
    (root / "data" / "deep" / "Z.json").write_text("[]", "utf-8")
    (root / "data" / ".hidden.json").write_text("[]", "utf-8")
    retriever = FileRetriever(root)
    one = retriever.retrieve({"path": "data/*"})
    assert list(one.data.items()) == [
        ("data/AAPL.json", retriever.retrieve({"path": "data/AAPL.json"}).data),
        ("data/B.csv", [{"a": 1}]),
    ]
    assert (one.subject, one.url) == ("data", "file:data/*")
    assert list(retriever.retrieve({"path": "**/*.json"}).data) == ["data/AAPL.json", "data/deep/Z.json"]
    assert list(retriever.retrieve({"path": "data/**"}).data) == ["data/AAPL.json", "data/B.csv", "data/deep/Z.json"]
    assert list(retriever.retrieve({"path": "*/[A-B]?*.json"}).data) == ["data/AAPL.json"]


def test_the_hash_of_a_pattern_changes_with_any_file_and_any_name(root: Path) -> None:
    def seen() -> str:
        return FileRetriever(root).retrieve({"path": "data/*.json"}).raw_hash

    (root / "data" / "B.json").write_text("1", "utf-8")
    first = seen()
    assert seen() == first
    (root / "data" / "B.json").rename(root / "data" / "C.json")
    renamed = seen()
    (root / "data" / "C.json").write_text("2", "utf-8")
    assert len({first, renamed, seen()}) == 3


def test_a_file_whose_name_looks_like_a_pattern_is_found_by_its_name(root: Path) -> None:
    assert read(root, "a[1].json", "[1]") == [1]


def test_a_pattern_that_matches_nothing_is_an_error(root: Path) -> None:
    for pattern in ("data/*.csv", "nowhere/*.json", "data/AAPL.json/*"):
        with pytest.raises(RetrievalError, match=r"no file matches|cannot be read"):
            FileRetriever(root).retrieve({"path": pattern})


@pytest.mark.parametrize(
    "path",
    [
        "../secret.json", "data/../../secret.json", "/etc/hostname", "~/x.json", "C:\\x.json", "\\\\host\\x",
        "a\0b.json", "../*.json", "/etc/*", "*/../../*.json", "data\\..\\..\\secret.json",
    ],
)  # fmt: skip
def test_no_path_leaves_the_folder(root: Path, path: str) -> None:
    with pytest.raises(PathRefused):
        FileRetriever(root).retrieve({"path": path})


def test_no_link_leaves_the_folder_by_name_or_by_pattern(root: Path) -> None:
    (root / "data" / "out.json").symlink_to(root.parent / "secret.json")
    (root / "up").symlink_to(root.parent)
    for path in ("data/out.json", "up/secret.json", "data/*.json", "up/*.json", "*/secret.json", "**/*.json"):
        with pytest.raises(PathRefused):
            FileRetriever(root).retrieve({"path": path})


def test_a_link_inside_the_folder_is_followed_once(root: Path) -> None:
    (root / "data" / "again").symlink_to(root / "data")
    (root / "latest.json").symlink_to(root / "data" / "AAPL.json")
    assert FileRetriever(root).retrieve({"path": "latest.json"}).subject == "latest"
    assert list(FileRetriever(root).retrieve({"path": "**/*.json"}).data) == ["data/AAPL.json", "latest.json"]


def test_what_is_not_a_file_is_refused_without_waiting(root: Path) -> None:
    os.mkfifo(root / "pipe.json")
    listener = socket.socket(socket.AF_UNIX)
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(root)  # the address of a socket is short
        listener.bind("socket.json")
    finally:
        os.fchdir(here)
        os.close(here)
        listener.close()
    (root / "loop.json").symlink_to(root / "loop.json")
    for name in ("pipe.json", "socket.json", "data", "loop.json", "n" * 300 + ".json"):
        with pytest.raises((RetrievalError, PathRefused)) as error:
            FileRetriever(root).retrieve({"path": name})
        assert error.value.remedy


def test_a_missing_file_is_answered_with_names_that_are_there(root: Path) -> None:
    for path, expected in (
        ("data/aapl.json", "AAPL.json"),
        ("data/APPL.json", "AAPL.json"),
        ("data/x.csv", "AAPL.json"),
    ):
        with pytest.raises(RetrievalError, match="no file") as error:
            FileRetriever(root).retrieve({"path": path})
        assert expected in error.value.remedy
    with pytest.raises(RetrievalError) as error:
        FileRetriever(root).retrieve({"path": "dota/AAPL.json"})
    assert "no folder dota" in error.value.remedy


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_a_file_that_may_not_be_read_says_so(root: Path) -> None:
    (root / "data" / "AAPL.json").chmod(0)
    with pytest.raises(RetrievalError, match="Permission denied"):
        FileRetriever(root).retrieve({"path": "data/AAPL.json"})


def test_the_limit_counts_all_files_of_a_retrieval(root: Path) -> None:
    for name in "ab":
        (root / "data" / f"{name}.txt").write_bytes(b"x" * 60)
    assert FileRetriever(root, 60).retrieve({"path": "data/a.txt"}).metadata["bytes"] == 60
    assert FileRetriever(root, 120).retrieve({"path": "data/*.txt"}).metadata["bytes"] == 120
    for limit, path in ((59, "data/a.txt"), (119, "data/*.txt")):
        with pytest.raises(RetrievalError, match="larger than"):
            FileRetriever(root, limit).retrieve({"path": path})


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "path is missing"),
        ({"path": 7}, "path is missing or not text"),
        ({"path": "data/AAPL.json", "sheet": "1"}, "unknown parameter sheet"),
        ({"path": "data/AAPL.json", "format": "xlsx"}, "unknown format 'xlsx'"),
        ({"path": "data/AAPL.json", "encoding": "klingon"}, "klingon"),
        ({"path": "data/AAPL.json", "encoding": "hex"}, "hex"),
    ],
)
def test_wrong_parameters_are_named(root: Path, params: dict[str, Any], said: str) -> None:
    with pytest.raises(RetrievalError, match=said):
        FileRetriever(root).retrieve(params)


def test_an_ending_without_a_format_asks_for_one(root: Path) -> None:
    with pytest.raises(RetrievalError, match="says nothing of its format"):
        read(root, "a.dat", "x")
    assert read(root, "a.dat", "x", format="text") == {"text": "x", "name": "a.dat"}


def test_an_encoding_can_be_named_and_utf8_is_the_default(root: Path) -> None:
    assert read(root, "a.txt", "café".encode("cp1252"), encoding="cp1252")["text"] == "café"
    assert read(root, "a.csv", "\ufeffä,b\n1,2\n".encode()) == [{"ä": 1, "b": 2}]
    assert read(root, "a.json", "\ufeff[1]".encode()) == [1]
    with pytest.raises(RetrievalError, match="not utf-8 text") as error:
        read(root, "a.txt", "café".encode("cp1252"))
    assert "cp1252" in error.value.remedy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n "a": 1,\n "b" 2}', "line 3, column 6"),
        ('["NaN",\n NaN]', "NaN is not JSON at line 2, column 2"),
        ("[-Infinity]", "-Infinity is not JSON at line 1, column 2"),
        ("[1,\n1e999]", "too large a number at line 2, column 1"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ("", "line 1, column 1"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "4300 digits"),
    ],
)
def test_json_that_is_not_json_is_refused_with_its_place(root: Path, text: str, said: str) -> None:
    with pytest.raises(RetrievalError, match=said):
        read(root, "a.json", text)


texts = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_json_comes_back_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    found = read(folder, "any.json", json.dumps(value))
    assert json.dumps(found) == json.dumps(value)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("7", 7), ("0", 0), ("-12", -12), ("189.50", 189.5), ("0.1", 0.1), ("-0.5", -0.5),
        ("9223372036854775807", 2**63 - 1), ("9223372036854775808", "9223372036854775808"),
        ("007", "007"), ("1e5", "1e5"), ("1_000", "1_000"), ("+1", "+1"), ("-0", "-0"), (".5", ".5"),
        ("5.", "5."), (" 7", " 7"), ("1,000", "1,000"), ("٣", "٣"), ("NaN", "NaN"), ("inf", "inf"),
        ("true", "true"),
        ("0.12345678901234567890", "0.12345678901234567890"), ("", None),
    ],
)  # fmt: skip
def test_a_cell_is_a_number_only_when_nothing_is_lost(root: Path, cell: str, value: Any) -> None:
    found = read(root, "a.csv", f'name,x\nrow,"{cell}"\n')[0]["x"]
    assert found == value
    assert type(found) is type(value)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1, max_size=8)
names = st.lists(st.from_regex(r"[A-Za-zé_]{1,6}", fullmatch=True), min_size=2, max_size=5, unique=True)


@given(st.data(), names, st.sampled_from(",;\t|"))
def test_a_table_written_as_csv_comes_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, header: list[str], delimiter: str
) -> None:
    rows = data.draw(st.lists(st.lists(cells, min_size=len(header), max_size=len(header)), max_size=5))
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([header, *rows])
    found = read(tmp_path_factory.getbasetemp(), "any.csv", text.getvalue())
    assert [[str(value) for value in row.values()] for row in found] == [
        [str(float(cell)) if _has_decimals(cell) else cell for cell in row] for row in rows
    ]
    canonical_json(found)


def _has_decimals(cell: str) -> bool:
    whole, dot, decimals = cell.removeprefix("-").partition(".")
    digits = whole + decimals
    return bool(
        dot and decimals and digits.isascii() and digits.isdigit() and (whole == "0" or (whole and whole[0] != "0"))
    )


def test_decimal_commas_and_quoted_delimiters_do_not_mislead(root: Path) -> None:
    assert read(root, "a.csv", "day;close\n2024-01-02;1,5\n2024-01-03;2,5\n") == [
        {"day": "2024-01-02", "close": "1,5"},
        {"day": "2024-01-03", "close": "2,5"},
    ]
    assert read(root, "b.csv", 'name,note\n"Apple; Inc.","say ""hi"""\n') == [
        {"name": "Apple; Inc.", "note": 'say "hi"'}
    ]
    assert read(root, "c.csv", "alone\n1\n\n2\n") == [{"alone": 1}, {"alone": 2}]
    assert read(root, "d.csv", "a,b\n") == []


def test_a_long_table_keeps_its_delimiter_when_the_sample_ends_inside_a_quote(root: Path) -> None:
    body = "".join(f'{number};"two\nlines, {number}"\n' for number in range(9_000))
    assert read(root, "a.csv", f"id;note\n{body}")[-1] == {"id": 8_999, "note": "two\nlines, 8999"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n1\n", "line 3 has 1 cells, the header has 2"),
        ("a;b\n1;2;3\n", "line 2 has 3 cells"),
        ("a,a\n1,2\n", "'a' twice"),
        ("a,,c\n1,2,3\n", "column 2 of the header has no name"),
        ("", "is empty"),
        ("\n\n", "is empty"),
        ('a,b\n1,"2\n', "line 2"),
        ('a,b\n1,"2"3\n', "line 2"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_with_its_line(root: Path, text: str, said: str) -> None:
    with pytest.raises(RetrievalError, match=said):
        read(root, "a.csv", text)


def test_markdown_comes_with_its_front_matter_and_text_without(root: Path) -> None:
    text = "---\ntitle: Notes\nday: 2024-01-02\n---\n# Notes\n"
    assert read(root, "a.md", text) == {
        "text": "# Notes\n",
        "name": "a.md",
        "metadata": {"title": "Notes", "day": "2024-01-02"},
    }
    assert read(root, "b.md", "no front matter") == {"text": "no front matter", "name": "b.md", "metadata": {}}
    assert read(root, "a.txt", text) == {"text": text, "name": "a.txt"}


@pytest.mark.parametrize(
    "head",
    [
        "a: [",
        "- 1",
        "a: &x 1\nb: *x",
        "a: 1e999",
        "a: !!timestamp 2024-01-01",
        "a: !!binary aGk=",
        "a: !!python/name:os.system",
    ],
)
def test_front_matter_that_is_not_plain_data_is_refused(root: Path, head: str) -> None:
    with pytest.raises(RetrievalError, match="front matter"):
        read(root, "a.md", f"---\n{head}\n---\ntext\n")


@given(st.binary(max_size=200), st.sampled_from(["a.json", "a.csv", "a.md", "a.txt"]))
def test_any_bytes_are_data_or_one_clear_line(tmp_path_factory: pytest.TempPathFactory, raw: bytes, name: str) -> None:
    error = None
    try:
        canonical_json(read(tmp_path_factory.getbasetemp(), name, raw))
    except (RetrievalError, StoreError) as raised:
        error = raised
    assert error is None or isinstance(error, StoreError) or (name in error.problem and error.remedy)
    assert error is None or "\n" not in error.problem
