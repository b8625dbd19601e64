"""Answers of an upstream, made by chance: well-formed ones of every kind, and ones that break a rule of RFC 9112."""

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

STATUSES = (200, 200, 200, 201, 202, 302, 404, 409, 429, 500, 503, 204, 304)
WITHOUT_BODY = (204, 304)
NAMES = (b"X-A", b"x-b", b"ETag", b"Set-Cookie", b"CACHE-CONTROL", b"Retry-After", b"Location", b"X-Empty")
VALUES = (b"", b"1", b'"tag"', b"a, b", b"  padded  ", b"\ttabbed\t", b"Ren\xe9", b"a:b;c=d", b"~" * 300)


@dataclass(frozen=True, slots=True)
class Made:
    """One answer: its parts, and how it ends. `broken` says which rule it breaks, if it breaks one."""

    line: bytes
    headers: tuple[bytes, ...]
    body: bytes
    interim: bytes = b""
    after: bytes = b""
    closes: bool = False
    broken: str = ""

    @property
    def sent(self) -> bytes:
        """Give it as it goes over the line."""
        head = b"".join(line + b"\r\n" for line in (self.line, *self.headers))
        return self.interim + head + b"\r\n" + self.body + self.after


def answer(chance: random.Random) -> Made:
    """Make one: about half of them are well-formed."""
    made = well_formed(chance)
    if chance.random() < 0.5:
        return made
    return broken_answer(chance.choice(sorted(BREAKS)), made, chance)


def broken_answer(how: str, made: Made, chance: random.Random) -> Made:
    """Break a well-formed one in one of the ways in `BREAKS`."""
    return replace(BREAKS[how](made, chance), broken=how, closes=True)


def well_formed(chance: random.Random) -> Made:
    """Make an answer as RFC 9112 wants it."""
    status = chance.choice(STATUSES)
    content = b"" if status in WITHOUT_BODY else chance.randbytes(chance.choice((0, 1, 17, 300, 5_000)))
    headers = [b"%b: %b" % (chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.randrange(6))]
    if content and chance.random() < 0.3:
        content = gzip.compress(content, 1, mtime=0)
        headers.append(b"Content-Encoding: gzip")
    framing, body, closes = _framed(content, chance, has_body=status not in WITHOUT_BODY)
    headers += framing
    chance.shuffle(headers)
    line = chance.choice((b"HTTP/1.1 %d Said", b"HTTP/1.1 %d A longer reason", b"HTTP/1.1 %d ")) % status
    if closes and chance.random() < 0.5:
        line = line.replace(b"1.1", b"1.0")
    return Made(line, tuple(headers), body, _interim(chance), closes=closes)


def _framed(content: bytes, chance: random.Random, *, has_body: bool) -> tuple[list[bytes], bytes, bool]:
    """Give the header lines that say where the content ends, the body, and whether it ends with the connection."""
    if not has_body:
        return [], b"", False
    how = chance.choice(("length", "length", "chunks", "chunks", "close", "length and close"))
    if how == "chunks":
        return [b"Transfer-Encoding: chunked"], chunks(content, chance), False
    if how == "close":
        return [], content, True
    length = b"Content-Length: %d" % len(content)
    return ([length], content, False) if how == "length" else ([length, b"Connection: close"], content, True)


def chunks(content: bytes, chance: random.Random) -> bytes:
    """Cut into chunks, some with extensions; some with trailers behind them."""
    pieces = []
    while content:
        size = chance.randrange(1, len(content) + 1)
        extension = chance.choice((b"", b"", b";x=y", b';a="b c"'))
        pieces.append(b"%x%b\r\n%b\r\n" % (size, extension, content[:size]))
        content = content[size:]
    trailers = chance.choice((b"", b"", b"X-Sum: 1\r\n"))
    return b"".join(pieces) + b"0\r\n" + trailers + b"\r\n"


