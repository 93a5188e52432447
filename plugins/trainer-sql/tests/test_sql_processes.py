"""Several processes at one file: at its birth, writing at once, killed while writing, forked."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainer_sql import SQLiteStore

KILLS = int(os.environ.get("TRAINER_TEST_KILLS", "20"))

COMMON = """
import hashlib, json, os, random, sys, threading, time
from pathlib import Path
from trainer.errors import VersionConflict
from trainer_sql import SQLiteStore

file, *arguments = sys.argv[1:]
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", COMMON + script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    return output


MANY = 20  # records at once
WRITER = (
    f"MANY = {MANY}\n"
    """
store = SQLiteStore(file)
print("open", flush=True)
number = 0
while True:
    number += 1
    text = os.urandom(random.choice([10, 3000, 60000]) if number % 3 else 10).hex()
    data = {"text": text, "sum": hashlib.sha256(text.encode()).hexdigest()}
    if number % 3 == 0:
        store.bulk_store({f"many:{part}": data for part in range(MANY)})
        record = store.retrieve("many:0")
    elif number % 3 == 1:
        record = store.store(f"key:{number % 5}", data)
    else:
        with store.transaction():
            store.store("twin:a", data)
            record = store.store("twin:b", data)
    if number % 7 == 0:
        store.delete(f"key:{number % 5}")
    print(json.dumps([record.key, record.version, data["sum"]]), flush=True)
"""
)


def test_nothing_that_was_acknowledged_is_lost_and_nothing_is_half_written_when_writers_are_killed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "store.db"
    acknowledged: list[tuple[str, int, str]] = []
    for _ in range(KILLS):
        process = start(WRITER, file)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(random.uniform(0, 0.15))
        process.kill()
        acknowledged += [json.loads(line) for line in process.stdout if line.endswith("\n")]
        process.communicate()
    assert acknowledged
    with SQLiteStore(file) as store:
        assert store._database.execute("PRAGMA integrity_check") == [("ok",)]
        for key, version, digest in acknowledged:
            record = store.retrieve(key, version)
            assert record is not None
            assert record.data["sum"] == digest
        for key in {key for key, _, _ in acknowledged}:
            versions = store.history(key)
            assert [record.version for record in versions] == list(range(len(versions), 0, -1))
            for record in versions:
                assert record.deleted or hashlib.sha256(record.data["text"].encode()).hexdigest() == record.data["sum"]
        twins = [[record.data for record in store.history(f"twin:{name}")] for name in "ab"]
        assert twins[0] == twins[1]
        crowds = [[record.data for record in store.history(f"many:{part}")] for part in range(MANY)]
        assert all(crowd == crowds[0] for crowd in crowds)


MIXED = """
store = SQLiteStore(file)
name = arguments[0]
while not Path(file + ".go").exists():
    time.sleep(0.001)
for number in range(100):
    while True:
        record = store.retrieve("counter")
        try:
            store.store("counter", record.data + 1, if_version=record.version)
            break
        except VersionConflict:
            pass
    store.store(f"{name}:{number % 10}", number, ttl=number % 2 or None)
    store.bulk_store({f"shared:{part}": {"by": name, "number": number} for part in range(20)})
    store.update("sum", lambda data: {"total": data["total"] + 1})
    store.update("parts", {name: number})
    if number % 10 == 5:
        store.delete(f"{name}:{number % 10}")
        store.sweep()
    store.query(prefix=name)
store.close()
"""


