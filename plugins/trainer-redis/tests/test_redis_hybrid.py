"""The cache never gives what is older than the last finished write, whatever becomes of Redis, and costs no error."""

from __future__ import annotations

import json
import logging
import mmap
import os
import random
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from trainer.errors import StoreError, VersionConflict
from trainer.stores import StoredData, create_store
from trainer.testing.memory import MemoryStore
from trainer.testing.stores import Clock
from trainer_redis import Hybrid, HybridStore, RedisStore, hybrid
from trainer_redis.cache import CacheDown

LEASE = 0.1


class Durable(MemoryStore):
    """A store in memory that tells of what it does, so that others can act in the middle of it."""

    def __init__(self) -> None:
        super().__init__()
        self.after: Callable[[str, str], None] = lambda *_: None

    def retrieve(self, key: str, version: int | None = None) -> StoredData | None:
        found = super().retrieve(key, version)
        self.after("retrieve", key)
        return found

    def store(self, key: str, data: Any, **options: Any) -> StoredData:
        written = super().store(key, data, **options)
        self.after("store", key)
        return written

    def once(self, action: str, do: Callable[[], Any]) -> None:
        """Do something after the next such action."""

        def after(name: str, _: str) -> None:
            if name == action:
                self.after = lambda *_: None
                do()

        self.after = after


def on(*stores: HybridStore) -> None:
    """Wait until the cache is in use, by all."""
    deadline = time.monotonic() + 20
    while any(store._coherence.readable() is None for store in stores):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def warm(store: HybridStore, key: str) -> None:
    """Read until the answer comes from Redis."""
    deadline, hits = time.monotonic() + 20, store.hits
    while store.hits == hits:
        assert time.monotonic() < deadline
        assert store.retrieve(key) is not None


def value(store: HybridStore, key: str = "key") -> Any:
    record = store.retrieve(key)
    assert record is not None
    return record.data


@pytest.fixture
def durable() -> Durable:
    return Durable()


@pytest.fixture
def pair(redis_url: str, prefix: str, durable: Durable) -> Iterator[tuple[HybridStore, HybridStore]]:
    """Two processes, as it were, whose caches are in use."""
    one, two = (HybridStore(redis_url, durable, prefix=prefix, lease=LEASE, timeout=2) for _ in range(2))
    with one, two:
        on(one, two)
        yield one, two


# What is answered from where


def test_what_was_read_or_written_is_answered_from_redis_until_somebody_writes(pair: Any, durable: Durable) -> None:
    one, two = pair
    stored = one.store("key", {"a": [1, 1.0, None]}, source="s", metadata={"m": "é"}, ttl=100)
    warm(two, "key")
    warm(one, "key")
    hits = one.hits + two.hits
    assert [part.retrieve("key") for part in (one, two) for _ in range(5)] == [stored] * 10
    assert one.hits + two.hits == hits + 10
    assert two.get_freshness("key").expires_at == durable.get_freshness("key").expires_at
    for number, write in enumerate(
        [
            lambda: one.store("key", 1),
            lambda: one.store("key", 1, source="again"),
            lambda: one.update("key", lambda old: old + 1),
            lambda: one.rollback("key", 1),
            lambda: one.bulk_store({"key": 5, "other": 5}),
            lambda: one.delete("key"),
            lambda: one.store("key", 6),
        ]
    ):
        write()
        assert two.retrieve("key") == one.retrieve("key") == durable.retrieve("key"), number
        if two.exists("key"):
            warm(two, "key")


def test_other_namespaces_have_other_entries(pair: Any) -> None:
    one, two = pair
    one.store("key", 1)
    one.within("a").store("key", 2)
    warm(two, "key")
    warm(two.within("a"), "key")
    assert (value(two), value(two.within("a")), two.within("b").retrieve("key")) == (1, 2, None)
    assert two.namespaces() == ["", "a"]
    with pytest.raises(StoreError):
        one.within("trainer.hybrid")


