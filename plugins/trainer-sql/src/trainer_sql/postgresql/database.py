"""A PostgreSQL database as threads and forked processes may share it: connections, transactions, errors."""

from __future__ import annotations

import os
import re
import select
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from trainer.errors import StoreError
from trainer_sql.postgresql.failures import explained, lost, unreached

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy.pool import PoolProxiedConnection, QueuePool

    Connection = psycopg.Connection[tuple[Any, ...]]

OLDEST = 14
ATTEMPTS = 10
CHUNK = 500  # rows that a stream takes at a time, where the client library can
ROLLED_BACK = ("40001", "40P01")  # the server gave this one up for another; it may be sent again
SCHEME = re.compile(r"postgres(ql)?(\+psycopg)?://")
# Of this session alone. Compiling a plan (jit) takes longer than any statement of a store.
SETTINGS = (
    "SELECT set_config('statement_timeout', %s, false), set_config('default_transaction_isolation',"
    " 'read committed', false), set_config('jit', 'off', false)"
)


class Database:
    """A database, and a pool of at most `connections` to it.

    Every failure of the driver is raised as `StoreError`. `statement_timeout` is in seconds, 0 for none.
    """

    def __init__(self, url: str, *, password: str, statement_timeout: float, connections: int) -> None:
        self._driver = _driver()
        self._parameters = _parameters(url) | ({"password": password} if password else {})
        self._timeout = statement_timeout
        self._local = threading.local()
        self._open: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._closed = False
        self._pid = os.getpid()
        self.name = _name(self._parameters)
        self._pool = self._new_pool(connections)

    def execute(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, writes: bool = False
    ) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows; a transaction of its own, if this thread has begun none.

        It is sent again if the server gave it up for that of another, and, unless it `writes`, if the connection broke.
        """
        for attempt in range(ATTEMPTS):
            with self.connection() as connection:
                try:
                    return connection.execute(sql, parameters).fetchall()
                except self._driver.Error as error:
                    again = error.sqlstate in ROLLED_BACK or (connection.closed and not writes and not attempt)
                    if self._held or not again or attempt + 1 == ATTEMPTS:
                        raise self.explain(error, connection, reads=not writes) from error
        raise AssertionError

    def stream(self, sql: str, parameters: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, as they are asked for and as they were at its start."""
        with self.connection() as connection:
            try:
                with connection.cursor() as cursor:
                    size = CHUNK if self._driver.capabilities.has_stream_chunked() else 1
                    yield from cursor.stream(sql, parameters, size=size)
            except self._driver.Error as error:
                raise self.explain(error, connection, reads=True) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that this thread executes inside happens, or none of it. May be nested."""
        with self.connection() as connection:
            outer = self._held
            try:
                with connection.transaction():
                    self._local.held = (connection, os.getpid())
                    try:
                        yield
                    finally:
                        self._local.held = outer
                        self._notice_fork()
            except self._driver.Error as error:
                raise self.explain(error, connection, reads=False) from error

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """The driver's connection: of this thread's transaction, else one of the pool's, in autocommit mode."""
        self._notice_fork()
        if self._held:
            connection, pid = self._held
            if pid != os.getpid():
                raise StoreError(
                    f"{self.name} was in use when this process was forked", "Use the store outside the transaction."
                )
            yield connection
            return
        lease = self._lease()
        try:
            yield cast("Connection", lease.driver_connection)
        finally:
            self._give_back(lease)

    def connect(self, *, patient: bool = False) -> Connection:
        """A new connection, which is not the pool's; `patient` waits for statements as long as they take."""
        try:
            connection: Connection = self._driver.connect(**self._parameters, autocommit=True)
        except self._driver.Error as error:
            raise unreached(error, self.name) from error
        self._open.add(connection)
        try:
            if connection.info.server_version < OLDEST * 10000:
                raise StoreError(f"{self.name} is too old for a store", f"PostgreSQL {OLDEST} or newer is needed.")
            if connection.info.parameter_status("server_encoding") != "UTF8":
                raise StoreError(f"{self.name} cannot hold every text", "Make a database with ENCODING 'UTF8'.")
            connection.execute(SETTINGS, [f"{0 if patient else self._timeout * 1000:.0f}"])
        except self._driver.Error as error:
            connection.close()
            raise explained(error, self.name, self._timeout) from error
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A patient connection for changes to tables, closed in the end, in one transaction."""
        connection = self.connect(patient=True)
        try:
            with connection.transaction():
                yield connection
        except self._driver.Error as error:
            raise self.explain(error, connection, reads=False) from error
        finally:
            connection.close()

    def explain(self, error: psycopg.Error, connection: Connection | None = None, *, reads: bool = False) -> StoreError:
        """What the driver says about a statement, as a problem and a remedy."""
        broken = connection is not None and connection.closed
        return lost(self.name, reads=reads) if broken else explained(error, self.name, self._timeout)

    def close(self) -> None:
        """Close the connections, each when its statement or transaction has ended."""
        self._closed = True
        self._notice_fork()
        self._pool.dispose()

    def __del__(self) -> None:
        if hasattr(self, "_pool"):
            self.close()

    @property
    def _held(self) -> tuple[Connection, int] | None:
        """The connection of this thread's transaction, and the process that began it."""
        return getattr(self._local, "held", None)

    def _new_pool(self, connections: int) -> QueuePool:
        from sqlalchemy.pool import QueuePool

        # In autocommit mode there is nothing to roll back when a connection is returned.
        return QueuePool(self.connect, pool_size=connections, max_overflow=0, reset_on_return=None)  # type: ignore[arg-type]  # it is not used but handed through

    def _notice_fork(self) -> None:
        """In a forked process, leave the connections to the parent: no goodbye may reach the server."""
        if self._pid == os.getpid():
            return
        self._pid = os.getpid()
        inherited, self._open = [*self._open], weakref.WeakSet()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for connection in inherited:
            if not connection.closed:
                os.dup2(nowhere, connection.fileno(), inheritable=False)
                connection.close()
        os.close(nowhere)
        # The locks of the old pool may be held by threads that this process does not have.
        self._pool = self._pool.recreate()

    def _lease(self) -> PoolProxiedConnection:
        from sqlalchemy.exc import TimeoutError as NoneFree

        if self._closed:
            raise StoreError(f"the store in {self.name} has been closed", "Open it again.")
        while True:
            try:
                lease = self._pool.connect()
            except NoneFree as error:
                raise StoreError(
                    f"all {self._pool.size()} connections to {self.name} are busy",
                    "Raise `connections`, or let fewer threads use the store.",
                ) from error
            if self._answers(cast("Connection", lease.driver_connection)):
                return lease
            lease.invalidate()

    def _answers(self, connection: Connection) -> bool:
        """Whether the server has not closed an idle connection: then nothing, or an end, is there to be read."""
        try:
            connection.pgconn.consume_input()
            return not _readable(connection.fileno())
        except self._driver.Error:
            return False

    def _give_back(self, lease: PoolProxiedConnection) -> None:
        self._notice_fork()
        connection = cast("Connection", lease.driver_connection)
        idle = connection.pgconn.transaction_status == self._driver.pq.TransactionStatus.IDLE
        if self._closed or connection.closed or not idle:
            lease.invalidate()
        else:
            lease.close()


