"""Entries in Redis, each a copy of a current record, and what keeps an old copy from taking a newer one's place.

An entry is a hash: `value` is the copy; `w:TOKEN` is the mark of a writer that has begun and not finished, and the
time when it began; `ticket` changes with each write. While there is a mark, nothing is read from or put into the
entry. A reader that finds no copy takes the ticket before it asks the durable store, and may put the copy there only
while that is still the ticket. Names begin with the epoch, and a connection serves only the very server
process that the epoch is for: one that was started anew may have come back with what it held long ago.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from trainer_redis.agreement import Agreement
from trainer_redis.server import Server, checked_prefix

T = TypeVar("T")
log = logging.getLogger("trainer")
SHORTEST, LONGEST = 0.5, 15.0  # seconds for which a server that failed is not asked
UNKNOWN = 60  # seconds after which a write whose outcome is not known has been done or never will be

COMMON = r"""
local now = tonumber(redis.call('TIME')[1])

local function has_marks(entry)
  local found = false
  for _, field in ipairs(redis.call('HKEYS', entry)) do
    if string.sub(field, 1, 2) == 'w:' then
      if now - tonumber(redis.call('HGET', entry, field)) > tonumber(ARGV[2]) / 1000 then
        redis.call('HDEL', entry, field)
      else
        found = true
      end
    end
  end
  return found
end
"""

# (entries) (token, keep in ms): a writer begins
MARK = (
    COMMON
    + r"""
for _, entry in ipairs(KEYS) do
  local alone = not has_marks(entry)
  redis.call('HDEL', entry, 'value')
  redis.call('HSET', entry, 'ticket', alone and ARGV[1] or ARGV[1] .. '+', 'w:' .. ARGV[1], now)
  redis.call('PEXPIRE', entry, ARGV[2])
end
"""
)

# (entries) (token, keep in ms, "" or how long the mark has to stay in s, then "" or the copy for each entry):
# a writer has finished; its copy is taken if no other has begun since, nor was at work when it began
FINISH = (
    COMMON
    + r"""
for number, entry in ipairs(KEYS) do
  local copy = ARGV[3 + number]
  if copy ~= '' and redis.call('HGET', entry, 'ticket') == ARGV[1] then
    redis.call('HSET', entry, 'value', copy)
  else
    redis.call('HDEL', entry, 'value')
  end
  redis.call('HSET', entry, 'ticket', ARGV[1] .. '-')
  if ARGV[3] == '' then
    redis.call('HDEL', entry, 'w:' .. ARGV[1])
  else
    redis.call('HSET', entry, 'w:' .. ARGV[1], now - tonumber(ARGV[2]) / 1000 + tonumber(ARGV[3]))
  end
  redis.call('PEXPIRE', entry, ARGV[2])
end
"""
)

# (entry) (new ticket, keep in ms) -> the ticket, or nothing while somebody writes
TICKET = (
    COMMON
    + r"""