def test_four_processes_that_write_at_once_meet_no_lock_and_lose_no_update(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    with SQLiteStore(file) as store:
        store.bulk_store({"counter": 0, "sum": {"total": 0}, "parts": {}})
        processes = [start(MIXED, file, f"p{number}") for number in range(4)]
        file.with_name("store.db.go").touch()
        for process in processes:
            finish(process)
        record = store.retrieve("counter")
        assert record is not None
        assert (record.data, record.version) == (400, 401)
        assert [store.retrieve(key).data for key in ("sum", "parts")] == [  # type: ignore[union-attr]
            {"total": 400},
            {f"p{number}": 99 for number in range(4)},
        ]
        crowds = [[record.data for record in store.history(f"shared:{part}")] for part in range(20)]
        assert all(crowd == crowds[0] and len(crowd) == 400 for crowd in crowds)
        assert store._database.execute("PRAGMA integrity_check") == [("ok",)]


OPENER = """
Path(f"{file}.{arguments[0]}").touch()
while not Path(file + ".go").exists():
    time.sleep(0.0005)
with SQLiteStore(file) as store:
    store.store(arguments[0], 1)
"""


@pytest.mark.parametrize("round", range(2))
def test_four_processes_may_open_a_new_file_at_once(tmp_path: Path, round: int) -> None:
    file = tmp_path / "store.db"
    processes = [start(OPENER, file, number) for number in range(4)]
    while len(list(tmp_path.iterdir())) < 4:
        time.sleep(0.001)
    file.with_name("store.db.go").touch()
    for process in processes:
        finish(process)
    with SQLiteStore(file) as store:
        assert store.count() == 4


def test_neither_alembic_nor_sqlalchemy_is_imported_once_the_tables_are_there(tmp_path: Path) -> None:
    script = """
with SQLiteStore(file) as store:
    store.store("key", {"a": 1}, metadata={"query": "q"})
    assert store.query({"metadata.query": "q"}) and store.history("key")
print(sorted(name for name in ("alembic", "sqlalchemy") if name in sys.modules))
"""
    file = tmp_path / "store.db"
    assert finish(start(script, file)) == "['alembic', 'sqlalchemy']\n"
    assert finish(start(script, file)) == "[]\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_and_its_parent_both_keep_what_they_write(tmp_path: Path) -> None:
    # The parent closes, and a third process comes and goes, while the child is at work: were the child on
    # locks that it only believes to hold, the log it writes to would be removed under its hands.
    script = """
store = SQLiteStore(file)
store.store("parent", 1)
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    store.store("child:first", 1)
    os.read(reader, 1)
    for number in range(50):
        store.store(f"child:{number}", number)
    os._exit(0)
time.sleep(0.2)
store.store("parent:again", 1)
store.close()
os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", '''
import sys
from trainer_sql import SQLiteStore
with SQLiteStore(sys.argv[1]) as store:
    store.store("third", 1)
''', file])
os.write(writer, b"1")
assert os.waitpid(child, 0)[1] == 0
"""
    file = tmp_path / "store.db"
    finish(start(script, file))
    with SQLiteStore(file) as store:
        assert store.count(prefix="child:") == 51
        assert store.count() == 54


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_process_may_fork_while_its_threads_write(tmp_path: Path) -> None:
    script = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, from Python 3.12 on
store = SQLiteStore(file)
done = threading.Event()
written = []

def write(key):
    store.store(key, 1)
    written.append(key)

def keep_writing(name):
    # In threads that come and go, so that connections are being opened and closed when the process forks.
    number = 0
    while not done.is_set():
        number += 1
        thread = threading.Thread(target=write, args=(f"{name}:{number}",))
        thread.start()
        thread.join()

threads = [threading.Thread(target=keep_writing, args=(f"t{number}",)) for number in range(3)]
for thread in threads:
    thread.start()
for number in range(20):
    child = os.fork()
    if child == 0:
        for part in range(5):
            store.store(f"child:{number}:{part}", part)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
done.set()
for thread in threads:
    thread.join()
store.close()
print(len(written))
"""
    file = tmp_path / "store.db"
    written = int(finish(start(script, file)))
    with SQLiteStore(file) as store:
        assert store._database.execute("PRAGMA integrity_check") == [("ok",)]
        assert store.count(prefix="child:") == 100
        assert store.count(prefix="t") == written > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_goes_on_with_a_copy_of_a_database_in_memory(tmp_path: Path) -> None:
    script = """
store = SQLiteStore("sqlite://")
store.store("key", 1)
child = os.fork()
if child == 0:
    store.store("key", 2, if_version=1)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(store.retrieve("key").data)
"""
    assert finish(start(script, tmp_path)) == "1\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_process_forked_inside_a_transaction_is_told_to_open_the_store_itself(tmp_path: Path) -> None:
    script = """
store = SQLiteStore(file)
with store.transaction():
    store.store("key", 1)
    child = os.fork()
    if child == 0:
        try:
            store.store("key", 2)
        except Exception as error:
            print(type(error).__name__, error, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
store.close()
"""
    output = finish(start(script, tmp_path / "store.db"))
    assert output.startswith("StoreError")
    assert "forked" in output
    with SQLiteStore(tmp_path / "store.db") as store:
        record = store.retrieve("key")
        assert record is not None
        assert record.data == 1