def _driver() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise StoreError(
            f"PostgreSQL needs the package psycopg: {error}", "Run `pip install 'trainer-sql[postgresql]'`."
        ) from error
    return psycopg


def _parameters(url: str) -> dict[str, Any]:
    """What to connect with. Parts of a URL that cannot be read may be a password, and are not shown."""
    from psycopg import Error
    from psycopg.conninfo import conninfo_to_dict

    remedy = "Write postgresql://user@host:5432/database; in a password, @ is %40, / is %2F and % is %25."
    try:
        found = conninfo_to_dict(SCHEME.sub("postgresql://", url, count=1)) if SCHEME.match(url) else {}
    except Error:
        found = {}
    if not found and not SCHEME.fullmatch(url):
        raise StoreError("this is not the URL of a PostgreSQL database", remedy)
    port = str(found.get("port") or "0")
    if "@" in str(found.get("host", "")) or not all(part.isdecimal() for part in port.split(",")):
        raise StoreError("the URL of the PostgreSQL database cannot be read", remedy)
    defaults = {"connect_timeout": 10, "fallback_application_name": "trainer"}
    return {**defaults, **found, "client_encoding": "UTF8"}


def _name(parameters: Mapping[str, Any]) -> str:
    host = parameters.get("host") or parameters.get("hostaddr") or os.environ.get("PGHOST", "localhost")
    port = f":{parameters['port']}" if parameters.get("port") else ""
    return f"postgresql://{host}{port}/{parameters.get('dbname') or os.environ.get('PGDATABASE', '')}"


def _readable(descriptor: int) -> bool:
    if not hasattr(select, "poll"):
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
