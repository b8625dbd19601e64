"""Dial: from a name to a connection, TLS included, within one time-out."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from klantbeeld.errors import SourceTimeout, SourceUnavailable
from klantbeeld.sources.uninterrupted import seen
from klantbeeld.sources.wire.connection import Connection
from klantbeeld.sources.wire.origin import Origin

_GOODBYE = 1.0  # seconds that a peer has to answer our close_notify; nothing waits for it

Address = str
LookUp = Callable[..., Awaitable[Any]]  # with the parameters and the answer of loop.getaddrinfo


class Dialler:
    """Opens connections to one origin.

    The name is resolved anew for each opening, so changes of DNS are followed; openings at the same time share one
    look-up, so a name server that hangs holds one thread of this source and not all of them. `look_up` takes the place
    of the loop's `getaddrinfo`.
    """

    def __init__(self, origin: Origin, tls: ssl.SSLContext | None, *, look_up: LookUp | None = None) -> None:
        self._origin = origin
        self._tls = tls
        self._look_up = look_up or asyncio.get_running_loop().getaddrinfo
        self._looking_up: asyncio.Task[tuple[Address, ...]] | None = None

    async def open(self, make: Callable[[], Connection], *, seconds: float) -> Connection:
        """Connect, trying each address in turn. Raise SourceTimeout or SourceUnavailable, never sent."""
        until = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(until):
                addresses = await self._resolve()
            return await self._first_of(addresses, make, until)
        except TimeoutError as error:
            raise SourceTimeout(f"{self._origin}: no connection within {seconds:g} s", sent=False) from error
        except (OSError, UnicodeError) as error:
            raise SourceUnavailable(f"{self._origin}: no connection: {_reason(error)}", sent=False) from error

    def close(self) -> None:
        """Wait for no look-up any more."""
        if self._looking_up is not None:
            self._looking_up.cancel()

    async def _first_of(
        self, addresses: tuple[Address, ...], make: Callable[[], Connection], until: float
    ) -> Connection:
        """Give each address its share of the time that is left, so that a dead first one does not use up all."""
        loop = asyncio.get_running_loop()
        last: OSError = OSError("the name has no address")
        for tried, address in enumerate(addresses):
            now = loop.time()
            try:
                async with asyncio.timeout_at(now + (until - now) / (len(addresses) - tried)):
                    return await self._connect(address, make)
            except OSError as error:  # TimeoutError and the errors of ssl are among them
                last = error
        raise last

    async def _connect(self, address: Address, make: Callable[[], Connection]) -> Connection:
        loop = asyncio.get_running_loop()
        if self._tls is None:
            _, connection = await loop.create_connection(make, address, self._origin.port)
        else:
            _, connection = await loop.create_connection(
                make,
                address,
                self._origin.port,
                ssl=self._tls,
                server_hostname=self._origin.host,
                ssl_shutdown_timeout=_GOODBYE,
            )
        return connection

    async def _resolve(self) -> tuple[Address, ...]:
        if self._looking_up is None or self._looking_up.done():
            self._looking_up = asyncio.get_running_loop().create_task(self._addresses())
            self._looking_up.add_done_callback(seen)  # those who asked may be gone when it fails
        return await asyncio.shield(self._looking_up)

    async def _addresses(self) -> tuple[Address, ...]:
        found = await self._look_up(self._origin.host, self._origin.port, type=socket.SOCK_STREAM)
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def _reason(error: Exception) -> str:
    """Say what went wrong without any text of the peer's."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason}"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
