"""Content codings: bodies decompressed within a limit (RFC 9110, section 8.4)."""

import importlib
import importlib.util
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from klantbeeld.errors import SourceInvalid

_MOST_CODINGS = 3
_MOST_MEMBERS = 100  # each member copies what follows it, so a body of empty members would cost quadratic time
_GZIP_WINDOW = 31
_ZSTD_WINDOW = 8 * 1024 * 1024  # RFC 9659: what a receiver must be ready for, and no more

Inflate = Callable[[bytes, int], bytes]


@cache
def supported() -> Mapping[str, Inflate]:
    """List the codings that can be read here, best known first; brotli and zstd where their libraries are installed."""
    return {**_ALWAYS, **{name: inflate for name, (library, inflate) in _OPTIONAL.items() if _has(library)}}


def decompress(body: bytes, codings: bytes, *, limit: int) -> bytes:
    """Undo the codings of a Content-Encoding header, the last one first.

    Raise SourceInvalid for an unknown coding, for data that is damaged or ends early, and for more than `limit` bytes
    at any stage; no more than that is ever held.
    """
    if not body:  # what servers send for 204 and HEAD, whatever coding they name
        return body
    names = [name.strip().lower() for name in codings.decode("latin-1").split(",")]
    if len(names) > _MOST_CODINGS:
        raise SourceInvalid("the answer is compressed too many times")
    for name in reversed(names):
        if name in {"", "identity"}:
            continue
        inflate = supported().get(_ALIASES.get(name, name))
        if inflate is None:
            raise SourceInvalid("the answer is compressed in a way that was not asked for")
        body = inflate(body, limit)
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    """Undo gzip; members may follow each other (RFC 1952, section 2.2)."""
    return _members(body, limit, lambda member, left: _unzlib(member, left, window=_GZIP_WINDOW))


def _members(body: bytes, limit: int, one: Callable[[bytes, int], tuple[bytes, bytes]]) -> bytes:
    """Decompress members one after another; `one` gives the content of the first, within a limit, and what follows."""
    pieces: list[bytes] = []
    left = limit
    while body:
        if len(pieces) == _MOST_MEMBERS:
            raise SourceInvalid("the answer's compressed data is cut into too many pieces")
        piece, body = one(body, left)
        left -= len(piece)
        pieces.append(piece)
    return b"".join(pieces)


def _inflate(body: bytes, limit: int) -> bytes:
    """Undo deflate: zlib data, or bare deflate data as some servers send it (RFC 9110, section 8.4.1.2)."""
    try:
        piece, rest = _unzlib(body, limit, window=zlib.MAX_WBITS)
    except _Damaged:
        piece, rest = _unzlib(body, limit, window=-zlib.MAX_WBITS)
    if rest:
        raise SourceInvalid("the answer goes on after its compressed data")
    return piece


def _unzlib(body: bytes, limit: int, *, window: int) -> tuple[bytes, bytes]:
    """Decompress one member; give its content and what follows it."""
    machine = zlib.decompressobj(window)
    try:
        content = machine.decompress(body, limit + 1)
    except zlib.error as error:
        raise _Damaged("the answer's compressed data is damaged") from error
    if len(content) > limit:
        raise SourceInvalid(f"the answer is larger than {limit} bytes after decompression")
    if not machine.eof:
        raise SourceInvalid("the answer's compressed data ends early")
    return content, machine.unused_data


def _unbrotli(body: bytes, limit: int) -> bytes:
    brotli: Any = importlib.import_module("brotli")
    machine = brotli.Decompressor()
    pieces: list[bytes] = []
    left = limit
    try:
        while not machine.is_finished():
            piece = machine.process(body, output_buffer_limit=left + 1)
            if not piece and not machine.is_finished():
                raise SourceInvalid("the answer's compressed data ends early")
            left -= len(piece)
            if left < 0:
                raise SourceInvalid(f"the answer is larger than {limit} bytes after decompression")
            pieces.append(piece)
            body = b""
    except brotli.error as error:
        raise SourceInvalid("the answer's compressed data is damaged") from error
    return b"".join(pieces)


def _unzstd(body: bytes, limit: int) -> bytes:
    """Undo zstd; frames may follow each other (RFC 8878, section 3)."""
    zstandard: Any = importlib.import_module("zstandard")
    machine = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    try:
        return _members(body, limit, lambda frame, left: _unzstd_frame(machine, frame, left))
    except zstandard.ZstdError as error:
        raise SourceInvalid("the answer's compressed data is damaged") from error


def _unzstd_frame(machine: Any, body: bytes, limit: int) -> tuple[bytes, bytes]:
    """Decompress one frame, twice: the reader stops at a size but hides an early end, the other one does neither."""
    with machine.stream_reader(body) as reader:
        if len(reader.read(limit + 1)) > limit:
            raise SourceInvalid(f"the answer is larger than {limit} bytes after decompression")
    whole = machine.decompressobj()
    content: bytes = whole.decompress(body)
    if not whole.eof:
        raise SourceInvalid("the answer's compressed data ends early")
    return content, whole.unused_data


def _has(library: str) -> bool:
    if importlib.util.find_spec(library) is None:
        return False
    return library != "brotli" or _bounds_brotli()


def _bounds_brotli() -> bool:
    """Say whether this brotli can stop at a size; before 1.2 it could not, and a small answer could fill the memory."""
    try:
        importlib.import_module("brotli").Decompressor().process(b"", output_buffer_limit=1)
    except TypeError:
        return False
    return True


class _Damaged(SourceInvalid):
    """Not zlib data at all."""


_ALIASES = {"x-gzip": "gzip"}
_ALWAYS: Mapping[str, Inflate] = {"gzip": _gunzip, "deflate": _inflate}
_OPTIONAL: Mapping[str, tuple[str, Inflate]] = {"br": ("brotli", _unbrotli), "zstd": ("zstandard", _unzstd)}
