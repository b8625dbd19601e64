"""Percent-encoding (RFC 3986, section 2.1), by tables: `urllib.parse` goes from byte to byte in Python."""

from collections.abc import Iterable

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

_QUOTED = [chr(byte) if byte in UNRESERVED else f"%{byte:02X}" for byte in range(256)]
_IN_FORMS = [*_QUOTED]
_IN_FORMS[ord(" ")] = "+"
# Two bytes that no text has in UTF-8 (RFC 3629, section 1), so that a whole form is written in one go.
_EQUALS, _AND = b"\xfe", b"\xff"
_IN_FORMS[_EQUALS[0]], _IN_FORMS[_AND[0]] = "=", "&"


def quoted(text: str) -> str:
    """Encode all but unreserved characters. Raises UnicodeEncodeError for half of a surrogate pair."""
    if text.isalnum() and text.isascii():
        return text
    return text.encode().decode("latin-1").translate(_QUOTED)


def form_encoded(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Write a body of the type `application/x-www-form-urlencoded` (WHATWG URL, section 5.2). Raises as `quoted`."""
    written = _AND.join([name.encode() + _EQUALS + value.encode() for name, value in pairs])
    return written.decode("latin-1").translate(_IN_FORMS).encode("ascii")
