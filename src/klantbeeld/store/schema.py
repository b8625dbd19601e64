"""The version of the tables, and bringing a store up to it.

The migrations are in `migrations/versions`; alembic is imported only when one has to run, because it is heavy and a
gateway that starts on an up-to-date store needs none of it.
"""

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from klantbeeld.errors import StoreError

SCHEMA_VERSION = "0006"
"""The newest migration: what this code reads and writes."""


async def ensure_current(engine: AsyncEngine, *, url: str, may_migrate: bool) -> None:
    """Bring the tables to SCHEMA_VERSION. Raises StoreError if they are of another version and may not be changed."""
    found = await version_of(engine)
    if found == SCHEMA_VERSION:
        return
    if not may_migrate:
        raise StoreError(
            f"the store's tables are at version {found or 'none'}, and this gateway needs {SCHEMA_VERSION}: "
            "migrate it first, or set store.migrate"
        )
    from klantbeeld.store.migrate import migrate  # noqa: PLC0415  # alembic: see above

    await migrate(url)


async def version_of(engine: AsyncEngine) -> str | None:
    """Read the version of the tables; None where there are none."""
    async with engine.connect() as connection:
        return await connection.run_sync(_version)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found
