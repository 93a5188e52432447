"""A versioned data store in Redis, and Redis as a coherent cache in front of any other store."""

from pathlib import Path

from trainer import DataStore, hookimpl, plugin
from trainer_redis.hybrid import HybridStore
from trainer_redis.store import RedisStore

__all__ = ["Hybrid", "HybridStore", "Redis", "RedisStore"]


@plugin
class Redis:
    """Opens `redis://host:6379/0`, `rediss://…` (TLS) and `redis+unix:///path.sock`.

    `prefix` begins the name of every key; `timeout` is how many seconds a command may take.
    """

    prefix: str = "trainer"
    timeout: float = 10.0

    @hookimpl
    def store(self, url: str) -> DataStore:
        """The store at `url`. Raises `StoreError` if it cannot be used."""
        return RedisStore(url, prefix=self.prefix, timeout=self.timeout)


@plugin
class Hybrid:
    """Opens `hybrid:REDIS|STORE`: the Redis server at the first URL in front of the store at the second.

    `prefix`, `timeout`, `lease` and `keep` are as `HybridStore` says, times in seconds. `root` is the folder that
    relative paths of the store start from; a pipeline gives the project's.
    """

    prefix: str = "trainer"
    timeout: float = 0.25
    lease: float = 1.0
    keep: float = 3600.0
    root: Path = Path()

    @hookimpl
    def store(self, url: str) -> DataStore:
        """The store at `url`. Raises `StoreError` if what lies behind the cache cannot be opened."""
        return HybridStore.open(
            url, prefix=self.prefix, timeout=self.timeout, lease=self.lease, keep=self.keep, root=self.root
        )
