"""Bodies are decompressed whole, within a limit, or refused."""

import gzip
import importlib
import importlib.util
import zlib

import pytest

from klantbeeld.errors import SourceInvalid
from klantbeeld.sources.wire.coding import decompress, supported

TEXT = b"klantbeeld " * 1_000
LIMIT = len(TEXT)


def raw_deflate(body: bytes) -> bytes:
    machine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return machine.compress(body) + machine.flush()


@pytest.mark.parametrize(
    ("body", "codings"),
    [
        (gzip.compress(TEXT), b"gzip"),
        (gzip.compress(TEXT), b"X-GZip"),
        (gzip.compress(TEXT[:50]) + gzip.compress(TEXT[50:]), b"gzip"),
        (zlib.compress(TEXT), b"deflate"),
        (raw_deflate(TEXT), b"deflate"),
        (gzip.compress(zlib.compress(TEXT)), b"deflate, gzip"),
        (gzip.compress(TEXT), b"identity, gzip,"),
        (TEXT, b"identity"),
    ],
)
def test_a_body_is_decompressed_the_last_coding_first(body: bytes, codings: bytes) -> None:
    assert decompress(body, codings, limit=LIMIT) == TEXT


def test_an_empty_body_stays_empty_whatever_its_coding() -> None:
    assert decompress(b"", b"gzip", limit=LIMIT) == b""


@pytest.mark.parametrize(
    ("body", "codings", "why"),
    [
        (gzip.compress(TEXT + b"x"), b"gzip", "larger than"),
        (gzip.compress(TEXT) + gzip.compress(b"x"), b"gzip", "larger than"),
        (zlib.compress(TEXT + b"x"), b"deflate", "larger than"),
        (gzip.compress(b"\0" * 50_000_000), b"gzip", "larger than"),
        (gzip.compress(gzip.compress(b"\0" * 50_000_000)), b"gzip, gzip", "larger than"),
        (gzip.compress(TEXT)[:-1], b"gzip", "ends early"),
        (zlib.compress(TEXT)[:20], b"deflate", "ends early"),
        (b"hello", b"gzip", "damaged"),
        (b"hello", b"deflate", "damaged"),
        (gzip.compress(TEXT) + b"garbage", b"gzip", "damaged"),
        (zlib.compress(TEXT) + b"garbage", b"deflate", "goes on"),
        (gzip.compress(b"") * 101, b"gzip", "too many pieces"),
        (TEXT, b"compress", "not asked for"),
        (TEXT, b"gzip, gzip, gzip, gzip", "too many times"),
    ],
)
def test_what_is_too_large_damaged_or_unknown_is_refused(body: bytes, codings: bytes, why: str) -> None:
    with pytest.raises(SourceInvalid, match=why):
        decompress(body, codings, limit=LIMIT)


def test_only_what_can_be_read_is_asked_for() -> None:
    installed = {"br": "brotli", "zstd": "zstandard"}
    expected = {"gzip", "deflate"} | {name for name, library in installed.items() if importlib.util.find_spec(library)}
    assert set(supported()) == expected


@pytest.mark.parametrize(("name", "library"), [("br", "brotli"), ("zstd", "zstandard")])
def test_an_optional_coding_is_bounded_as_the_others(name: str, library: str) -> None:
    module = pytest.importorskip(library)
    packed: bytes = module.compress(TEXT)
    assert decompress(packed, name.encode(), limit=LIMIT) == TEXT
    for body, limit in ((packed, LIMIT - 1), (packed[:-1], LIMIT), (b"garbage" * 9, LIMIT)):
        with pytest.raises(SourceInvalid):
            decompress(body, name.encode(), limit=limit)