def test_what_has_expired_is_not_read_from_redis(redis_url: str, prefix: str) -> None:
    clock = Clock()
    with HybridStore(redis_url, MemoryStore(clock), prefix=prefix, lease=LEASE, clock=clock, timeout=2) as store:
        on(store)
        store.store("key", 1, ttl=10)
        warm(store, "key")
        clock.advance(9.999999)
        assert store.exists("key")
        clock.advance(0.000001)
        assert not store.exists("key")
        assert store.retrieve("key") is None
        assert store.sweep() == 1


def test_a_large_record_is_not_put_into_redis_and_found_all_the_same(pair: Any) -> None:
    one, two = pair
    one.store("key", "x" * 2_000_000)
    assert value(two) == value(two) == "x" * 2_000_000
    assert two.hits == 0


# One acts in the middle of what another does


def test_a_slow_reader_does_not_put_an_old_value_back(pair: Any, durable: Durable) -> None:
    one, two = pair
    durable.store("key", "old")
    durable.once("retrieve", lambda: one.store("key", "new"))
    assert two.retrieve("key").data in ("old", "new")
    assert value(two) == value(one) == "new"


def test_a_slow_writer_does_not_put_its_value_over_a_newer_one(pair: Any, durable: Durable) -> None:
    one, two = pair
    one.store("key", 0)
    durable.once("store", lambda: two.store("key", "second"))
    one.store("key", "first")
    assert durable.retrieve("key").data == "second"
    assert value(one) == value(two) == "second"


def test_of_two_writers_at_once_none_leaves_its_value_when_the_other_is_killed(pair: Any, durable: Durable) -> None:
    one, two = pair
    one.store("key", "old")
    begun = [part._coherence.begin([part._entry("key")]) for part in (one, two)]
    seconds = durable.store("key", "second")
    durable.store("key", "first")
    two._coherence.finish(begun[1], hybrid._copy(seconds))  # and the first is not heard of again
    assert value(one) == value(two) == "first"


def test_while_one_writes_nobody_reads_or_fills_the_entry(pair: Any, durable: Durable) -> None:
    one, two = pair
    one.store("key", "old")
    warm(two, "key")
    seen: list[Any] = []
    durable.once("store", lambda: seen.extend([value(two), value(two)]))
    hits = two.hits
    one.store("key", "new")
    assert (seen, two.hits) == (["new", "new"], hits)


def test_a_write_that_fails_for_certain_leaves_the_entry_usable_and_one_that_may_have_happened_does_not(
    pair: Any, durable: Durable
) -> None:
    one, two = pair
    one.store("key", 1)
    with pytest.raises(VersionConflict):
        one.store("key", 2, if_version=7)
    warm(two, "key")

    def fail() -> None:
        raise StoreError("the connection broke", "Try again.")

    durable.once("store", fail)
    with pytest.raises(StoreError):
        one.store("key", 3)
    hits = two.hits
    assert [value(two) for _ in range(3)] == [3, 3, 3]
    assert two.hits == hits


def test_a_writer_that_is_stopped_for_so_long_that_the_cache_was_closed_and_opened_tells_the_new_one(
    own_server: Any, durable: Durable, prefix: str
) -> None:
    server = own_server()
    one, two = (HybridStore(server.url, durable, prefix=prefix, lease=LEASE, timeout=2) for _ in range(2))
    with one, two:
        on(one, two)
        one.store("key", "old")
        commit = durable.store

        def slow(key: str, data: Any, **options: Any) -> StoredData:
            if key == "key":
                server.kill()
                server.start()
                until = time.monotonic() + 20
                while two._coherence.readable() is None or not two.hits:
                    assert time.monotonic() < until
                    assert value(two) == "old"
            return commit(key, data, **options)

        durable.store = slow  # type: ignore[method-assign]
        one.store("key", "new")
        assert value(two) == value(one) == "new"


# What becomes of Redis


