"""A request is written so that nothing in it can be taken for another request."""

import pytest
from tests.sources.wire.conftest import MakeWire, Serve, soon

from klantbeeld.errors import SourceInvalid
from klantbeeld.sources.wire.request import OURS, Headers, write_request

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def written(method: str = "GET", target: str = "/", headers: Headers = (), body: bytes = b"") -> bytes:
    return write_request(method, target, headers, body, constant=b"host: crm.example\r\n", agent=b"klantbeeld/1")


def test_a_request_is_its_line_its_headers_and_its_body() -> None:
    assert written("PUT", "/a%20b?c=d&e", [(b"Accept", b"application/json")], b"{}") == (
        b"PUT /a%20b?c=d&e HTTP/1.1\r\nhost: crm.example\r\nAccept: application/json\r\nuser-agent: klantbeeld/1\r\n"
        b"content-length: 2\r\n\r\n{}"
    )


def test_a_request_without_body_has_no_length_unless_its_method_expects_one() -> None:
    assert b"content-length" not in written("GET")
    assert b"content-length: 0\r\n" in written("POST")


def test_the_callers_user_agent_takes_the_place_of_ours() -> None:
    request = written(headers=[(b"User-Agent", b"crm-sync/2")])
    assert b"user-agent: crm-sync/2\r\n" in request
    assert b"klantbeeld" not in request


@pytest.mark.parametrize("value", [b"a\r\nx: y", b"a\nb", b"a\rb", b"a\0b", b"\r\n\r\nGET / HTTP/1.1"])
def test_a_header_value_cannot_end_its_line(value: bytes) -> None:
    with pytest.raises(SourceInvalid) as raised:
        written(headers=[(b"x-name", value)])
    assert not raised.value.sent
    assert value.decode() not in raised.value.detail


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\nb", b"a\0", b"content-length: 5, a", b"\xc3\xa9"])
def test_a_header_name_is_a_token(name: bytes) -> None:
    with pytest.raises(SourceInvalid):
        written(headers=[(name, b"value")])


@pytest.mark.parametrize("name", sorted(OURS))
def test_nobody_else_writes_the_headers_that_frame_a_request(name: bytes) -> None:
    with pytest.raises(SourceInvalid):
        written(headers=[(name.title(), b"5")])


@pytest.mark.parametrize(
    "target",
    [
        "",
        "a",
        "*",
        "http://evil.example/",
        "/a b",
        "/a\r\nx: y",
        "/a\n",
        "/a\0",
        "/\x7f",
        "/é",
        "/\ud800",
        "/a#b",
        "/\t",
    ],
)
def test_a_target_is_a_quoted_path(target: str) -> None:
    with pytest.raises(SourceInvalid) as raised:
        written(target=target)
    assert not raised.value.sent


@pytest.mark.parametrize("method", ["", "GET ", "GET /x HTTP/1.1\r\n", "G\0T", "GÉT"])
def test_a_method_is_a_word(method: str) -> None:
    with pytest.raises(SourceInvalid):
        written(method)


@pytest.mark.asyncio
async def test_a_request_that_is_refused_opens_no_connection(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(HELLO)
    with pytest.raises(SourceInvalid):
        await wire_to(upstream).exchange("GET", "/a\r\nb", (), deadline=soon())
    assert upstream.peers == []


@pytest.mark.asyncio
async def test_every_request_names_the_host_the_product_and_what_can_be_read(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(HELLO)
    await wire_to(upstream).exchange("GET", "/", (), deadline=soon())
    lines = upstream.requests[0].split(b"\r\n")
    assert b"host: 127.0.0.1:%d" % upstream.port in lines
    assert any(line.startswith(b"accept-encoding: gzip, deflate") for line in lines)
    assert any(line.startswith(b"user-agent: klantbeeld/") for line in lines)
