"""Several processes at one PostgreSQL database: at its birth, writing at once, killed while writing, forked."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from trainer_sql import PostgreSQLStore

KILLS = int(os.environ.get("TRAINER_TEST_KILLS", "4"))

COMMON = """
import hashlib, json, os, random, sys, threading, time
from trainer.errors import StoreError
from trainer_sql import PostgreSQLStore

url, *arguments = sys.argv[1:]
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", COMMON + script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def go(process: subprocess.Popen[str]) -> None:
    """Wait until a process is ready. Those that wait for a line are let go when their input ends."""
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def finish(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    return output


@pytest.fixture
def empty(postgresql: str) -> Iterator[str]:
    """The URL of a schema of its own, without tables."""
    server, schema = postgresql.partition("?")[0], f"trainer_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        yield f"{server}?options=-csearch_path%3D{schema}"
        connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())


WRITER = """
store = PostgreSQLStore(url)
print("ready", flush=True)
number = 0
while True:
    number += 1
    text = os.urandom(random.choice([10, 3000, 60000])).hex()
    data = {"text": text, "sum": hashlib.sha256(text.encode()).hexdigest()}
    if number % 3:
        record = store.store(f"key:{number % 5}", data)
    else:
        with store.transaction():
            store.store("twin:a", data)
            record = store.store("twin:b", data)
    if number % 7 == 0:
        store.delete(f"key:{number % 5}")
    print(json.dumps([record.key, record.version, data["sum"]]), flush=True)
"""


def test_nothing_that_was_acknowledged_is_lost_and_nothing_is_half_written_when_writers_are_killed(empty: str) -> None:
    acknowledged: list[tuple[str, int, str]] = []
    for _ in range(KILLS):
        process = start(WRITER, empty)
        go(process)
        time.sleep(random.uniform(0, 0.2))
        process.kill()
        assert process.stdout is not None
        acknowledged += [json.loads(line) for line in process.stdout if line.endswith("\n")]
        process.communicate()
    assert acknowledged
    with PostgreSQLStore(empty) as store:
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


MIXED = """
store = PostgreSQLStore(url)
name = arguments[0]
print("ready", flush=True)
sys.stdin.read()
for number in range(30):
    store.update("counter", lambda value: value + 1)
    store.store(f"{name}:{number % 10}", number, ttl=number % 2 or None)
    store.bulk_store({f"shared:{part}": [name, number] for part in (range(9) if number % 2 else range(8, -1, -1))})
    if number % 10 == 5:
        store.delete(f"shared:{number % 9}")
        store.sweep()
    store.query({"0": {"$exists": False}} if number % 2 else {"a": 1}, prefix=name)
store.close()
"""


def test_four_processes_that_write_at_once_lose_no_update(empty: str) -> None:
    with PostgreSQLStore(empty) as store:
        store.store("counter", 0)
        processes = [start(MIXED.replace('"0"', '"b"'), empty, f"p{number}") for number in range(4)]
        for process in processes:
            go(process)
        for process in processes:
            finish(process)
        record = store.retrieve("counter")
        assert record is not None
        assert (record.data, record.version) == (120, 121)
        for part in range(9):
            versions = store.history(f"shared:{part}")
            assert [record.version for record in versions] == list(range(len(versions), 0, -1))
            assert sum(not record.deleted for record in versions) == 120


OPENER = """
print("ready", flush=True)
sys.stdin.read()
with PostgreSQLStore(url) as store:
    store.store(arguments[0], 1)
"""


def test_four_processes_may_open_an_empty_database_at_once(empty: str) -> None:
    processes = [start(OPENER, empty, number) for number in range(4)]
    for process in processes:
        go(process)
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    for process in processes:
        finish(process)
    with PostgreSQLStore(empty) as store:
        assert store.count() == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_process_may_fork_while_its_threads_write(empty: str) -> None:
    script = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, from Python 3.12 on
store = PostgreSQLStore(url)
done = threading.Event()
written = []

def keep_writing(name):
    while not done.is_set():
        store.store(f"{name}:{len(written)}", 1)
        written.append(store.exists(f"{name}:0"))

threads = [threading.Thread(target=keep_writing, args=(f"t{number}",)) for number in range(3)]
for thread in threads:
    thread.start()
for number in range(5):
    child = os.fork()
    if child == 0:
        for part in range(5):
            store.store(f"child:{number}:{part}", part)
        if number % 2:
            store.close()
            os._exit(0)
        sys.exit(0)  # the interpreter takes everything down, what was inherited too
    assert os.waitpid(child, 0)[1] == 0
done.set()
for thread in threads:
    thread.join()
store.close()
print(len(written))
"""
    written = int(finish(start(script, empty)).split()[-1])
    with PostgreSQLStore(empty) as store:
        assert store.count(prefix="child:") == 25
        assert written > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_process_forked_inside_a_transaction_leaves_it_to_its_parent(empty: str) -> None:
    script = """
store = PostgreSQLStore(url)
with store.transaction():
    store.store("key", 1)
    child = os.fork()
    if child == 0:
        try:
            store.store("key", 2)
        except StoreError as error:
            print(error.problem, flush=True)
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    store.store("other", 1)
store.close()
"""
    assert "forked" in finish(start(script, empty))
    with PostgreSQLStore(empty) as store:
        assert [record.key for record in store.query()] == ["other", "key"]
