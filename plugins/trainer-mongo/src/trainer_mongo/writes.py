"""Writes that are atomic without transactions, which a MongoDB server on its own does not have.

A record's current version is one document, and is replaced only as long as its `revision` is the one that was
read. What it held is copied to the earlier versions before. A copy is the same whoever makes it, and one
of the current version or a later one is not looked at; so whatever is cut short, nothing half done is seen. A copy only
ever gives way to one of a later revision, so a slow writer spoils nothing.

When an answer is lost on its way, the mark of the write tells whether it was done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from trainer.stores import expect_version
from trainer_mongo import rows
from trainer_mongo.rows import NEVER, READ, RECORDS, VERSIONS, record_id, version_id
from trainer_mongo.server import TAKEN, Row, Server

if TYPE_CHECKING:
    from bson import ObjectId
    from pymongo import ReplaceOne, UpdateOne


@frozen
class Write:
    """What is to be written under a key. `text` and `about` are JSON; a `text` of `None` buries the record.

    `lifetime` is in microseconds. `expired` buries what has expired, and only that.
    """

    key: str
    text: str | None = None
    source: str = ""
    about: str = "{}"
    lifetime: int | None = None
    if_version: int | None = None
    expired: bool = False


def is_live(row: Mapping[str, Any], at: int) -> bool:
    """Whether a row is a record at a time."""
    return not row["deleted"] and row["expires_at"] > at


def write(server: Server, namespace: str, writes: Sequence[Write], now: Callable[[], int]) -> dict[str, Row]:
    """Do writes of different keys, and return the rows that were written, by key.

    Raises `VersionConflict` before anything is written, and `StoreError` as `Server.errors`.
    """
    from bson import ObjectId
    from pymongo.errors import AutoReconnect, ServerSelectionTimeoutError

    writer, lost, unsure = ObjectId(), False, False
    done: dict[str, Row] = {}
    sent: dict[str, Row] = {}
    with server.errors():
        while writes:
            heads = _heads(server, [record_id(namespace, item.key) for item in writes])
            overtaken = _overtaken(server, sent, writer) if unsure else set()
            planned: dict[str, tuple[Row | None, Row]] = {}
            for item in writes:
                head = heads.get(record_id(namespace, item.key))
                if head and head["writer"] == writer:
                    done[item.key] = sent[item.key] | head
                elif item.key in overtaken:
                    done[item.key] = sent[item.key]
                elif row := _next(item, namespace, head, now()):
                    planned[item.key] = head, row | {"writer": writer}
            writes = [item for item in writes if item.key in planned]
            sent = {key: row for key, (_, row) in planned.items()}
            try:
                written = _replace(server, planned)
            except ServerSelectionTimeoutError:
                raise
            except AutoReconnect:
                if lost:
                    raise
                lost = unsure = True
                continue
            if written == len(planned):
                return done | sent
            unsure = unsure or written > 0
    return done


def _next(item: Write, namespace: str, head: Row | None, at: int) -> Row | None:
    """The row that comes after `head`; `None` if there is nothing to do."""
    live = head is not None and is_live(head, at)
    expect_version(item.key, int(head["version"]) if head and live else 0, item.if_version)
    kept: Row = {"_id": record_id(namespace, item.key), "ns": namespace, "key": item.key, "updated_at": at}
    kept["version"], kept["revision"] = (int(head["version"]), int(head["revision"]) + 1) if head else (0, 1)
    if item.text is None:
        if head is None or head["deleted"] or live == item.expired:
            return None
        buried = {"source": head["source"], "about": "{}", "metadata": {}, "expires_at": NEVER, "deleted": True}
        return kept | buried | {"version": kept["version"] + 1, "stored_at": at, "text": "null", "data": {}}
    seen = {
        "source": item.source,
        "about": rows.packed(item.about),
        "metadata": rows.fields(item.about),
        "expires_at": NEVER if item.lifetime is None else at + item.lifetime,
        "deleted": False,
    }
    if head and live and rows.unpacked(head["text"]) == item.text:
        return kept | seen | {"stored_at": head["stored_at"], "text": head["text"]}
    version = {"version": kept["version"] + 1, "stored_at": at, "text": rows.packed(item.text)}
    row = kept | seen | version | {"data": rows.fields(item.text)}
    rows.check_size(item.key, row, len(item.text) + len(item.about))
    return row


def _heads(server: Server, ids: Sequence[str]) -> dict[str, Row]:
    with server.collection(RECORDS).find({"_id": {"$in": [*ids]}}, READ) as found:
        return {row["_id"]: row for row in found}


def _replace(server: Server, planned: Mapping[str, tuple[Row | None, Row]]) -> int:
    """Put rows in the places of those that were read, and say how many: others may have been there first."""
    from pymongo import ReplaceOne, UpdateOne

    copies: list[ReplaceOne[Row] | UpdateOne] = []
    moves: list[ReplaceOne[Row] | UpdateOne] = []
    for head, row in planned.values():
        place = {"_id": row["_id"], "revision": head["revision"] if head else 0}
        if head and head["version"] == row["version"]:
            changed = ("source", "about", "metadata", "expires_at", "updated_at", "revision", "writer")
            moves.append(UpdateOne(place, {"$set": {name: row[name] for name in changed}}))
            continue
        if head:
            name = version_id(row["_id"], head["version"])
            earlier = {"_id": name, "revision": {"$lt": head["revision"]}}
            copies.append(ReplaceOne(earlier, {**head, "_id": name}, upsert=True))
        moves.append(ReplaceOne(place, row, upsert=head is None))
    if copies:
        _bulk(server, VERSIONS, copies)
    return _bulk(server, RECORDS, moves) if moves else 0


def _bulk(server: Server, collection: str, operations: Sequence[Any]) -> int:
    """Do operations in any order. Those that find the place taken by somebody else are not counted."""
    from pymongo.errors import BulkWriteError

    try:
        result = server.collection(collection).bulk_write(operations, ordered=False)
    except BulkWriteError as error:
        faults = [*error.details["writeErrors"], *error.details["writeConcernErrors"]]
        fault = next((item for item in faults if item.get("code") != TAKEN), None)
        if fault:
            raise server.refusal(fault.get("code"), str(fault.get("errmsg"))) from error
        return int(error.details["nMatched"] + error.details["nUpserted"])
    return int(result.matched_count + result.upserted_count)


def _overtaken(server: Server, sent: Mapping[str, Row], writer: ObjectId) -> set[str]:
    """The keys whose rows were written and are not current any more: others wrote the next version."""
    ids = [version_id(row["_id"], row["version"]) for row in sent.values()]
    with server.collection(VERSIONS).find({"_id": {"$in": ids}, "writer": writer}, {"key": 1}) as found:
        return {row["key"] for row in found}
