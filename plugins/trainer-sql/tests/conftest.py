"""A PostgreSQL server for the tests of this plugin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest

SERVER = "postgresql://127.0.0.1/test"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of an empty schema on a server, which all tests of a session share."""
    import psycopg

    schema = f"trainer_{uuid4().hex}"
    try:
        connection = psycopg.connect(SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        if os.environ.get("TRAINER_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"no PostgreSQL server at {SERVER}")
    with connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        yield f"{SERVER}?options=-csearch_path%3D{schema}"
        connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