def _interim(chance: random.Random) -> bytes:
    if chance.random() < 0.8:
        return b""
    one = chance.choice((b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"))
    return one * chance.randrange(1, 4)


Break = Callable[[Made, random.Random], Made]


def _reframed(*headers: bytes, body: bytes) -> Break:
    """Replace what says where the body ends."""

    def change(made: Made, chance: random.Random) -> Made:
        kept = [
            each for each in made.headers if not each.lower().startswith((b"content-", b"transfer-", b"connection"))
        ]
        kept += headers
        chance.shuffle(kept)
        return replace(made, line=b"HTTP/1.1 200 Said", headers=tuple(kept), body=body)

    return change


def _header(line: bytes) -> Break:
    """Put a header line somewhere among the others."""

    def change(made: Made, chance: random.Random) -> Made:
        place = chance.randrange(len(made.headers) + 1)
        return replace(made, headers=(*made.headers[:place], line, *made.headers[place:]))

    return change


def _first_line(line: bytes) -> Break:
    return lambda made, _: replace(made, line=line)


def _cut(made: Made, chance: random.Random) -> Made:
    """End it somewhere in the middle."""
    whole = made.sent
    kept = whole[: chance.randrange(len(whole))]
    return Made(b"", (), b"", interim=kept, closes=True)


def _spoilt(made: Made, chance: random.Random) -> Made:
    """Change one byte of the head into another."""
    head = bytearray(b"\r\n".join((made.line, *made.headers)))
    head[chance.randrange(len(head))] = chance.randrange(256)
    line, *headers = bytes(head).split(b"\r\n")
    return replace(made, line=line, headers=tuple(headers))


CHUNKED = b"Transfer-Encoding: chunked"
BREAKS: dict[str, Break] = {
    "two equal lengths": _reframed(b"Content-Length: 2", b"Content-Length: 2", body=b"hi"),
    "two contradicting lengths": _reframed(b"Content-Length: 2", b"Content-Length: 3", body=b"hi!"),
    "a list of lengths": _reframed(b"Content-Length: 2, 2", body=b"hi"),
    "a length with a sign": _reframed(b"Content-Length: +2", body=b"hi"),
    "a length that is no number": _reframed(b"Content-Length: two", body=b"hi"),
    "a length beyond what comes": _reframed(b"Content-Length: 9", body=b"hi"),
    "length and chunks": _reframed(CHUNKED, b"Content-Length: 2", body=b"2\r\nhi\r\n0\r\n\r\n"),
    "chunked twice": _reframed(b"Transfer-Encoding: chunked, chunked", body=b"2\r\nhi\r\n0\r\n\r\n"),
    "another coding": _reframed(b"Transfer-Encoding: gzip, chunked", body=b"2\r\nhi\r\n0\r\n\r\n"),
    "a chunk size that is no number": _reframed(CHUNKED, body=b"xy\r\nhi\r\n0\r\n\r\n"),
    "a chunk longer than it says": _reframed(CHUNKED, body=b"1\r\nhi\r\n0\r\n\r\n"),
    "no last chunk": _reframed(CHUNKED, body=b"2\r\nhi\r\n"),
    "damaged gzip": _reframed(b"Content-Encoding: gzip", b"Content-Length: 9", body=b"\x1f\x8bnot zip"),
    "late bytes": lambda made, _: replace(made, after=b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
    "late garbage": lambda made, _: replace(made, after=b"\0\xffgarbage"),
    "a folded header": _header(b"X-Fold: a\r\n b"),
    "NUL in a header": _header(b"X-Nul: a\0b"),
    "bare CR in a header": _header(b"X-Cr: a\rb"),
    "white space before a colon": _header(b"X-A : b"),
    "a header without a colon": _header(b"what is this"),
    "a header without a name": _header(b": b"),
    "no HTTP": _first_line(b"SSH-2.0-OpenSSH_9.2"),
    "another version": _first_line(b"HTTP/2.0 200 OK"),
    "a short status": _first_line(b"HTTP/1.1 20 OK"),
    "a status beyond 599": _first_line(b"HTTP/1.1 742 What"),
    "no reason": _first_line(b"HTTP/1.1 200"),
    "cut off": _cut,
    "a byte of the head changed": _spoilt,
}
