"""What `klantbeeld check` says of the cache's server."""

import redis

from klantbeeld.cli.check_redis import persistence_of
from klantbeeld.settings import Settings


def settings(url: str, **cache: object) -> Settings:
    return Settings.model_validate(
        {"redis": {"url": url, "timeout": 2}, "cache": {"backend": "redis", "max_age": 60, **cache}}
    )


def test_a_server_that_keeps_nothing_on_disk_is_fine(redis_url: str) -> None:
    assert list(persistence_of(settings(redis_url))) == []


def test_a_server_that_writes_to_disk_is_advised_against(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    client.config_set("save", "60 1")
    client.config_set("appendonly", "yes")
    try:
        (finding,) = persistence_of(settings(redis_url))
    finally:
        client.config_set("save", "")
        client.config_set("appendonly", "no")
        client.close()

    assert finding.where == "cache.backend"
    assert "save and appendonly" in finding.problem
    assert not finding.stops


def test_a_server_that_cannot_be_reached_is_told_and_stops_nothing() -> None:
    (finding,) = persistence_of(settings("redis://127.0.0.1:1/0"))

    assert (finding.where, finding.stops) == ("redis.url", False)


def test_nobody_is_asked_where_nothing_is_cached_there() -> None:
    assert list(persistence_of(Settings())) == []
    assert list(persistence_of(settings("redis://127.0.0.1:1/0", max_age=0))) == []
