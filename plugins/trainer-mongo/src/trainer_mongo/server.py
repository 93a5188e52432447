"""The database that a URL names, for every process that uses it, and what can go wrong with it in two lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trainer.errors import StoreError

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.collection import Collection

Row = dict[str, Any]
# Codes of servers: https://www.mongodb.com/docs/manual/reference/error-codes/
WRONG_LOGIN, FORBIDDEN, NO_SUCH_INDEX, TAKEN = 18, (13, 8000), 27, 11000
TOO_LARGE = (10334, 17280, 17419, 17420)
FORM = (
    "Write mongodb://USER:PASSWORD@HOST:27017/DATABASE, with %40 for @, %3A for : and %2F for / in user and password."
)


class Server:
    """A database of MongoDB. Its connections are made when they are needed, in each process of its own.

    `timeout` is in seconds: for finding a server and for connecting, where the URL has no options of its own
    for that. `database` is for a URL that names none. Raises `StoreError` for a URL that cannot be one.
    """

    def __init__(self, url: str, timeout: float, database: str) -> None:
        from pymongo.errors import PyMongoError

        self._url, self._timeout, self._closed = url, timeout, False
        self._clients: dict[int, MongoClient[Row]] = {}
        try:
            self._database = self._client().get_default_database(database).name
        except (PyMongoError, ValueError, TypeError):
            # What the driver says may quote a part of the URL, and so a part of a password.
            raise StoreError("the URL of the store is not one that MongoDB's driver takes", FORM) from None
        hosts = url.partition("://")[2].partition("?")[0].partition("/")[0].rpartition("@")[2]
        self.name = f"MongoDB at {hosts}/{self._database}"

    def collection(self, name: str) -> Collection[Row]:
        """A collection, of which the newest state is read."""
        from pymongo import ReadPreference

        if self._closed:
            raise StoreError(f"{self.name} is closed", "Open the store anew.")
        found = self._client()[self._database].get_collection(name, read_preference=ReadPreference.PRIMARY)
        if not found.write_concern.acknowledged:
            raise StoreError("the URL of the store asks for w=0: writes that nobody confirms", "Leave w=0 out.")
        return found

    def close(self) -> None:
        """End this process's connections."""
        self._closed = True
        if client := self._clients.get(os.getpid()):
            client.close()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """What the driver and the server raise inside becomes a `StoreError`."""
        from pymongo.errors import PyMongoError

        try:
            yield
        except PyMongoError as error:
            raise self._told(error) from error

    def _client(self) -> MongoClient[Row]:
        # A forked process must not use the sockets of the old one. What is not opened yet holds no socket,
        # so the client of a thread that comes second is simply let go.
        return self._clients.get(os.getpid()) or self._clients.setdefault(os.getpid(), self._connect())

    def _connect(self) -> MongoClient[Row]:
        from pymongo import MongoClient

        wait = self._timeout * 1000
        wanted = {"appname": "trainer", "serverSelectionTimeoutMS": wait, "connectTimeoutMS": wait}
        options: dict[str, Any] = {
            name: value for name, value in wanted.items() if f"{name.lower()}=" not in self._url.lower()
        }
        return MongoClient(self._url, connect=False, **options)

    def refusal(self, code: int | None, reason: str) -> StoreError:
        """The error for what the server refuses, by the code and the reason that it gives."""
        if code == WRONG_LOGIN:
            return StoreError(
                f"{self.name} does not accept user and password", "Look at both, and at authSource in the URL."
            )
        if code in FORBIDDEN:
            return StoreError(f"{self.name} does not permit this user to do that", "Grant the role readWrite.")
        if code in TOO_LARGE:
            return StoreError(
                f"a record is larger than the 16 MiB that {self.name} can hold in one document",
                "Store it in parts, or in another store.",
            )
        return StoreError(f"{self.name}: {' '.join(reason.split())[:300]}", "See the server's log.")

    def _told(self, error: Exception) -> StoreError:
        from pymongo import errors

        match error:
            case errors.ServerSelectionTimeoutError():
                reason = str(error).partition(" (configured")[0].partition(", Timeout:")[0]
                return StoreError(
                    f"{self.name} does not answer: {reason}",
                    "Start it, or look at host and port; `timeout` is how many seconds it may take.",
                )
            case errors.NotPrimaryError():
                return StoreError(f"{self.name} takes no writes: it is not primary now", "Try again.")
            case errors.AutoReconnect():
                return StoreError(
                    f"the connection to {self.name} was lost",
                    "Try again: the same content written twice is one version.",
                )
            case errors.ConfigurationError():
                reason = " ".join(str(error).split())
                return StoreError(
                    f"{self.name}: {reason}", "Look at the URL of the store, and at the server's version."
                )
            case errors.DocumentTooLarge():
                return self.refusal(TOO_LARGE[0], "")
            case errors.OperationFailure():
                return self.refusal(error.code, str((error.details or {}).get("errmsg", "it refuses")))
            case _:
                return self.refusal(None, str(error))
