"""The keys of one issuer: kept while they are fresh, read again when they are old or a token names a new one."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import httpx
import structlog

from klantbeeld.access.jwks import MAX_BYTES, VerificationKey, read_key_set
from klantbeeld.errors import IssuerError, Overloaded
from klantbeeld.settings_source import RetrySettings
from klantbeeld.sources.retry import PASSING, Retry

PAUSE = 10.0  # seconds between two attempts: what an unknown key id may cost the issuer
PATIENCE = 5.0  # seconds that an attempt may take

Clock = Callable[[], float]
Read = Callable[[], Awaitable[bytes]]
Get = Callable[[str], Awaitable[bytes]]

log = structlog.get_logger(__name__)


class IssuerKeys:
    """One issuer's keys; lives as long as the app, belongs to one event loop.

    `generation` counts the changes of the set: a key that was verified with in an earlier generation may be gone.
    """

    def __init__(self, issuer: str, read: Read, *, clock: Clock, max_age: float = 600.0) -> None:
        self.issuer = issuer
        self.generation = 0
        self._read = read
        self._clock = clock
        self._max_age = max_age
        self._keys: Mapping[str, VerificationKey] = MappingProxyType({})
        self._body: bytes | None = None
        self._fresh_until = float("-inf")
        self._next_attempt = float("-inf")
        self._failed = False
        self._refreshing: asyncio.Task[None] | None = None

    @property
    def fresh_until(self) -> float:
        """Until when nothing is read again for a known key, by the clock that was handed in."""
        return self._fresh_until

    async def find(self, key_id: str) -> VerificationKey | None:
        """Give the key of that id; None when the issuer has none.

        Reads the keys again when they are old or do not have it, once for all who wait, and not more often than every
        `PAUSE` seconds. While the issuer cannot be reached its last keys stay good. Raises Overloaded with
        ISSUER_UNAVAILABLE when only the issuer, which did not answer, could tell.
        """
        if self._needs_reading(key_id):
            await self._refresh()
        key = self._keys.get(key_id)
        if key is None and self._failed:
            raise Overloaded(
                f"the keys of {self.issuer} could not be read", retry_after=int(PAUSE), code="ISSUER_UNAVAILABLE"
            )
        return key

    async def close(self) -> None:
        """Give up a reading that is under way."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.wait([self._refreshing])

    def _needs_reading(self, key_id: str) -> bool:
        now = self._clock()
        if now >= self._fresh_until:
            return True
        return key_id not in self._keys and (self._refreshing is not None or now >= self._next_attempt)

    async def _refresh(self) -> None:
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._attempt())
            self._refreshing.add_done_callback(self._forget)
        await asyncio.shield(self._refreshing)  # one caller that goes away must not fail the others

    def _forget(self, _: asyncio.Task[None]) -> None:
        self._refreshing = None

    async def _attempt(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                body = await self._read()
            if body != self._body:
                self._keys, self._body = read_key_set(body), body
                self.generation += 1
        except (IssuerError, OSError) as error:  # TimeoutError is an OSError
            log.warning("issuer_keys_not_read", issuer=self.issuer, error=error)
            self._failed, wait = True, PAUSE
        else:
            self._failed, wait = False, self._max_age
        now = self._clock()
        self._next_attempt = now + PAUSE
        self._fresh_until = now + wait


def from_file(path: Path) -> Read:
    """Read keys from a file, each time anew: replacing the file rotates them."""

    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)

    return lambda: asyncio.to_thread(read)


def from_address(url: str, get: Get) -> Read:
    """Read keys from an address through `get`, which raises IssuerError or OSError when it cannot."""
    return lambda: get(url)


def over_http(client: httpx.AsyncClient, retry: RetrySettings | None = None) -> Get:
    """Give the `get` that asks with httpx; it follows no redirect and stops at the largest key set.

    What may be over in a moment is asked again, as `retry` says.
    """
    retrying = Retry(retry or RetrySettings(), clock=time.monotonic, is_passing=_is_passing)

    async def get(url: str) -> bytes:
        deadline = time.monotonic() + PATIENCE
        try:
            return await _fetched(client, url)
        except IssuerError as problem:
            return await retrying.again(problem, lambda: _fetched(client, url), deadline)

    return get


async def _fetched(client: httpx.AsyncClient, url: str) -> bytes:
    try:
        async with client.stream("GET", url, headers={"accept": "application/json"}) as response:
            if response.status_code != httpx.codes.OK:
                is_passing = response.status_code in PASSING
                raise IssuerError(f"the key set was answered with {response.status_code}", is_passing=is_passing)
            return await _limited(response)
    except httpx.HTTPError as error:
        is_passing = isinstance(error, httpx.TransportError)
        raise IssuerError(f"the key set could not be fetched: {type(error).__name__}", is_passing=is_passing) from error


def _is_passing(problem: BaseException) -> bool:
    return isinstance(problem, IssuerError) and problem.is_passing


async def _limited(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_BYTES:
            raise IssuerError(f"the key set is longer than {MAX_BYTES} bytes")
    return bytes(body)
