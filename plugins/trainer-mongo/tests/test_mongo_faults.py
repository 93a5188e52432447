"""What goes wrong between the store and its server: lost connections, refusals, forks, writers at once."""

from __future__ import annotations

import os
import socket
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pymongo.errors import OperationFailure

from trainer.errors import StoreError, UnsupportedQuery, VersionConflict
from trainer.testing.stores import Clock
from trainer_mongo import MongoDBStore
from trainer_mongo.rows import RECORDS, VERSIONS

from .wire_peer import Cut, WirePeer


def failing(number: int, times: int = 1, error: Exception | None = None) -> Callable[[dict[str, Any]], None]:
    """Something that cuts the connection at the command of this number from now on, and at `times - 1` after it."""
    count = iter(range(10_000))

    def fail(command: dict[str, Any]) -> None:
        if number <= next(count) < number + times:
            raise error or Cut

    return fail


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("command", range(3))
def test_a_connection_that_is_lost_once_is_not_noticed(
    peer: WirePeer, mongo: MongoDBStore, moment: str, command: int
) -> None:
    first = mongo.store("key", {"n": 1})
    setattr(peer, moment, failing(command))
    second = mongo.store("key", {"n": 2}, if_version=1)
    assert mongo.retrieve("key") == second
    assert mongo.history("key") == [second, first]


def test_a_connection_that_is_lost_while_many_records_are_written_is_not_noticed(
    peer: WirePeer, mongo: MongoDBStore
) -> None:
    mongo.store("k1", "old")
    peer.after = failing(2)
    done = mongo.bulk_store({f"k{number}": number for number in range(20)})
    assert (done.stored, done.unchanged) == (20, 0)
    assert sorted(record.version for record in mongo.query()) == [1] * 19 + [2]
    peer.after = failing(2)
    assert mongo.delete("k1", if_version=2)
    assert [record.deleted for record in mongo.history("k1")] == [True, False, False]


@given(
    steps=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4), st.booleans()), min_size=1, max_size=6),
    first=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_writer_that_dies_at_any_moment_leaves_the_old_record_or_the_new_one(
    peer: WirePeer, mongo: MongoDBStore, steps: list[tuple[int, int, bool]], first: bool
) -> None:
    # None of its further commands is done, as when it is killed. After the third command it is through.
    killed = OperationFailure("killed", 1)
    space = mongo.within(f"space {len(peer.rows('test', RECORDS))}")
    seen: list[Any] = []
    for data, number, after in steps:
        before = space.retrieve("key")
        setattr(peer, "after" if after else "before", failing(number, 100, killed))
        try:
            space.store("key", data, source="s")
        except StoreError as error:
            assert error.remedy
        peer.before = peer.after = lambda command: None
        found = space.retrieve("key")
        if found != before:
            assert found is not None
            assert found.data == data
            if before is None or before.version != found.version:
                seen.append(data)
        assert [record.data for record in space.history("key")] == seen[::-1]
        assert [record.version for record in space.history("key")] == [*range(len(seen), 0, -1)]
        assert space.retrieve("key", len(seen) + 1) is None
        if first and found:
            assert space.store("key", found.data, source="s").version == found.version


@pytest.mark.parametrize("command", range(3))
def test_in_a_replica_set_the_primary_is_asked_and_a_write_that_the_driver_repeats_is_done_once(
    peer: WirePeer, command: int
) -> None:
    # A real server remembers what it did and answers a repeated write the same; this one does not, which is harder.
    address = f"127.0.0.1:{peer.port}"
    peer.hello |= {"setName": "rs", "hosts": [address], "me": address, "logicalSessionTimeoutMinutes": 30}
    with MongoDBStore(f"{peer.uri}/test?replicaSet=rs&readPreference=secondary", timeout=2) as mongo:
        first = mongo.store("key", 1)
        peer.after = failing(command)
        second = mongo.store("key", 2, if_version=1)
        assert mongo.history("key") == [second, first]
    assert any("txnNumber" in command for command in peer.commands)


