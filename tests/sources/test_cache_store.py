"""Where cached values lie: bounded in memory, encrypted in Redis, and absent where a server fails."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from klantbeeld.settings import RedisSettings
from klantbeeld.sources.cache_redis import OverRedis
from klantbeeld.sources.cache_store import LEFT_ALONE, OVERHEAD, BoundedMemory, CacheStore
from klantbeeld.store.redis_server import open_redis

pytestmark = pytest.mark.asyncio

KEY = b"k" * 32


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def redis(redis_url: str, clock: Clock) -> AsyncIterator[CacheStore]:
    store = CacheStore(OverRedis(open_redis(RedisSettings(url=redis_url, timeout=5), where=""), KEY), clock=clock)
    yield store
    await store.aclose()


def memory(clock: Clock, *, values: int = 10) -> BoundedMemory:
    """Give room for so many values of ten bytes under keys of one."""
    return BoundedMemory(values * (OVERHEAD + 11), clock=clock)


async def test_a_value_is_there_until_its_time_is_over(clock: Clock) -> None:
    store = CacheStore(memory(clock), clock=clock)
    await store.keep({"a": b"value"}, 10)
    clock.seconds = 9.9
    assert await store.look(["a", "b"]) == {"a": b"value"}

    clock.seconds = 10
    assert await store.look(["a", "b"]) == {}


async def test_memory_holds_no_more_than_its_bound_and_drops_what_was_used_longest_ago(clock: Clock) -> None:
    kept = memory(clock, values=3)
    store = CacheStore(kept, clock=clock)
    for key in "abc":
        await store.keep({key: b"0123456789"}, 60)
    await store.look(["a"])
    await store.keep({"d": b"0123456789"}, 60)

    assert set(await store.look(list("abcd"))) == {"a", "c", "d"}
    assert kept.size == 3 * (OVERHEAD + 11)


async def test_a_value_larger_than_the_bound_is_not_kept(clock: Clock) -> None:
    kept = memory(clock, values=1)
    store = CacheStore(kept, clock=clock)
    await store.keep({"a": b"x" * 10_000}, 60)

    assert await store.look(["a"]) == {}
    assert kept.size == 0


async def test_what_replaces_a_value_takes_its_place_only(clock: Clock) -> None:
    kept = memory(clock)
    store = CacheStore(kept, clock=clock)
    for value in (b"0123456789", b"9876543210"):
        await store.keep({"a": value}, 60)

    assert await store.look(["a"]) == {"a": b"9876543210"}
    assert kept.size == OVERHEAD + 11


async def test_one_of_many_is_the_first(clock: Clock) -> None:
    store = CacheStore(memory(clock), clock=clock)

    assert [await store.is_first("a", 2) for _ in range(3)] == [True, False, False]
    clock.seconds = 2
    assert await store.is_first("a", 2)


async def test_values_in_redis_are_encrypted_and_end_by_themselves(redis: CacheStore, redis_url: str) -> None:
    await redis.keep({"a": b"Sanne de Wit"}, 60)
    assert await redis.look(["a", "b"]) == {"a": b"Sanne de Wit"}

    async with open_redis(RedisSettings(url=redis_url), where="") as client:
        (key,) = await client.keys("*")
        assert b"Sanne" not in bytes(await client.get(key) or b"")  # type: ignore[arg-type]  # it decodes nothing
        assert 0 < await client.ttl(key) <= 60


async def test_a_value_in_redis_under_another_key_or_changed_is_not_there(
    redis: CacheStore, redis_url: str, clock: Clock
) -> None:
    await redis.keep({"a": b"value", "b": b"value"}, 60)
    async with open_redis(RedisSettings(url=redis_url), where="") as client:
        for key in await client.keys("*:b"):
            value: Any = await client.get(key)
            await client.set(key, b"x" + value[1:])
        other = CacheStore(OverRedis(client, b"o" * 32), clock=clock)

        assert await redis.look(["a", "b"]) == {"a": b"value"}
        assert await other.look(["a"]) == {}


async def test_replicas_agree_on_who_is_first(redis: CacheStore) -> None:
    assert [await redis.is_first("a", 2.0) for _ in range(2)] == [True, False]


async def test_a_server_that_fails_is_left_alone_for_a_moment(clock: Clock) -> None:
    client = open_redis(RedisSettings(url="redis://127.0.0.1:1/0", timeout=0.2), where="")
    store = CacheStore(OverRedis(client, KEY), clock=clock)
    clock.seconds = 100

    assert await store.look(["a"]) == {}
    assert not store._is_reachable
    await store.keep({"a": b"value"}, 60)
    clock.seconds = 100 + LEFT_ALONE
    assert store._is_reachable
    assert await store.is_first("a", 2)
    await store.aclose()
