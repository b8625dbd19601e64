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


READABLE = {
    "gzip": (gzip.compress(TEXT), b"gzip"),
    "gzip by its old name": (gzip.compress(TEXT), b"X-GZip"),
    "gzip in two members": (gzip.compress(TEXT[:50]) + gzip.compress(TEXT[50:]), b"gzip"),
    "deflate": (zlib.compress(TEXT), b"deflate"),
    "bare deflate": (raw_deflate(TEXT), b"deflate"),
    "two codings": (gzip.compress(zlib.compress(TEXT)), b"deflate, gzip"),
    "codings that do nothing": (gzip.compress(TEXT), b"identity, gzip,"),
    "identity": (TEXT, b"identity"),
}

UNREADABLE = {
    "gzip, too large": (gzip.compress(TEXT + b"x"), b"gzip", "larger than"),
    "gzip, too large together": (gzip.compress(TEXT) + gzip.compress(b"x"), b"gzip", "larger than"),
    "deflate, too large": (zlib.compress(TEXT + b"x"), b"deflate", "larger than"),
    "a bomb": (gzip.compress(b"\0" * 50_000_000), b"gzip", "larger than"),
    "a bomb in a bomb": (gzip.compress(gzip.compress(b"\0" * 50_000_000)), b"gzip, gzip", "larger than"),
    "gzip, cut": (gzip.compress(TEXT)[:-1], b"gzip", "ends early"),
    "deflate, cut": (zlib.compress(TEXT)[:20], b"deflate", "ends early"),
    "no gzip": (b"hello", b"gzip", "damaged"),
    "no deflate": (b"hello", b"deflate", "damaged"),
    "gzip and more": (gzip.compress(TEXT) + b"garbage", b"gzip", "damaged"),
    "deflate and more": (zlib.compress(TEXT) + b"garbage", b"deflate", "goes on"),
    "empty members": (gzip.compress(b"") * 101, b"gzip", "too many pieces"),
    "a coding nobody asked for": (TEXT, b"compress", "not asked for"),
    "four codings": (TEXT, b"gzip, gzip, gzip, gzip", "too many times"),
}


@pytest.mark.parametrize("case", READABLE)
def test_a_body_is_decompressed_the_last_coding_first(case: str) -> None:
    body, codings = READABLE[case]
    assert decompress(body, codings, limit=LIMIT) == TEXT


def test_an_empty_body_stays_empty_whatever_its_coding() -> None:
    for codings in (b"gzip", b"br", b"none", b"gzip, gzip, gzip, gzip"):
        assert decompress(b"", codings, limit=LIMIT) == b""


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_too_large_damaged_or_unknown_is_refused(case: str) -> None:
    body, codings, why = UNREADABLE[case]
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


def test_zstd_may_come_in_frames_that_are_bounded_together() -> None:
    module = pytest.importorskip("zstandard")
    first, second = module.compress(TEXT[:50]), module.compress(TEXT[50:])
    assert decompress(first + second, b"zstd", limit=LIMIT) == TEXT
    empty = module.compress(b"")
    for body, why in (
        (first + second + module.compress(b"x"), "larger than"),
        (first + second[:-1], "ends early"),
        (first + second + b"garbage", "damaged"),
        (empty * 101, "too many pieces"),
    ):
        with pytest.raises(SourceInvalid, match=why):
            decompress(body, b"zstd", limit=LIMIT)