def test_a_write_that_was_done_and_overtaken_before_its_answer_came_is_not_done_again(
    peer: WirePeer, mongo: MongoDBStore
) -> None:
    mongo.store("key", "old")

    def overtake(command: dict[str, Any]) -> None:
        if command.get("update") == RECORDS:
            peer.after = lambda command: None
            mongo.store("key", "another's")
            raise Cut

    peer.after = overtake
    assert mongo.store("key", "ours", if_version=1).version == 2
    assert [record.data for record in mongo.history("key")] == ["another's", "ours", "old"]


def test_what_others_change_between_reading_and_writing_is_kept_in_history(peer: WirePeer, clock: Clock) -> None:
    with MongoDBStore(f"{peer.uri}/test", clock=clock) as mongo:
        mongo.store("key", 1, source="first")

        def touch(command: dict[str, Any]) -> None:
            if command.get("update") == VERSIONS:
                peer.before = lambda command: None
                mongo.store("key", 1, source="seen again")

        peer.before = touch
        mongo.store("key", 2)
        assert [(record.version, record.source) for record in mongo.history("key")] == [(2, ""), (1, "seen again")]


def test_a_slow_writer_does_not_put_an_older_copy_into_history(peer: WirePeer, mongo: MongoDBStore) -> None:
    mongo.store("key", 1, source="first")

    def overtake(command: dict[str, Any]) -> None:
        if command.get("update") == VERSIONS:
            peer.before = lambda command: None
            mongo.store("key", 1, source="seen again")
            mongo.store("key", 2)

    peer.before = overtake
    with pytest.raises(VersionConflict):
        mongo.store("key", 3, if_version=1)
    assert [(record.data, record.source) for record in mongo.history("key")] == [(2, ""), (1, "seen again")]


def test_threads_that_store_in_bulk_at_once_lose_nothing(mongo: MongoDBStore) -> None:
    keys = [f"k{number}" for number in range(30)]
    failures: list[BaseException] = []

    def run(name: int) -> None:
        try:
            for turn in range(4):
                mongo.bulk_store({key: [name, turn] for key in keys})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for key in keys:
        history = mongo.history(key)
        assert [record.version for record in history] == [*range(len(history), 0, -1)]
        # Each thread's data is in the order in which it wrote them, and none is lost.
        for name in range(3):
            assert [record.data[1] for record in history[::-1] if record.data[0] == name] == [0, 1, 2, 3]


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(StoreError) as caught:
        MongoDBStore(f"mongodb://me:s3cret@127.0.0.1:{port}/reports", timeout=0.3)
    assert f"MongoDB at 127.0.0.1:{port}/reports does not answer" in caught.value.problem
    assert "refused" in caught.value.problem
    assert "s3cret" not in str(caught.value) + repr(caught.value.__cause__)


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://", "mongodb://me:s3cret@host:port/", "mongodb://me:s3/cret@host/", "mongodb://me:s3@cret@host:99999/",
        "mongodb://me:s3cret@host/a b", "mongodb+srv://me:s3cret@host:27017/",
    ],
)  # fmt: skip
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        MongoDBStore(url, timeout=0.1)
    assert "mongodb://USER:PASSWORD@HOST" in caught.value.remedy
    assert "s3" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_writes_that_nobody_confirms_are_refused(peer: WirePeer) -> None:
    with pytest.raises(StoreError, match="w=0"):
        MongoDBStore(f"{peer.uri}/test?w=0")


@pytest.mark.parametrize(
    ("code", "words"),
    [(13, "readWrite"), (10107, "Try again"), (17419, "16 MiB"), (91, "Try again"), (1, "server's log")],
)
def test_what_the_server_refuses_is_told_in_two_lines(
    peer: WirePeer, mongo: MongoDBStore, code: int, words: str
) -> None:
    def refuse(command: dict[str, Any]) -> None:
        if "update" in command:
            raise OperationFailure("no,\nnot now", code)

    peer.before = refuse
    with pytest.raises(StoreError) as caught:
        mongo.store("key", 1)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