def test_redis_that_is_down_costs_no_error_and_what_it_comes_back_with_is_not_believed(
    own_server: Any, durable: Durable
) -> None:
    server = own_server("--appendonly", "yes", "--appendfsync", "always")
    one, two = (HybridStore(server.url, durable, lease=LEASE) for _ in range(2))
    with one, two:
        on(one, two)
        one.store("key", "old")
        warm(two, "key")
        server.kill()
        assert value(two) == "old"
        one.store("key", "new")
        assert value(two) == "new"
        one.delete("key")
        two.store("key", "newest")
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert any(b'"old"' in (client.hget(name, "value") or b"") for name in client.scan_iter())
        for _ in range(50):
            assert value(one) == value(two) == "newest"
            time.sleep(0.01)
        on(one, two)
        warm(two, "key")
        assert value(two) == "newest"


def test_a_server_that_was_started_anew_while_nobody_looked_is_not_believed(own_server: Any, durable: Durable) -> None:
    server = own_server()
    with HybridStore(server.url, durable, lease=LEASE, timeout=2) as store:
        on(store)
        store.store("key", "old")
        with redis.Redis.from_url(server.url) as client:
            client.save()
        store.store("key", "new")
        server.kill()
        server.start()
        assert value(store) == "new"
        on(store)
        warm(store, "key")
        assert value(store) == "new"


def test_a_cache_that_opens_is_not_read_before_all_writers_know(redis_url: str, prefix: str, durable: Durable) -> None:
    writer, reader = (HybridStore(redis_url, durable, prefix=prefix, lease=LEASE, timeout=2) for _ in range(2))
    with writer, reader:
        writer._coherence.cache._rests_until = float("inf")  # it opens nothing itself
        number = 0
        while reader.hits < 20:
            number += 1
            writer.store("key", number)
            assert [value(reader), value(reader)] == [number] * 2


def test_what_is_written_while_the_cache_opens_is_not_read_from_it_later(
    redis_url: str, prefix: str, durable: Durable
) -> None:
    unaware, aware = (HybridStore(redis_url, durable, prefix=prefix, lease=LEASE, timeout=2) for _ in range(2))
    with unaware, aware:
        unaware._coherence.cache._rests_until = float("inf")  # it opens nothing itself
        unaware.retrieve("key")  # and relies for a lease on the cache being off
        aware.store("key", "old")
        unaware.store("key", "new")
        on(aware)
        assert value(aware) == "new"


def test_a_writer_that_began_while_the_cache_opened_does_not_put_its_value_there_when_it_is_open(
    redis_url: str, prefix: str, durable: Durable
) -> None:
    unaware, aware = (HybridStore(redis_url, durable, prefix=prefix, lease=LEASE, timeout=2) for _ in range(2))
    with unaware, aware:
        unaware._coherence.cache._rests_until = float("inf")
        unaware.retrieve("key")
        begun = aware._coherence.begin([aware._entry("key")])
        old = durable.store("key", "old")
        unaware.store("key", "new")
        on(aware)
        aware._coherence.finish(begun, hybrid._copy(old))
        assert value(aware) == "new"


