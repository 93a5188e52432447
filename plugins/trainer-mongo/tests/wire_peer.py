"""A peer that speaks MongoDB's wire protocol on a socket of this machine, with mongomock behind it.

It is not MongoDB: commands are those that the store sends, and what they do is what mongomock does, besides that
booleans are told from numbers. It keeps every command that it was sent, and hangs up when it is told to.
Wire protocol: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
"""

from __future__ import annotations

import itertools
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import bson
import mongomock
from pymongo.errors import DuplicateKeyError, OperationFailure

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
HELLO = {
    "ok": 1, "helloOk": True, "ismaster": True, "isWritablePrimary": True, "minWireVersion": 0, "maxWireVersion": 21,
    "maxBsonObjectSize": 2**24, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000,
}  # fmt: skip
SILENT = ("hello", "ismaster", "isMaster", "endSessions")
FIRST_BATCH = 101
LEVELS = 100  # of a document; https://www.mongodb.com/docs/manual/reference/limits/
# mongomock takes True for 1, as Python does; these are equal to themselves alone, and in the same order.
BOOLEANS = {False: bson.ObjectId(b"\0" * 12), True: bson.ObjectId(b"\1" * 12)}
VALUES = {value: key for key, value in BOOLEANS.items()}
Document = dict[str, Any]


class Cut(Exception):
    """Ends a connection without an answer."""


class WirePeer:
    """A server at `uri` while it is open.

    `commands` are those that were sent, besides handshakes. `before` and `after` are called with each command,
    before and after it is done: they may raise `Cut`, or `OperationFailure` for an answer that it failed. `hello` is
    how it introduces itself.
    """

    def __init__(self) -> None:
        self._mock: Any = mongomock.MongoClient()
        self._lock, self._numbers, self._cursors = threading.Lock(), itertools.count(1), dict[int, list[Document]]()
        self.commands: list[Document] = []
        self.hello = dict(HELLO)
        self.before: Callable[[Document], None] = lambda command: None
        self.after: Callable[[Document], None] = lambda command: None
        peer = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                try:
                    for number, opcode, body in _messages(self.rfile):
                        self.wfile.write(_reply(peer, number, opcode, body))
                except (Cut, OSError):
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 50

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.uri = f"mongodb://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop serving new connections."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, command: Document) -> Document:
        """What a command is answered with."""
        name = next(iter(command))
        if name in SILENT:
            return self.hello
        # `hello` is what a server is asked for all the time, whatever the client does.
        with self._lock:
            self.commands.append(command)
        try:
            self.before(command)
            with self._lock:
                done = self._do(name, command)
            self.after(command)
        except OperationFailure as error:
            return {"ok": 0, "errmsg": str(error), "code": error.code or 2}
        except (TypeError, ValueError, KeyError, NotImplementedError) as error:
            return {"ok": 0, "errmsg": f"the peer failed: {error!r}", "code": 8}
        return {"ok": 1, **done}

    def rows(self, database: str, collection: str) -> list[Document]:
        """All documents of a collection."""
        return [_plain(row) for row in self._mock[database][collection].find()]

    def _do(self, name: str, command: Document) -> Document:
        method = getattr(self, f"_{name}", None)
        if method is None:
            raise OperationFailure(f"no such command: '{name}'", 59)
        return (
            method(command, self._collection(command))
            if name not in ("ping", "getMore", "killCursors")
            else method(command)
        )

    def _collection(self, command: Document) -> Any:
        collection = self._mock[command["$db"]][str(next(iter(command.values())))]
        rows = collection._store

        def candidates(filter: Document) -> Iterator[Document]:
            # mongomock has no index, and would look long at all documents for each one that is written.
            wanted = filter.get("_id")
            ids = [wanted] if isinstance(wanted, str) else wanted.get("$in") if isinstance(wanted, dict) else None
            found = [*rows.documents] if ids is None else [rows[name] for name in ids if name in rows]
            space = filter.get("ns")
            for row in found:
                if space in (None, row["ns"]) and mongomock.filtering.filter_applies(filter, row):
                    yield row

        collection._iter_documents = candidates
        return collection

    def _ping(self, _: Document) -> Document:
        return {}

    def _find(self, command: Document, collection: Any) -> Document:
        cursor = collection.find(
            _typed(command.get("filter", {})), command.get("projection"), limit=abs(command.get("limit", 0))
        )
        if "sort" in command:
            cursor = cursor.sort([*command["sort"].items()])
        return self._opened(command, [_plain(row) for row in cursor], command.get("batchSize", FIRST_BATCH))

    def _opened(self, command: Document, rows: list[Document], size: int) -> Document:
        name = f"{command['$db']}.{command.get('find', command.get('aggregate'))}"
        number = next(self._numbers) if len(rows) > size and not command.get("singleBatch") else 0
        if number:
            self._cursors[number], rows = rows[size:], rows[:size]
        return {"cursor": {"id": bson.Int64(number), "ns": name, "firstBatch": rows}}

    def _getMore(self, command: Document) -> Document:  # noqa: N802  # the command's own name
        rows = self._cursors.pop(command["getMore"])
        name = f"{command['$db']}.{command['collection']}"
        return {"cursor": {"id": bson.Int64(0), "ns": name, "nextBatch": rows}}

    def _killCursors(self, command: Document) -> Document:  # noqa: N802  # the command's own name
        for number in command["cursors"]:
            self._cursors.pop(number, None)
        return {"cursorsKilled": command["cursors"]}

    def _aggregate(self, command: Document, collection: Any) -> Document:
        return self._opened(command, [_plain(row) for row in collection.aggregate(_typed(command["pipeline"]))], 101)

    def _distinct(self, command: Document, collection: Any) -> Document:
        return {"values": _plain(collection.distinct(command["key"], _typed(command.get("query", {}))))}

    def _update(self, command: Document, collection: Any) -> Document:
        matched, upserted, faults = 0, list[Document](), list[Document]()
        for index, item in enumerate(command["updates"]):
            wanted, change = _typed(item["q"]), _typed(item["u"])
            update = collection.update_one if next(iter(change)).startswith("$") else collection.replace_one
            try:
                result = update(wanted, change, upsert=item.get("upsert", False))
            except DuplicateKeyError as error:
                faults.append({"index": index, "code": 11000, "errmsg": str(error)})
                continue
            matched += 1 if result.upserted_id is not None else result.matched_count
            if result.upserted_id is not None:
                upserted.append({"index": index, "_id": result.upserted_id})
        return {"n": matched, "nModified": matched, "upserted": upserted, "writeErrors": faults}

    def _createIndexes(self, command: Document, collection: Any) -> Document:  # noqa: N802  # the command's own name
        for index in command["indexes"]:
            collection.create_index([*index["key"].items()], name=index["name"])
        return {}

    def _listIndexes(self, command: Document, collection: Any) -> Document:  # noqa: N802  # the command's own name
        found = [
            {"v": 2, "key": dict(index["key"]), "name": name} for name, index in collection.index_information().items()
        ]
        return {"cursor": {"id": bson.Int64(0), "ns": "x.y", "firstBatch": found}}

    def _dropIndexes(self, command: Document, collection: Any) -> Document:  # noqa: N802  # the command's own name
        if command["index"] not in collection.index_information():
            raise OperationFailure(f"index not found with name [{command['index']}]", 27)
        collection.drop_index(command["index"])
        return {}


