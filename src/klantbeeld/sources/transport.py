"""Transport: how one HTTP exchange with a source is carried out; the links of the chain stand around it."""

import asyncio
import importlib.util
import ssl
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import httpx

from klantbeeld.errors import ConfigurationError, SourceError, SourceInvalid, SourceTimeout, SourceUnavailable
from klantbeeld.sdk.replies import Reply
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.tls import trust
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

_CLOSED = ("Server disconnected", "peer closed connection")  # what httpcore and h11 call a connection that ended early


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
        progress = _Progress(sent=not self._tells_progress)
        request = self._request(method, target, headers, body)
        request.extensions["trace"] = progress.follow
        until = min(deadline, asyncio.get_running_loop().time() + self._limits.whole)
        try:
            async with asyncio.timeout_at(until):
                return await self._read(await self._inner.handle_async_request(request))
        except TimeoutError as error:
            raise SourceTimeout(f"{self._origin}: no whole answer in time", sent=progress.sent) from error
        except httpx.TransportError as error:
            raise _translated(error, self._origin, progress) from error

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()

    def _request(self, method: str, target: str, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> httpx.Request:
        """Make httpx's request, after the checks that the wire makes.

        The target is sent as it is, except to a proxy, for which httpcore has to write another one.
        """
        write_request(method, target, headers, body, constant=b"", agent=b"")
        named = {name.lower() for name, _ in headers}
        extensions: dict[str, Any] = {"timeout": self._timeouts}
        if self._sends_target:
            extensions["target"] = target.encode("ascii")
        return httpx.Request(
            method,
            f"{self._origin}{target}",
            headers=[*(line for line in self._constant if line[0] not in named), *headers],
            content=body or None,
            extensions=extensions,
        )

    async def _read(self, response: httpx.Response) -> Reply:
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
        body = b"".join(chunks)
        headers = tuple((name.lower(), value) for name, value in response.headers.raw)
        if codings := b",".join(value for name, value in headers if name == b"content-encoding"):
            body = decompress(body, codings, limit=self._limits.content)
        return Reply(response.status_code, headers, body)


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
