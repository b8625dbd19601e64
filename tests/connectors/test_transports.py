"""Every connector's examples happen alike over each transport, through sockets."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from tests.sources.test_transport import settings
from tests.sources.wire.conftest import Peer, Serve, serve, soon

from klantbeeld.registry import load_connectors
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.examples import Example, as_expected, as_request, converse, example_options, load_examples
from klantbeeld.sdk.live import records_of
from klantbeeld.sdk.replies import Reply
from klantbeeld.sources.transport import Transport, open_transport

__all__ = ["serve"]

LOADER = load_connectors()
EXAMPLES = [
    pytest.param(name, example, id=f"{name}-{example.name}")
    for name in LOADER.manifests
    for example in load_examples(LOADER.load(name).manifest)
]


def replaying(example: Example) -> Callable[[Peer, bytes], None]:
    """Answer with what was recorded, in its order."""
    replies = iter([exchange.reply.reply() for exchange in example.exchanges])

    def answer(peer: Peer, _: bytes) -> None:
        reply = next(replies)
        lines = b"".join(b"%b: %b\r\n" % header for header in reply.headers)
        length = b"" if reply.status == 204 else b"Content-Length: %d\r\n" % len(reply.body)
        peer.say(b"HTTP/1.1 %d Said\r\n%b%b\r\n%b" % (reply.status, lines, length, reply.body))

    return answer


async def send(transport: Transport, call: Call[Any]) -> Reply:
    """Make a call of a conversation."""
    body, media_type = call.content()
    headers = [*call.headers, *([("content-type", media_type)] if media_type else [])]
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    return await transport.exchange(call.method, call.target, encoded, body, deadline=soon())


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["wire", "httpx"])
@pytest.mark.parametrize(("name", "example"), EXAMPLES)
async def test_an_example_happens_over_each_transport(serve: Serve, name: str, example: Example, kind: str) -> None:
    loaded = LOADER.load(name)
    connector = loaded.make(example_options(loaded.manifest))
    upstream = await serve(replaying(example))
    transport = open_transport(settings(transport=kind, base_url=f"http://127.0.0.1:{upstream.port}"))
    spoken = await converse(example.start(connector, loaded.manifest), partial(send, transport))
    await transport.aclose()
    assert [as_expected(record) for record in records_of(example, connector, *spoken[-1])] == example.expect
    assert [as_request(call) for call, _ in spoken] == [exchange.request for exchange in example.exchanges]
    assert upstream.targets == [call.target for call, _ in spoken]
