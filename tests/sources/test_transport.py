"""The same exchange over httpx: for proxies, HTTP/2 and tests."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from tests.sources.wire.conftest import Peer, Serve, serve, soon

from klantbeeld.errors import ConfigurationError, SourceError, SourceInvalid, SourceTimeout, SourceUnavailable
from klantbeeld.settings import Bilingual, SourceSettings
from klantbeeld.settings_source import ConnectionSettings
from klantbeeld.sources.transport import HttpxTransport, open_transport
from klantbeeld.sources.wire import Limits, Origin, Wire

CRM = Origin.of("https://crm.example")
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
Handler = Callable[[httpx.Request], Any]

__all__ = ["serve"]


def over(handler: Handler, **limits: Any) -> HttpxTransport:
    return HttpxTransport(CRM, Limits(**limits), inner=httpx.MockTransport(handler))


def settings(**more: Any) -> SourceSettings:
    return SourceSettings(
        connector="dataverse",
        base_url=more.pop("base_url", "https://crm.example"),
        importance="essential",
        risk_when_missing=Bilingual(nl="-", en="-"),
        hosted_in="NL",
        processor="-",
        retention="-",
        **more,
    )


@pytest.mark.asyncio
async def test_respx_answers_for_a_source() -> None:
    router = respx.Router()
    route = router.get("https://crm.example/customers/a%2Fb", params={"q": "1"}).respond(
        json={"id": "1"}, headers={"X-Version": "7"}
    )
    transport = HttpxTransport(CRM, inner=httpx.MockTransport(router.async_handler))
    reply = await transport.exchange("GET", "/customers/a%2Fb?q=1", [(b"accept", b"text/x")], deadline=soon())
    assert (reply.status, reply.body, reply.header("x-version")) == (200, b'{"id":"1"}', "7")
    assert route.calls.last.request.headers["accept"] == "text/x"
    assert all(name == name.lower() for name, _ in reply.headers)


@pytest.mark.asyncio
async def test_a_compressed_answer_is_delivered_as_its_content_within_the_limit() -> None:
    def compressed(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Pieces(gzip.compress(b"hello" * 1_000)))

    assert (await over(compressed).exchange("GET", "/", (), deadline=soon())).body == b"hello" * 1_000
    with pytest.raises(SourceInvalid, match="after decompression"):
        await over(compressed, content=4_999).exchange("GET", "/", (), deadline=soon())


@pytest.mark.asyncio
async def test_a_body_beyond_the_limit_is_not_read_to_its_end() -> None:
    endless = Pieces(*[b"x" * 1_000] * 100)
    with pytest.raises(SourceInvalid, match="larger than 3000 bytes"):
        await over(lambda _: httpx.Response(200, stream=endless), body=3_000).exchange("GET", "/", (), deadline=soon())
    assert (endless.taken, endless.is_closed) == (4, True)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("error", "ours", "sent"),
    [
        (httpx.ConnectTimeout("secret"), SourceTimeout, False),
        (httpx.PoolTimeout("secret"), SourceTimeout, False),
        (httpx.ReadTimeout("secret"), SourceTimeout, True),
        (httpx.WriteTimeout("secret"), SourceTimeout, True),
        (httpx.ConnectError("secret"), SourceUnavailable, False),
        (httpx.ProxyError("secret"), SourceUnavailable, False),
        (httpx.ReadError("secret"), SourceUnavailable, True),
        (httpx.WriteError("secret"), SourceUnavailable, True),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), SourceUnavailable, True),
        (httpx.RemoteProtocolError("illegal status line: secret"), SourceInvalid, True),
        (httpx.LocalProtocolError("secret"), SourceInvalid, False),
    ],
)
async def test_httpxs_errors_become_ours_without_their_text(
    error: httpx.TransportError, ours: type[SourceError], *, sent: bool
) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(ours) as raised:
        await over(fail).exchange("GET", "/", (), deadline=soon())
    assert raised.value.sent is sent
    assert "secret" not in raised.value.detail
    assert raised.value.__cause__ is error


@pytest.mark.asyncio
async def test_the_deadline_ends_it() -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(SourceTimeout) as raised:
        await over(never).exchange("GET", "/", (), deadline=asyncio.get_running_loop().time() + 0.01)
    assert raised.value.sent


@pytest.mark.asyncio
async def test_what_the_wire_refuses_to_send_is_refused_here() -> None:
    transport = over(lambda _: httpx.Response(200))
    for target, headers in (("/a\r\nb", []), ("/", [(b"x", b"a\r\nb")]), ("/", [(b"content-length", b"5")])):
        with pytest.raises(SourceInvalid) as raised:
            await transport.exchange("GET", target, headers, deadline=soon())
        assert not raised.value.sent


@pytest.mark.asyncio
async def test_httpxs_own_transport_sends_the_target_as_it_is(serve: Serve) -> None:
    upstream = await serve(HELLO)
    transport = HttpxTransport(Origin.of(f"http://127.0.0.1:{upstream.port}"))
    for target in ("/a%2Fb/../c?q=%20", "/%7Ea//b"):
        assert (await transport.exchange("POST", target, (), b"{}", deadline=soon())).body == b"hello"
    assert upstream.targets == ["/a%2Fb/../c?q=%20", "/%7Ea//b"]
    assert upstream.requests[0].lower().count(b"host:") == 1
    await transport.aclose()


@pytest.mark.asyncio
async def test_httpxs_own_transport_knows_whether_a_request_was_sent(serve: Serve) -> None:
    upstream = await serve(lambda peer, _: silent(peer))
    origin = Origin.of(f"http://127.0.0.1:{upstream.port}")
    transport = HttpxTransport(origin, Limits(whole=0.2))
    with pytest.raises(SourceTimeout) as raised:
        await transport.exchange("GET", "/", (), deadline=soon())
    assert raised.value.sent
    upstream.server.close()
    with pytest.raises(SourceUnavailable) as refused:
        await transport.exchange("GET", "/", (), deadline=soon())
    assert not refused.value.sent
    await transport.aclose()


@pytest.mark.asyncio
async def test_a_target_that_is_none_to_httpx_is_refused_unsent() -> None:
    with pytest.raises(SourceInvalid) as raised:
        await over(lambda _: httpx.Response(200)).exchange("GET", "/" + "a" * 70_000, (), deadline=soon())
    assert not raised.value.sent


@pytest.mark.asyncio
async def test_no_call_that_is_broken_off_loses_httpx_a_connection(serve: Serve) -> None:
    upstream = await serve(HELLO)
    transport = HttpxTransport(Origin.of(f"http://127.0.0.1:{upstream.port}"), Limits(connections=2))
    loop = asyncio.get_running_loop()
    for step in range(40):  # each step of the loop that an exchange takes, on new connections and on kept ones
        for _ in range(2):
            task = asyncio.create_task(transport.exchange("GET", "/", (), deadline=soon()))
            for _ in range(step):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with contextlib.suppress(SourceTimeout):
                await transport.exchange("GET", "/", (), deadline=loop.time() + step * 5e-5)
    replies = await asyncio.gather(*(transport.exchange("GET", "/", (), deadline=soon()) for _ in range(4)))
    assert [reply.body for reply in replies] == [b"hello"] * 4
    await transport.aclose()


class Lost:
    """A connection that httpcore takes for used, and that no request holds."""

    is_given_up = False

    def is_idle(self) -> bool:
        return False

    is_closed = has_expired = is_available = is_idle

    def can_handle_request(self, _: object) -> bool:
        return True

    async def aclose(self) -> None:
        self.is_given_up = True


@pytest.mark.asyncio
async def test_a_connection_that_httpx_has_lost_is_given_up_when_a_call_has_waited_for_it(serve: Serve) -> None:
    upstream, lost = await serve(HELLO), Lost()
    transport = HttpxTransport(Origin.of(f"http://127.0.0.1:{upstream.port}"), Limits(connections=1))
    pool: Any = transport._inner._pool  # type: ignore[attr-defined]  # httpx's own, which has one
    pool._connections.append(lost)
    with pytest.raises(SourceTimeout) as raised:
        await transport.exchange("GET", "/", (), deadline=asyncio.get_running_loop().time() + 0.01)
    assert not raised.value.sent
    assert lost.is_given_up
    assert (await transport.exchange("GET", "/", (), deadline=soon())).body == b"hello"
    await transport.aclose()


@pytest.mark.asyncio
async def test_closing_ends_what_is_under_way_over_httpx_and_sends_nothing_more(serve: Serve) -> None:
    upstream = await serve(lambda peer, _: silent(peer))
    transport = HttpxTransport(Origin.of(f"http://127.0.0.1:{upstream.port}"), Limits(connections=1))
    going = [asyncio.create_task(transport.exchange("POST", f"/{n}", (), deadline=soon())) for n in range(2)]
    await upstream.next_request()
    await transport.aclose()
    going.append(asyncio.create_task(transport.exchange("POST", "/later", (), deadline=soon())))
    found = await asyncio.gather(*going, return_exceptions=True)
    assert [type(one) for one in found] == [SourceUnavailable] * 3
    assert [one.sent for one in found if isinstance(one, SourceUnavailable)] == [True, False, False]
    assert upstream.targets == ["/0"]


@pytest.mark.asyncio
async def test_cookies_of_one_customer_are_not_sent_for_another(serve: Serve) -> None:
    upstream = await serve(b"HTTP/1.1 200 OK\r\nSet-Cookie: session=a\r\nContent-Length: 0\r\n\r\n")
    transport = HttpxTransport(Origin.of(f"http://127.0.0.1:{upstream.port}"))
    for _ in range(2):
        await transport.exchange("GET", "/", (), deadline=soon())
    assert b"session" not in upstream.requests[1]
    await transport.aclose()


@pytest.mark.asyncio
async def test_the_environments_proxy_is_used(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = await serve(HELLO)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "internal.example")
    transport = HttpxTransport(Origin.of("http://crm.example"))
    assert (await transport.exchange("GET", "/", (), deadline=soon())).body == b"hello"
    assert proxy.requests[0].startswith(b"GET http://crm.example/ HTTP/1.1\r\n")
    await transport.aclose()


@pytest.mark.asyncio
async def test_tls_goes_through_a_tunnel_of_the_proxy(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = await serve(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "internal.example")
    transport = HttpxTransport(CRM)
    with pytest.raises(SourceUnavailable) as raised:
        await transport.exchange("GET", "/customers/1", (), deadline=soon())
    assert not raised.value.sent
    assert proxy.requests[0].startswith(b"CONNECT crm.example:443 HTTP/1.1\r\n")
    await transport.aclose()


@pytest.mark.asyncio
async def test_a_request_that_only_a_proxy_heard_of_was_not_sent(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    closing, mute = await serve(lambda peer, _: peer.close()), await serve(lambda peer, _: silent(peer))
    monkeypatch.setenv("NO_PROXY", "internal.example")
    for proxy, kind in ((closing, SourceUnavailable), (mute, SourceTimeout)):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        transport = HttpxTransport(CRM, Limits(whole=0.2))
        with pytest.raises(kind) as raised:
            await transport.exchange("POST", "/customers/1", (), b"{}", deadline=soon())
        assert proxy.requests[0].startswith(b"CONNECT ")
        assert (raised.value.sent, raised.value.is_lost) == (False, False)
        await transport.aclose()


@pytest.mark.asyncio
async def test_a_proxy_may_be_named_without_a_scheme(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = await serve(HELLO)
    monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "internal.example")
    transport = HttpxTransport(Origin.of("http://crm.example"))
    assert (await transport.exchange("GET", "/", (), deadline=soon())).body == b"hello"
    await transport.aclose()


def test_a_proxy_that_does_not_speak_http_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.example:1080")
    monkeypatch.setenv("NO_PROXY", "internal.example")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY"):
        HttpxTransport(CRM)


@pytest.mark.parametrize(
    ("said", "ends"),
    [(b"", "close"), (b"", "abort"), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel", "close")],
)
@pytest.mark.asyncio
async def test_both_transports_tell_alike_whether_a_connection_was_lost_before_an_answer(
    serve: Serve, said: bytes, ends: str
) -> None:
    def answer(peer: Peer, request: bytes) -> None:
        if b" /first " in request:
            peer.say(HELLO)
            return
        peer.say(said)
        if ends == "close":
            peer.close()
        else:
            peer.transport.abort()

    upstream = await serve(answer)
    origin = Origin.of(f"http://127.0.0.1:{upstream.port}")
    for transport in (Wire(origin), HttpxTransport(origin)):
        await transport.exchange("GET", "/first", (), deadline=soon())
        with pytest.raises(SourceUnavailable) as raised:
            await transport.exchange("GET", "/", (), deadline=soon())
        assert (raised.value.sent, raised.value.is_lost) == (True, not said)
        await transport.aclose()


@pytest.mark.asyncio
async def test_a_user_agent_of_the_calls_own_is_the_only_one(serve: Serve) -> None:
    upstream = await serve(HELLO)
    transport = HttpxTransport(Origin.of(f"http://127.0.0.1:{upstream.port}"))
    await transport.exchange("GET", "/", ((b"User-Agent", b"desk/1"),), deadline=soon())
    assert upstream.requests[0].lower().count(b"user-agent:") == 1
    await transport.aclose()


@pytest.mark.asyncio
async def test_a_host_in_no_proxy_is_reached_directly(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = await serve(HELLO)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    transport = HttpxTransport(Origin.of(f"http://127.0.0.1:{upstream.port}"))
    assert (await transport.exchange("GET", "/", (), deadline=soon())).body == b"hello"
    await transport.aclose()


@pytest.mark.asyncio
async def test_settings_choose_the_transport() -> None:
    for name, kind in (("wire", Wire), ("httpx", HttpxTransport)):
        transport = open_transport(settings(transport=name))
        assert type(transport) is kind
        await transport.aclose()


@pytest.mark.asyncio
async def test_another_address_of_the_same_system_has_a_transport_of_its_own(serve: Serve) -> None:
    upstream = await serve(HELLO)
    transport = open_transport(settings(), address=f"http://127.0.0.1:{upstream.port}/oauth2/token")
    assert (await transport.exchange("POST", "/oauth2/token", (), b"a=b", deadline=soon())).body == b"hello"
    await transport.aclose()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("more", "answer"),
    [
        (
            {"connections": ConnectionSettings(headers=2)},
            b"HTTP/1.1 200 OK\r\nX: y\r\nX: y\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            {"connections": ConnectionSettings(head=50)},
            b"HTTP/1.1 200 OK\r\nX: %b\r\nContent-Length: 0\r\n\r\n" % (b"y" * 50),
        ),
        ({"connections": ConnectionSettings(interim=0)}, b"HTTP/1.1 103 Hints\r\n\r\n" + HELLO),
        ({"max_body_bytes": 4}, HELLO),
        ({"first_byte_timeout": 0.05}, b""),
    ],
)
async def test_settings_set_the_limits_of_the_wire(serve: Serve, more: dict[str, Any], answer: bytes) -> None:
    address = f"http://127.0.0.1:{(await serve(answer)).port}"
    usual, limited = open_transport(settings(base_url=address)), open_transport(settings(base_url=address, **more))
    if answer:
        assert (await usual.exchange("GET", "/", (), deadline=soon())).status == 200
    with pytest.raises((SourceInvalid, SourceTimeout)):
        await limited.exchange("GET", "/", (), deadline=soon())
    for transport in (usual, limited):
        await transport.aclose()


def test_a_wrong_bundle_or_address_is_said_before_anything_starts(tmp_path: Path) -> None:
    for wrong in (settings(ca_bundle=tmp_path / "missing.pem"), settings(base_url="crm.example")):
        with pytest.raises(ConfigurationError):
            open_transport(wrong)


class Pieces(httpx.AsyncByteStream):
    """A body in pieces that knows how far it was read."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.taken = 0
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            yield piece

    async def aclose(self) -> None:
        self.is_closed = True


def silent(peer: Peer) -> None:
    """Never answer."""
