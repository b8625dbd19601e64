"""SQLite as the store: one file that only its owner can read, in WAL, so that reading never waits for writing."""

import os
import sqlite3
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from klantbeeld.store.columns import json_text, utc_text

READER_TIMEOUT = 0.1  # seconds; the reader runs in the event loop, where nobody may wait long
CACHE = 16_384  # KiB a connection, taken as it fills; no mmap, where an I/O error would end the process
CHECKPOINT = 8_000  # pages of WAL, 32 MB: keys lie at random in their table, so small checkpoints write pages again
WRITES = "klantbeeld_writes"  # execution option: the transaction takes the write lock when it begins
RETRY_EVERY = 0.02  # seconds


def prepare_file(path: Path, *, timeout: float) -> None:
    """Make the file (0600) and its folder (0700) where they are missing, and switch it to WAL.

    Blocks for up to `timeout` seconds while another process does the same.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    connection = sqlite3.connect(path, isolation_level=None, timeout=timeout)
    try:
        _switch_to_wal(connection, until=time.monotonic() + timeout)
    finally:
        connection.close()


def open_engine(path: Path, *, timeout: float) -> AsyncEngine:
    """Open what all but the look-ups use; transactions for writing take SQLite's write lock when they begin."""
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        connect_args={"timeout": timeout, "isolation_level": None},
        hide_parameters=True,
        json_serializer=json_text,
        pool_timeout=timeout,
    )
    event.listen(engine.sync_engine, "connect", _set_up)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the connection for look-ups in the event loop; it sees every commit of others at its next statement."""
    reader = sqlite3.connect(path, isolation_level=None, timeout=READER_TIMEOUT, cached_statements=64)
    reader.execute("PRAGMA query_only = ON")
    reader.execute(f"PRAGMA cache_size = -{CACHE}")
    return reader


def write_moments_as_text() -> None:
    """Have the driver itself write moments as the columns keep them, in all of the process."""
    sqlite3.register_adapter(datetime, utc_text)


def _switch_to_wal(connection: sqlite3.Connection, *, until: float) -> None:
    # The switch needs the file for itself and does not always wait for it, whatever the time-out.
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= until:
                raise
            time.sleep(RETRY_EVERY)
        else:
            return


def _set_up(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut: the journal of writes relies on it
    cursor.execute(f"PRAGMA cache_size = -{CACHE}")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later can be refused half-way; one that begins IMMEDIATE waits instead.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