def test_no_thread_sees_less_than_was_finished_while_each_is_held_up_anywhere_and_the_cache_opens_and_closes(
    redis_url: str, prefix: str, durable: Durable, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = int(os.environ.get("TRAINER_TEST_WRITES", "150"))
    monkeypatch.setattr(hybrid, "QUIET", 0)
    chance, done, finished, wrong = random.Random(), threading.Event(), [0] * 2, list[Any]()

    def held_up(do: Callable[..., Any], failing: bool) -> Callable[..., Any]:
        def slow(*arguments: Any, **options: Any) -> Any:
            for moment in range(2):
                if chance.random() < 0.05:
                    time.sleep(chance.uniform(0, 0.1))
                if failing and chance.random() < 0.02:
                    raise CacheDown("by chance")
                if not moment:
                    answer = do(*arguments, **options)
            return answer

        return slow

    def write(store: HybridStore, key: int) -> None:
        for number in range(1, writes + 1):
            store.store(f"key:{key}", number)
            finished[key] = number

    def read(store: HybridStore) -> None:
        while not done.is_set():
            for key in range(2):
                before = finished[key]
                record = store.retrieve(f"key:{key}")
                if before and (record is None or record.data < before):
                    wrong.append((key, before, record))

    for name in ("store", "retrieve"):
        setattr(durable, name, held_up(getattr(durable, name), False))
    stores = [HybridStore(redis_url, durable, prefix=prefix, lease=0.05, timeout=2) for _ in range(5)]
    for store in stores:
        cache = store._coherence.cache
        for name in ("read", "ticket", "fill", "mark", "finish", "server"):
            setattr(cache, name, held_up(getattr(cache, name), True))
    writers = [threading.Thread(target=write, args=(stores[key], key)) for key in range(2)]
    readers = [threading.Thread(target=read, args=(store,)) for store in stores[2:]]
    for thread in writers + readers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert wrong == []
    assert finished == [writes, writes]
    assert sum(store.hits for store in stores) > 0


def test_a_reader_that_cannot_write_reads_all_the_same(redis_url: str, prefix: str, durable: Durable) -> None:
    durable.store("key", 1)

    def refuse(*_: Any, **__: Any) -> StoredData:
        raise StoreError("the store is read-only", "Ask somebody else.")

    durable.store = refuse  # type: ignore[method-assign]
    with HybridStore(redis_url, durable, prefix=prefix, lease=LEASE) as store:
        assert [value(store) for _ in range(3)] == [1, 1, 1]
        with pytest.raises(StoreError):
            store.store("key", 2)


def test_redis_that_hangs_costs_a_moment_and_no_error(own_server: Any, durable: Durable) -> None:
    server = own_server()
    with HybridStore(server.url, durable, lease=LEASE, timeout=0.05) as store:
        on(store)
        store.store("key", 1)
        server.hang()
        assert value(store) == 1
        store.store("key", 2)
        assert value(store) == 2
        server.go_on()
        on(store)
        warm(store, "key")
        assert value(store) == 2


def test_one_that_cannot_reach_redis_is_not_overlooked_by_those_who_can(own_server: Any, durable: Durable) -> None:
    server = own_server()
    cut_off = HybridStore("redis://127.0.0.1:1/0", durable, lease=LEASE)
    reader = HybridStore(server.url, durable, lease=LEASE, timeout=2)
    with cut_off, reader:
        for number in range(3):
            on(reader)
            reader.store("key", f"old {number}")
            warm(reader, "key")
            cut_off.store("key", number)
            assert value(reader) == number


def test_a_reader_believes_an_answer_only_while_its_lease_lasts(pair: Any, durable: Durable) -> None:
    one, two = pair
    one.store("key", "old")
    warm(two, "key")
    read = two._coherence.cache.read

    def slow(*arguments: Any) -> Any:
        found = read(*arguments)
        one._coherence._shut(arguments[0])
        time.sleep(2 * LEASE)
        durable.store("key", "new")  # by somebody who sees that the cache is closed
        return found

    two._coherence.cache.read = slow
    assert value(two) == "new"


def test_two_caches_in_front_of_one_store_do_not_serve_each_others_old_values(
    redis_url: str, prefix: str, durable: Durable
) -> None:
    one = HybridStore(redis_url, durable, prefix=prefix, lease=LEASE, timeout=2)
    two = HybridStore(redis_url, durable, prefix=f"{prefix}-two", lease=LEASE, timeout=2)
    with one, two:
        for number in range(20):
            (one, two)[number % 2].store("key", number)
            assert value(one) == value(two) == number
            time.sleep(0.02)
    with redis.Redis.from_url(redis_url) as client:
        for name in client.scan_iter(f"*{prefix}-two*"):
            client.delete(name)


def test_redis_may_be_away_from_the_start_and_come_later(own_server: Any, durable: Durable) -> None:
    server = own_server()
    server.kill()
    with HybridStore(server.url, durable, lease=LEASE) as store:
        store.store("key", 1)
        assert value(store) == 1
        assert store.hits == 0
        server.start()
        on(store)
        warm(store, "key")


def test_a_wrong_password_is_logged_without_showing_it(
    own_server: Any, durable: Durable, caplog: pytest.LogCaptureFixture
) -> None:
    server = own_server("--requirepass", "right")
    hybrid = HybridStore(server.url.replace("//", "//:s3cr3t@"), durable, lease=LEASE)
    with caplog.at_level(logging.WARNING, "trainer"), hybrid as store:
        store.store("key", 1)
        assert value(store) == 1
    assert "refuses the password" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_a_server_that_forgets_everything_is_only_slower(pair: Any, redis_url: str, prefix: str) -> None:
    one, two = pair
    for number in range(5):
        one.store("key", number)
        warm(two, "key")
        with redis.Redis.from_url(redis_url) as client:
            client.delete(*client.scan_iter(f"{{{prefix}}}*"))
        assert value(two) == number


# URLs


@pytest.mark.parametrize(
    "url", ["hybrid:", "hybrid:redis://h", "hybrid:redis://h|", "hybrid:|memory:", "hybrid:redis://h|hybrid:x|y"]
)
def test_a_url_that_does_not_name_both_is_refused(url: str) -> None:
    with pytest.raises(StoreError):
        Hybrid().store(url)


def test_a_url_names_redis_and_what_lies_behind_it(
    own_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own_server()
    with Hybrid(root=tmp_path).store(f"hybrid:{server.url}|sqlite:///store.db") as store:
        assert store.store("key", 1).version == 1
        assert store.namespaces() == [""]
    monkeypatch.chdir(tmp_path)
    with create_store("sqlite:///store.db") as store:
        assert store.exists("key")
    with create_store(f"hybrid:{server.url}|sqlite:///store.db", namespace="a") as store:
        assert (type(store), store.namespace, store.count()) == (HybridStore, "a", 0)
    with pytest.raises(StoreError):
        Hybrid(root=tmp_path).store("hybrid:redis://h/x|sqlite:///store.db")


# Several processes

COMMON = """
import json, mmap, os, random, struct, sys, time
from trainer_redis import HybridStore, RedisStore
cache, behind, prefix, lease, path, number = sys.argv[1:7]
durable = RedisStore(behind, prefix=prefix)
store = HybridStore(cache, durable, lease=float(lease), timeout=0.2)
file = open(path, "r+b")
board = mmap.mmap(file.fileno(), 0)  # per key: the last value whose write was finished; hits from 8 on; at 15: stop

def at(place):
    return struct.unpack_from("q", board, 8 * place)[0]
"""
# Each key has one writer, so that "the last finished write" has a meaning without a clock.
WRITER = """
number, value = int(number), 0
while not at(15):
    for key in (2 * number, 2 * number + 1):
        value += 1
        if value % 11 == 0:
            store.bulk_store({f"key:{key}": value, f"free:{number}": value})
        elif value % 5 == 0:
            store.update(f"key:{key}", lambda old: value)
        elif value % 13 == 0:
            store.delete(f"key:{key}")
            value += 1
            store.store(f"key:{key}", value)
        else:
            store.store(f"key:{key}", value)
        struct.pack_into("q", board, 8 * key, value)
    time.sleep(random.uniform(0, 0.02))
print(json.dumps({"writes": value}))
"""
READER = """
wrong, reads = [], 0
while not at(15):
    for key in range(4):
        before = at(key)
        record = store.retrieve(f"key:{key}")
        reads += 1
        if before and record is not None and record.data < before:
            wrong.append([key, before, record.data])
    struct.pack_into("q", board, 8 * (8 + int(number)), store.hits)
print(json.dumps({"wrong": wrong[:5], "reads": reads, "hits": store.hits}))
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", COMMON + script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_no_reader_sees_less_than_was_finished_while_redis_is_killed_hangs_and_comes_back_with_old_data(
    own_server: Any, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    rounds = int(os.environ.get("TRAINER_TEST_ROUNDS", "3"))
    server = own_server("--save", "")
    path = tmp_path / "board"
    path.write_bytes(bytes(8 * 16))
    arguments = (server.url, redis_url, prefix, LEASE, path)
    processes = [start(script, *arguments, number) for script in (WRITER, READER) for number in range(2)]
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as board:

        def wait(places: list[int], more: int) -> None:
            """Until the numbers there have grown."""
            before = struct.unpack("16q", board)
            deadline = time.monotonic() + 60
            while any(struct.unpack("16q", board)[place] < before[place] + more for place in places):
                assert time.monotonic() < deadline
                assert all(process.poll() is None for process in processes)
                time.sleep(0.01)

        for number in range(rounds):
            wait([0, 1, 2, 3], 4)
            wait([8, 9], 20)
            with redis.Redis.from_url(server.url) as client:
                client.save()  # what it comes back with
            wait([0, 1, 2, 3], 2)
            if number % 3 == 1:
                server.hang()
                time.sleep(random.uniform(0.2, 0.5))
                server.go_on()
            else:
                server.kill()
                time.sleep(random.uniform(0, 0.4))
                server.start()
        wait([0, 1, 2, 3], 2)
        wait([8, 9], 20)
        struct.pack_into("q", board, 8 * 15, 1)
    told = []
    for process in processes:
        output, errors = process.communicate(timeout=60)
        # What is logged of a cache that failed is no error.
        assert process.returncode == 0, errors
        told.append(json.loads(output))
    assert [part["wrong"] for part in told[2:]] == [[], []]


KILLED = """
number = int(number)
write = durable.store

def stop(key, data, **options):
    if key == "key" and number == 0:
        os._exit(9)
    record = write(key, data, **options)
    if key == "key":
        os._exit(9)
    return record

while store._coherence.readable() is None:
    time.sleep(0.01)
durable.store = stop
store.store("key", "new")
"""


@pytest.mark.parametrize("moment", [0, 1], ids=["before the durable store has it", "before it is finished"])
def test_a_writer_killed_in_the_middle_leaves_no_old_value_behind(
    own_server: Any, redis_url: str, prefix: str, tmp_path: Path, moment: int
) -> None:
    server = own_server()
    (tmp_path / "board").write_bytes(bytes(128))
    with HybridStore(server.url, RedisStore(redis_url, prefix=prefix), lease=LEASE, timeout=2) as store:
        on(store)
        store.store("key", "old")
        warm(store, "key")
        process = start(KILLED, server.url, redis_url, prefix, LEASE, tmp_path / "board", moment)
        process.communicate(timeout=60)
        assert process.returncode == 9
        assert [value(store) for _ in range(5)] == [("old", "new")[moment]] * 5
        store.store("key", "newest")
        assert value(store) == "newest"


FORKED = """
store.store("key", 0)
while not store.hits:
    store.retrieve("key")
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        hits = store.hits
        for part in range(20):
            store.update("key", lambda count: count + 1)
            store.retrieve("key")
        os._exit(0)
    children.append(child)
for part in range(20):
    store.update("key", lambda count: count + 1)
    store.retrieve("key")
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
assert store.retrieve("key").data == 80
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_process_may_fork(own_server: Any, redis_url: str, prefix: str, tmp_path: Path) -> None:
    (tmp_path / "board").write_bytes(bytes(128))
    process = start(FORKED, own_server().url, redis_url, prefix, LEASE, tmp_path / "board", 0)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def test_redis_is_not_imported_before_a_store_is_opened() -> None:
    script = "import sys, trainer_redis; print('redis' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "False\n"
