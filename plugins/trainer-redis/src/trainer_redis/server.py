"""The way to a Redis server: from a URL to a client, and from its errors to ours, without the password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from trainer.errors import StoreError

if TYPE_CHECKING:
    from redis import Redis

OPTIONS = {"db", "socket_timeout", "socket_connect_timeout", "max_connections", "health_check_interval", "client_name"}
PREFIX = re.compile(r"[A-Za-z0-9_.-]+")


class Server:
    """A client of one server and its name for people. Safe for threads; a forked process connects anew.

    `url` is `redis://[[user]:password@]host[:port][/database]`, `rediss://…` (TLS) or
    `redis+unix:///path/to.sock[?db=1]`; `timeout` is in seconds, for connecting and for each answer. Nothing is
    asked of the server here. `on_connect` is called with each new connection and says hello on it.

    Commands are never sent twice: what broke off may have been done, and only the caller knows if that matters.
    """

    def __init__(self, url: str, *, timeout: float, on_connect: Any = None) -> None:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self.name = _checked(url)
        try:
            self.client: Redis = redis.Redis.from_url(
                re.sub(r"^(redis\+)?unix:", "unix:", url),
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
                redis_connect_func=on_connect,
            )
        except (ValueError, TypeError):
            # Its message may quote a part of the password.
            raise _not_a_url() from None

    @contextmanager
    def asked(self) -> Iterator[Any]:
        """The client, for commands whose errors become a `StoreError`. Untyped: to redis-py any answer may be text."""
        from redis.exceptions import RedisError

        try:
            yield self.client
        except (RedisError, OSError, ValueError, TypeError) as error:
            raise self.told(error) from error

    def told(self, error: Exception) -> StoreError:
        """What the server or the way to it did, in two lines."""
        from redis import exceptions

        text = " ".join(str(error).split()).partition(" script: ")[0]
        # Where no connection came about, no command was sent.
        unsure = "" if "connecting to" in text else "; if this was a write, it may have been done"
        match error:
            case exceptions.AuthenticationError() | exceptions.AuthenticationWrongNumberOfArgsError():
                return StoreError(f"{self.name} refuses the password: {text}", "Mend user and password in the URL.")
            case exceptions.NoPermissionError():
                return StoreError(f"{self.name} refuses a command: {text}", "Give the user more rights (ACL SETUSER).")
            case exceptions.ReadOnlyError():
                return StoreError(f"{self.name} is a replica that takes no writes", "Name the primary server.")
            case exceptions.OutOfMemoryError():
                return StoreError(f"{self.name} has no memory left", "Raise its maxmemory, or store less.")
            case exceptions.BusyLoadingError():
                return StoreError(f"{self.name} is still loading its data", "Try again in a moment.")
            case exceptions.TimeoutError():
                return StoreError(
                    f"{self.name} did not answer in time{unsure}",
                    "Look whether the server is overloaded, or raise the timeout.",
                )
            case exceptions.ConnectionError() | OSError():
                return StoreError(
                    f"{self.name} cannot be reached: {text.rstrip('.')}{unsure}",
                    "Start the server, or mend its address in the URL.",
                )
        if text.startswith("WRONGTYPE"):
            return StoreError(
                f"{self.name} holds something that is not ours under one of our names",
                "Choose another prefix or database.",
            )
        if text.startswith("NOAUTH"):
            return StoreError(f"{self.name} wants a password", "Write it into the URL: redis://:PASSWORD@host.")
        return StoreError(f"{self.name} cannot do this: {text}", "Look into the log of the server.")

    def close(self) -> None:
        """Close all connections."""
        self.client.close()
        self.client.connection_pool.disconnect()


def executed(pipeline: Any) -> list[Any]:
    """The answers of a pipeline. The first error is raised as it is: redis-py would add the command to it."""
    answers: list[Any] = pipeline.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def checked_prefix(prefix: str) -> str:
    """The prefix, if keys can begin with it; else `StoreError`."""
    if not PREFIX.fullmatch(prefix):
        raise StoreError(f"{prefix!r} cannot be a prefix of keys", "Use letters, digits, '_', '-' and '.'.")
    return prefix


def _checked(url: str) -> str:
    """The server's name for people; raises `StoreError` for what redis-py would pass over in silence."""
    try:
        parts = urlsplit(url)
        port = parts.port
        options = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    except ValueError:
        raise _not_a_url() from None
    if parts.scheme not in ("redis", "rediss", "redis+unix", "unix") or parts.fragment:
        raise _not_a_url()
    if wrong := sorted(name for name in options - OPTIONS if not name.startswith("ssl_")):
        raise StoreError(f"the URL of a Redis server has no option {wrong[0]}", f"Known: {', '.join(sorted(OPTIONS))}.")
    if parts.scheme.endswith("unix"):
        if parts.hostname or not parts.path.strip("/"):
            raise _not_a_url()
        return f"Redis at {parts.path}"
    if not re.fullmatch(r"(/\d*)?", parts.path):
        raise _not_a_url()
    return f"Redis at {parts.hostname or 'localhost'}:{port or 6379}"


def _not_a_url() -> StoreError:
    return StoreError(
        "this is not the URL of a Redis server",
        "Write redis://:PASSWORD@host:6379/0 (special characters as %XX), rediss://… or redis+unix:///path.sock.",
    )