if has_marks(KEYS[1]) then return false end
redis.call('HSETNX', KEYS[1], 'ticket', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('HGET', KEYS[1], 'ticket')
"""
)

# (entry) (ticket, keep in ms, copy)
FILL = r"""
if redis.call('HGET', KEYS[1], 'ticket') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'value', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
"""


class CacheDown(Exception):
    """The cache did not do what it was asked."""


class Session:
    """Connections to one server process."""

    def __init__(self, url: str, timeout: float, run_id: str | None) -> None:
        self.run_id = run_id
        self.moved = False
        """Whether another process has answered at the address."""
        self.server = Server(url, timeout=timeout, on_connect=self._greet)
        register = self.server.client.register_script
        self.mark, self.finish, self.ticket, self.fill = map(register, (MARK, FINISH, TICKET, FILL))

    def _greet(self, connection: Any) -> None:
        from redis.exceptions import ConnectionError as Broken

        connection.on_connect()
        connection.send_command("INFO", "server")
        lines = bytes(connection.read_response(disable_decoding=True)).decode().splitlines()
        found = next(line.partition(":")[2] for line in lines if line.startswith("run_id:"))
        if self.run_id is None:
            self.run_id = found
        elif self.run_id != found:
            self.moved = True
            raise Broken("the server was started anew")


class Cache:
    """The entries of one server under one prefix. What fails raises `CacheDown`, never another error."""

    def __init__(self, url: str, *, prefix: str, timeout: float, keep: float) -> None:
        self._url, self._prefix, self._timeout, self._keep = url, checked_prefix(prefix), timeout, int(keep * 1000)
        probe = Session(url, timeout, None).server  # for what is wrong with the URL; asks nothing
        self._name, self._database = probe.name, probe.client.connection_pool.connection_kwargs.get("db", 0)
        self._session: Session | None = None
        self._pause, self._rests_until = 0.0, 0.0

    @property
    def ready(self) -> bool:
        """Whether it makes sense to ask: it has not failed a moment ago."""
        return time.monotonic() >= self._rests_until

    def server(self) -> str:
        """Who answers now: another name for each server process, database and prefix."""
        session = Session(self._url, self._timeout, None)
        try:
            self._try(session, lambda session: session.server.client.ping())
            return f"{session.run_id}/{self._database}/{self._prefix}"
        finally:
            session.server.close()

    def moved(self, agreement: Agreement) -> bool:
        """Whether the server of an agreement has turned out to be gone, with another in its place."""
        session = self._session
        return session is not None and session.moved and agreement.server.startswith(f"{session.run_id}/")

    def read(self, agreement: Agreement, entry: bytes) -> bytes | None:
        """The copy in an entry, if there is one."""
        name = self._named(agreement, entry)
        found = self._ask(agreement, lambda session: session.server.client.hget(name, "value"))
        return found if isinstance(found, bytes) else None

    def ticket(self, agreement: Agreement, entry: bytes) -> bytes | None:
        """What allows to fill an entry with what is read from the durable store after this; `None` if nobody may."""
        name = self._named(agreement, entry)
        arguments: list[Any] = [uuid.uuid4().hex, self._keep]
        found = self._ask(agreement, lambda session: session.ticket([name], arguments))
        return found if isinstance(found, bytes) else None

    def fill(self, agreement: Agreement, entry: bytes, ticket: bytes, copy: bytes) -> None:
        """Put a copy into an entry, unless the ticket is no longer good."""
        name = self._named(agreement, entry)
        self._ask(agreement, lambda session: session.fill([name], [ticket, self._keep, copy]))

    def mark(self, agreement: Agreement, entries: Sequence[bytes], token: str) -> None:
        """A writer begins: from now on nobody reads or fills the entries."""
        names = [self._named(agreement, entry) for entry in entries]
        arguments: list[Any] = [token, self._keep]
        self._ask(agreement, lambda session: session.mark(names, arguments))

    def finish(
        self, agreement: Agreement, entries: Sequence[bytes], token: str, copy: bytes = b"", *, known: bool = True
    ) -> None:
        """A writer has finished, and `copy` is what it wrote; its mark stays for a while if that is not known."""
        names = [self._named(agreement, entry) for entry in entries]
        arguments: list[Any] = [token, self._keep, "" if known else UNKNOWN, *([copy] * len(names))]
        self._ask(agreement, lambda session: session.finish(names, arguments))

    def close(self) -> None:
        """Close all connections."""
        if self._session:
            self._session.server.close()

    def _named(self, agreement: Agreement, entry: bytes) -> bytes:
        return f"{{{self._prefix}}}:cache:{agreement.epoch}:".encode() + entry

    def _ask(self, agreement: Agreement, question: Callable[[Session], T]) -> T:
        run_id, _, rest = agreement.server.partition("/")
        if rest != f"{self._database}/{self._prefix}":
            raise CacheDown("others use another database or prefix")
        session = self._session
        if session is None or session.run_id != run_id:
            before = session
            session = self._session = Session(self._url, self._timeout, run_id)
            if before:
                before.server.close()
        return self._try(session, question)

    def _try(self, session: Session, question: Callable[[Session], T]) -> T:
        from redis.exceptions import RedisError

        try:
            answer = question(session)
        except (RedisError, OSError, ValueError, StopIteration) as error:
            if not self._pause:
                log.warning("the cache is not used for now: %s", session.server.told(error).problem)
            self._pause = min(LONGEST, self._pause * 2 or SHORTEST)
            self._rests_until = time.monotonic() + self._pause
            raise CacheDown(str(error)) from error
        self._pause = 0.0
        return answer
