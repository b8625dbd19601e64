"""The wire: requests to one source over its pool of kept-alive connections."""

import asyncio
import ssl
from collections.abc import Callable

import httpx

from klantbeeld.errors import ConfigurationError, SourceError, SourceInvalid, SourceTimeout, SourceUnavailable
from klantbeeld.sdk.replies import Reply
from klantbeeld.sources.tls import trust
from klantbeeld.sources.wire.coding import supported
from klantbeeld.sources.wire.dial import Dialler
from klantbeeld.sources.wire.limits import Limits
from klantbeeld.sources.wire.origin import Origin
from klantbeeld.sources.wire.pool import Pool
from klantbeeld.sources.wire.request import OURS, Headers, user_agent, write_request

_CHANGED_BY_DECOMPRESSION = frozenset({b"content-encoding", b"content-length"})
_HTTPX: dict[tuple[type[SourceError], bool], type[httpx.TransportError]] = {
    (SourceTimeout, False): httpx.ConnectTimeout,
    (SourceTimeout, True): httpx.ReadTimeout,
    (SourceUnavailable, False): httpx.ConnectError,
    (SourceUnavailable, True): httpx.ReadError,
    (SourceInvalid, False): httpx.LocalProtocolError,
    (SourceInvalid, True): httpx.RemoteProtocolError,
}
"""What httpx calls our errors, by kind and by whether anything was sent."""


class Wire(httpx.AsyncBaseTransport):
    """HTTP/1.1 to one origin, for as long as the source is configured; close it with `aclose`.

    `exchange` is the way for our own calls; `handle_async_request` is the same for whoever has an `httpx.AsyncClient`.
    It belongs to the event loop that first uses it.
    """

    def __init__(
        self,
        origin: Origin,
        limits: Limits | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        compressed: bool = True,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._origin = origin
        self._limits = limits or Limits()
        self._tls = None if origin.scheme == "http" else tls or trust()
        if self._tls is not None:
            self._tls.set_alpn_protocols(["http/1.1"])
        codings = ", ".join(supported()) if compressed else "identity"
        self._constant = f"host: {origin.authority}\r\naccept-encoding: {codings}\r\n".encode("ascii")
        self._agent = user_agent()
        self._clock = clock
        self._opened: Pool | None = None

    async def exchange(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: bytes = b"",
        *,
        deadline: float,
    ) -> Reply:
        """Send a request and wait for the whole answer, as `Transport.exchange` says."""
        exchange = (self._opened or self._pool).begin(
            write_request(method, target, headers, body, constant=self._constant, agent=self._agent),
            deadline=deadline,
            is_head=method == "HEAD",
        )
        try:
            return await exchange.answer
        except asyncio.CancelledError:
            self._pool.cancel(exchange)
            raise
        finally:
            del exchange  # it holds the error whose traceback holds this frame: a cycle

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request of httpx's. Its read time-out is the time for the whole exchange, if the limits allow as much.

        The body comes decompressed, and so without Content-Encoding and Content-Length.
        """
        if not self._reaches(request.url):
            raise httpx.UnsupportedProtocol(f"this transport reaches {self._origin} only", request=request)
        clock = self._clock or asyncio.get_running_loop().time
        seconds = request.extensions.get("timeout", {}).get("read") or self._limits.whole
        target = request.extensions.get("target", request.url.raw_path)
        headers = [(name, value) for name, value in request.headers.raw if name.lower() not in OURS]
        body = await request.aread()
        try:
            reply = await self.exchange(
                request.method, target.decode("latin-1"), headers, body, deadline=clock() + seconds
            )
        except SourceError as error:
            kind = next(kind for kind, _ in _HTTPX if isinstance(error, kind))
            raise _HTTPX[kind, error.sent](error.detail, request=request) from error
        return _response(reply)

    async def aclose(self) -> None:
        """Close every connection; calls under way end with SourceUnavailable."""
        if self._opened is not None:
            await self._opened.aclose()

    @property
    def _pool(self) -> Pool:
        """The pool; made by the first request, because it belongs to that request's loop."""
        if self._opened is None:
            clock = self._clock or asyncio.get_running_loop().time
            self._opened = Pool(str(self._origin), Dialler(self._origin, self._tls), self._limits, clock)
        return self._opened

    def _reaches(self, url: httpx.URL) -> bool:
        try:
            return Origin.of(url) == self._origin
        except ConfigurationError:
            return False


def _response(reply: Reply) -> httpx.Response:
    headers = list(reply.headers)
    if reply.header("content-encoding") is not None:
        headers = [(name, value) for name, value in headers if name not in _CHANGED_BY_DECOMPRESSION]
    return httpx.Response(
        reply.status,
        headers=headers,
        stream=httpx.ByteStream(reply.body),
        extensions={"http_version": b"HTTP/1.1"},
    )
