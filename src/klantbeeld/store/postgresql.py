"""PostgreSQL as the store: asyncpg for the look-ups, and under SQLAlchemy for the rest."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from klantbeeld.errors import ConfigurationError
from klantbeeld.store.columns import json_text

if TYPE_CHECKING:
    import asyncpg

APPLICATION = {"application_name": "klantbeeld"}


def open_engine(dsn: str, *, timeout: float, connections: int) -> AsyncEngine:
    """Open what all but the look-ups use; a statement or a wait for a lock ends after `timeout` seconds."""
    connector = driver().connect
    milliseconds = str(int(timeout * 1000))
    limits = APPLICATION | {"statement_timeout": milliseconds, "lock_timeout": milliseconds}

    async def connect(**_: Any) -> "asyncpg.Connection[asyncpg.Record]":
        return await connector(dsn, timeout=timeout, server_settings=limits)

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        hide_parameters=True,
        json_serializer=json_text,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=timeout,
        pool_pre_ping=True,
    )


async def open_pool(dsn: str, *, wait: float, connections: int) -> "asyncpg.Pool[asyncpg.Record]":
    """Open the pool for look-ups; each ends after `wait` seconds."""
    return await driver().create_pool(
        dsn,
        min_size=1,
        max_size=connections,
        timeout=wait,
        command_timeout=wait,
        server_settings=APPLICATION,
    )


def driver() -> ModuleType:
    """Import asyncpg; raises ConfigurationError where it is not installed."""
    try:
        import asyncpg  # noqa: PLC0415  # an extra: only a PostgreSQL store needs it
    except ImportError as error:
        mend = "Install it: pip install 'klantbeeld[postgresql]'"
        raise ConfigurationError("store.url", "PostgreSQL needs the driver asyncpg, which is missing", mend) from error
    module: ModuleType = asyncpg
    return module
