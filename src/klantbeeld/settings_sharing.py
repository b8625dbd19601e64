"""The settings of what is shared: between replicas, and between requests."""

from typing import Literal

from pydantic import Field

from klantbeeld.settings_section import Seconds, Section


class RedisSettings(Section):
    """A Redis or Valkey server that replicas share, for the cache or the log of changes; without it none is needed."""

    url: str = Field(default="redis://127.0.0.1:6379/0", pattern=r"^rediss?://")
    """`redis://HOST:PORT/DATABASE`, `rediss://` with TLS; an address with a password stands in the environment."""
    timeout: Seconds = 0.5
    """Longest wait for a connection or an answer of the server, in seconds."""


class ChangesSettings(Section):
    """The log of changes, through which replicas evict what a write made untrue, and subscribers hear of it.

    It holds names of sources, keyed hashes and numbers.
    """

    log: Literal["store", "redis"] = "store"
    """Where it is kept: in the store, or in `redis`."""
    keep: float = Field(default=3_600, ge=3_600, le=86_400)
    """Time for which a change is kept, in seconds; no value is cached for longer than an hour."""
    look_every: Seconds = 0.5
    """Time between two looks at the log where several processes share one SQLite file, in seconds: how late a
    subscriber of another process hears of a change. A cached value is never served without a look."""
    look_anyway_every: Seconds = 5.0
    """Longest time between two looks where PostgreSQL or Redis tell of changes themselves, in seconds."""
    max_waiting: int = Field(default=100, gt=0)
    """Most changes of one customer that wait for a subscriber; beyond it they are told as one."""
