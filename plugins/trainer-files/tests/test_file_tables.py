"""What the source `file` promises of tables: rows and columns as asked, in any encoding, in little memory."""

from __future__ import annotations

import codecs
import hashlib
import json
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trainer.errors import NotFound, RetrievalError
from trainer_files import FileRetriever

PRICES = "day,ticker,close,note\n2024-01-02,AAPL,185.64,\n2024-01-02,MSFT,370.87,x\n2024-01-03,AAPL,184.25,007\n"
ROWS = [
    {"day": "2024-01-02", "ticker": "AAPL", "close": 185.64, "note": None},
    {"day": "2024-01-02", "ticker": "MSFT", "close": 370.87, "note": "x"},
    {"day": "2024-01-03", "ticker": "AAPL", "close": 184.25, "note": "007"},
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
TEXTS = {"csv": PRICES, "jsonl": LINES, "json": json.dumps(ROWS)}


def read(folder: Path, name: str, content: str | bytes, **query: Any) -> Any:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return FileRetriever(folder).retrieve({"path": name, **query})


@pytest.fixture(params=TEXTS)
def prices(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    name = f"prices.{request.param}"
    (tmp_path / name).write_text(TEXTS[request.param], "utf-8")
    return name


def test_json_lines_are_one_value_a_line(tmp_path: Path) -> None:
    assert read(tmp_path, "a.jsonl", LINES).data == ROWS
    assert read(tmp_path, "a.ndjson", '1\r\n\n"a\u2028b"\n[null]').data == [1, "a\u2028b", [None]]
    assert read(tmp_path, "empty.jsonl", "").data == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}\n{"a" 2}\n', "line 2, column 6"),
        ("1\n\nNaN\n", "NaN is not JSON at line 3, column 1"),
        ('{"a": 1,\n"b": 2}', "at line 2, column 1"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
    ],
)
def test_a_line_that_is_not_json_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RetrievalError, match=said):
        read(tmp_path, "a.jsonl", text)


@pytest.mark.parametrize(
    ("where", "days"),
    [
        ({"ticker": "AAPL"}, "23"),
        ({"ticker": ["MSFT", "AAPL"]}, "223"),
        ({"ticker": {"$ne": "AAPL"}}, "2"),
        ({"close": {"$gte": 184.25, "$lt": "186"}}, "23"),
        ({"day": {"$gt": "2024-01-02"}}, "3"),
        ({"close": "185.64"}, "2"),
        ({"close": "185.640"}, "2"),
        ({"note": None}, "2"),
        ({"note": {"$gt": "1"}}, "2"),
        ({"note": 7}, ""),
        ({"ticker": "AAPL", "day": "2024-01-03"}, "3"),
        ('{"ticker": "MSFT"}', "2"),
        ({}, "223"),
    ],
)
def test_rows_are_chosen_by_what_stands_in_their_columns(prices: str, tmp_path: Path, where: Any, days: str) -> None:
    data = FileRetriever(tmp_path).retrieve({"path": prices, "where": where}).data
    assert "".join(row["day"][-1] for row in data) == days
    assert all(row in ROWS for row in data)


@pytest.mark.parametrize("columns", [["close", "day"], "close, day"])
def test_columns_come_in_the_order_asked_and_a_limit_says_that_it_left_rows_out(
    prices: str, tmp_path: Path, columns: Any
) -> None:
    retriever = FileRetriever(tmp_path)
    result = retriever.retrieve({"path": prices, "columns": columns, "limit": "2"})
    assert [list(row.items()) for row in result.data] == [
        [("close", row["close"]), ("day", row["day"])] for row in ROWS[:2]
    ]
    assert result.metadata["truncated"] is True
    assert result.raw_hash == hashlib.sha256((tmp_path / prices).read_bytes()).hexdigest()
    assert result.metadata["bytes"] == (tmp_path / prices).stat().st_size
    assert "truncated" not in retriever.retrieve({"path": prices, "limit": 3}).metadata
    assert "truncated" not in retriever.retrieve({"path": prices, "where": {"ticker": "AAPL"}, "limit": 2}).metadata


def test_two_choices_from_one_file_are_two_records(prices: str, tmp_path: Path) -> None:
    retriever = FileRetriever(tmp_path)
    subjects = {
        retriever.retrieve({"path": prices, **query}).subject
        for query in (
            {},
            {"where": {"ticker": "AAPL"}},
            {"where": {"ticker": "MSFT"}},
            {"columns": "day"},
            {"limit": 1},
        )
    }
    assert len(subjects) == 5
    assert "prices" in subjects


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"columns": ["closed"]}, r"no column 'closed' \(did you mean 'close'"),
        ({"where": {"tickr": "A"}}, "no column 'tickr'"),
        ({"columns": 7}, "not names"),
        ({"columns": ["a", ""]}, "not names"),
        ({"where": "ticker=AAPL"}, "where is not JSON"),
        ({"where": [1]}, "not a table of conditions"),
        ({"where": {"a": {"$regex": "x"}}}, r"'\$regex' is no test"),
        ({"where": {"a": {"$gt": [1]}}}, r"\$gt cannot be"),
        ({"where": {"a": {"$in": 1}}}, r"\$in cannot be"),
        ({"limit": 0}, "not a number of rows"),
        ({"limit": "ten"}, "not a number of rows"),
        ({"limit": True}, "not a number of rows"),
    ],
)
def test_what_cannot_be_chosen_is_named(tmp_path: Path, query: dict[str, Any], said: str) -> None:
    with pytest.raises(RetrievalError, match=said) as caught:
        read(tmp_path, "a.csv", PRICES, **query)
    assert caught.value.remedy