def test_a_server_that_is_too_old_is_told_as_that(peer: WirePeer) -> None:
    peer.hello["maxWireVersion"] = 6
    with pytest.raises(StoreError, match="wire version 6") as caught:
        MongoDBStore(f"{peer.uri}/test")
    assert "version" in caught.value.remedy


def test_a_wrong_password_is_told_as_that(peer: WirePeer) -> None:
    def refuse(command: dict[str, Any]) -> None:
        if "saslStart" in command:
            raise OperationFailure("Authentication failed.", 18)

    peer.before = refuse
    with pytest.raises(StoreError, match="does not accept user and password") as caught:
        MongoDBStore(f"mongodb://me:s3cret@127.0.0.1:{peer.port}/test?authMechanism=SCRAM-SHA-256")
    assert "s3cret" not in str(caught.value) + repr(caught.value.__cause__)


def test_what_is_too_large_for_a_document_is_refused_and_leaves_nothing(mongo: MongoDBStore) -> None:
    with pytest.raises(StoreError, match="16 MiB"):
        mongo.store("key", {"text": "x" * 17_000_000})
    with pytest.raises(StoreError, match="16 MiB"):
        mongo.bulk_store([("small", 1), ("large", {"text": "x" * 17_000_000})])
    assert mongo.namespaces() == []
    large = mongo.store("key", {"text": "x" * 1_100_000})  # its JSON is deflated
    assert mongo.retrieve("key") == large
    assert mongo.count({"text": {"$startsWith": "xx"}}) == 1


def test_what_is_nested_deeper_than_documents_may_be_is_stored_whole(mongo: MongoDBStore) -> None:
    deep: Any = 1
    for _ in range(60):
        deep = {"a": [deep]}
    stored = mongo.store("key", {"deep": deep, "n": 1})
    assert mongo.retrieve("key") == stored
    assert mongo.count({"n": 1, ".".join(["deep", *"a" * 31]): {"$exists": True}}) == 1
    assert mongo.count({"deep": {"$exists": True}}) == 1
    inner: Any = {"a": {"$exists": True}}
    for _ in range(25):
        inner = {"a": {"$elemMatch": inner}}
    assert mongo.count({"deep.a": {"$elemMatch": inner}}) == 1
    for _ in range(8):
        inner = {"$and": [{"$or": [inner]}]}
    assert mongo.count(inner) == 0
    with pytest.raises(UnsupportedQuery, match="more than 32 levels"):
        mongo.count({"a": {"$elemMatch": {"a": deep}}})


def test_a_document_that_others_broke_is_named(peer: WirePeer, mongo: MongoDBStore) -> None:
    mongo.store("key", 1)
    peer._mock["test"][RECORDS].update_one({}, {"$set": {"text": "{"}})
    with pytest.raises(StoreError, match=r"key.*damaged"):
        mongo.retrieve("key")


def test_a_closed_store_says_so(mongo: MongoDBStore) -> None:
    other = mongo.within("other")
    mongo.close()
    mongo.close()
    for use in (other.count, mongo.ping, mongo.namespaces, lambda: mongo.store("key", 1)):
        with pytest.raises(StoreError, match="closed"):
            use()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_and_its_parent_both_keep_what_they_write(mongo: MongoDBStore) -> None:
    mongo.store("parent", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, from Python 3.12 on
        child = os.fork()
    if child == 0:
        done = 1
        try:
            warnings.simplefilter("error")
            done = 0 if mongo.store("child", mongo.store("parent", 2).version).data == 2 else 2
        finally:
            os._exit(done)
    assert os.waitpid(child, 0)[1] == 0
    assert [record.data for record in mongo.history("parent")] == [2, 1]
    assert mongo.retrieve("child") is not None
