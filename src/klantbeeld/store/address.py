"""Reads `store.url`: which database, and where."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from klantbeeld.errors import ConfigurationError

WHERE = "store.url"
EXAMPLES = "Write sqlite:///PATH or postgresql://USER@HOST/DATABASE"


@dataclass(frozen=True, slots=True)
class SqliteAddress:
    """A file; `path` is absolute."""

    path: Path


@dataclass(frozen=True, slots=True)
class PostgresqlAddress:
    """A server; `dsn` may hold a password, so it is never shown."""

    dsn: str

    def __repr__(self) -> str:
        return "PostgresqlAddress(dsn=…)"


Address = SqliteAddress | PostgresqlAddress


def address_of(url: str) -> Address:
    """Read a store's URL; a relative path is relative to the working directory.

    Raises ConfigurationError, which does not repeat the URL: it may hold a password.
    """
    scheme, _, rest = url.partition("://")
    if scheme in {"postgresql", "postgres"}:
        return _postgresql(rest)
    if scheme == "sqlite":
        return _sqlite(rest)
    raise ConfigurationError(WHERE, "is the address of no database that can be the store", EXAMPLES)


def _postgresql(rest: str) -> PostgresqlAddress:
    dsn = f"postgresql://{rest}"
    try:
        urlsplit(dsn).port  # noqa: B018  # reading the port is what checks it
    except ValueError as error:
        raise ConfigurationError(WHERE, "is not a URL", EXAMPLES) from error
    return PostgresqlAddress(dsn)


def _sqlite(rest: str) -> SqliteAddress:
    path = unquote(rest.removeprefix("/"))
    if not rest.startswith("/") or not path or path == ":memory:" or "?" in rest:
        mend = "Write sqlite:///PATH, for an absolute path with a fourth slash"
        raise ConfigurationError(WHERE, "names no file", mend)
    return SqliteAddress(Path(path).absolute())