def test_only_rows_can_be_chosen_from(tmp_path: Path) -> None:
    for name, text in (("a.json", '{"a": 1}'), ("a.txt", "a"), ("a.md", "a")):
        with pytest.raises(RetrievalError, match="are for rows"):
            read(tmp_path, name, text, limit=1)
    for name in ("b.json", "b.jsonl"):
        with pytest.raises(RetrievalError, match="no object, so it has no columns"):
            read(tmp_path, name, "[1]", columns="a")
    assert read(tmp_path, "c.jsonl", '{"b": 1}\n{"a": 2}\n', columns="a").data == [{"a": None}, {"a": 2}]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.txt", "a.md"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le+mark", "utf-16-be+mark"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, name: str, codec: str) -> None:
    text = {"a.csv": "ä,b\n1,Ω€\n", "a.jsonl": '{"ä": "Ω€"}\n', "a.json": '["Ω€"]'}.get(name, "Ω€")
    codec, _, mark = codec.partition("+")
    raw = text.encode(codec)
    if mark:
        raw = (codecs.BOM_UTF16_LE if codec.endswith("le") else codecs.BOM_UTF16_BE) + raw
    data = read(tmp_path, name, raw).data
    assert "Ω€" in json.dumps(data, ensure_ascii=False)
    assert "\ufeff" not in json.dumps(data, ensure_ascii=False)
    if codec != "utf-8-sig":
        assert read(tmp_path, name, raw, encoding=codec).data == data


@pytest.mark.parametrize(
    ("raw", "query", "said"),
    [
        ("a\nä\n".encode("cp1252"), {}, r"not utf-8 text: .*b'\\xe4' after b'a\\n'"),
        ("a\nä\n".encode("utf-8-sig"), {"encoding": "cp1252"}, "byte order mark of utf-8"),
        ("a\nä\n".encode("utf-16"), {"encoding": "utf-8"}, "byte order mark of utf-16"),
        ("a\nb\n".encode("utf-16-le"), {}, "NUL characters, as UTF-16"),
        (b"a\n1\n", {"encoding": "ebcdic-9"}, "unknown encoding: ebcdic-9"),
        (b"a\n1\n2", {"encoding": "utf-16"}, "not utf-16 text"),
        (b"a" * 70_000 + b"\n\xff\n", {}, r"not utf-8 text: .*b'\\xff'"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "text"])
def test_a_wrong_encoding_is_told_with_what_could_not_be_read(
    tmp_path: Path, raw: bytes, query: dict[str, str], said: str, kind: str
) -> None:
    with pytest.raises(RetrievalError, match=said) as caught:
        read(tmp_path, "a.dat", raw, format=kind, **query)
    assert "encoding: cp1252" in caught.value.remedy
    assert len(str(caught.value).splitlines()) == 2


def test_a_missing_file_is_told_from_one_that_is_unreadable(tmp_path: Path) -> None:
    for path in ("a.csv", "*.csv", "no/a.csv"):
        with pytest.raises(NotFound):
            FileRetriever(tmp_path).retrieve({"path": path})


def test_the_limit_of_bytes_counts_what_is_taken_of_a_table_and_all_of_any_other_file(tmp_path: Path) -> None:
    rows = [{"id": number, "text": "x" * 1000} for number in range(100)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "a.json").write_text(json.dumps(rows))
    retriever = FileRetriever(tmp_path, 10_000)
    assert len(retriever.retrieve({"path": "a.jsonl", "columns": "id"}).data) == 100
    assert len(retriever.retrieve({"path": "a.jsonl", "limit": 5}).data) == 5
    for query in ({"path": "a.jsonl"}, {"path": "a.json", "limit": 5}):
        with pytest.raises(RetrievalError, match="larger than 10,000 bytes"):
            retriever.retrieve(query)


SCRIPT = """
import json, resource, sys
from trainer_files import FileRetriever
retriever = FileRetriever(sys.argv[1])
queries = json.loads(sys.argv[2])
for query in queries:
    retriever.retrieve({**query, "path": "small" + query["path"][5:]})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = [retriever.retrieve(query) for query in queries]
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"grown": (after - before) // 1024, "rows": [len(one.data) for one in found],
                  "bytes": [one.metadata["bytes"] for one in found], "hashes": [one.raw_hash for one in found]}))
"""


def test_a_file_of_hundred_megabytes_is_read_in_a_few(tmp_path: Path) -> None:
    note = "lorem ipsum " * 400
    block = {
        "csv": "".join(f"{number},{note}\n" for number in range(200)).encode(),
        "jsonl": "".join(json.dumps({"id": number, "note": note}) + "\n" for number in range(200)).encode(),
    }
    digests = {}
    for kind, times in (("csv", 110), ("jsonl", 110)):
        head = b"id,note\n" if kind == "csv" else b""
        (tmp_path / f"small.{kind}").write_bytes(head + block[kind])
        digest = hashlib.sha256(head)
        with (tmp_path / f"large.{kind}").open("wb") as file:
            file.write(head)
            for _ in range(times):
                file.write(block[kind])
                digest.update(block[kind])
        digests[kind] = digest.hexdigest()
    queries: list[dict[str, Any]] = [{"path": f"large.{kind}", "where": {"id": 7}, "columns": ["id"]} for kind in block]
    queries.append({"path": "large.csv", "limit": 10})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), json.dumps(queries)], capture_output=True, text=True, check=True, timeout=120
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert min(found["bytes"]) > 100_000_000
    assert found["rows"] == [110, 110, 10]
    assert found["hashes"] == [digests["csv"], digests["jsonl"], digests["csv"]]
    assert found["grown"] < 16  # megabytes


