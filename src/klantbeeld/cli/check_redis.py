"""Looks at the server of the cache: what is cached must not outlive its time on that server's disk."""

from collections.abc import Iterator
from importlib.util import find_spec

from klantbeeld.settings import Settings
from klantbeeld.settings_file import Finding

WHERE = "cache.backend"
MEND = 'Switch it off: CONFIG SET save "" and CONFIG SET appendonly no, and in its configuration file'


def persistence_of(settings: Settings) -> Iterator[Finding]:
    """Advise against a server that writes to disk, or does not tell; says nothing where no server is used."""
    if settings.cache.backend != "redis" or not settings.cache.is_on or settings.redis is None:
        return
    if find_spec("redis") is None:  # which the other checks find
        return
    import redis  # noqa: PLC0415  # an extra: only a cache in Redis needs it

    wait = settings.redis.timeout
    client = redis.Redis.from_url(settings.redis.url, socket_timeout=wait, socket_connect_timeout=wait)
    try:
        found = {**client.config_get("save"), **client.config_get("appendonly")}
    except redis.ResponseError:
        yield Finding(WHERE, "the server does not tell whether it writes to disk", MEND, stops=False)
    except redis.RedisError:
        mend = "Until it answers, every operation asks the sources"
        yield Finding("redis.url", "the server cannot be reached", mend, stops=False)
    else:
        persists = [
            name for name, is_on in (("save", found["save"]), ("appendonly", found["appendonly"] == "yes")) if is_on
        ]
        if persists:
            problem = f"the server writes what is cached to disk ({' and '.join(persists)})"
            yield Finding(WHERE, problem, MEND, stops=False)
    finally:
        client.close()
