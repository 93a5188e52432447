"""What the driver and the server say, as a problem and a remedy. No user and no password is ever shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trainer.errors import StoreError

if TYPE_CHECKING:
    import psycopg

# By SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html
STATEMENTS: Mapping[str, tuple[str, str]] = {
    "25006": ("{name} may not be written to", "Name the primary server, or make the database writable."),
    "3F000": (
        "{name} has no schema to make tables in",
        "Make the schema of the search path, or grant USAGE and CREATE on it.",
    ),
    "42501": ("{name} does not allow this: {message}", "Grant the user that right, or name another user."),
    "53100": ("{name} cannot grow: the disk is full", "Free some space. Nothing of this write was kept."),
    "54000": (
        "{name} has no room for this: {message}",
        "Use keys of less than 2,000 bytes, and data of less than 250 million.",
    ),
    "55P03": ("{name} was locked by another program for too long", "Let that program finish, then try again."),
    "57014": (
        "{name} took more than {timeout:g} s for this",
        "Make an index on what is looked for (create_index), or raise statement_timeout.",
    ),
}
# Before there is a connection, there is only text. A server that speaks another language gets the last resort.
CONNECTING: Mapping[str, tuple[str, str]] = {
    "password authentication failed|no password supplied|authentication failed": (
        "{name} refuses the user or the password",
        "Check both in the URL, or in PGUSER and PGPASSWORD.",
    ),
    "database .* does not exist": ("there is no database {name}", "Make it with `createdb`, or name another."),
    "role .* does not exist": ("{name} knows no such user", "Name one in the URL, or make it with `createuser`."),
    "permission denied": ("{name} does not let this user in", "GRANT CONNECT ON DATABASE … TO the user."),
    "no pg_hba.conf entry": (
        "{name} lets no such user in from here",
        "Allow it in pg_hba.conf; some servers want sslmode=require in the URL.",
    ),
    "too many|remaining connection slots": (
        "{name} has no connection left",
        "Raise max_connections there, or lower `connections` here.",
    ),
    "refused|timeout|timed out|resolve|translate|unreachable|no route|no such file": (
        "{name} cannot be reached: {message}",
        "Check the host and the port in the URL, and that the server is running.",
    ),
}


def explained(error: psycopg.Error, name: str, timeout: float) -> StoreError:
    """What went wrong with a statement."""
    problem, remedy = STATEMENTS.get(
        error.sqlstate or "", ("{name} cannot do this: {message}", "Nothing of this was changed.")
    )
    return StoreError(problem.format(name=name, message=_message(error), timeout=timeout), remedy)


def unreached(error: psycopg.Error, name: str) -> StoreError:
    """Why there is no connection."""
    message = _message(error)
    for pattern, (problem, remedy) in CONNECTING.items():
        if re.search(pattern, message, re.IGNORECASE):
            return StoreError(problem.format(name=name, message=message), remedy)
    return StoreError(f"cannot connect to {name}: {message}", "Check the URL, and the server's log.")


def lost(name: str, *, reads: bool) -> StoreError:
    """What is known when a connection broke in the middle of a statement."""
    if reads:
        return StoreError(f"the connection to {name} was lost", "Try again once the server is back.")
    return StoreError(
        f"the connection to {name} was lost in a write, which may have happened or not",
        "Write it again: the same content makes no second version.",
    )


def _message(error: psycopg.Error) -> str:
    """What went wrong, in one line, without the details, which hold data."""
    text = error.diag.message_primary or str(error).partition("\n")[0]
    return re.sub(r"^.*(failed|FATAL|error): +", "", " ".join(text.split()))
