"""Transport: how one HTTP exchange with a source is carried out; the links of the chain stand around it."""

import asyncio
import importlib.util
import ssl
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import anyio
import httpcore
import httpx

from klantbeeld.errors import ConfigurationError, SourceError, SourceInvalid, SourceTimeout, SourceUnavailable
from klantbeeld.sdk.replies import Reply
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.tls import trust
from klantbeeld.sources.uninterrupted import seen
from klantbeeld.sources.wire import Limits, Origin, Wire
from klantbeeld.sources.wire.coding import decompress, supported
from klantbeeld.sources.wire.request import user_agent, write_request

_TRANSLATION: tuple[tuple[type[httpx.TransportError], type[SourceError], bool], ...] = (
    (httpx.ConnectTimeout, SourceTimeout, False),
    (httpx.PoolTimeout, SourceTimeout, False),
    (httpx.TimeoutException, SourceTimeout, True),
    (httpx.ConnectError, SourceUnavailable, False),
    (httpx.ProxyError, SourceUnavailable, False),
    (httpx.UnsupportedProtocol, SourceUnavailable, False),
    (httpx.LocalProtocolError, SourceInvalid, False),
    (httpx.RemoteProtocolError, SourceInvalid, True),
    (httpx.TransportError, SourceUnavailable, True),
)
"""What httpx's errors are here, and whether a byte may have been sent; the first that fits."""

_CLOSED_HERE = "the gateway has closed its connections"
# What httpcore and h11 call a connection that ended early, or had ended before it was used again.
_CLOSED = ("Server disconnected", "peer closed connection", "can't handle event type ConnectionClosed")


class Transport(Protocol):
    """One source's way of being reached; lives as long as the source is configured."""

    async def exchange(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes = b"",
        *,
        deadline: float,
    ) -> Reply:
        """Send a request, once, and give the whole answer, whatever its status; redirects are not followed.

        `target` is path and query, quoted (origin-form, RFC 9112, section 3.2.1). `deadline` is in the loop's time.
        Raise SourceTimeout, SourceUnavailable or SourceInvalid, whose `sent` says whether a byte may have reached the
        source, and `is_lost` whether a connection ended before an answer began.
        """

    async def aclose(self) -> None:
        """Close every connection."""


def open_transport(source: SourceSettings, *, address: str | None = None) -> Transport:
    """Make the transport that the source's settings ask for. Raise ConfigurationError; nothing is connected yet.

    It reaches the source's own origin, or that of another `address` of the same system, such as where it gives tokens.
    """
    origin = Origin.of(address or source.base_url)
    limits = _limits(source)
    tls = None
    if origin.scheme == "https":
        tls = trust(source.ca_bundle, certificate=source.client_certificate, key=source.client_key)
    return Wire(origin, limits, tls=tls) if source.transport == "wire" else HttpxTransport(origin, limits, tls=tls)


def _limits(source: SourceSettings) -> Limits:
    return Limits(
        connect=source.connect_timeout,
        first_byte=source.first_byte_timeout or source.timeout,
        whole=source.timeout,
        connections=source.max_connections,
        body=source.max_body_bytes,
        content=source.max_body_bytes,
        **source.connections.model_dump(),
    )


