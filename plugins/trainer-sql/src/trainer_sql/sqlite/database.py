"""An SQLite database as threads and forked processes may share it: connections, transactions, errors."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
import weakref
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainer.errors import StoreError
from trainer_sql.sqlite.forks import NO_FORK, watch

OLDEST = (3, 38)
ROWS = 500  # that are read at a time
# The log may grow to 64 MB before it is worked into the file: written often
# in between, a page is worked in once.
SETTINGS = ("PRAGMA synchronous = NORMAL", "PRAGMA cache_size = -64000", "PRAGMA wal_autocheckpoint = 16000")
# What the driver raises: for a statement, for an integer too large for it, for a message out of a damaged file.
FAILURES = (sqlite3.Error, OverflowError, UnicodeDecodeError)
MEMORY = "file:/trainer-"
INHERITED: list[tuple[str, sqlite3.Connection]] = []  # by a fork, kept so that they are not closed
PROBLEMS: Mapping[int, tuple[str, str]] = {
    sqlite3.SQLITE_NOTADB: ("{name} is not an SQLite database", "Name another file; this one was left as it is."),
    sqlite3.SQLITE_CORRUPT: (
        "{name} is damaged",
        "Restore a backup, or save what can be read with `sqlite3 FILE .recover`.",
    ),
    sqlite3.SQLITE_BUSY: (
        "{name} was locked by another program for more than {timeout:g} s",
        "Let that program finish, or raise busy_timeout.",
    ),
    sqlite3.SQLITE_READONLY: ("{name} may not be written to", "Check the permissions of the file and of its folder."),
    sqlite3.SQLITE_CANTOPEN: (
        "{name} cannot be opened",
        "Name a file, not a folder, and check the permissions of the file and of its folder.",
    ),
    sqlite3.SQLITE_FULL: ("{name} cannot grow: the disk is full", "Free some space. Nothing of this write was kept."),
}


class Session:
    """What one thread holds: its connection, closed with the thread, with the store, or before a fork.

    A process must not use, nor even close, a connection that it inherited by a fork; and while it has one,
    SQLite believes that the process holds locks which only its parent does, so that commits can be lost
    (https://www.sqlite.org/howtocorrupt.html, 2.6). So connections are closed before, and opened anew after.
    """

    def __init__(self, target: str, patience: float) -> None:
        self.connection: sqlite3.Connection | None = None
        self.lock = threading.RLock()  # contended only by what closes the connection
        self._target = target
        self._patience = patience
        self._locked = False
        watch(self)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction of this thread has begun and not ended."""
        return self.connection is not None and self.connection.in_transaction

    def close(self) -> None:
        """Close the connection once its statement or transaction has ended."""
        with self.lock:
            if self.connection is not None:
                self.connection.close()
                self.connection = None

    def before_fork(self) -> None:
        """Close the connection if that can be done: not in memory, where that would end the database."""
        self._locked = self.connection is not None and self.lock.acquire(timeout=self._patience)
        if self._locked and not self.in_transaction and not self._target.startswith(MEMORY):
            self.close()

    def after_fork(self, *, child: bool) -> None:
        """Go on; in the child without a connection that could not be closed."""
        if child and self.connection is not None:
            INHERITED.append((self._target, self.connection))
            self.connection = None
        if self._locked:
            self.lock.release()

    def __del__(self) -> None:
        if self.connection is not None:
            self.close()


class Database:
    """A database file, or one in memory if `path` is `None`. Each thread has a connection of its own.

    Every failure of the driver is raised as `StoreError`. `busy_timeout` is in seconds.
    """

    def __init__(self, path: Path | None, busy_timeout: float) -> None:
        self.busy_timeout = busy_timeout
        self.name = str(path) if path else "the database in memory"
        # Connections to a database of SQLite's "memdb" share it, and wait for each other as on a file.
        self._target = str(path) if path else f"{MEMORY}{uuid.uuid4().hex}?vfs=memdb"
        self._in_memory = path is None
        self._local = threading.local()
        self._sessions: set[weakref.ref[Session]] = set()
        self._closed = False
        if sqlite3.sqlite_version_info < OLDEST:
            raise StoreError(
                f"Python was built with SQLite {sqlite3.sqlite_version}, which is too old for a store",
                f"Use a Python with SQLite {'.'.join(map(str, OLDEST))} or newer.",
            )
        # A database in memory lives as long as a connection to it does.
        self._anchor = self.connect() if self._in_memory else None

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """Run one statement on this thread's connection and return its rows as tuples."""
        session = self._session()
        with session.lock:
            connection = session.connection or self._reopen(session)
            try:
                return connection.execute(sql, parameters).fetchall()
            except FAILURES as error:
                raise self.explain(error) from error

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> Generator[tuple[Any, ...]]:
        """Run one statement and give its rows as they are found. Use them at once, and close what is not used up."""
        session = self._session()
        with session.lock:
            connection = session.connection or self._reopen(session)
            try:
                cursor = connection.execute(sql, parameters)
                while rows := cursor.fetchmany(ROWS):
                    yield from rows
            except FAILURES as error:
                raise self.explain(error) from error

    def changes(self) -> int:
        """How many rows this thread's connection has changed so far, those by triggers included."""
        connection = self._session().connection
        return connection.total_changes if connection else 0

    def writing(self) -> Writing:
        """For one statement that writes: a transaction, unless there is one already."""
        return Writing(self, self._session())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that this thread executes inside happens, or none of it. May be nested."""
        session = self._session()
        with Writing(self, session) as own:
            if own:
                yield
                return
            self.execute("SAVEPOINT part")
            try:
                yield
            except BaseException:
                if session.in_transaction:
                    self.execute("ROLLBACK TO part")
                    self.execute("RELEASE part")
                raise
            self.execute("RELEASE part")

    def connect(self) -> sqlite3.Connection:
        """A new connection, in autocommit mode, with the settings that a store needs."""
        try:
            connection = sqlite3.connect(
                self._target,
                timeout=self.busy_timeout,
                isolation_level=None,
                check_same_thread=False,
                uri=self._in_memory,
            )
        except sqlite3.Error as error:
            raise self.explain(error) from error
        try:
            for setting in SETTINGS:
                connection.execute(setting)
            self._use_wal(connection)
        except FAILURES as error:
            connection.close()
            raise self.explain(error) from error
        return connection

    def explain(self, error: Exception) -> StoreError:
        """What the driver says, as a problem and a remedy."""
        known = PROBLEMS.get(_code(error))
        if known is None:
            return StoreError(f"{self.name} cannot do this: {error}", "Nothing was changed.")
        problem, remedy = known
        return StoreError(problem.format(name=self.name, timeout=self.busy_timeout), remedy)

    def close(self) -> None:
        """Close the connections of all threads, each when its statement or transaction has ended."""
        self._closed = True
        for session in self._open_sessions():
            session.close()
        if self._anchor is not None:
            self._anchor.close()

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        # Several processes opening a new file collide here, and SQLite does not wait for this by itself.
        deadline = time.monotonic() + self.busy_timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
            else:
                return

    def _session(self) -> Session:
        session: Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = Session(self._target, self.busy_timeout)
            self._sessions.add(weakref.ref(session, self._sessions.discard))
        return session

    def _open_sessions(self) -> list[Session]:
        # A list of a set is made in one step, which no other thread can get into.
        return [session for reference in list(self._sessions) if (session := reference())]

    def _reopen(self, session: Session) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(f"the store in {self.name} has been closed", "Open it again.")
        if not self._in_memory and any(target == self._target for target, _ in INHERITED):
            raise StoreError(
                f"{self.name} was in use when this process was forked", "Open the store again in this process."
            )
        with NO_FORK:
            session.connection = self.connect()
        return session.connection


class Writing:
    """A transaction around a `with` statement, which is told whether it is one of its own.

    The write lock is taken at the start: a transaction that reads first and asks for it later can fail
    as locked however long it is willing to wait.
    """

    def __init__(self, database: Database, session: Session) -> None:
        self._database = database
        self._session = session
        self._own = False

    def __enter__(self) -> bool:
        self._session.lock.acquire()
        if self._session.in_transaction:
            return False
        try:
            self._database.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._session.lock.release()
            raise
        self._own = True
        return True

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if not self._own:
                return
            if kind is None:
                self._commit()
            elif self._session.in_transaction:
                self._database.execute("ROLLBACK")
        finally:
            self._session.lock.release()

    def _commit(self) -> None:
        try:
            self._database.execute("COMMIT")
        except BaseException:
            if self._session.in_transaction:
                self._database.execute("ROLLBACK")
            raise


def _code(error: Exception) -> int:
    """SQLite's primary code for an error, 0 for one that is not SQLite's own."""
    if isinstance(error, UnicodeDecodeError):
        return sqlite3.SQLITE_CORRUPT
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
