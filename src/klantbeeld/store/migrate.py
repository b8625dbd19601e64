"""Runs the migrations that come with the package."""

import asyncio
from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from klantbeeld.errors import StoreError
from klantbeeld.store import postgresql, sqlite
from klantbeeld.store.address import PostgresqlAddress, SqliteAddress, address_of
from klantbeeld.store.translation import AsStoreError

WAIT = 300.0  # seconds: another replica may be migrating a large store
MIGRATING = "klantbeeld.migrate"  # name of the lock


async def migrate(url: str, *, wait: float = WAIT) -> None:
    """Bring the store at `url` to the newest tables, all or nothing; does nothing where it already is.

    May run in several processes at once: one migrates, the others wait, up to `wait` seconds, and find it done.
    Raises ConfigurationError and StoreError.
    """
    with AsStoreError("being migrated"):
        engine = await _open(url, wait=wait)
        try:
            async with engine.connect() as connection:
                await connection.execution_options(**{sqlite.WRITES: True})
                async with connection.begin():
                    if connection.dialect.name == "postgresql":
                        await connection.execute(
                            text("SELECT pg_advisory_xact_lock(hashtextextended(:lock, 0))"), {"lock": MIGRATING}
                        )
                    await connection.run_sync(_upgrade)
        finally:
            await engine.dispose()


def newest_version() -> str | None:
    """Name the newest migration that the package holds."""
    return ScriptDirectory.from_config(_config()).get_current_head()


async def _open(url: str, *, wait: float) -> AsyncEngine:
    match address_of(url):
        case SqliteAddress(path):
            await asyncio.to_thread(sqlite.prepare_file, path, timeout=wait)
            return sqlite.open_engine(path, timeout=wait)
        case PostgresqlAddress(dsn):
            return postgresql.open_engine(dsn, timeout=wait, connections=1)


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError("the store's tables are of a version that this gateway does not know: update it") from error


def _config() -> Config:
    config = Config()
    folder = str(resources.files("klantbeeld.store") / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
