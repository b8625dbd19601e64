"""The wire and httpx on the same traffic: the same bytes are the same answer, or both refuse them.

The wire may refuse what httpx takes, for the reasons that are listed here and no other; never the other way round.

    KLANTBEELD_CASES=20000 pytest -n 2 tests/sources/wire/test_same_answers.py     the nightly amount
"""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from tests.sources.wire.answers import Made, answer, broken_answer, well_formed
from tests.sources.wire.conftest import MakeWire, Peer, Serve, soon

from klantbeeld.errors import SourceError
from klantbeeld.sdk.replies import Reply
from klantbeeld.sources.transport import HttpxTransport, Transport
from klantbeeld.sources.wire import Origin

BLOCKS = 4
CASES = int(os.environ.get("KLANTBEELD_CASES", "400")) // BLOCKS

STRICTER = frozenset(
    {
        "two equal lengths",
        "a list of lengths",
        "length and chunks",
        "a folded header",
        "another version",
        "a status beyond 599",
    }
)
"""What the wire refuses and httpx takes: RFC 9112 lets a client do either, or forbids a server to send it."""
SOMETIMES = STRICTER | {"a byte of the head changed"}
"""With what a byte may turn into: a bare line feed, or a control character in a value."""


@dataclass(slots=True)
class Tally:
    """What came of a block of answers."""

    taken: int = 0
    differences: list[tuple[str, bytes, Reply | None, Reply | None]] = field(default_factory=list)
    ours_alone_refused: set[str] = field(default_factory=set)

    def add(self, made: Made, ours: Reply | None, theirs: Reply | None) -> None:
        """Count what both made of an answer."""
        if ours is None and theirs is not None:
            self.ours_alone_refused.add(made.broken)
        elif ours != theirs or (ours is None and not made.broken):
            self.differences.append((made.broken, made.sent, ours, theirs))
        elif ours is not None:
            self.taken += 1


@pytest.mark.asyncio
@pytest.mark.parametrize("block", range(BLOCKS))
async def test_both_make_the_same_of_a_block_of_answers(serve: Serve, wire_to: MakeWire, block: int) -> None:
    chance = random.Random(block)
    tally = await compared([answer(chance) for _ in range(CASES)], serve, wire_to)
    assert tally.differences == []
    assert tally.ours_alone_refused <= SOMETIMES
    assert tally.taken > CASES / 2


@pytest.mark.asyncio
@pytest.mark.parametrize("how", sorted(STRICTER))
async def test_what_is_listed_is_refused_by_the_wire_alone(serve: Serve, wire_to: MakeWire, how: str) -> None:
    chance = random.Random(how)
    tally = await compared([broken_answer(how, well_formed(chance), chance) for _ in range(20)], serve, wire_to)
    assert tally.ours_alone_refused == {how}
    assert tally.taken == 0


async def compared(cases: Sequence[Made], serve: Serve, wire_to: MakeWire) -> Tally:
    """Let both ask for each answer, over connections that are kept where the answer allows it."""

    def say(peer: Peer, request: bytes) -> None:
        made = cases[int(request.split(b" ", 2)[1].strip(b"/"))]
        peer.say(made.sent)
        if made.closes:
            peer.transport.write_eof()  # at once, so that nobody asks again over this connection
            peer.close()

    upstream = await serve(say)
    wire, over_httpx = wire_to(upstream), HttpxTransport(Origin.of(f"http://127.0.0.1:{upstream.port}"))
    tally = Tally()
    for number, made in enumerate(cases):
        tally.add(made, await outcome(wire, number), await outcome(over_httpx, number))
    await over_httpx.aclose()
    return tally


async def outcome(transport: Transport, number: int) -> Reply | None:
    """Ask for an answer; None is that it was refused."""
    try:
        return await transport.exchange("GET", f"/{number}", (), deadline=soon())
    except SourceError:
        return None