def test_a_file_without_line_ends_is_not_taken_for_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer_files.tables.LONGEST_LINE", 1000)
    for name in ("a.csv", "a.jsonl"):
        with pytest.raises(RetrievalError):
            read(tmp_path, name, "a\n1\n" * (name == "a.csv") + "1" * 200_000)


values = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(st.characters(codec="ascii"), max_size=4)


@given(st.lists(st.fixed_dictionaries({"a": values, "b": values}), max_size=8), values, st.sampled_from(["a", "b"]))
def test_an_equal_value_is_found_and_no_row_twice(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], value: Any, column: str
) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    found = read(tmp_path_factory.getbasetemp(), "any.jsonl", text, where={column: value}).data
    rest = read(tmp_path_factory.getbasetemp(), "any.jsonl", text, where={column: {"$ne": value}}).data
    assert len(found) + len(rest) == len(rows)
    same = [row for row in rows if row[column] == value and type(row[column]) is type(value)]
    assert all(row in found for row in same)


def test_without_pyarrow_parquet_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RetrievalError, match="package pyarrow") as caught:
        read(tmp_path, "a.parquet", b"PAR1")
    assert caught.value.remedy == "pip install 'trainer-files[parquet]'"


def test_parquet_is_rows_in_which_nothing_is_lost(tmp_path: Path) -> None:
    import pyarrow as arrow
    from pyarrow import parquet

    table = {
        "id": [1, 2, 3],
        "day": [date(2024, 1, 2), date(2024, 1, 3), None],
        "at": [datetime(2024, 1, 2, 3, 4, 5), None, None],  # noqa: DTZ001  # Parquet has local times
        "price": [Decimal("1.10"), Decimal("-0.25"), None],
        "value": [1.5, float("nan"), None],
        "raw": [b"\x00\xff", b"", None],
        "tags": [["a"], [], None],
        "more": [{"x": 1}, {"x": None}, None],
    }
    parquet.write_table(arrow.table(table), tmp_path / "a.parquet")
    retriever = FileRetriever(tmp_path)
    result = retriever.retrieve({"path": "a.parquet"})
    assert result.data[0] == {
        "id": 1, "day": "2024-01-02", "at": "2024-01-02T03:04:05", "price": 1.1, "value": 1.5, "raw": "AP8=",
        "tags": ["a"], "more": {"x": 1},
    }  # fmt: skip
    assert result.data[1]["price"] == -0.25
    assert result.data[1]["value"] is None
    assert result.raw_hash == hashlib.sha256((tmp_path / "a.parquet").read_bytes()).hexdigest()
    query = {"path": "a.parquet", "where": {"day": {"$gte": "2024-01-03"}}, "columns": ["id"], "limit": 1}
    assert retriever.retrieve(query).data == [{"id": 2}]
    with pytest.raises(RetrievalError, match="no column 'di'"):
        retriever.retrieve({"path": "a.parquet", "columns": "di"})
    parquet.write_table(arrow.table({"x": [float("inf")]}), tmp_path / "b.parquet")
    with pytest.raises(RetrievalError, match="'x' holds inf"):
        retriever.retrieve({"path": "b.parquet"})


@given(st.binary(max_size=100))
def test_bytes_that_are_no_parquet_are_one_clear_line(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    with pytest.raises(RetrievalError, match="not valid parquet") as caught:
        read(tmp_path_factory.getbasetemp(), "any.parquet", raw)
    assert len(str(caught.value).splitlines()) == 2
