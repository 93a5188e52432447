"""What the Redis store promises beyond the contract: URLs, errors in two lines, restarts, processes, its own indexes."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings, strategies as st

from trainer.errors import StoreError, VersionConflict
from trainer.stores import create_store
from trainer.testing.memory import MemoryStore
from trainer.testing.stores import Clock
from trainer_redis import Redis, RedisStore

SECRET = "s3cr3t%2Fp"


@pytest.fixture
def store(redis_url: str, prefix: str) -> Iterator[RedisStore]:
    with RedisStore(redis_url, prefix=prefix) as store:
        yield store


def refusal(action: Callable[[], object]) -> StoreError:
    """The error that `action` ends with, which must be of our own kind, of two lines, and without the password."""
    with pytest.raises(StoreError) as raised:
        action()
    assert str(raised.value).count("\n") == 1
    assert "s3cr3t" not in str(raised.value)
    return raised.value


# Opening


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost", f"redis://:{SECRET}@host/zero", "redis://host:port/0", "redis://:s3cr3t/p@host:1/0",
        "redis://host/0?decode_responses=1", "redis://host/0?db=x", "redis+unix://", "redis://host/0#1", "redis://host:99999",
    ],
)  # fmt: skip
def test_what_is_no_url_of_a_redis_server_is_refused_without_showing_the_password(url: str) -> None:
    refusal(lambda: RedisStore(url))


@pytest.mark.parametrize("prefix", ["", "a:b", "a{b", "é", "a b"])
def test_a_prefix_that_could_mix_up_names_is_refused(prefix: str) -> None:
    assert "prefix" in refusal(lambda: RedisStore("redis://host", prefix=prefix)).problem


def test_the_plugin_opens_the_store_under_its_prefix(redis_url: str, prefix: str) -> None:
    with Redis(prefix=prefix).store(redis_url) as store, RedisStore(redis_url, prefix=prefix) as other:
        store.store("key", 1)
        assert other.exists("key")
    with create_store(redis_url, namespace=prefix) as store:
        assert (type(store), store.namespace, store.count()) == (RedisStore, prefix, 0)


def test_a_unix_socket_is_a_server_too(own_server: Any, tmp_path: Any) -> None:
    server = own_server("--unixsocket", str(tmp_path / "redis.sock"))
    with RedisStore(f"redis+unix://{tmp_path}/redis.sock?db=3") as store, RedisStore(f"{server.url[:-1]}3") as other:
        store.store("key", 1)
        assert other.exists("key")


@pytest.mark.skipif(
    shutil.which("openssl") is None, reason="the program openssl, which makes the certificate, is absent"
)
def test_a_server_with_tls_is_reached_if_its_certificate_is_trusted(own_server: Any, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    options = ("--tls-cert-file", key.with_stem("certificate"), "--tls-key-file", key, "--tls-auth-clients", "no")
    own_server("--tls-port", port, *map(str, options))
    url = f"rediss://127.0.0.1:{port}/0"
    with RedisStore(f"{url}?ssl_ca_certs={certificate}") as store:
        store.store("key", 1)
        assert store.exists("key")
    assert "certificate" in refusal(lambda: RedisStore(url)).problem


# Faults


def test_a_server_that_is_not_there_is_told() -> None:
    problem = refusal(lambda: RedisStore(f"redis://:{SECRET}@127.0.0.1:1/0")).problem
    assert "127.0.0.1:1 " in problem
    assert "may have been done" not in problem


def test_a_wrong_password_is_told(own_server: Any) -> None:
    server = own_server("--requirepass", "right")
    wrong = server.url.replace("//", f"//:{SECRET}@")
    assert "refuses the password" in refusal(lambda: RedisStore(wrong)).problem
    assert "password" in refusal(lambda: RedisStore(server.url)).problem
    with RedisStore(server.url.replace("//", "//:right@")) as store:
        store.ping()


def test_a_replica_takes_no_writes_and_changes_nothing(own_server: Any) -> None:
    server = own_server()
    with RedisStore(server.url) as store, redis.Redis.from_url(server.url) as client:
        store.store("key", 1)
        client.replicaof("127.0.0.1", 1)
        assert "replica" in refusal(lambda: store.store("key", 2)).problem
        assert "replica" in refusal(lambda: store.bulk_store({"a": 1})).problem
        assert store.query() == [store.retrieve("key")]
        client.replicaof("NO", "ONE")


def test_a_full_server_takes_no_writes_and_changes_nothing(own_server: Any) -> None:
    server = own_server("--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
    with RedisStore(server.url) as store:

        def fill() -> None:
            for number in range(100):
                store.store(f"key:{number}", "x" * 100_000)

        assert "memory" in refusal(fill).problem
        records = store.query()
        assert len(records) == store.count() < 100
        assert "s3" not in refusal(lambda: store.bulk_store({"a": "x"})).problem
        assert len(store.query()) == len(records)


def test_a_server_that_throws_records_away_is_refused(own_server: Any) -> None:
    server = own_server("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    assert "allkeys-lru" in refusal(lambda: RedisStore(server.url)).problem


def test_foreign_data_under_our_names_is_told_and_left_alone(store: RedisStore, redis_url: str, prefix: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        name = f"{{{prefix}}}::record:key"
        client.set(name, "theirs")
        for action in (
            store.retrieve,
            store.history,
            store.delete,
            store.get_freshness,
            lambda key: store.store(key, 1),
        ):
            assert "not ours" in refusal(partial(action, "key")).problem
        assert client.get(name) == b"theirs"
        assert store.count() == 0
        client.delete(name)
        client.hset(name, mapping={"head": "nonsense", "data": "1"})
        for action in (store.retrieve, store.history, store.delete):
            refusal(partial(action, "key"))


def test_a_server_that_hangs_is_told_after_the_timeout(own_server: Any) -> None:
    server = own_server()
    with RedisStore(server.url, timeout=0.5) as store:
        store.store("key", 1)
        server.hang()
        assert "in time" in refusal(lambda: store.retrieve("key")).problem
        server.go_on()
        assert store.exists("key")


def test_what_was_stored_is_there_after_the_server_was_killed_and_started_anew(own_server: Any) -> None:
    server = own_server("--appendonly", "yes", "--appendfsync", "always")
    with RedisStore(server.url) as store:
        first = store.store("key", 1, metadata={"query": "q"}, ttl=1000)
        second = store.store("key", 2, metadata={"query": "q"})
        server.kill()
        assert "cannot be reached" in refusal(lambda: store.retrieve("key")).problem
        refusal(store.ping)
        server.start()
        assert list(store.history("key")) == [second, first]
        assert store.query({"metadata.query": "q"}) == [second]
        assert store.store("key", 3).version == 3


@pytest.mark.parametrize("text", ["\ud800", "\0", "a\0b"])
def test_text_that_no_store_takes_is_refused_wherever_it_stands(store: RedisStore, text: str) -> None:
    for action in (
        lambda: store.store(text, 1), lambda: store.store("key", 1, source=text), lambda: store.retrieve(text),
        lambda: store.store("key", 1, metadata={"query": text}), lambda: store.query({"metadata.query": text}),
        lambda: store.query({"_id": text}), lambda: store.query(prefix=text), lambda: store.count(source=text),
        lambda: store.within(text), lambda: store.bulk_store({"key": 1, text: 2}),
    ):  # fmt: skip
        refusal(action)
    refusal(lambda: store.store("", 1))
    assert store.count() == 0


def test_scripts_that_the_server_forgot_are_sent_again(store: RedisStore, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.script_flush()
        assert store.store("key", 1).version == 1
        client.script_flush()
        assert store.bulk_store({"key": 1, "other": 1}).unchanged == 1
        client.script_flush()
        assert store.count() == 2


# Names


def test_namespaces_and_keys_never_make_one_name(store: RedisStore) -> None:
    pairs = [
        ("", "a:record:b"),
        ("a", "b"),
        ("a:record", "b"),
        ("a%3A", "b"),
        ("namespaces", "b"),
        ("{x}", "b"),
        ("", "b"),
    ]
    for number, (space, key) in enumerate(pairs):
        store.within(space).store(key, number)
    for number, (space, key) in enumerate(pairs):
        record = store.within(space).retrieve(key)
        assert record is not None
        assert (record.data, record.version) == (number, 1)
    assert store.namespaces() == sorted({space for space, _ in pairs})


# What queries look at

KEYS = st.sampled_from(["a", "ab", "b"])
SOURCES = st.sampled_from(["", "x", "y\n", "é"])
QUERIES = st.sampled_from([None, "q", "r", ["q", "r"], ["q", 1, None], 1, {"q": "q"}, "long" * 100])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("store"), KEYS, st.integers(0, 1), SOURCES, QUERIES, st.sampled_from([None, None, 1, 3])),
        st.tuples(st.just("bulk"), KEYS, st.integers(0, 1), SOURCES, QUERIES, st.sampled_from([None, 2])),
        st.tuples(st.just("delete"), KEYS),
        st.tuples(st.just("wait")),
        st.tuples(st.just("sweep")),
    ),
    min_size=5,
    max_size=20,
)
NUMBERS = iter(range(10**9))


ASKED = [
    {}, {"metadata.query": "q"}, {"metadata.query": {"$in": ["q", "r"]}}, {"metadata.query": 1},
    {"_id": {"$in": ["a", "b", "none", ""]}}, {"_id": "ab", "metadata.query": "q"}, {"metadata.query": "long" * 100},
]  # fmt: skip


@given(steps=STEPS, start=st.sampled_from(["", "a", "ab", "c"]), source=st.sampled_from([None, "", "x", "y\n"]))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_found_by_key_prefix_source_or_query_is_what_the_memory_store_finds(
    redis_url: str, prefix: str, steps: list[tuple[Any, ...]], start: str, source: str | None
) -> None:
    clock = Clock()
    model = MemoryStore(clock)
    with RedisStore(redis_url, prefix=prefix, namespace=str(next(NUMBERS)), clock=clock) as store:
        for step in steps:
            if step == ("wait",):
                clock.advance(1)
            assert take(store, step) == take(model, step)
        assert store.count(source=source, prefix=start) == model.count(source=source, prefix=start)
        for wanted in ASKED:
            for limit in (None, 1):
                found = store.query(wanted, source=source, prefix=start, limit=limit)
                assert list(found) == list(model.query(wanted, source=source, prefix=start, limit=limit))


def take(store: Any, step: tuple[Any, ...]) -> Any:
    match step:
        case "store", key, data, source, query, ttl:
            return store.store(key, data, source=source, metadata={"query": query}, ttl=ttl)
        case "bulk", key, data, source, query, ttl:
            return store.bulk_store({key: data, key + "c": data}, source=source, metadata={"query": query}, ttl=ttl)
        case "delete", key:
            return store.delete(key)
        case ("sweep",):
            return store.sweep()


def test_a_limit_takes_the_last_updated_whatever_the_records_are_found_by(redis_url: str, prefix: str) -> None:
    clock = Clock()
    with RedisStore(redis_url, prefix=prefix, clock=clock) as store:
        for key, query in [("a:1", "r"), ("a:2", "q"), ("a:3", "q"), ("a:1", "r"), ("b:1", "q"), ("a:0", "s")]:
            store.store(key, 1, metadata={"query": query}, source="s")
            clock.advance(1)
        for wanted, start, key in [
            ({"metadata.query": {"$in": ["q", "r"]}}, "a", "a:1"), ({"metadata.query": "q"}, "", "b:1"),
            ({"_id": {"$in": ["a:1", "a:2", "b:1"]}}, "", "b:1"), ({"metadata.query": {"$ne": "s"}}, "a:", "a:1"),
        ]:  # fmt: skip
            for source in (None, "s"):
                assert [record.key for record in store.query(wanted, prefix=start, source=source, limit=1)] == [key]


def test_what_is_stored_for_ever_no_longer_expires(redis_url: str, prefix: str) -> None:
    clock = Clock()
    with RedisStore(redis_url, prefix=prefix, clock=clock) as store:
        store.store("key", 1, ttl=1)
        store.store("key", 1)
        clock.advance(2)
        assert (store.count(), store.count(source=""), store.sweep(), len(store.query())) == (1, 1, 0, 1)


def test_nothing_is_left_in_the_indexes_of_what_was_deleted(store: RedisStore, redis_url: str, prefix: str) -> None:
    for number in range(3):
        store.store("key", number, source=f"s{number}", metadata={"query": ["q", f"q{number}"]}, ttl=100)
    store.delete("key")
    with redis.Redis.from_url(redis_url) as client:
        names = {name.decode().removeprefix(f"{{{prefix}}}:") for name in client.scan_iter(f"{{{prefix}}}*")}
    assert names == {":record:key", "namespaces"}


def test_records_larger_than_a_reply_are_read_one_by_one_and_come_back_whole(store: RedisStore) -> None:
    records = {f"key:{number:02}": {"text": f"{number}" * 1_500_000} for number in range(8)}
    assert store.bulk_store(records).stored == 8
    assert {record.key: record.data for record in store.query()} == records


# Several processes

COMMON = """
import hashlib, json, os, random, sys, time
from trainer.errors import VersionConflict
from trainer_redis import RedisStore
store = RedisStore(sys.argv[1], prefix=sys.argv[2])
"""
COUNTER = """
for number in range(100):
    while True:
        record = store.retrieve("counter")
        try:
            store.store("counter", record.data + 1, if_version=record.version)
            break
        except VersionConflict:
            pass
    store.update("other", lambda count: count + 1)
    store.bulk_store({f"{os.getpid()}:{part}": number for part in range(5)}, ttl=number % 2 or None)
    store.delete(f"{os.getpid()}:0")