class HttpxTransport:
    """The same over httpx: for proxies (`HTTPS_PROXY`, `NO_PROXY`), for HTTP/2 where `h2` is installed, and for tests.

    A connection that ends within the head of an answer counts as lost before it: httpcore does not tell the two apart.

    `inner` is any `httpx.AsyncBaseTransport`, such as `httpx.MockTransport`; without it httpx's own is used.
    """

    def __init__(
        self,
        origin: Origin,
        limits: Limits | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._origin = origin
        self._limits = limits or Limits()
        proxy = None if inner else _proxy(origin)
        self._inner = inner or _default_transport(self._limits, tls, proxy)
        self._sends_target = proxy is None
        self._tells_progress = isinstance(self._inner, httpx.AsyncHTTPTransport)
        self._is_closed = False
        self._going: dict[asyncio.Task[Reply | None], anyio.CancelScope] = {}
        self._constant = (
            (b"host", origin.authority.encode("ascii")),
            (b"accept-encoding", ", ".join(supported()).encode("ascii")),
            (b"user-agent", user_agent()),
        )
        self._timeouts = httpx.Timeout(
            self._limits.whole, connect=self._limits.connect, read=self._limits.first_byte
        ).as_dict()

    async def exchange(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes = b"",
        *,
        deadline: float,
    ) -> Reply:
        """Send a request and give the whole answer, as `Transport.exchange` says."""
        if self._is_closed:
            raise SourceUnavailable(f"{self._origin}: {_CLOSED_HERE}", sent=False)
        progress = _Progress(sent=not self._tells_progress)
        request = self._request(method, target, headers, body)
        request.extensions["trace"] = progress.follow
        scope = anyio.CancelScope(deadline=min(deadline, asyncio.get_running_loop().time() + self._limits.whole))
        going = asyncio.create_task(self._carry_out(request, scope))
        self._going[going] = scope
        going.add_done_callback(self._over)
        try:
            reply = await asyncio.shield(going)
        except asyncio.CancelledError:
            scope.cancel()
            raise
        except httpx.TransportError as error:
            raise _translated(error, self._origin, progress) from error
        if reply is not None:
            return reply
        if self._is_closed:
            raise SourceUnavailable(f"{self._origin}: {_CLOSED_HERE}", sent=progress.sent)
        raise SourceTimeout(f"{self._origin}: no whole answer in time", sent=progress.sent)

    async def aclose(self) -> None:
        """Close every connection; calls under way end with SourceUnavailable."""
        self._is_closed = True
        for scope in self._going.values():
            scope.cancel()
        await asyncio.gather(*self._going, return_exceptions=True)
        await self._inner.aclose()

    async def _carry_out(self, request: httpx.Request, scope: anyio.CancelScope) -> Reply | None:
        """Carry out an exchange in a task of its own; None where its scope was cancelled.

        httpcore cleans up behind a cancelled scope, and not behind a cancelled task: then it counts the connection as
        used for ever (https://github.com/encode/httpcore/issues/830).
        """
        with scope:
            return await self._read(request, await self._inner.handle_async_request(request))
        await self._reap()
        return None

    async def _reap(self) -> None:
        """Give up connections that no request holds, and that httpcore nevertheless takes for used."""
        pool: Any = getattr(self._inner, "_pool", None)
        if not isinstance(pool, httpcore.AsyncConnectionPool):
            return
        held = {request.connection for request in pool._requests}  # noqa: SLF001 - httpcore has no other way to ask
        kept = pool._connections  # noqa: SLF001 - nor to give one up
        lost = [one for one in kept if one not in held and not (one.is_idle() or one.is_closed() or one.has_expired())]
        for one in lost:
            kept.remove(one)
            await one.aclose()

    def _over(self, going: "asyncio.Task[Reply | None]") -> None:
        del self._going[going]
        seen(going)  # who asked may be gone

    def _request(self, method: str, target: str, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> httpx.Request:
        """Make httpx's request, after the checks that the wire makes.

        The target is sent as it is, except to a proxy, for which httpcore has to write another one.
        """
        write_request(method, target, headers, body, constant=b"", agent=b"")
        named = {name.lower() for name, _ in headers}
        extensions: dict[str, Any] = {"timeout": self._timeouts}
        if self._sends_target:
            extensions["target"] = target.encode("ascii")
        try:
            return httpx.Request(
                method,
                f"{self._origin}{target}",
                headers=[*(line for line in self._constant if line[0] not in named), *headers],
                content=body or None,
                extensions=extensions,
            )
        except (httpx.InvalidURL, UnicodeError) as error:
            raise SourceInvalid(f"{self._origin}: the target of the request is none to httpx", sent=False) from error

    async def _read(self, request: httpx.Request, response: httpx.Response) -> Reply:
        limit, size, chunks = self._limits.body, 0, []
        stream = cast("httpx.AsyncByteStream", response.stream)  # as sent: httpx would decompress without a limit
        try:
            async for chunk in stream:
                size += len(chunk)
                if size > limit:
                    raise SourceInvalid(f"{self._origin}: the answer is larger than {limit} bytes")
                chunks.append(chunk)
        finally:
            await stream.aclose()
        if self._is_cut(request, response):
            raise SourceUnavailable(f"{self._origin}: nothing proves that the answer is whole")
        body = b"".join(chunks)
        headers = tuple((name.lower(), value) for name, value in response.headers.raw)
        if codings := b",".join(value for name, value in headers if name == b"content-encoding"):
            body = decompress(body, codings, limit=self._limits.content)
        return Reply(response.status_code, headers, body)

    def _is_cut(self, request: httpx.Request, response: httpx.Response) -> bool:
        """Say whether a body may have been cut off by somebody between us: it ends where TLS does, and was not sealed.

        httpcore does not tell how TLS ended (RFC 9112, section 9.8), so such an answer is never taken.
        """
        if self._origin.scheme != "https" or not self._tells_progress:
            return False
        is_framed = "content-length" in response.headers or "transfer-encoding" in response.headers
        has_body = request.method != "HEAD" and response.status_code not in {204, 304}
        return has_body and not is_framed and response.extensions.get("http_version") in {b"HTTP/1.0", b"HTTP/1.1"}


class _Progress:
    """Whether the request has begun to leave and awaits its answer, as httpcore tells it; lives as long as a request.

    What is said to a proxy, so as to reach the source, is none of it.
    """

    def __init__(self, *, sent: bool) -> None:
        self.sent = sent
        self.awaits = False

    async def follow(self, event: str, details: Mapping[str, Any]) -> None:
        """Hear of an event (httpcore's `trace` extension)."""
        if event.endswith("send_request_headers.started"):
            self.sent = self.awaits = details["request"].method != b"CONNECT"
        elif event.endswith("receive_response_headers.complete"):
            self.awaits = False


def _default_transport(limits: Limits, tls: ssl.SSLContext | None, proxy: str | None) -> httpx.AsyncHTTPTransport:
    return httpx.AsyncHTTPTransport(
        verify=tls or trust(),
        http2=importlib.util.find_spec("h2") is not None,
        limits=httpx.Limits(
            max_connections=limits.connections,
            max_keepalive_connections=limits.connections,
            keepalive_expiry=limits.idle,
        ),
        proxy=proxy,
    )


def _proxy(origin: Origin) -> str | None:
    """Find the proxy that the environment names for this origin (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`)."""
    proxies = urllib.request.getproxies()
    if urllib.request.proxy_bypass(f"{origin.host}:{origin.port}"):
        return None
    proxy = proxies.get(origin.scheme) or proxies.get("all")
    if proxy and "://" not in proxy:
        return f"http://{proxy}"
    if proxy and not proxy.startswith(("http://", "https://")):
        problem = f"the proxy of {origin} is none of HTTP"
        raise ConfigurationError(
            f"{origin.scheme.upper()}_PROXY", problem, "Write http://HOST:PORT or https://HOST:PORT"
        )
    return proxy


def _translated(error: httpx.TransportError, origin: Origin, progress: _Progress) -> SourceError:
    ours, sent = next((ours, sent) for kind, ours, sent in _TRANSLATION if isinstance(error, kind))
    if isinstance(error, httpx.RemoteProtocolError) and str(error).startswith(_CLOSED):
        ours = SourceUnavailable
    problem = ours(f"{origin}: {type(error).__name__}", sent=sent and progress.sent)
    if isinstance(problem, SourceUnavailable):
        problem.is_lost = progress.awaits
    return problem
