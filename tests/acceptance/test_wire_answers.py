"""Issue 3, the wire: whatever a source answers, it costs that source's fields, with a code, and nothing else."""

import asyncio
import gzip
import time
from collections.abc import Callable

import pytest

from klantbeeld.sandbox.facts import System

from .linked import together
from .wayward import OK, Behave, Good, Line, in_chunks
from .wired import BODY, FIRST, WHOLE, Wired

BOTH: tuple[System, ...] = ("stripe", "zendesk")  # over the wire, and over httpx
INVALID, UNAVAILABLE, TIMEOUT = "SOURCE_INVALID_ANSWER", "SOURCE_UNAVAILABLE", "SOURCE_TIMEOUT"
GIANT = b"x" * 300_000
CHUNKS = b"Transfer-Encoding: chunked"


def saying(make: Callable[[Good], bytes]) -> Behave:
    """Answer with bytes that are made of the good answer."""

    async def say(line: Line, good: Good) -> None:
        await line.say(make(good))

    return say


def saying_and_then(make: Callable[[Good], bytes], end: Callable[[Line], None]) -> Behave:
    """Answer so, and end the connection."""

    async def say_and_end(line: Line, good: Good) -> None:
        await line.say(make(good))
        end(line)
        await line.until_lost()

    return say_and_end


def squeezed(good: Good) -> bytes:
    """Compress the answer, and send it in chunks."""
    return OK + CHUNKS + b"\r\nContent-Encoding: gzip\r\n\r\n" + in_chunks(gzip.compress(good.body))


WELL: dict[str, Callable[[Good], bytes]] = {
    "in chunks": lambda good: good.chunked,
    "compressed": lambda good: good.framed(b"Content-Encoding: gzip", body=gzip.compress(good.body)),
    "compressed in chunks": squeezed,
    "after informational answers": lambda good: b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3 + good.framed(),
}


@pytest.mark.feature("3 wire", "Chunked and compressed bodies are read, on both transports")
@pytest.mark.parametrize("system", BOTH)
@pytest.mark.parametrize("how", WELL)
def test_every_way_to_send_a_body_is_read(wired_gateway: Wired, system: System, how: str) -> None:
    whole = wired_gateway.read().data
    wired_gateway.systems[system].behave = saying(WELL[how])
    assert [wired_gateway.read().data for _ in range(2)] == [whole] * 2
    assert len(wired_gateway.systems[system].lines) == 1


LARGE = b" " * (BODY + 1)
TOO_LARGE: dict[str, Callable[[Good], bytes]] = {
    "with a length": lambda good: good.framed(body=good.body + LARGE),
    "in chunks": lambda good: OK + CHUNKS + b"\r\n\r\n" + in_chunks(good.body + LARGE, 1_000),
    "compressed": lambda good: good.framed(b"Content-Encoding: gzip", body=gzip.compress(good.body + LARGE)),
}


@pytest.mark.feature("3 wire", "Size limits: a body beyond the limit is not read, as it is sent or as it decompresses")
@pytest.mark.parametrize("system", BOTH)
@pytest.mark.parametrize("how", TOO_LARGE)
def test_a_body_has_a_limit(wired_gateway: Wired, system: System, how: str) -> None:
    wired_gateway.systems[system].behave = saying(TOO_LARGE[how])
    assert wired_gateway.costs(system) == INVALID


BIG_HEADS: dict[str, tuple[tuple[System, ...], Callable[[Good], bytes]]] = {
    "a giant header": (BOTH, lambda good: good.framed(b"X-Giant: " + GIANT)),
    "a header without end": (BOTH, lambda _: OK + b"X-Giant: " + GIANT),
    "many headers": (("stripe",), lambda good: good.framed(*[b"X: y"] * 101)),
    "giant trailers": (("stripe",), lambda good: good.chunked[:-2] + b"X-Giant: " + GIANT),
    "giant chunk extensions": (("stripe",), lambda _: OK + CHUNKS + b"\r\n\r\n1;" + GIANT),
}


@pytest.mark.feature("3 wire", "Header limits: giant, endless and too many headers are refused")
@pytest.mark.parametrize(("how", "system"), [(how, system) for how, (on, _) in BIG_HEADS.items() for system in on])
def test_a_head_has_a_limit(wired_gateway: Wired, how: str, system: System) -> None:
    wired_gateway.systems[system].behave = saying(BIG_HEADS[how][1])
    assert wired_gateway.costs(system) == INVALID


async def silent(line: Line, _: Good) -> None:
    """Say nothing."""
    await line.until_lost()


async def dripping(line: Line, good: Good) -> None:
    """Send the answer a byte at a time, each in time and all of it too late."""
    await line.drip(good.framed(), every=0.02)


@pytest.mark.feature("3 wire", "Time-outs: for the first byte, and for the whole of an answer that drips")
@pytest.mark.parametrize("system", BOTH)
@pytest.mark.parametrize(("behave", "seconds"), [(silent, FIRST), (dripping, WHOLE)])
def test_an_answer_has_its_time(wired_gateway: Wired, system: System, behave: Behave, seconds: float) -> None:
    wired_gateway.systems[system].behave = behave
    began = time.monotonic()
    assert wired_gateway.costs(system) == TIMEOUT
    assert seconds <= time.monotonic() - began < seconds + 0.5