def _messages(stream: Any) -> Iterator[tuple[int, int, bytes]]:
    """The messages of a connection: number, opcode and body."""
    while len(head := stream.read(16)) == 16:
        length, number, _, opcode = struct.unpack("<iiii", head)
        yield number, opcode, stream.read(length - 16)


def _reply(peer: WirePeer, number: int, opcode: int, body: bytes) -> bytes:
    if opcode == OP_QUERY:  # the first words of a driver, which does not know yet what it is speaking to
        data = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(peer.hello)
        return struct.pack("<iiii", 16 + len(data), 0, number, OP_REPLY) + data
    if opcode != OP_MSG:
        raise Cut
    data = b"\0\0\0\0\0" + bson.encode(peer.answer(_command(body)))
    return struct.pack("<iiii", 16 + len(data), 0, number, OP_MSG) + data


def _command(body: bytes) -> Document:
    """The command in an OP_MSG: one section of kind 0, and any of kind 1, each a list of documents under a name."""
    command: Document = {}
    position = 4
    while position < len(body):
        kind, size = body[position], struct.unpack_from("<i", body, position + 1)[0]
        section = body[position + 1 : position + 1 + size]
        if kind == 0:
            command |= bson.decode(section)
        else:
            name, _, documents = section[4:].partition(b"\0")
            command[name.decode()] = bson.decode_all(documents)
        position += 1 + size
    return command


def _typed(value: Any, levels: int = LEVELS) -> Any:
    """A value as mongomock is to hold it."""
    if not levels and isinstance(value, dict | list):
        raise OperationFailure("exceeded maximum nested object depth", 15)
    if isinstance(value, dict):
        return {name: item if name == "$exists" else _typed(item, levels - 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_typed(item, levels - 1) for item in value]
    return BOOLEANS[value] if isinstance(value, bool) else value


def _plain(value: Any) -> Any:
    """A value that mongomock holds as it was sent."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return VALUES.get(value, value) if isinstance(value, bson.ObjectId) else value
