"""Reading SQL text just far enough: what is quoted, where the parameters are, that it is one statement that reads."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import frozen

from trainer.errors import RetrievalError

READING = ("SELECT", "WITH", "VALUES", "SHOW")
# With one of these words a statement that begins as a reading one can write, or a second one can follow it
# without a semicolon, as T-SQL allows.
WRITING = re.compile(
    r"\b(?:INSERT|UPDATE|DELETE|MERGE|INTO|CREATE|ALTER|DROP|TRUNCATE|EXEC|EXECUTE|CALL|GRANT|REVOKE|COMMIT|ROLLBACK"
    r"|BEGIN|SET|USE|LOCK|COPY|ATTACH|DETACH|PRAGMA|DECLARE|LOAD|INSTALL|SHUTDOWN|KILL|BACKUP|RESTORE)\b",
    re.IGNORECASE,
)
QUOTES = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`"""
COMMENTS = r"--[^\n]*|/\*.*?\*/"
TOKENS = {
    "postgresql": rf"(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'|(?<![\w$])(?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag)|{QUOTES}",
    "sqlite": rf"{QUOTES}|\[[^\]]*\]",
}
PARAMETER = re.compile(r"(?<![:\w$\\]):([^\W\d]\w*)")
# What some dialects read as a quote or a comment and others do not: who knows neither may not pass it on.
TWO_WAYS_IN_CODE = re.compile(r"#|\$|\\|\b[nN]?[qQ]$|\[[^\]]*$")
TWO_WAYS_IN_TOKEN = re.compile(r"[^-/].*\\|--[^\s]|/\*!", re.DOTALL)


@frozen
class Statement:
    """One statement that reads: its `text` for `sqlalchemy.text`, the `names` of its parameters, its first word."""

    text: str
    names: tuple[str, ...]
    verb: str


def read(sql: str, dialect: str) -> Statement:
    """The statement in `sql`, where `:name` is a parameter unless it is inside quotes or a comment.

    Raises `RetrievalError` for what is not a single SELECT, WITH, VALUES or SHOW. On dialects other than sqlite and
    postgresql, which refuse writes themselves, it is also raised for a word that writes and for what could be read in
    two ways.
    """
    pieces = list(_pieces(sql, dialect))
    code = "".join(" " if quoted else piece for piece, quoted in pieces).strip().removesuffix(";").rstrip()
    word = re.match(r"[\s(]*(\w+)", code)
    verb = word[1].upper() if word else ""
    if verb not in READING:
        raise _refused(f"it begins with {verb}" if verb else "it has no statement")
    if ";" in code:
        raise _refused("it is more than one statement")
    if dialect not in TOKENS:
        _check_strictly(pieces, code)
    text = "".join(_escaped(piece) if quoted else _marked(piece) for piece, quoted in pieces)
    names = dict.fromkeys(name for piece, quoted in pieces if not quoted for name in PARAMETER.findall(piece))
    return Statement(text.strip().removesuffix(";"), tuple(names), verb)


def _pieces(sql: str, dialect: str) -> Iterator[tuple[str, bool]]:
    """The text cut into code and, marked with True, what is quoted or a comment."""
    token = re.compile(f"{TOKENS.get(dialect, QUOTES)}|{COMMENTS}", re.DOTALL)
    end = 0
    for match in token.finditer(sql):
        yield _closed(sql[end : match.start()]), False
        if match[0].startswith("/*") and "/*" in match[0][2:]:
            raise _refused("it has a comment inside a comment")
        yield match[0], True
        end = match.end()
    yield _closed(sql[end:]), False


def _closed(code: str) -> str:
    if found := re.search(r"['\"`]|/\*", code):
        raise _refused(f"what opens with {found[0]} is not closed")
    return code


def _check_strictly(pieces: list[tuple[str, bool]], code: str) -> None:
    if found := WRITING.search(code):
        raise _refused(f"it has the word {found[0].upper()}")
    for piece, quoted in pieces:
        if found := (TWO_WAYS_IN_TOKEN if quoted else TWO_WAYS_IN_CODE).search(piece):
            raise _refused(f"databases differ in how they read {found[0][-10:]!r}")


def _marked(code: str) -> str:
    """Code whose parameters SQLAlchemy finds, and no other colon: not that of `::date`, nor of `[1:2]`."""
    end, parts = 0, []
    for match in PARAMETER.finditer(code):
        parts += [_escaped(code[end : match.start()]), match[0], " "]
        end = match.end()
    return "".join([*parts, _escaped(code[end:])])


def _escaped(text: str) -> str:
    return text.replace(":", "\\:")


def _refused(why: str) -> RetrievalError:
    return RetrievalError(
        f"the query is not a single statement that reads: {why}",
        f"Write one {', '.join(READING[:-1])} or {READING[-1]}; let values come in as :name.",
    )