"""
WRITER = """
print("open", flush=True)
number = 0
while True:
    number += 1
    text = os.urandom(random.choice([10, 3000, 60000])).hex()
    data = {"text": text, "sum": hashlib.sha256(text.encode()).hexdigest()}
    record = store.store(f"key:{number % 5}", data, source=f"s{number % 2}", metadata={"query": f"q{number % 3}"})
    if number % 7 == 0:
        store.delete(f"key:{number % 5}")
    print(json.dumps([record.key, record.version, data["sum"]]), flush=True)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", COMMON + script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_four_processes_that_write_at_once_lose_no_update(store: RedisStore, redis_url: str, prefix: str) -> None:
    store.store("counter", 0)
    store.store("other", 0)
    processes = [start(COUNTER, redis_url, prefix) for _ in range(4)]
    for process in processes:
        _, errors = process.communicate(timeout=100)
        assert (process.returncode, errors) == (0, "")
    for key in ("counter", "other"):
        record = store.retrieve(key)
        assert record is not None
        assert (record.data, record.version) == (400, 401)


def test_nothing_acknowledged_is_lost_and_nothing_is_half_written_when_writers_are_killed(
    store: RedisStore, redis_url: str, prefix: str
) -> None:
    acknowledged: list[tuple[str, int, str]] = []
    for _ in range(4):
        process = start(WRITER, redis_url, prefix)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(random.uniform(0, 0.15))
        process.kill()
        acknowledged += [json.loads(line) for line in process.stdout if line.endswith("\n")]
        process.communicate()
    assert acknowledged
    for key, version, digest in acknowledged:
        record = store.retrieve(key, version)
        assert record is not None
        assert record.data["sum"] == digest
    current = store.query()
    assert store.count() == len(current) == sum(store.count(source=source) for source in ("s0", "s1"))
    assert current == sorted(current, key=lambda record: record.updated_at, reverse=True)
    for key in {key for key, _, _ in acknowledged}:
        versions = store.history(key)
        assert [record.version for record in versions] == list(range(len(versions), 0, -1))
        assert (store.retrieve(key) in current) is not versions[0].deleted
        for record in versions:
            assert record.deleted or hashlib.sha256(record.data["text"].encode()).hexdigest() == record.data["sum"]


def test_a_lost_answer_is_never_asked_for_twice(own_server: Any) -> None:
    # A write that was done, but whose answer did not arrive in time, must not be done again behind one's back.
    server = own_server()
    with RedisStore(server.url, timeout=0.5) as store:
        store.store("counter", 0)
        server.hang()
        refusal(lambda: store.store("counter", 1, if_version=1))
        server.go_on()
        store.ping()
        assert [record.data for record in store.history("counter")] in ([0], [1, 0])
        with pytest.raises(VersionConflict):
            store.store("counter", 2, if_version=9)
