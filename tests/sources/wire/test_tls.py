"""A certificate is checked: who signed it, for whom, until when; and ours is shown where it is demanded."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.sources.wire.authority import Authority, new_authority, served
from tests.sources.wire.conftest import Impatient, MakeWire, Peer, Serve, soon

from klantbeeld.errors import ConfigurationError, SourceUnavailable
from klantbeeld.sources.tls import trust
from klantbeeld.sources.transport import HttpxTransport
from klantbeeld.sources.wire import Origin

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return new_authority(tmp_path)


@pytest.mark.asyncio
async def test_a_certificate_of_the_companys_own_authority_is_accepted(
    serve: Serve, wire_to: MakeWire, authority: Authority
) -> None:
    upstream = await serve(HELLO, tls=served(authority.issue("localhost")))
    wire = wire_to(upstream, address=f"https://localhost:{upstream.port}", tls=trust(authority.bundle))
    replies = [await wire.exchange("GET", "/", (), deadline=soon()) for _ in range(3)]
    assert [reply.body for reply in replies] == [b"hello"] * 3
    assert len(upstream.peers) == 1


@pytest.mark.asyncio
async def test_a_large_request_and_a_large_answer_pass_through_tls(
    serve: Serve, wire_to: MakeWire, authority: Authority
) -> None:
    body = bytes(range(256)) * 8_000

    def echo(peer: Peer, request: bytes) -> None:
        content = request.partition(b"\r\n\r\n")[2]
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    upstream = await serve(echo, tls=served(authority.issue("localhost")))
    wire = wire_to(upstream, address=f"https://localhost:{upstream.port}", tls=trust(authority.bundle))
    for _ in range(2):
        assert (await wire.exchange("POST", "/", (), body, deadline=soon())).body == body


@pytest.mark.asyncio
async def test_a_connection_on_which_a_large_request_may_not_be_out_is_not_used_again(
    serve: Serve, wire_to: MakeWire, authority: Authority
) -> None:
    upstream = await serve(HELLO, tls=served(authority.issue("localhost")), peer=Impatient)
    wire = wire_to(upstream, address=f"https://localhost:{upstream.port}", tls=trust(authority.bundle))
    for _ in range(2):
        assert (await wire.exchange("POST", "/", (), b"x" * 8_000_000, deadline=soon())).status == 413
    assert len(upstream.peers) == 2


@pytest.mark.asyncio
async def test_httpx_takes_no_body_whose_end_nobody_proves(serve: Serve, authority: Authority) -> None:
    heads = {"/cut": b"", "/closed": b"Connection: close\r\n", "/whole": b"Content-Length: 5\r\n"}

    def answer(peer: Peer, request: bytes) -> None:
        peer.say(b"HTTP/1.1 200 OK\r\n" + heads[request.split()[1].decode()] + b"\r\nhello")
        peer.close()

    upstream = await serve(answer, tls=served(authority.issue("localhost")))
    transport = HttpxTransport(Origin.of(f"https://localhost:{upstream.port}"), tls=trust(authority.bundle))
    for target in ("/closed", "/cut"):
        with pytest.raises(SourceUnavailable, match="whole"):
            await transport.exchange("GET", target, (), deadline=soon())
    with pytest.raises(SourceUnavailable) as raised:  # httpcore uses the last connection once more
        await transport.exchange("GET", "/whole", (), deadline=soon())
    assert raised.value.is_lost
    assert (await transport.exchange("GET", "/whole", (), deadline=soon())).body == b"hello"
    await transport.aclose()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "expired", "known", "why"),
    [
        ("elsewhere.example", False, True, "Hostname mismatch"),
        ("localhost", True, True, "expired"),
        ("localhost", False, False, "unable to get local issuer"),
    ],
)
async def test_another_certificate_is_refused_before_anything_is_sent(
    serve: Serve, wire_to: MakeWire, authority: Authority, name: str, *, expired: bool, known: bool, why: str
) -> None:
    upstream = await serve(HELLO, tls=served(authority.issue(name, expired=expired)))
    tls = trust(authority.bundle) if known else trust()
    wire = wire_to(upstream, address=f"https://localhost:{upstream.port}", tls=tls)
    with pytest.raises(SourceUnavailable, match=f"certificate refused: .*{why}") as raised:
        await wire.exchange("GET", "/", (), deadline=soon())
    assert not raised.value.sent
    assert upstream.requests == []


@pytest.mark.asyncio
async def test_our_certificate_is_shown_to_a_source_that_demands_one(
    serve: Serve, wire_to: MakeWire, authority: Authority
) -> None:
    upstream = await serve(HELLO, tls=served(authority.issue("localhost"), demands=authority.bundle))
    tls = trust(authority.bundle, certificate=authority.issue("klantbeeld.example"))
    wire = wire_to(upstream, address=f"https://localhost:{upstream.port}", tls=tls)
    assert (await wire.exchange("GET", "/", (), deadline=soon())).body == b"hello"


@pytest.mark.asyncio
async def test_without_our_certificate_such_a_source_is_unavailable(
    serve: Serve, wire_to: MakeWire, authority: Authority
) -> None:
    upstream = await serve(HELLO, tls=served(authority.issue("localhost"), demands=authority.bundle))
    wire = wire_to(upstream, address=f"https://localhost:{upstream.port}", tls=trust(authority.bundle))
    with pytest.raises(SourceUnavailable):
        await wire.exchange("GET", "/", (), deadline=soon())
    assert upstream.requests == []


@pytest.mark.asyncio
async def test_a_server_without_tls_is_unavailable_and_unsent(
    serve: Serve, wire_to: MakeWire, authority: Authority
) -> None:
    upstream = await serve(HELLO)
    wire = wire_to(upstream, address=f"https://localhost:{upstream.port}", tls=trust(authority.bundle), connect=0.2)
    with pytest.raises(Exception, match="no connection") as raised:
        await wire.exchange("GET", "/", (), deadline=soon())
    assert getattr(raised.value, "sent", None) is False


@pytest.mark.asyncio
async def test_a_body_without_length_needs_the_end_that_tls_proves(
    serve: Serve, wire_to: MakeWire, authority: Authority
) -> None:
    def cut(peer: Peer, _: bytes) -> None:
        peer.say(b"HTTP/1.1 200 OK\r\n\r\nhello")
        if len(peer.upstream.requests) == 1:
            peer.close()
        else:
            peer.transport.abort()

    upstream = await serve(cut, tls=served(authority.issue("localhost")))
    wire = wire_to(upstream, address=f"https://localhost:{upstream.port}", tls=trust(authority.bundle))
    assert (await wire.exchange("GET", "/", (), deadline=soon())).body == b"hello"
    with pytest.raises(SourceUnavailable):
        await wire.exchange("GET", "/", (), deadline=soon())


def test_a_bundle_that_cannot_be_read_is_the_operators_matter(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate\n")
    for path in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        with pytest.raises(ConfigurationError) as raised:
            trust(path)
        assert raised.value.where == str(path)


def test_a_client_certificate_that_cannot_be_read_is_the_operators_matter(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(ConfigurationError):
        trust(authority.bundle, certificate=tmp_path / "missing.pem")
    with pytest.raises(ConfigurationError):
        trust(authority.bundle, certificate=authority.bundle)


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(tmp_path: Path, authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    encrypted = tmp_path / "encrypted.pem"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(ConfigurationError):
        trust(authority.bundle, certificate=authority.issue("klantbeeld.example"), key=encrypted)