MISBEHAVIOURS: dict[str, tuple[Behave, str]] = {
    "two equal lengths": (saying(lambda good: good.framed(b"Content-Length: %d" % len(good.body))), INVALID),
    "contradicting lengths": (saying(lambda good: good.framed(b"Content-Length: 3")), INVALID),
    "length and chunks": (saying(lambda good: good.framed(CHUNKS, body=in_chunks(good.body))), INVALID),
    "a length that is short": (saying(lambda good: good.framed()[:-1] + b"HTTP/1.1 200 OK\r\n"), INVALID),
    "a chunk that is longer than it says": (saying(lambda _: OK + CHUNKS + b"\r\n\r\n1\r\n{}\r\n0\r\n\r\n"), INVALID),
    "informational answers without end": (saying(lambda _: b"HTTP/1.1 102 Wait\r\n\r\n" * 5_000), INVALID),
    "another protocol": (saying(lambda _: b"SSH-2.0-OpenSSH_9.2\r\n"), INVALID),
    "an upgrade": (saying(lambda _: b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx"), INVALID),
    "closed in the middle": (saying_and_then(lambda good: good.framed()[:-1], Line.close), UNAVAILABLE),
    "half-closed in the middle": (saying_and_then(lambda good: good.framed()[:-1], Line.half_close), UNAVAILABLE),
    "half-closed before an answer": (saying_and_then(lambda _: b"", Line.half_close), UNAVAILABLE),
}


@pytest.mark.feature("3 wire", "What RFC 9112 warns of costs that source's fields, with a code, and nothing else")
@pytest.mark.parametrize("case", MISBEHAVIOURS)
def test_misbehaviour_costs_its_own_fields(wired_gateway: Wired, case: str) -> None:
    behave, code = MISBEHAVIOURS[case]
    wired_gateway.systems["stripe"].behave = behave
    assert wired_gateway.costs("stripe") == code


OVER_HTTPX = (
    "contradicting lengths",
    "another protocol",
    "a chunk that is longer than it says",
    "closed in the middle",
)


@pytest.mark.feature("3 wire", "What no client can read costs no more over httpx")
@pytest.mark.parametrize("case", OVER_HTTPX)
def test_misbehaviour_costs_no_more_over_httpx(wired_gateway: Wired, case: str) -> None:
    wired_gateway.systems["zendesk"].behave = MISBEHAVIOURS[case][0]
    assert wired_gateway.costs("zendesk") in {INVALID, UNAVAILABLE, TIMEOUT}


@pytest.mark.feature("3 wire", "Late bytes: what follows an answer reaches nobody, and costs the connection alone")
@pytest.mark.parametrize("late", [b"x", OK + b"Content-Length: 12\r\n\r\n{'evil': 'y'}"])
def test_late_bytes_reach_nobody(wired_gateway: Wired, late: bytes) -> None:
    whole = wired_gateway.read().data
    before = wired_gateway.systems["stripe"]
    before.behave = saying(lambda good: good.framed() + late)
    assert [wired_gateway.read().data for _ in range(3)] == [whole] * 3
    assert len(before.lines) == 3  # the one that was kept, and two new ones


@pytest.mark.feature("3 wire", "Early bytes: a server that speaks before it is asked is not believed")
def test_early_bytes_are_no_answer(wired_gateway: Wired) -> None:
    before = wired_gateway.systems["stripe"]
    before.forget()
    before.says_at_once = OK + b'Content-Length: 30\r\n\r\n{"id": "cus_x", "name": "Evil"}'
    assert wired_gateway.costs("stripe") in {UNAVAILABLE, INVALID}


@pytest.mark.feature("3 wire", "A response before the request ends: its status counts, and its connection goes")
@pytest.mark.parametrize("system", BOTH)
def test_an_answer_before_the_request_ends(wired_gateway: Wired, system: System) -> None:
    before = wired_gateway.systems[system]
    before.forget()
    before.answers_early = True
    before.behave = saying_and_then(lambda good: good.framed(b"Connection: close"), lambda line: None)
    assert wired_gateway.costs(system) == UNAVAILABLE
    before.forget()
    wired_gateway.until_well()


@pytest.mark.feature("3 wire", "All at once: while one source misbehaves in every way, who asks others notices nothing")
def test_who_asks_others_notices_nothing(wired_gateway: Wired) -> None:
    cases = iter([behave for behave, _ in MISBEHAVIOURS.values()] * 3)

    async def another(line: Line, good: Good) -> None:
        await asyncio.wait_for(next(cases)(line, good), 1)

    wired_gateway.systems["stripe"].behave = another
    asked = [lambda: wired_gateway.read("stripe"), lambda: wired_gateway.read("dataverse", "zendesk")]
    replies = together(*asked * len(MISBEHAVIOURS))
    assert all(len(reply.codes) == 1 for reply in replies[::2])
    assert all(reply.data["customer"]["party"] for reply in replies[1::2])
