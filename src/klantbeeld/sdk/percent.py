"""Percent-encoding (RFC 3986, section 2.1), by tables: `urllib.parse` goes from byte to byte in Python."""

from collections.abc import Iterable

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

_QUOTED = [chr(byte) if byte in UNRESERVED else f"%{byte:02X}" for byte in range(256)]
_IN_FORMS = [*_QUOTED]
_IN_FORMS[ord(" ")] = "+"


def quoted(text: str) -> str:
    """Encode all but unreserved characters. Raises UnicodeEncodeError for half of a surrogate pair."""
    return text if text.isalnum() and text.isascii() else _translated(text, _QUOTED)


def form_encoded(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Write a body of the type `application/x-www-form-urlencoded` (WHATWG URL, section 5.2). Raises as `quoted`."""
    written = [f"{_translated(name, _IN_FORMS)}={_translated(value, _IN_FORMS)}" for name, value in pairs]
    return "&".join(written).encode("ascii")


def _translated(text: str, table: list[str]) -> str:
    return text.encode().decode("latin-1").translate(table)
