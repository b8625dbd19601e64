"""A Redis or Valkey server: its client, opened where the settings ask for one."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

from klantbeeld.errors import ConfigurationError
from klantbeeld.settings_sharing import RedisSettings

if TYPE_CHECKING:
    from redis.asyncio import Redis


def open_redis(settings: RedisSettings | None, *, where: str, patience: float = 0.0) -> "Redis":
    """Make the client of a server; nothing is connected yet, and whoever gets it closes it.

    Its own retries are off: a server that does not answer at once is done without. `patience` is for commands that
    wait at the server, in seconds. Raises ConfigurationError where no server is named, or the driver is not installed;
    `where` is the setting that asks for it.
    """
    if settings is None:
        raise ConfigurationError(
            where, "needs a server, and there is no section `redis`", 'Add redis.url = "redis://…"'
        )
    module = driver(where)
    client: Redis = module.Redis.from_url(
        settings.url,
        socket_timeout=settings.timeout + patience,
        socket_connect_timeout=settings.timeout,
        retry=module.retry.Retry(redis_backoff(), 0),
    )
    return client


def redis_backoff() -> Any:
    """Make the policy of waiting that goes with no retries."""
    from redis.backoff import NoBackoff  # noqa: PLC0415  # see `driver`

    return NoBackoff()


def driver(where: str) -> ModuleType:
    """Import the client of Redis; raises ConfigurationError where it is not installed."""
    try:
        import redis.asyncio.retry  # noqa: PLC0415  # an extra: only replicas that share a server need it
    except ImportError as error:
        mend = "Install it: pip install 'klantbeeld[redis]'"
        raise ConfigurationError(where, "the client of Redis is not installed", mend) from error
    module: ModuleType = redis.asyncio
    return module
