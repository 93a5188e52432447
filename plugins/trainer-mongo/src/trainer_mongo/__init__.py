"""A versioned data store in MongoDB."""

from trainer import DataStore, hookimpl, plugin
from trainer_mongo.store import MongoDBStore

__all__ = ["MongoDB", "MongoDBStore"]


@plugin
class MongoDB:
    """Opens `mongodb://user:password@host:27017/database` and `mongodb+srv://…`.

    `timeout` is how many seconds a server may take to be found; `database` is used where the URL names none.
    """

    timeout: float = 5.0
    database: str = "trainer"

    @hookimpl
    def store(self, url: str) -> DataStore:
        """The store at `url`. Raises `StoreError` if it cannot be opened."""
        return MongoDBStore(url, timeout=self.timeout, database=self.database)
